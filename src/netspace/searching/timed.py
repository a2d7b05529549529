"""Which networks are timed where the latency is limited: those that are expected to be inside the window.

The most promising networks are large, and slower than the window allows: to time them in that order would find none. So
a ridge regression of the logarithm of the latency, on what networks are made of, says how likely each is inside. It is
fitted to the beginning of each space's stream, which was timed, inside or not, when the random networks were drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from netspace.arch.features import FeatureTable
from netspace.stats.predictor import Scale, fit_ridge
from netspace.training.latency import Latency

LIKELY = 0.1
"""Probability of being inside the window below which a network is not timed."""
PATIENCE = 100
"""Networks timed in a row outside the window after which no more are tried."""
_LEAST_FITTED = 8  # timed networks of a space from which its latencies are predicted
_LEAST_SIGMA = 0.02  # of log latencies: two measurements differ by more

Place = tuple[str, int]
"""Of a network: its space, and its row in the space's pool."""


@dataclass(frozen=True, kw_only=True)
class Picked:
    """Networks inside a latency window.

    Attributes:
        places: of them, in the order in which they were tried.
        timed: how many were, to find these.
    """

    places: tuple[Place, ...]
    timed: int

    def __str__(self) -> str:
        return f"of {self.timed} that were timed, {len(self.places)} are inside the limit on the latency"


def chances_inside(
    latency: Latency, pools: Mapping[str, FeatureTable], timed: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Return the probability that each network of a space is inside a window; 1 where too few were timed to say.

    Args:
        latency: has the window.
        pools: the features of a space's networks.
        timed: milliseconds of its first ones.
    """
    names = [name for name in pools if len(timed[name]) >= _LEAST_FITTED]
    chances = {name: np.ones(len(table)) for name, table in pools.items()}
    if not names:
        return chances
    scale = Scale.of([pools[name].values for name in names])
    features = [scale(pools[name].values) for name in names]
    known = [np.log(timed[name]) for name in names]
    fit = fit_ridge([rows[: len(ms)] for rows, ms in zip(features, known, strict=True)], known)
    sigma = max(fit.sigma, _LEAST_SIGMA)
    low, high = (np.log(bound) if bound else end for bound, end in zip(latency.window, (-np.inf, np.inf), strict=True))
    for place, name in enumerate(names):
        expected = fit.score(place, features[place])
        chances[name] = norm.cdf((high - expected) / sigma) - norm.cdf((low - expected) / sigma)
    return chances


def pick_inside(
    order: Sequence[Place], wanted: int, chances: Mapping[str, NDArray[np.float64]], inside: Callable[[Place], bool]
) -> Picked:
    """Return the first networks that are inside the window, as many as are wanted or as there are.

    Args:
        order: of the networks, the best first.
        wanted: how many.
        chances: that they are inside, by space and row.
        inside: times one, and says whether it is.
    """
    picked: list[Place] = []
    timed = outside = 0
    for space, row in order:
        if len(picked) == wanted or outside == PATIENCE:
            break
        if chances[space][row] < LIKELY:
            continue
        timed += 1
        if inside((space, row)):
            picked.append((space, row))
            outside = 0
        else:
            outside += 1
    return Picked(places=tuple(picked), timed=timed)
