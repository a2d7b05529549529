"""Rows of the database as records: each value is checked to be of its column's kind, whoever may have written it."""

from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from sqlalchemy import Row

from netspace.store.records import RunRecord, RunState, StudyRecord


def _columns_of(record: type) -> type[BaseModel]:
    """Return a model of a record's fields that takes no value of another kind."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in get_type_hints(record).items()}
    return create_model(record.__name__, __config__=ConfigDict(strict=True), **fields)


_RUN, _STATE, _STUDY = map(_columns_of, (RunRecord, RunState, StudyRecord))


Record = TypeVar("Record")


class _Origin(BaseModel):
    """Where an imported study comes from."""

    format: str = ""
    files: list[str] = []
    left_out: int = 0
    error: str = ""
    notes: list[str] = []


class _Spec(BaseModel):
    """What is read of a study's specification after it was stored; earlier versions stored less of it."""

    spaces: list[str | dict[str, Any]] = []
    n: int = 0
    seed: int = 0
    resolution: int | None = None
    claims: list[str] = []
    stop: dict[str, Any] | None = None
    latency: dict[str, Any] | None = None
    data: str | dict[str, Any] | None = None
    recipe: str | dict[str, Any] | None = None
    imported: _Origin | None = None


def run_of(row: Row[Any]) -> RunRecord:
    """Return a row of all columns of `runs`.

    Raises:
        ValidationError: a value is not of its column's kind.
    """
    return _checked(row, _RUN, RunRecord)


def state_of(row: Row[Any]) -> RunState:
    """Return a row of the columns of `RunState`; raises as `run_of` does."""
    return _checked(row, _STATE, RunState)


def study_of(row: Row[Any]) -> StudyRecord:
    """Return a row of `studies`; raises as `run_of` does."""
    study = _checked(row, _STUDY, StudyRecord)
    _Spec.model_validate(study.spec)
    return study


def _checked(row: Row[Any], columns: type[BaseModel], record: type[Record]) -> Record:
    values = row._asdict()
    columns.model_validate(values)
    return record(**values)
