"""Verdicts on the spaces in a table of results, from this project or any other, without a store."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from netspace.arch.complexity import MEASURES
from netspace.errors import DataError, StatisticsError
from netspace.results.assistance import table_assistance
from netspace.results.populations import Reading, models_of, populations_of
from netspace.results.tables import read_table
from netspace.results.verdicts import Models, Verdict, chosen_spaces, compare_spaces


def table_verdicts(
    path: Path, spaces: Sequence[str] | None, reading: Reading, *, chance: float, pool: Path | None = None
) -> tuple[list[Verdict], tuple[str, ...]]:
    """Compare the spaces in a table, each with the one before it, as `study_verdicts` does for a study.

    Args:
        path: the table, see `read_table`; its columns flops, params and activations are taken for just that.
        spaces: names in the order of the chain; None takes all in the order in which they first appear.
        reading: what its columns mean.
        chance: error in % that failed models have in means.
        pool: a table of untrained networks that assists the verdicts, see `table_assistance`.

    Returns:
        The verdicts, and what was understood that one may want to check.

    Raises:
        DataError: the file cannot be read, or does not hold what it should.
        UnknownNameError: there is no such column or space.
        StatisticsError: fewer than two spaces.
    """
    frame = read_table(path, texts=(reading.space,))
    try:
        table = models_of(frame, reading.with_status_of(frame))
    except StatisticsError as error:
        raise DataError(f"{path}: {error}") from None
    populations = populations_of(table)
    if len(populations) < 2:
        raise StatisticsError(f"{path}: a comparison needs at least 2 spaces, got {', '.join(populations)}")
    models, samples = {}, {}
    for name in chosen_spaces(spaces, list(populations)):
        rows = table.ended & (table.spaces == name)
        samples[name] = frame.loc[rows]
        costs = frame.loc[rows, [measure for measure in MEASURES if measure in frame]]
        numbers = costs.apply(pd.to_numeric, errors="coerce").astype("float64")
        models[name] = Models(
            errors=populations[name],
            costs={str(measure): column.to_numpy() for measure, column in numbers.items() if (column > 0).all()},
        )
    assistance = None
    if pool is not None:
        drawn = read_table(pool, texts=(reading.space,))
        try:
            errors = {name: one.errors for name, one in models.items()}
            assistance = table_assistance(errors, samples, drawn, space=reading.space)
        except StatisticsError as error:
            raise DataError(f"{pool}: {error}") from None
    return compare_spaces(models, chance=chance, assistance=assistance), (*table.notes, *table.left_out)
