"""Populations out of a table of results, from this project or any other."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.errors import StatisticsError, raise_unknown
from netspace.results.status_words import OutcomeName, outcome_of
from netspace.stats.arguments import Floats

Unit = Literal["percent", "fraction"]

STATUS_COLUMNS = ("status", "state", "Status", "State")
"""Columns in which commands look for the outcome if none is named."""

_OURS = {"run_id", "launch", "digest", "attempts"}
"""Columns by which a table that this project exported is known: its errors are in %, however small."""

_SCORE = re.compile(r"^(val|valid|test|eval|mean|top\d?)?acc(uracy|uracies|s)?\d*$|^(auc|auroc|f1|score)$")
_ERROR = re.compile(r"^(err|error|errors|loss)\d*$")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a table of results is meant.

    Attributes:
        space: column with the space's name.
        error: column with the error, or with a score if `maximize`.
        status: column with the outcome; without one, every model is done, or failed if its error is inf.
        maximize: whether more is better in the column `error`: 100 % less a score is then the error.
        unit: of the column `error`; None finds it: values that all lie in [0, 1] are fractions, except in tables that
            `netspace export` wrote.
        outcomes: what further words of the status column mean.
    """

    space: str = "space"
    error: str = "error"
    status: str | None = None
    maximize: bool = False
    unit: Unit | None = None
    outcomes: Mapping[str, OutcomeName] = field(default_factory=dict)

    def with_status_of(self, frame: pd.DataFrame) -> "Reading":
        """Return the same with one of `STATUS_COLUMNS`, if the table has it and no other is named."""
        found = next((name for name in STATUS_COLUMNS if name in frame.columns), None)
        return self if self.status is not None else replace(self, status=found)


@dataclass(frozen=True, kw_only=True, eq=False)
class TableModels:
    """The models of a table, in its order.

    Attributes:
        spaces: names, (n,).
        outcomes: "done", "diverged", "failed", "lost" or "unfinished", (n,).
        errors: in %, float64 (n,); +inf unless done, NaN if unfinished or lost.
        notes: what was understood that a reader may want to check.
    """

    spaces: NDArray[np.object_]
    outcomes: NDArray[np.object_]
    errors: Floats
    notes: tuple[str, ...]

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Which models have ended, well or not; those that were lost with their machines are missing."""
        return ~np.isin(self.outcomes.astype(str), ("unfinished", "lost"))

    @property
    def left_out(self) -> tuple[str, ...]:
        """How many models have not ended, in words, if there are any."""
        told = {"unfinished": "that have not ended", "lost": "that were lost with their machines"}
        counts = {outcome: int((self.outcomes == outcome).sum()) for outcome in told}
        return tuple(f"left out: {counts[outcome]} models {why}" for outcome, why in told.items() if counts[outcome])


def populations_from_frame(
    frame: pd.DataFrame,
    *,
    space: str = "space",
    error: str = "error",
    status: str | None = None,
    maximize: bool = False,
    unit: Unit | None = None,
    outcomes: Mapping[str, OutcomeName] | None = None,
) -> dict[str, Floats]:
    """Split a table of models into the errors of each space.

    With it, everything here works on results of any tool:

        frame = read_table(Path("sweep.csv"))
        populations = populations_from_frame(frame, space="design", error="top1", status="state")
        compare_chain(populations)["old", "new"].verdict
        judge(["new better than old"], frame, space="design", error="top1", status="state")

    Args:
        frame: one row for each model.
        space, error, status, maximize, unit, outcomes: see `Reading`; what was found is logged.

    Returns:
        Errors in % in row order by space, in order of first appearance; failed models are +inf, never dropped, and
        models that have not ended are left out.

    Raises:
        UnknownNameError: a column that the table does not have.
        StatisticsError: see `models_of`.
    """
    reading = Reading(
        space=space, error=error, status=status, maximize=maximize, unit=unit, outcomes=dict(outcomes or {})
    )
    models = models_of(frame, reading)
    for note in (*models.notes, *models.left_out):
        _log.warning("%s", note)
    return populations_of(models)


def populations_of(models: TableModels) -> dict[str, Floats]:
    """Return the errors of each space's models that have ended, spaces in order of appearance."""
    ended = models.ended
    spaces, errors = models.spaces[ended], models.errors[ended]
    return {str(name): errors[spaces == name] for name in pd.unique(spaces)}


