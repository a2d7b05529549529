"""The pools of a study's spaces as rows of the store."""

import zlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from netspace.store.records import StoredPool
from netspace.store.schema import pools, text

_DRAWN = "drawn: "
"""Before the names of a pool's sampled parameters, which stand behind those of its features."""


def keep(connection: Connection, study_id: int, kept: Iterable[StoredPool]) -> None:
    """Insert the pools of a study's spaces; those of spaces that have one already are left as they are."""
    known = kept_of(connection, study_id)
    rows = [_packed(pool) | {"study_id": study_id} for pool in kept if pool.space not in known]
    if rows:
        connection.execute(insert(pools), rows)


def kept_of(connection: Connection, study_id: int) -> set[str]:
    """Return the spaces of a study that have a pool, or the reason why there is none."""
    return set(connection.execute(select(pools.c.space).where(pools.c.study_id == study_id)).scalars())


def pools_of(connection: Connection, study_id: int) -> dict[str, StoredPool]:
    """Return the pools that are kept of a study's spaces, by space."""
    rows = connection.execute(select(pools).where(pools.c.study_id == study_id)).all()
    return {row.space: _unpacked(row) for row in rows}


def _packed(pool: StoredPool) -> dict[str, Any]:
    """Return a pool as values of its row: one column after the other, each of which repeats and so packs well."""
    import numpy as np  # which a store without pools need not load

    values = np.empty((0, 0)) if pool.values is None else pool.values
    if pool.drawn is not None:
        values = np.hstack([values, pool.drawn])
    return {
        "space": pool.space,
        "names": [*pool.names, *(f"{_DRAWN}{name}" for name in pool.parameters)],
        "networks": len(values),
        "packed": zlib.compress(np.ascontiguousarray(values.T, dtype="<f8").tobytes(), 1),
        "refused": text(pool.refused),
    }


def _unpacked(row: Row[Any]) -> StoredPool:
    if row.refused is not None:
        return StoredPool(space=row.space, refused=row.refused)
    import numpy as np

    values = np.frombuffer(zlib.decompress(row.packed), dtype="<f8").reshape(len(row.names), row.networks).T
    parameters = tuple(name.removeprefix(_DRAWN) for name in row.names if name.startswith(_DRAWN))
    features = len(row.names) - len(parameters)
    return StoredPool(
        space=row.space,
        names=tuple(row.names[:features]),
        values=values[:, :features],
        parameters=parameters,
        drawn=values[:, features:] if parameters else None,
    )
