"""Pools: what very many untrained networks of a space are made of, for assisted statistics (its sections 1 and 2).

A pool has the law of a study's sample: many samples of the study's own size, drawn independently and put together. One
large sample would not do, for it holds no network twice: of a space with few networks inside the windows it becomes a
list of them all, the rare ones as often as the frequent ones.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from netspace.arch.features import FeatureTable, features
from netspace.checks import check_number
from netspace.errors import WindowError
from netspace.space.constraints import Window
from netspace.space.design_space import DesignSpace
from netspace.space.population import Population
from netspace.space.sampling import CHUNK, PATIENCE, Candidates, accepted, draw

SAMPLES = 100
"""Samples of the study's size in a pool."""
_POOL = 0x706F6F6C
"""Sets the streams of pools apart from those of samples, whatever their seeds."""


def features_of(population: Population) -> FeatureTable:
    """Return the features of a sample, in the order of its networks."""
    return features(population.networks, population.complexity)


def pool_of(
    space: DesignSpace,
    n: int,
    seed: int,
    *,
    windows: tuple[Window, ...] = (),
    resolution: int = 224,
    samples: int = SAMPLES,
    patience: int = PATIENCE,
) -> FeatureTable:
    """Draw a pool for samples of n networks: the features of `samples` independent samples of that size.

    The samples are cut one after the other from a single stream of candidates; each holds no network twice, as
    `DesignSpace.sample` does, and is independent of every sample of the space whatever its seed.

    Args:
        space: what is sampled.
        n: networks of the study's sample, >= 1.
        seed: whole number >= 0.
        windows: on complexity, besides the space's own.
        resolution: of the image, for complexity, pixels.
        samples: how many.
        patience: give up after this many candidates in a row without a new network.

    Returns:
        The features of n * `samples` networks.

    Raises:
        ConfigError: a number is out of range.
        WindowError: the space holds fewer than n networks inside the windows, or they are too rare to be found.
    """
    for what, value, least in (("n", n, 1), ("seed", seed, 0), ("samples", samples, 1)):
        check_number(value, what, least=least, whole=True)
    parts: list[FeatureTable] = []
    seen: set[bytes] = set()
    complete, fruitless = 0, 0
    for candidates in _stream(space, int(seed), resolution):
        met = accepted(candidates, space, space.windows + windows)
        chosen = []
        for row, identity in enumerate(map(bytes, np.ascontiguousarray(met.networks.identity()))):
            if identity in seen:
                continue
            seen.add(identity)
            chosen.append(row)
            if len(seen) == n:
                complete += 1
                seen.clear()
                if complete == samples:
                    break
        taken = met.take(np.array(chosen, dtype=np.int64))
        if len(taken):
            parts.append(features(taken.networks, taken.complexity))
        if complete == samples:
            return FeatureTable(names=parts[0].names, values=np.concatenate([part.values for part in parts]))
        fruitless = 0 if len(taken) else fruitless + CHUNK
        if fruitless >= patience:
            raise WindowError(
                f"{space.name}: a pool of {samples} samples of {n} networks cannot be drawn: none new in the last "
                f"{fruitless:,} candidates of sample {complete + 1}, which holds {len(seen)}"
            )
    raise AssertionError("the stream of candidates does not end")


def _stream(space: DesignSpace, seed: int, resolution: int) -> Iterator[Candidates]:
    for k in itertools.count():
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_POOL, k)))
        yield draw(space, generator, CHUNK, resolution)
