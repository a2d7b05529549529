"""Rows of the store as pandas tables, with the same columns and types whatever they hold."""

import pandas as pd
from sqlalchemy import ColumnElement, Connection, select

from netspace.store.schema import curves, runs

_RUN_TYPES = {
    "space": "str",
    "index": "int64",
    "launch": "int64",
    "digest": "str",
    "status": "str",
    "error": "float64",
    "flops": "int64",
    "params": "int64",
    "activations": "int64",
    "seed": "int64",
    "seconds": "float64",
    "attempts": "int64",
    "message": "object",
}
RUN_COLUMNS = ("run_id", *_RUN_TYPES)
"""What a table holds of every run, before the sampled parameters."""
NETWORK = "network"
"""The column that `netspace export` adds: the network as JSON."""

_PREFIX = "parameters."
_CURVE_TYPES = {
    "run_id": "int64",
    "epoch": "int64",
    "train_loss": "float64",
    "val_error": "float64",
    "lr": "float64",
    "seconds": "float64",
}
CURVE_COLUMNS = tuple(_CURVE_TYPES)
"""What a table of curves says of every epoch."""


def runs_frame(connection: Connection, study_id: int) -> pd.DataFrame:
    """Return the table that `Store.frame` describes."""
    columns = [runs.c[name] for name in _RUN_TYPES]
    query = select(runs.c.id, runs.c.parameters, *columns).where(runs.c.study_id == study_id)
    rows = connection.execute(query.order_by(runs.c.launch, runs.c.id)).all()
    labels = pd.Index([row.id for row in rows], name="run_id", dtype="int64")
    frame = pd.DataFrame([row[2:] for row in rows], columns=list(_RUN_TYPES), index=labels).astype(_RUN_TYPES)
    parameters = pd.DataFrame([row.parameters for row in rows], index=labels)
    return frame.join(parameters.rename(columns=_column_of))


def parameter_of(column: str) -> str:
    """Return the parameter that stands in a column of `runs_frame` beside `RUN_COLUMNS`."""
    name = column.removeprefix(_PREFIX)
    return name if _column_of(name) == column else column


def _column_of(parameter: str) -> str:
    return f"{_PREFIX}{parameter}" if parameter in (*RUN_COLUMNS, NETWORK) else parameter


def curves_frame(connection: Connection, condition: ColumnElement[bool]) -> pd.DataFrame:
    """Return the table that `Store.curves` describes, of the runs that meet `condition`."""
    columns = [curves.c[name] for name in _CURVE_TYPES]
    query = select(*columns).join(runs, runs.c.id == curves.c.run_id).where(condition)
    rows = connection.execute(query.order_by(runs.c.launch, runs.c.id, curves.c.epoch)).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(_CURVE_TYPES)).astype(_CURVE_TYPES)
    # a row holds the time of its own epoch, an `Epoch` the time since the start
    return frame.assign(seconds=frame.groupby("run_id")["seconds"].cumsum())
