"""Results of other tools as studies of our store, so that every table, test and picture works on them.

Read are any table (`tables.py`, `table_rows.py`; what `netspace export` writes is one), sweeps of pycls and NDS
(`sweeps.py`), and trials of Optuna and Ray Tune (`trials.py`). An exported Parquet file is a whole study
(`portable.py`).

The error is that of the last epoch, as in our own studies. pycls and NDS report the lowest one of all epochs instead,
which is optimistic: `least_error` takes it, and the study says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from netspace.documents import digest
from netspace.errors import DataError, StudyError, raise_unknown
from netspace.masking import shown_url
from netspace.results.imported_model import GIVEN, LAST, LEAST, ImportedModel
from netspace.results.imported_study import ImportedStudy, without_collection
from netspace.results.portable import is_study, study_of
from netspace.results.sweeps import jobs_in, read_nds, read_pycls
from netspace.results.table_rows import Meaning, results_of_table
from netspace.results.tables import read_table
from netspace.results.trials import read_optuna, read_ray
from netspace.store import Outcome, PlannedRun, Store, StudyRecord

SWEEPS: dict[str, Callable[[Path], Iterable[ImportedModel]]] = {"pycls": read_pycls, "nds": read_nds}
"""Readers of layouts that say themselves what everything means, with the error of every epoch."""


def _plain_table(file: str, meaning: Meaning) -> tuple[pd.DataFrame, dict[str, str]]:
    return read_table(Path(file), texts=(meaning.reading.space,)), {}


TABLES: dict[str, Callable[[str, Meaning], tuple[pd.DataFrame, dict[str, str]]]] = {
    "table": _plain_table,
    "optuna": lambda url, _: read_optuna(url),
    "ray": lambda folder, _: read_ray(folder),
}
"""Readers of layouts with columns, and what these mean by themselves."""

LAYOUTS = ("auto", "table", *SWEEPS, "optuna", "ray")
"""What may be imported; `auto` looks at what is there. `csv` is an older name of `table`."""


def import_results(
    store: Store,
    name: str | None,
    files: Sequence[Path | str],
    layout: str = "auto",
    meaning: Meaning | None = None,
    *,
    least_error: bool = False,
) -> StudyRecord:
    """Put the results of other tools into `store` as the study `name`, in one transaction.

    Args:
        store: where to.
        name, files, layout, meaning, least_error: as for `read_results`.

    Raises:
        NetspaceError: as `read_results` and `ImportedStudy.add_to` do.
    """
    return read_results(name, files, layout, meaning, least_error=least_error).add_to(store)


@without_collection()
def read_results(
    name: str | None,
    files: Sequence[Path | str],
    layout: str = "auto",
    meaning: Meaning | None = None,
    *,
    least_error: bool = False,
) -> ImportedStudy:
    """Read the results of other tools as the study `name`.

    Args:
        name: of the new study; None for that of an exported study.
        files: each of one space, unless a table says otherwise; an Optuna storage is named by its URL.
        layout: one of `LAYOUTS`.
        meaning: of the columns of a table or of trials.
        least_error: take the lowest error of all epochs instead of the last's, of a sweep.

    Raises:
        StudyError: `least_error` for a layout without curves, or no name for results of another tool.
        UnknownNameError: no such layout or column.
        DataError: a file is missing or not of this layout, or holds an error outside [0, 100] %.
    """
    if layout not in (*LAYOUTS, "csv"):
        raise_unknown("format", layout, LAYOUTS)
    layouts = [detect_layout(str(file)) if layout == "auto" else layout.replace("csv", "table") for file in files]
    if set(layouts) == {"table"} and not least_error and meaning in (None, Meaning.of()):
        tables = {shown_url(str(file)): read_table(Path(file)) for file in files if Path(file).suffix == ".parquet"}
        if len(tables) == len(files) and any(map(is_study, tables.values())):
            return study_of(tables, name)
    if name is None:
        raise StudyError("results of another tool need a name: --study NAME")
    notes: list[str] = []
    counts: dict[str, int] = {}
    left_out = 0
    ended: list[tuple[PlannedRun, Outcome]] = []
    for file, kind in zip(files, layouts, strict=True):
        if least_error and kind not in SWEEPS:
            raise StudyError(
                f"the least error of all epochs needs curves, which '{kind}' does not have; valid: {', '.join(SWEEPS)}"
            )
        models, more = (SWEEPS[kind](Path(file)), ()) if kind in SWEEPS else _table(str(file), kind, meaning)
        notes += more
        for model in models:
            if model.outcome is None:
                left_out += 1
                continue
            index = counts.setdefault(model.space, 0)
            outcome = _at_its_best(model.outcome) if least_error else model.outcome
            ended.append((_planned(model, index, launch=len(ended)), outcome))
            counts[model.space] += 1
    if not ended:
        raise DataError(f"{', '.join(map(str, files))}: no model {'that has ended ' if left_out else ''}in it")
    spec = {
        "name": name,
        "spaces": list(counts),
        "n": max(counts.values()),
        "imported": {
            "format": ", ".join(dict.fromkeys(layouts)),
            "files": [shown_url(str(file)) for file in files],
            "left_out": left_out,
            "error": LEAST if least_error else LAST if set(layouts) <= set(SWEEPS) else GIVEN,
            "notes": list(dict.fromkeys(notes)),
        },
    }
    return ImportedStudy(name=name, spec=spec, ended=ended)


def _table(file: str, layout: str, meaning: Meaning | None) -> tuple[Iterable[ImportedModel], tuple[str, ...]]:
    """Return the models of a layout with columns, and what was understood that one may want to check."""
    meant = meaning or Meaning.of()
    frame, columns = TABLES[layout](file, meant)
    where, default_space = shown_url(file), Path(file).stem
    return results_of_table(frame, meant.with_columns(columns), where=where, default_space=default_space)


def detect_layout(file: str) -> str:
    """Return the layout of a file, a folder or a URL, by what is in it."""
    path = Path(file)
    if "://" in file:
        return "optuna"
    if path.is_dir():
        return "ray"
    if path.suffix.lower() != ".json" or not path.is_file():
        return "table"
    first = next(jobs_in(path), None)
    keys = first.keys() if isinstance(first, dict) else ()
    return "pycls" if "cfg" in keys else "nds" if "net" in keys else "table"


def _at_its_best(outcome: Outcome) -> Outcome:
    if outcome.error is None:
        return outcome
    return replace(outcome, error=min(point.val_error for point in outcome.curve if point.val_error is not None))


def _planned(model: ImportedModel, index: int, launch: int) -> PlannedRun:
    config = model.network.to_dict() if model.network else {}
    return PlannedRun(
        space=model.space,
        index=index,
        launch=launch,
        digest=digest(config or {"space": model.space, "index": index}),
        config=config,
        parameters=model.parameters,
        flops=model.flops,
        params=model.params,
        activations=model.activations,
        seed=model.seed,
    )
