"""Comparison of spaces in a table of another tool's results, without a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netspace.errors import StatisticsError, raise_unknown

if TYPE_CHECKING:
    import pandas as pd


def compare_table(
    path: Path, spaces: Sequence[str], *, space: str, error: str, status: str | None, chance: float
) -> "pd.DataFrame":
    """Compare the spaces in a table, each with the one before it, as `netspace compare` does for a study.

    Args:
        path: the table, .csv, .parquet or .jsonl.
        spaces: names in the order of the chain; if empty, all in the order in which they first appear.
        space, error, status: the columns' names, see `populations_from_frame`.
        chance: error in % that failed models have in means.

    Raises:
        DataError: the file cannot be read.
        UnknownNameError: there is no such column or space.
        StatisticsError: rows without an error, or fewer than two spaces.
    """
    from netspace.results.populations import populations_from_frame, read_table
    from netspace.results.verdicts import judge

    populations = populations_from_frame(read_table(path), space=space, error=error, status=status)
    for name in spaces:
        if name not in populations:
            raise_unknown("space", name, populations)
    chosen = list(dict.fromkeys(spaces)) or list(populations)
    if len(chosen) < 2:
        raise StatisticsError(f"{path}: a comparison needs at least 2 spaces, got {', '.join(chosen)}")
    return judge({name: populations[name] for name in chosen}, chance)
