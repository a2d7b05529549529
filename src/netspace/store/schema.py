"""The tables of the result store, in the part of SQL that SQLite and PostgreSQL share.

Times are seconds since the epoch (UTC) as double precision, taken from the database's clock: drivers on machines whose
clocks differ still agree on when a lease ends.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from netspace.store.records import STATUSES

SCHEMA_VERSION = 2
"""Raised by one with every change of the tables below, which gets a step in `migrations`; a later version is refused.

A column that was added says `since` which version, and its value `before`: earlier stores are read as they are.

A table that older versions of netspace need not know is none: a store that lacks it gets it when it is opened.
"""

metadata: MetaData = MetaData()

meta: Table = Table(
    "meta",
    metadata,
    Column("schema_version", Integer, primary_key=True, autoincrement=False),
    Column("netspace_version", Text, nullable=False),
    Column("created", Double, nullable=False),
)

studies: Table = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("spec", JSON, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created", Double, nullable=False),
)

runs: Table = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("space", Text, nullable=False),
    Column("index", Integer, nullable=False),
    Column("launch", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("flops", BigInteger, nullable=False),
    Column("params", BigInteger, nullable=False),
    Column("activations", BigInteger, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("status", Text, nullable=False, default="planned"),
    Column("error", Double),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", Text),
    Column("lease_until", Double),
    Column("started", Double),
    Column("finished", Double),
    Column("seconds", Double),
    Column("message", Text),
    Column("environment", JSON(none_as_null=True)),
    Column("details", JSON(none_as_null=True)),
    # drivers of version 1 may go on in a store that was migrated: they leave these out
    Column("losses", Integer, nullable=False, default=0, server_default="0", info={"since": 2, "before": 0}),
    Column("heard", Double, info={"since": 2, "before": None}),
    UniqueConstraint("study_id", "space", "index", name="run_once_per_study"),
    CheckConstraint(f"status IN ({', '.join(map(repr, STATUSES))})", name="status_known"),
    CheckConstraint("(status = 'done') = (error IS NOT NULL)", name="error_exactly_when_done"),
    CheckConstraint("error >= 0 AND error <= 100", name="error_is_a_percentage"),
    CheckConstraint("status <> 'running' OR (worker IS NOT NULL AND lease_until IS NOT NULL)", name="running_is_held"),
    Index("runs_in_launch_order", "study_id", "status", "launch"),
)

curves: Table = Table(
    "curves",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("train_loss", Double),
    Column("train_error", Double),  # never written nor read; earlier versions select it
    Column("val_error", Double),
    Column("lr", Double, nullable=False),
    Column("seconds", Double, nullable=False),  # of this epoch alone
)

pools: Table = Table(
    "pools",
    metadata,
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("space", Text, primary_key=True),
    Column("names", JSON, nullable=False),
    Column("networks", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Column("refused", Text),
)


class Now(FunctionElement[float]):
    """The database's clock: seconds since the epoch, UTC, with at least millisecond resolution."""

    type: Double[float] = Double()
    inherit_cache: bool | None = True


@compiles(Now, "sqlite")
def _now_sqlite(_element: Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Now, "postgresql")
def _now_postgresql(_element: Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


def text(message: str | None) -> str | None:
    """Return `message` without what a database cannot hold: NUL and lone surrogates (undecodable file names)."""
    return None if message is None else message.encode(errors="replace").decode().replace("\0", "")
