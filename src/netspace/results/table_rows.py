"""Rows of a table, whatever tool wrote it, as models for the store."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar

import pandas as pd

from netspace.arch.built import NetworkConfig, network_from
from netspace.documents import json_value
from netspace.errors import DataError, StatisticsError, UnknownNameError, first_line, raise_unknown, short
from netspace.results.imported_model import ImportedModel
from netspace.results.populations import Reading, TableModels, Unit, models_of
from netspace.results.status_words import OUTCOMES, OutcomeName, parse_outcomes
from netspace.store import Ending, Outcome
from netspace.store.frames import NETWORK, RUN_COLUMNS, parameter_of

T = TypeVar("T")

FIELDS = {
    "space": "the design space; left out, the file's name",
    "error": "top-1 error in %, or as a fraction",
    "accuracy": "instead of the error: a score in %, or as a fraction, of which more is better",
    "status": "what became of the model, in the words of netspace, Optuna, Ray Tune, W&B, MLflow or SLURM",
    "flops": "multiply-adds",
    "params": "parameters",
    "activations": "activations",
    "seconds": "training time",
    "seed": "of the training",
    "message": "why a model failed",
    NETWORK: "the network as JSON, as `netspace export` writes it",
}
"""What a column of a table may be; the others are kept as parameters of the model."""

_OUR_COUNTS = frozenset(RUN_COLUMNS) - frozenset(FIELDS)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the columns of a table mean.

    Attributes:
        columns: what is read from which column, by `FIELDS`.
        maximize: whether more is better in the column of the error.
        unit: of the error; None finds it, see `Reading`.
        outcomes: what further words of the status column mean.
    """

    columns: Mapping[str, str]
    maximize: bool = False
    unit: Unit | None = None
    outcomes: Mapping[str, OutcomeName]

    @classmethod
    def of(
        cls,
        columns: Mapping[str, str] | None = None,
        *,
        maximize: bool = False,
        unit: Unit | None = None,
        outcomes: Mapping[str, str] | None = None,
    ) -> "Meaning":
        """Return a checked meaning.

        Raises:
            UnknownNameError: no such field or outcome.
            DataError: both an error and an accuracy are named.
        """
        columns = dict(columns or {})
        for field in columns:
            if field not in FIELDS:
                raise_unknown("field", field, FIELDS)
        if {"error", "accuracy"} <= columns.keys():
            raise DataError("a table has an error or an accuracy, not both; name one of them")
        words = parse_outcomes(outcomes or {})
        return cls(columns=columns, maximize=maximize or "accuracy" in columns, unit=unit, outcomes=words)

    def with_columns(self, columns: Mapping[str, str]) -> "Meaning":
        """Return the same with the meaning of a tool's own columns, unless the user gave another."""
        if self.columns.keys() & {"error", "accuracy"}:
            columns = {field: column for field, column in columns.items() if field not in ("error", "accuracy")}
        return Meaning.of(
            {**columns, **self.columns}, maximize=self.maximize, unit=self.unit, outcomes=dict(self.outcomes)
        )

    @property
    def reading(self) -> Reading:
        """The same for the errors alone."""
        return Reading(
            space=self.columns.get("space", "space"),
            error=self.columns.get("accuracy") or self.columns.get("error", "error"),
            status=self.columns.get("status"),
            maximize=self.maximize,
            unit=self.unit,
            outcomes=self.outcomes,
        )


def results_of_table(
    frame: pd.DataFrame, meaning: Meaning, *, where: str, default_space: str
) -> tuple[Iterable[ImportedModel], tuple[str, ...]]:
    """Return the models of a table, to go through once, and what was understood that one may want to check.

    Args:
        frame: one row for each model.
        meaning: of its columns.
        where: it comes from; begins the messages of errors.
        default_space: of every model, if no column names one.

    Raises:
        UnknownNameError: a column that the table does not have.
        DataError: a cell is not what its column holds, perhaps when its model is reached; the message names row and
            column.
    """
    if frame.empty:
        return [], ()
    for column in meaning.columns.values():
        if column not in frame:
            raise_unknown("column", column, map(str, frame.columns))
    reading = meaning.reading.with_status_of(frame)
    try:
        models = models_of(frame, reading, default_space=None if "space" in meaning.columns else default_space)
    except UnknownNameError:
        raise DataError(
            f"{where}: no column '{reading.error}'; name the one with the error in %: --map error=COLUMN, or, of "
            "which more is better, --map accuracy=COLUMN"
        ) from None
    except StatisticsError as error:
        raise DataError(f"{where}: {error}") from None
    source = {field: meaning.columns.get(field, field) for field in FIELDS} | {"error": reading.error}
    if reading.status is not None:
        source["status"] = reading.status
    return _rows(frame, source, models, where), models.notes


