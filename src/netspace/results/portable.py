"""A study as tables, from which it can be put together again elsewhere: reported, compared, and gone on with.

`netspace export` writes a row for each run. In a Parquet file it also writes what the study was started from, as
metadata beside the rows, so that `netspace import` of such a file gives the study and not only its results: spaces,
windows and seeds, of which pools are drawn, the runs still to be trained, and the identity that `netspace run` checks.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from netspace.errors import DataError, StoreError, first_line, short
from netspace.results.imported_study import ImportedStudy
from netspace.results.public import public_settings
from netspace.store import FINAL, Epoch, Outcome, PlannedRun, StudyRecord
from netspace.store.frames import CURVE_COLUMNS, NETWORK, RUN_COLUMNS, parameter_of

_KEY = "netspace study"  # in a frame's `attrs`, which pandas writes into the metadata of a Parquet file


def with_study(frame: pd.DataFrame, record: StudyRecord) -> pd.DataFrame:
    """Return a table of a study's runs that says which study they are of; no folder or host is named in it."""
    told = frame.copy(deep=False)
    told.attrs = {_KEY: {"name": record.name, "spec": public_settings(record.spec)}}
    return told


def is_study(frame: pd.DataFrame) -> bool:
    """Return whether a table says which study its rows are of."""
    return isinstance(frame.attrs.get(_KEY), dict)


def study_of(tables: Mapping[str, pd.DataFrame], name: str | None = None) -> ImportedStudy:
    """Return the study that was exported, with every run and how it ended, if it has.

    Args:
        tables: by their files, for messages: what `with_study` gave, and perhaps the curves of the same study.
        name: of the study from now on; None for its own, by which its study file goes on with it.

    Raises:
        DataError: there is another table among them, a column is missing, or a cell does not hold what an export has
            there.
    """
    [(where, frame), *others] = sorted(tables.items(), key=lambda item: not is_study(item[1]))
    for file, other in others:
        if len(others) > 1 or set(other.columns) != set(CURVE_COLUMNS):
            raise DataError(f"{file}: is not the curves of the study in {where}; valid: that file, and its curves")
    curves = next((other for _, other in others), None)
    about = frame.attrs[_KEY]
    missing = [column for column in (*RUN_COLUMNS, NETWORK) if column not in frame]
    if missing or not isinstance(about.get("spec"), dict) or not isinstance(about.get("name"), str):
        lacking = f"has no column '{missing[0]}'" if missing else "does not say which study it is of"
        raise DataError(f"{where}: {lacking}; export the study again")
    name = name or about["name"]
    ended, planned = [], []
    points = {} if curves is None else dict(iter(curves.groupby("run_id")))
    parameters = [column for column in map(str, frame) if column not in (*RUN_COLUMNS, NETWORK)]
    for number, row in enumerate(frame.to_dict("records"), 1):
        try:
            run = _run(row, parameters)
            if row["status"] in FINAL:
                ended.append((run, _outcome(row, points.get(row["run_id"]))))
            else:
                planned.append(run)
        except (StoreError, TypeError, ValueError) as error:
            raise DataError(f"{where}: row {number}: {short(first_line(error))}") from None
    return ImportedStudy(name=name, spec={**about["spec"], "name": name}, ended=ended, planned=planned)


def _run(row: dict[Any, Any], parameters: Sequence[str]) -> PlannedRun:
    config = json.loads(row[NETWORK]) if _given(row[NETWORK]) else {}
    if not isinstance(config, dict):
        raise TypeError(f"'{NETWORK}' must be a JSON object")
    drawn = {parameter_of(column): row[column] for column in parameters if _given(row[column])}
    counts = {key: int(row[key]) for key in ("index", "launch", "flops", "params", "activations", "seed")}
    return PlannedRun(space=str(row["space"]), digest=str(row["digest"]), config=config, parameters=drawn, **counts)


def _outcome(row: dict[Any, Any], points: pd.DataFrame | None) -> Outcome:
    return Outcome(
        status=row["status"],
        error=float(row["error"]) if _given(row["error"]) else None,
        curve=() if points is None else [_epoch(point) for point in points.to_dict("records")],
        seconds=float(row["seconds"]) if _given(row["seconds"]) else 0.0,
        message=str(row["message"]) if _given(row["message"]) else None,
    )


def _epoch(point: dict[Any, Any]) -> Epoch:
    return Epoch(
        epoch=int(point["epoch"]),
        train_loss=float(point["train_loss"]),
        val_error=float(point["val_error"]) if _given(point["val_error"]) else None,
        lr=float(point["lr"]),
        seconds=float(point["seconds"]),
    )


def _given(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))
