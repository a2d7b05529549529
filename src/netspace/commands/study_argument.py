"""Which study a command is about: the one in a study file, or one in a store."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.options import check_options_apply
from netspace.commands.output import print_notes
from netspace.errors import NetspaceError, StoreError, StudyError, raise_unknown

if TYPE_CHECKING:
    from netspace.results.table_rows import Meaning
    from netspace.store import Store, StudyRecord
    from netspace.study import Study

STORES = (".db", ".sqlite", ".sqlite3")
"""Endings of the files that are taken to be stores, whether they exist or not."""

TABLES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".jsonl", ".ndjson")
"""Endings, in any case, of the files that commands take for tables; a `.json` is one if it holds a list."""

# text and not a path, which would make one slash of the two in a URL
Results = Annotated[
    str, typer.Argument(metavar="STUDY.yaml|STORE", help="Study file, or store (SQLite file or database URL).")
]
ResultsOrTable = Annotated[
    str,
    typer.Argument(
        metavar="STUDY.yaml|STORE|TABLE.csv",
        help="Study file, store (SQLite file or database URL), or table of any tool's results.",
    ),
]
StudyName = Annotated[
    str | None, typer.Option("--study", metavar="NAME", help="Name of the study in a store with several.")
]


def is_store(named: str) -> bool:
    """Return whether `named` is a store: a URL, a file with a store's ending, or an SQLite file."""
    from netspace.store.database import is_sqlite

    return "://" in named or Path(named).suffix.lower() in STORES or is_sqlite(Path(named))


def is_table(named: str) -> bool:
    """Return whether a file is meant as a table: by its ending, or, as JSON, by the list in it."""
    path = Path(named)
    if path.suffix.lower() != ".json":
        return path.suffix.lower() in TABLES
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except OSError:
        return False


@contextmanager
def results_of(
    study: str, target: str | None, name: str | None = None, meaning: "Meaning | None" = None
) -> "Iterator[tuple[Store, StudyRecord, Path]]":
    """Yield the open store, the study in it, and the folder of the study file, or of a store or table without one.

    Of a study file the name alone is read: what the study is, its store knows.

    Args:
        study: a study file, a store, or, with `meaning`, a table.
        target: the store of a study file; None for the one next to it.
        name: the study of a store; None for its only one.
        meaning: of a table's columns: it is read into a store that ends with the block. None for anything else.

    Raises:
        StoreError: there is no store.
        StudyError: the store does not hold the study, it holds several and none is named, or an option is redundant.
        UnknownNameError: the store holds no study `name`.
    """
    from netspace.store import Store

    if meaning is not None:
        check_options_apply({"--store": target, "--study": name}, f"with a table, {study}")
        with _store_of_table(study, meaning) as (opened, record):
            yield opened, record, Path(study).parent
        return
    if is_store(study):
        if target is not None:
            raise StudyError("store given twice; drop --store")
        with Store.open(study, create=False) as opened:
            yield opened, _chosen(opened, name), Path(opened.where).parent
        return
    if name is not None:
        raise StudyError(f"{study}: this is a study file, so --study has no effect; drop it")
    root, name = Path(study).parent, _name_in(study)
    with Store.open(target or root / f"{name}.db", create=False) as opened:
        yield opened, _started(name, opened), root


def _name_in(study_file: str) -> str:
    """Return the name of the study in a file, without the second that it takes to load what a whole study needs."""
    from netspace.documents import read_yaml

    content = read_yaml(study_file)
    if isinstance(content, dict) and isinstance(content.get("name"), str):
        return str(content["name"])
    from netspace.study import StudySpec

    return StudySpec.from_yaml(study_file).name  # raises, with what is wrong


@contextmanager
def _store_of_table(table: str, meaning: "Meaning") -> "Iterator[tuple[Store, StudyRecord]]":
    from netspace.results.imported import import_results
    from netspace.store import Store

    with TemporaryDirectory() as folder, Store.open(Path(folder) / "table.db") as opened:
        record = import_results(opened, Path(table).stem, [table], "table", meaning)
        about = record.spec["imported"]
        left_out = [f"left out: {about['left_out']} models that have not ended"] if about["left_out"] else []
        print_notes([*about["notes"], *left_out])
        yield opened, record


def _chosen(store: "Store", name: str | None) -> "StudyRecord":
    known = {record.name: record for record in store.studies()}
    if name is not None:
        return known[name] if name in known else raise_unknown(f"study of {store.where}", name, known)
    if len(known) != 1:
        raise StudyError(
            f"{store.where}: it holds {len(known)} studies ({', '.join(known)}); choose one with --study NAME"
            if known
            else f"{store.where}: it holds no study yet; `netspace run` and `netspace import` add them"
        )
    return next(iter(known.values()))


def find_code(study: str, record: "StudyRecord") -> None:
    """Let what a study file names by its path be found by what it holds: files of code of someone's own.

    Takes nothing where a study has none, and says nothing where the file has changed since, or is no study file.
    """
    spaces = [space for space in record.spec.get("spaces") or () if isinstance(space, dict)]
    networks = [space["network"] for space in spaces if isinstance(space.get("network"), dict)]
    if is_store(study) or not any(
        isinstance(network.get(key), dict) for network in networks for key in ("block", "builder")
    ):
        return
    from netspace.study import Study

    with suppress(NetspaceError):
        _ = Study.from_yaml(study).declared_spaces


def arguments_of(store: "Store", name: str) -> str:
    """Return the command-line arguments that select a store's study, with any password hidden."""
    alone = len(store.studies()) == 1
    return shlex.join([store.where] if alone else [store.where, "--study", name])


def open_store(study: "Study", target: str | None, *, create: bool = True) -> "Store":
    """Open the store that is named, or else the study's own."""
    from netspace.store import Store

    return Store.open(target or study.default_store, create=create)


def as_started(study: "Study", target: str | None) -> "Study":
    """Return the study with the split that its store holds it to, if it was started."""
    if target is None and not study.default_store.exists():
        return study
    try:
        with open_store(study, target, create=False) as opened:
            return study.as_started(opened)
    except StoreError:
        return study  # it is new, or whoever goes on to use it reports it


def is_started(study: "Study", target: str | None) -> bool:
    """Return whether the study is in the store that is named, or else in its own."""
    if target is None and not study.default_store.exists():
        return False
    try:
        with open_store(study, target, create=False) as opened:
            return opened.find_study(study.spec.name) is not None
    except StoreError:
        return False  # whoever goes on to use it reports what is wrong


def started(study: "Study", store: "Store") -> "StudyRecord":
    """Return the study as the store has it.

    Raises:
        StudyError: it was never started there.
    """
    return _started(study.spec.name, store)


def _started(name: str, store: "Store") -> "StudyRecord":
    record = store.find_study(name)
    if record is None:
        names = ", ".join(known.name for known in store.studies()) or "none"
        raise StudyError(f"{store.where}: it holds no study '{name}' (it holds: {names}); start it with `netspace run`")
    return record
