"""Verdicts on the spaces in a table of results, from this project or any other, without a store."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from netspace.arch.complexity import MEASURES
from netspace.errors import StatisticsError
from netspace.results.populations import populations_from_frame, read_table
from netspace.results.verdicts import Models, Verdict, chosen_spaces, compare_spaces


def table_verdicts(
    path: Path, spaces: Sequence[str] | None, *, space: str, error: str, status: str | None, chance: float
) -> list[Verdict]:
    """Compare the spaces in a table, each with the one before it, as `study_verdicts` does for a study.

    Args:
        path: the table, see `read_table`; its columns flops, params and activations are taken for just that.
        spaces: names in the order of the chain; None takes all in the order in which they first appear.
        space, error, status: the columns' names, see `populations_from_frame`.
        chance: error in % that failed models have in means.

    Raises:
        DataError: the file cannot be read.
        UnknownNameError: there is no such column or space.
        StatisticsError: rows without an error, or fewer than two spaces.
    """
    frame = read_table(path)
    populations = populations_from_frame(frame, space=space, error=error, status=status)
    if len(populations) < 2:
        raise StatisticsError(f"{path}: a comparison needs at least 2 spaces, got {', '.join(populations)}")
    models = {}
    for name in chosen_spaces(spaces, list(populations)):
        costs = frame.loc[frame[space].astype(str) == name, [measure for measure in MEASURES if measure in frame]]
        numbers = costs.apply(pd.to_numeric, errors="coerce").astype("float64")
        models[name] = Models(
            errors=populations[name],
            costs={str(measure): column.to_numpy() for measure, column in numbers.items() if (column > 0).all()},
        )
    return compare_spaces(models, chance=chance)