def models_of(frame: pd.DataFrame, reading: Reading, default_space: str | None = None) -> TableModels:
    """Return the models of a table.

    Args:
        frame: one row for each model.
        reading: its columns, and what they mean.
        default_space: of every model, if the table has no column `reading.space`.

    Raises:
        UnknownNameError: a column that the table does not have.
        StatisticsError: an empty table, a row without a space, a trained model without an error in [0, 100] %, a
            status that nobody explains beside an error, or a score where an error should be.
    """
    status = reading.status
    named = [reading.error] if default_space is not None else [reading.space, reading.error]
    for column in named if status is None else [*named, status]:
        if column not in frame.columns:
            _raise_missing(column, reading, frame)
    if frame.empty:
        raise StatisticsError("the table has no rows")
    _check_names(reading)
    spaces = _spaces(frame, reading, default_space)
    try:
        values = pd.to_numeric(frame[reading.error], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (OverflowError, TypeError):  # a whole number larger than any float; a list in a cell
        raise StatisticsError(f"column '{reading.error}': has values that are not numbers") from None
    texts = _not_numbers(frame[reading.error], values)
    outcomes, notes = _outcomes(frame, status, values, reading)
    done = outcomes == "done"
    if (lacking := done & np.isnan(values)).any():
        row = int(np.flatnonzero(lacking)[0])
        shown = f": '{texts[row]}'" if row in texts else ""
        raise StatisticsError(
            f"column '{reading.error}': {int(lacking.sum())} of {values.size} rows have no number (the first is row "
            f"{row + 1}{shown}); name a status column, or give failed models the error inf"
        )
    # without a status, an error of inf says that the model failed
    failed = done & np.isposinf(values)
    outcomes[failed] = "failed"
    done &= ~failed
    values, more = _percentages(values, done, frame, reading)
    missing = (outcomes == "unfinished") | (outcomes == "lost")
    errors = np.where(done, values, np.where(missing, np.nan, np.inf))
    return TableModels(
        spaces=spaces,
        outcomes=outcomes,
        errors=errors,
        notes=(*more, *notes),
    )


def _spaces(frame: pd.DataFrame, reading: Reading, default: str | None) -> NDArray[np.object_]:
    if reading.space not in frame.columns and default is not None:
        return np.full(len(frame), default, dtype=object)
    column = frame[reading.space]
    if column.isna().any():
        raise StatisticsError(f"column '{reading.space}': {int(column.isna().sum())} rows have no space")
    return column.astype(str).str.strip().to_numpy(dtype=object)


def _raise_missing(column: str, reading: Reading, frame: pd.DataFrame) -> None:
    names = [str(name) for name in frame.columns]
    scores = [name for name in names if looks_like_a_score(name)]
    if column == reading.error == "error" and scores:
        raise StatisticsError(
            f"no column 'error'; '{scores[0]}' looks like a score, for which higher is better: give it as the "
            "accuracy, not as the error"
        )
    raise_unknown("column", column, names)


def looks_like_a_score(name: str) -> bool:
    """Return whether a column's name says that more of it is better: accuracy, acc, top1_acc, ..."""
    tokens = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return any(_SCORE.search(token) for token in tokens) and not any(_ERROR.search(token) for token in tokens)


def _check_names(reading: Reading) -> None:
    if not reading.maximize and looks_like_a_score(reading.error):
        raise StatisticsError(
            f"column '{reading.error}' is given as an error, for which lower is better, but is named like a score; if "
            "higher is better, give it as the accuracy (--maximize)"
        )
    tokens = re.split(r"[^a-z0-9]+", reading.error.lower())
    if reading.maximize and any(_ERROR.search(token) for token in tokens):
        raise StatisticsError(
            f"column '{reading.error}' is given as a score, for which higher is better, but is named like an error"
        )


def _not_numbers(column: pd.Series, values: Floats) -> dict[int, str]:
    """Return the texts of a column that are no numbers, by row."""
    cells = column.to_numpy(dtype=object)
    return {int(row): cells[row] for row in np.flatnonzero(np.isnan(values)) if isinstance(cells[row], str)}


def _outcomes(
    frame: pd.DataFrame, status: str | None, values: Floats, reading: Reading
) -> tuple[NDArray[np.object_], list[str]]:
    """Return the outcome of each row, and notes."""
    if status is None:
        return np.full(len(frame), "done", dtype=object), []
    words = ["" if pd.api.types.is_scalar(cell) and pd.isna(cell) else str(cell).strip() for cell in frame[status]]
    meanings = {word: outcome_of(word, reading.outcomes) for word in dict.fromkeys(words)}
    outcomes = np.array([meanings[word] or "" for word in words], dtype=object)
    asked = (outcomes == "") & np.isfinite(values)
    nothing = np.array([word == "" for word in words]) & ~np.isfinite(values)
    if (asked | nothing).any():
        row = int(np.flatnonzero(asked | nothing)[0])
        if nothing[row]:
            raise StatisticsError(f"row {row + 1}: neither the status '{status}' nor an error is given")
        unclear = list(dict.fromkeys(words[i] for i in np.flatnonzero(asked)))
        quoted = ", ".join(f"'{word}'" for word in unclear)
        raise StatisticsError(
            f"column '{status}', row {row + 1}: what {'does' if len(unclear) == 1 else 'do'} {quoted} mean, "
            f"for a model with the error {values[row]:g}? Say so with --outcome '{words[row]}=done', or =failed, or "
            "=unfinished"
        )
    # a word that nobody knows, and no error: whatever it says, the model came to nothing
    outcomes[outcomes == ""] = "failed"
    notes = []
    if pruned := sum(word.lower().endswith("pruned") for word in words):
        notes.append(f"{pruned} models were pruned and count as failed")
    return outcomes, notes


def _percentages(
    values: Floats, done: NDArray[np.bool_], frame: pd.DataFrame, reading: Reading
) -> tuple[Floats, list[str]]:
    """Return errors in %, and notes."""
    given = values[done]
    notes = []
    unit = reading.unit
    if unit is None:
        ours = set(frame.columns) >= _OURS
        fractions = bool(given.size) and bool(((given >= 0) & (given <= 1)).all()) and not ours
        unit = "fraction" if fractions else "percent"
        if fractions:
            notes.append(
                f"column '{reading.error}': all values are between 0 and 1, so they are read as fractions, not "
                "percentages"
            )
    scale = 100.0 if unit == "fraction" else 1.0
    wrong = done & ~((values >= 0) & (values * scale <= 100 + 1e-9))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        what, limit = ("a score" if reading.maximize else "error"), ("1]" if unit == "fraction" else "100] %")
        raise StatisticsError(
            f"row {row + 1}, column '{reading.error}': {what} must lie in [0, {limit}, got {values[row]:g}"
        )
    scaled = np.minimum(values * scale, np.where(done, 100.0, np.inf))
    return (100.0 - scaled if reading.maximize else scaled), notes
