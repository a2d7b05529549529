"""Which study a command is about: that of a study file, or the only one that a store holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.errors import StudyError

if TYPE_CHECKING:
    from netspace.store import Store, StudyRecord
    from netspace.study import Study

STORES = (".db", ".sqlite")
"""Endings of the files that are taken for stores."""

Results = Annotated[
    Path, typer.Argument(metavar="STUDY.yaml|STORE.db", help="A study file, or a store that holds a single study.")
]


@contextmanager
def results_of(study: Path, target: str | None) -> "Iterator[tuple[Store, StudyRecord, Study | None]]":
    """Give the open store, the study in it, and the study file's content where there is one.

    Raises:
        StoreError: there is no store.
        StudyError: the store does not hold the study, or, named alone, several.
    """
    from netspace.store import Store
    from netspace.study import Study

    if study.suffix in STORES:
        with Store.open(study, create=False) as opened:
            known = opened.studies()
            if len(known) != 1:
                names = ", ".join(record.name for record in known) or "none"
                raise StudyError(f"{study}: a store with a single study is expected, it holds: {names}")
            yield opened, known[0], None
        return
    loaded = Study.load(study)
    with open_store(loaded, target, create=False) as opened:
        yield opened, started(loaded, opened), loaded


def open_store(study: "Study", target: str | None, *, create: bool = True) -> "Store":
    from netspace.store import Store

    return Store.open(target or study.default_store, create=create)


def started(study: "Study", store: "Store") -> Any:
    record = store.find_study(study.spec.name)
    if record is None:
        names = ", ".join(known.name for known in store.studies()) or "none"
        raise StudyError(
            f"{store.where}: holds no study '{study.spec.name}' (it holds: {names}); start it: netspace run"
        )
    return record
