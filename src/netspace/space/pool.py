"""Pools: what very many untrained networks of a space are made of, for assisted statistics (its sections 1 and 2).

A pool has the law of a study's sample: many samples of the study's own size, drawn independently and put together. One
large sample would not do, for it holds no network twice: of a space with few networks inside the windows it becomes a
list of them all, the rare ones as often as the frequent ones.
"""

from typing import NamedTuple

import numpy as np

from netspace.arch.batch import AnyNetBatch
from netspace.arch.complexity import MEASURES
from netspace.arch.config import STAGE_PROPERTIES
from netspace.arch.features import FeatureTable, features
from netspace.checks import check_number
from netspace.code import is_counted
from netspace.errors import WindowError
from netspace.space.constraints import Window
from netspace.space.definition import STAGES
from netspace.space.design_space import DesignSpace
from netspace.space.laws import Once
from netspace.space.population import Population, columns
from netspace.space.sampling import PATIENCE, accepted, patience_of, stream

SAMPLES = 100
"""Samples of the study's size in a pool."""
COUNTED_SAMPLES = 10
"""The same of a space whose networks must be built to be counted: the fewest that assist."""
_POOL = 0x706F6F6C
"""Sets the streams of pools apart from those of samples, whatever their seeds."""


class Pool(NamedTuple):
    """What the networks of a pool are made of.

    Attributes:
        features: as of any network, see `netspace.arch.features`.
        parameters: what the space draws, see `parameter_columns`, of the same networks.
    """

    features: FeatureTable
    parameters: FeatureTable


def parameter_columns(space: DesignSpace) -> tuple[str, ...]:
    """Return the columns of `Population.frame()` with what a space draws, once for a network or for each stage.

    The total depth is among them; values of stages are the final ones, which the compatibility rule may have changed.
    Words are left out. Where networks differ in how many stages they have, that number is there and no values of single
    stages.
    """
    if space.kind == "regnet":
        return tuple(space.laws)
    if space.kind == "builder":
        lists = {f"{name}_{s + 1}" for name in space.words for s in range(space.lengths.get(name, 0))}
        return tuple(sorted(space.column_names - set(MEASURES) - lists - space.words.keys()))
    once = [name for name, law in space.laws.items() if isinstance(law, Once) and name != "depth"]
    stages = [
        f"{name}_{stage}"
        for name in (*STAGE_PROPERTIES.values(), *space.own)
        if name in space.laws and name not in once and not space.varies
        for stage in range(1, space.stages + 1)
    ]
    return ("depth", *once, *stages)


def features_of(population: Population) -> FeatureTable:
    """Return the features of a sample, in the order of its networks."""
    networks = population.networks
    most = networks.num_stages if isinstance(networks, AnyNetBatch) and STAGES in population.parameters else None
    return features(networks, population.complexity, stages=most)


def pool_of(
    space: DesignSpace,
    n: int,
    seed: int,
    *,
    windows: tuple[Window, ...] = (),
    resolution: int = 224,
    samples: int | None = None,
    patience: int = PATIENCE,
) -> Pool:
    """Draw a pool for samples of n networks: `samples` independent samples of that size.

    The samples are cut one after the other from a single stream of candidates; each holds no network twice, as
    `DesignSpace.sample` does, and is independent of every sample of the space whatever its seed.

    Args:
        space: what is sampled.
        n: networks of the study's sample, >= 1.
        seed: whole number >= 0.
        windows: on complexity, besides the space's own.
        resolution: of the image, for complexity, pixels.
        samples: how many; None for 100, or 10 where networks must be built to be counted.
        patience: give up after this many candidates in a row without a new network.

    Returns:
        Features and parameters of n * `samples` networks.

    Raises:
        ConfigError: a number is out of range.
        WindowError: the space holds fewer than n networks inside the windows, or they are too rare to be found.
    """
    if samples is None:
        samples = COUNTED_SAMPLES if is_counted(space.network) else SAMPLES
    patience = patience_of(space, patience)
    for what, value, least in (("n", n, 1), ("seed", seed, 0), ("samples", samples, 1)):
        check_number(value, what, least=least, whole=True)
    parts: list[Pool] = []
    names = parameter_columns(space)
    seen: set[bytes] = set()
    complete, last = 0, 0
    for candidates, drawn in stream(space, (int(seed), _POOL), resolution):
        met = accepted(candidates, space, space.windows + windows)
        chosen = []
        for row, identity in enumerate(map(bytes, np.ascontiguousarray(met.identity(space.recipe)))):
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
            known = columns(taken.networks, taken.parameters, taken.complexity)
            values = np.column_stack([known[name] for name in names]).astype(np.float64)
            recipe = {name: taken.parameters[name] for name in space.recipe}
            made_of = features(
                taken.networks,
                taken.complexity,
                recipe,
                stages=space.stages if space.varies else None,
                words=space.words,
            )
            parts.append(Pool(made_of, FeatureTable(names=names, values=values)))
        if complete == samples:
            return Pool(*map(_together, zip(*parts, strict=True)))
        last = drawn if len(taken) else last
        if (fruitless := drawn - last) >= patience:
            raise WindowError(
                f"{space.name}: a pool of {samples} samples of {n} networks cannot be drawn: none new in the last "
                f"{fruitless:,} candidates of sample {complete + 1}, which holds {len(seen)}"
            )
    raise AssertionError("the stream of candidates does not end")


def _together(parts: tuple[FeatureTable, ...]) -> FeatureTable:
    return FeatureTable(names=parts[0].names, values=np.concatenate([part.values for part in parts]))
