"""Populations out of a table of results, from this project or any other."""

from pathlib import Path

import numpy as np
import pandas as pd

from netspace.errors import DataError, StatisticsError, first_line, raise_unknown
from netspace.stats.arguments import Floats

DONE = frozenset({"done", "ok", "success", "succeeded", "complete", "completed", "finished"})
"""Values of a status column that mean a trained model, in any case; every other value is a failure."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a table by its ending: .csv, .parquet, or .jsonl with one object a line.

    Raises:
        DataError: the file is missing or is no such table.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path)
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_json(path, lines=True)
    # pandas and pyarrow raise ValueError for whatever they cannot read; OSError covers files
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a {path.suffix[1:]} table ({first_line(error)})") from None


def populations_from_frame(
    frame: pd.DataFrame, *, space: str = "space", error: str = "error", status: str | None = None
) -> dict[str, Floats]:
    """Split a table of models into the errors of each space.

    With it, everything here works on results of any tool:

        frame = pd.read_csv("sweep.csv")
        populations = populations_from_frame(frame, space="design", error="top1", status="state")
        compare_chain(populations)["old", "new"].verdict
        judge(["new better than old"], frame, space="design", error="top1", status="state")

    Args:
        frame: one row for each model.
        space: column with the space's name.
        error: column with the error in %.
        status: column with the outcome; where it is not one of `DONE` the error becomes +inf. Without it every
            error must be given.

    Returns:
        Errors in row order by space, in order of first appearance; failed models are +inf, never dropped.

    Raises:
        UnknownNameError: a column that the table does not have.
        StatisticsError: an empty table, a row without a space, or a trained model without a numeric error.
    """
    for column in (space, error, *([] if status is None else [status])):
        if column not in frame.columns:
            raise_unknown("column", column, map(str, frame.columns))
    if frame.empty:
        raise StatisticsError("the table has no rows")
    if frame[space].isna().any():
        raise StatisticsError(f"column '{space}': {int(frame[space].isna().sum())} rows name no space")
    errors = pd.to_numeric(frame[error], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if status is not None:
        trained = frame[status].astype(str).str.lower().isin(DONE).to_numpy(dtype=np.bool_)
        errors = np.where(trained, errors, np.inf)
    if np.isnan(errors).any():
        row = frame.index[int(np.flatnonzero(np.isnan(errors))[0])]
        raise StatisticsError(
            f"column '{error}': {int(np.isnan(errors).sum())} of {errors.size} rows have no number (the first is row "
            f"{row}); name a status column, or give failed models the error inf"
        )
    names = frame[space].astype(str).to_numpy()
    return {str(name): errors[names == name] for name in pd.unique(names)}
