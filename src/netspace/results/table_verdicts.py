"""Verdicts on the spaces in a table of results, from this project or any other, without a store."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from netspace.arch.complexity import MEASURES
from netspace.errors import DataError, StatisticsError, raise_unknown
from netspace.results.assistance import table_assistance
from netspace.results.populations import Reading, models_of, populations_of
from netspace.results.tables import read_table
from netspace.results.verdicts import Models, Verdict, chosen_spaces, compare_spaces


def table_verdicts(
    path: Path,
    spaces: Sequence[str] | None,
    reading: Reading,
    *,
    chance: float,
    pool: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> tuple[list[Verdict], tuple[str, ...]]:
    """Compare the spaces in a table, each with the one before it, as `study_verdicts` does for a study.

    Args:
        path: the table, see `read_table`.
        spaces: names in the order of the chain; None takes all in the order in which they first appear.
        reading: what its columns mean.
        chance: error in % that failed models have in means.
        columns: with flops, params and activations, by these names; one that is left out has the measure's own name.
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
    source = {measure: (columns or {}).get(measure, measure) for measure in MEASURES}
    for measure, found in source.items():
        if measure != found and found not in frame:
            raise_unknown("column", found, map(str, frame.columns))
    models, samples = {}, {}
    for name in chosen_spaces(spaces, list(populations)):
        rows = table.ended & (table.spaces == name)
        samples[name] = frame.loc[rows]
        known = {measure: found for measure, found in source.items() if found in frame}
        numbers = {
            measure: pd.to_numeric(frame.loc[rows, found], errors="coerce").to_numpy(dtype="float64")
            for measure, found in known.items()
        }
        costs = {measure: values for measure, values in numbers.items() if (values > 0).all()}
        models[name] = Models(errors=populations[name], costs=costs)
    assistance = None
    if pool is not None:
        drawn = read_table(pool, texts=(reading.space,))
        try:
            errors = {name: one.errors for name, one in models.items()}
            assistance = table_assistance(errors, samples, drawn, space=reading.space)
        except StatisticsError as error:
            raise DataError(f"{pool}: {error}") from None
    return compare_spaces(models, chance=chance, assistance=assistance), (*table.notes, *table.left_out)
