"""The result store: studies, runs and curves in an SQLite file, or in PostgreSQL by URL."""

from netspace.store.database import DEFAULT_PATH
from netspace.store.records import CurvePoint, Outcome, PlannedRun, RunRecord, StoredResult, StudyRecord
from netspace.store.schema import FINAL, SCHEMA_VERSION, STATUSES, Status
from netspace.store.store import LEASE_SECONDS, Store
from netspace.store.worker import Worker

__all__ = [
    "DEFAULT_PATH",
    "FINAL",
    "LEASE_SECONDS",
    "SCHEMA_VERSION",
    "STATUSES",
    "CurvePoint",
    "Outcome",
    "PlannedRun",
    "RunRecord",
    "Status",
    "Store",
    "StoredResult",
    "StudyRecord",
    "Worker",
]
