"""The pools of a study's spaces: drawn once, from what the study was started with, and kept in its store."""

from collections.abc import Mapping
from typing import Any

from netspace.arch import MEASURES
from netspace.errors import ConfigError, UnknownNameError, WindowError
from netspace.space import space_from_dict
from netspace.space.constraints import Window, window
from netspace.space.pool import pool_of
from netspace.space.sampling import PATIENCE, sample
from netspace.stats.pool_check import LEAST_MODELS
from netspace.store import Store, StoredPool, StudyRecord
from netspace.study.seeds import seed_of


def ensure_pools(record: StudyRecord, store: Store) -> None:
    """Draw and keep the pools that the store lacks of a study's spaces, for assisted statistics.

    A study that began before there were pools gets them too: they follow from what its store has recorded. Of a space
    that cannot be sampled, and of networks that were chosen by their latency or by hand, the reason is kept in their
    place. Fewer than 16
    models a space are not assisted and get none, nor do results of others, whose spaces are not known.

    Args:
        record: the study in `store`.
        store: where it is kept.

    Raises:
        StoreError: the store cannot be written.
    """
    spec = record.spec
    spaces = {str(entry["name"]): entry for entry in spec.get("spaces", ()) if isinstance(entry, Mapping)}
    if store.read_only or not spaces or int(spec.get("n", 0)) < LEAST_MODELS:
        return
    missing = spaces.keys() - store.pooled(record.id)
    if missing:
        networks = {name: {run.index: run.digest for run in store.runs(record.id, space=name)} for name in missing}
        store.keep_pools(
            record.id, [_pool(name, spaces[name], spec, networks[name]) for name in spaces if name in missing]
        )


def _pool(name: str, entry: Mapping[str, Any], spec: Mapping[str, Any], networks: Mapping[int, str]) -> StoredPool:
    if any(bound is not None for bound in spec.get("latency", {}).get("window", ())):
        return StoredPool(
            space=name, refused="the networks were chosen by their latency, which those of a pool would need too"
        )
    n, seed, resolution = int(spec["n"]), seed_of(spec.get("seed", 0), name), int(spec["resolution"])
    try:
        space, windows = space_from_dict(entry, f"space '{name}'"), _windows(spec)
        drawn = pool_of(space, n, seed, windows=windows, resolution=resolution, patience=PATIENCE)
        if networks:
            sampled = sample(space, n, seed, windows=windows, resolution=resolution, patience=PATIENCE)
            if other := sum(index >= n or sampled[index].digest != digest for index, digest in networks.items()):
                return StoredPool(
                    space=name,
                    refused=f"{other} of its {len(networks)} networks are not those that its space, n and seed give: "
                    "they were chosen otherwise",
                )
    except (ConfigError, UnknownNameError, WindowError) as error:
        return StoredPool(space=name, refused=f"its space cannot be sampled again ({error})")
    return StoredPool(
        space=name,
        names=drawn.features.names,
        values=drawn.features.values,
        parameters=drawn.parameters.names,
        drawn=drawn.parameters.values,
    )


def _windows(spec: Mapping[str, Any]) -> tuple[Window, ...]:
    given = {measure: spec.get(measure) for measure in MEASURES}
    return tuple(window(measure, tuple(bounds)) for measure, bounds in given.items() if bounds is not None)