def _rows(frame: pd.DataFrame, source: Mapping[str, str], models: TableModels, where: str) -> Iterator[ImportedModel]:
    """Yield the models of a table one by one; `source` has the column of each field, whether or not it is there."""
    fields = [(field, column) for field, column in source.items() if column in frame]
    used = {column for _, column in fields} | _OUR_COUNTS
    others = [(parameter_of(str(column)), column) for column in frame.columns if column not in used]
    told, kept = _cells(frame, fields), _cells(frame, others)
    known = zip(models.spaces, models.outcomes, models.errors.tolist(), told, kept, strict=True)
    for number, (space, outcome, percent, cells, parameters) in enumerate(known, start=1):
        yield _row(_Cells(cells, source, f"{where}: row {number}"), space, outcome, percent, parameters)


def _cells(frame: pd.DataFrame, columns: Sequence[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what each row says, by name, of those (name, column) of which it says anything."""
    names = [name for name, _ in columns]
    values = [frame[column].astype(object).where(frame[column].notna(), None) for _, column in columns]
    for row in zip(*values, strict=True) if columns else repeat((), len(frame)):
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


@dataclass(frozen=True)
class _Cells:
    """What one row of a table says, by field, and in which column."""

    told: Mapping[str, Any]
    columns: Mapping[str, str]
    where: str

    def read(self, field: str, convert: Callable[[Any], T], missing: T) -> T:
        """Return a field's value; one that `convert` refuses is reported with its row and column."""
        if field not in self.told:
            return missing
        try:
            return convert(self.told[field])
        except (ValueError, TypeError, ArithmeticError) as error:
            raise DataError(f"{self.where}, column '{self.columns[field]}': {first_line(error)}") from None


def _row(cells: _Cells, space: str, outcome: OutcomeName, error: float, parameters: Mapping[str, Any]) -> ImportedModel:
    return ImportedModel(
        space=space,
        outcome=None if outcome == "unfinished" else _outcome(cells, outcome, error),
        network=cells.read(NETWORK, _network, None),
        parameters=parameters,
        flops=cells.read("flops", _whole, 0),
        params=cells.read("params", _whole, 0),
        activations=cells.read("activations", _whole, 0),
        seed=cells.read("seed", _whole, 0),
    )


def _outcome(cells: _Cells, status: Ending, error: float) -> Outcome:
    word = str(cells.told.get("status", ""))
    # a word of our own says nothing that the status does not
    said = cells.read("message", str, None if word.lower() in ("", *OUTCOMES) or status == "done" else word)
    return Outcome(
        status=status,
        error=error if status == "done" else None,
        message=said or ("no error is recorded" if status in ("failed", "lost") else None),
        seconds=cells.read("seconds", _amount, 0.0),
    )


def _amount(value: Any) -> float:
    amount = float(value)
    if not (math.isfinite(amount) and amount >= 0):
        raise ValueError(f"a number of at least 0 is expected, got {amount:g}")
    return amount


def _whole(value: Any) -> int:
    # a seed needs all its 63 bits, which a float does not have
    whole = value if isinstance(value, int) else round(_amount(value))
    if not 0 <= whole < 2**63:
        raise ValueError(f"a number from 0 to below 2^63 is expected, got {short(whole)}")
    return whole


def _network(value: Any) -> NetworkConfig | None:
    """Return the network that a cell holds: as text, or, in JSON lines, as it is."""
    content = json_value(value) if isinstance(value, str) else value
    if not isinstance(content, dict):
        raise TypeError(f"a network as a JSON object is expected, got {short(value)}")
    return network_from(content, "network")
