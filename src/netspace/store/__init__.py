"""The result store: studies, runs and curves in an SQLite file, or in PostgreSQL by URL."""

from typing import TYPE_CHECKING

from netspace._lazy import lazy_names
from netspace.store.records import CurvePoint, Outcome, PlannedRun, RunRecord, StoredResult, StudyRecord
from netspace.store.schema import FINAL, SCHEMA_VERSION, STATUSES, Status
from netspace.store.worker import Worker

if TYPE_CHECKING:
    from netspace.store.database import DEFAULT_PATH
    from netspace.store.store import LEASE_SECONDS, Store

# a worker that trains describes its outcome; the database and pandas are the driver's alone
__getattr__ = lazy_names(
    __name__,
    {
        "DEFAULT_PATH": "netspace.store.database:DEFAULT_PATH",
        "LEASE_SECONDS": "netspace.store.store:LEASE_SECONDS",
        "Store": "netspace.store.store:Store",
    },
)

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
