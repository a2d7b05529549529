"""How a store of an earlier version becomes one of the present: a step for each version, forwards only.

Alembic's operations know what each database can alter and how; the version is the one in `meta`, which every netspace
has checked from the first on (docs/decisions/0006). A step says what it does in its own words: the tables of `schema`
go on to change, and what was done to a store of some version does not.
"""

from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Double, Integer

if TYPE_CHECKING:
    from alembic.operations import Operations


def migrate(connection: Connection, version: int) -> None:
    """Alter the tables of a store of some version so that they are those of `SCHEMA_VERSION`, in this transaction."""
    from alembic.operations import Operations  # which few stores ever need
    from alembic.runtime.migration import MigrationContext

    operations = Operations(MigrationContext.configure(connection))
    for step in _STEPS[version - 1 :]:
        step(operations)


def _to_2(operations: "Operations") -> None:
    """Keep what only the driver knew: how often a run's worker vanished, and when one last gave a sign of life."""
    # a driver of version 1 that is at work goes on: it names the columns that it writes
    operations.add_column("runs", Column("losses", Integer, nullable=False, server_default="0"))
    operations.add_column("runs", Column("heard", Double))


_STEPS = (_to_2,)
