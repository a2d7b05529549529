"""Restrictions of a space scored with the help of a predictor, and corrected for having tried them all.

A restriction splits a space's models in two, those that it keeps and those that it drops, and the networks of its pool
likewise: theta between the two is estimated as between two spaces (see `assisted_theta`). What is left of each model
when the predictor has had its say is its influence on theta. Influences with random signs, the same for all
restrictions, show how far the best of so many estimates goes by luck, whatever the restrictions have in common
(multiplier bootstrap: Chernozhukov, Chetverikov & Kato 2013; the step from it to p-values: Westfall & Young 1993).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit, ndtri, stdtr

from netspace.stats.arguments import Floats
from netspace.stats.assistance import Assistance
from netspace.stats.assisted_theta import Predicted, assisted_theta, placements
from netspace.stats.restrictions import Restriction
from netspace.stats.superiority import Superiority, superiority

MOST_NETWORKS = 5_000
"""Networks of a pool that are looked at: every restriction asks them all, and more say hardly more."""
LEAST_NETWORKS = 20
"""But so many a model."""
FARTHEST = 35.0
"""Standard errors beyond which the normal distribution can no longer be computed."""


class SampledSpace(NamedTuple):
    """What assists the search for restrictions of a space.

    Attributes:
        assistance: of the space; its models are those to be searched, in the same order.
        space: its name there.
        parameters: what the space drew of the networks of its pool, a row each, in the columns of the restrictions.
    """

    assistance: Assistance
    space: str
    parameters: pd.DataFrame

    def of_models(self, which: NDArray[np.bool_]) -> "SampledSpace":
        """Return the same for some of the models, with a predictor that is fitted on these alone."""
        networks = max(MOST_NETWORKS, LEAST_NETWORKS * int(which.sum()))
        assistance = self.assistance.of_models(self.space, which, networks)
        return self._replace(assistance=assistance, parameters=self.parameters.iloc[:networks])

    def estimate(self, restriction: Restriction, keep: NDArray[np.bool_]) -> tuple[Superiority, Floats]:
        """Estimate P(a kept model beats a dropped one).

        Args:
            restriction: of the space.
            keep: bool (n,), the models that meet it, at least 3, and at least 3 that do not.

        Returns:
            The estimate, and each model's influence on it, (n,), whose sum is 0; 0 for all where kept and dropped
            models do not overlap.
        """
        errors, predicted = self.assistance.errors[self.space], self.assistance.predicted[self.space]
        return split_theta(errors, predicted, keep, restriction.met_by(self.parameters))


def split_theta(
    errors: Floats, predicted: Predicted, keep: NDArray[np.bool_], in_pool: NDArray[np.bool_]
) -> tuple[Superiority, Floats]:
    """Estimate P(a kept model beats a dropped one) of one space with the help of a predictor.

    Args:
        errors: (n,), in launch order.
        predicted: of them and of the space's pool.
        keep: bool (n,), at least 3 of either kind.
        in_pool: bool (N,), the networks of the pool that would be kept, some but not all.

    Returns:
        The estimate, and each model's influence on it, (n,), whose sum is 0; 0 for all where kept and dropped models
        do not overlap.
    """
    kept, dropped = errors[keep], errors[~keep]
    influence = np.zeros(errors.size)
    plain = superiority(dropped, kept)
    if plain.degenerate:
        return plain, influence
    found = assisted_theta(dropped, kept, _part(predicted, ~keep, ~in_pool), _part(predicted, keep, in_pool))
    values = [one.values for one in found.freed]
    if found.superiority.degenerate:  # the predictor leaves no spread to judge by
        values = list(placements(dropped, kept))
    for side, of_side in ((~keep, values[0]), (keep, values[1])):
        influence[side] = (of_side - of_side.mean()) / of_side.size
    return (plain if found.superiority.degenerate else found.superiority), influence


def assisted_max_t(
    restrictions: Sequence[Restriction],
    masks: NDArray[np.bool_],
    sampled: SampledSpace,
    *,
    draws: int = 1999,
    seed: int | np.random.Generator = 0,
) -> tuple[Floats, Floats]:
    """Score restrictions with the help of a predictor and correct for having tried them all.

    Args:
        restrictions: k candidates.
        masks: bool (n, k), the models that each keeps.
        sampled: what assists.
        draws: of random signs.
        seed: of those.

    Returns:
        (z, p), float64 (k,) each: the normal quantile of each one-sided test of theta > 1/2, and the share of draws in
        which the largest z over all restrictions reaches it.
    """
    found = [sampled.estimate(one, keep) for one, keep in zip(restrictions, masks.T, strict=True)]
    z = np.array([normal_quantile(one) for one, _ in found])
    influence = np.column_stack([one for _, one in found])
    norms = np.sqrt((influence**2).sum(axis=0))
    influence = np.divide(influence, norms, out=np.zeros_like(influence), where=norms > 0)
    generator = np.random.default_rng(seed)
    signs = 2.0 * generator.integers(0, 2, size=(draws, len(influence))) - 1
    largest = np.sort((signs @ influence).max(axis=1))
    reached = draws - np.searchsorted(largest, z - 1e-9, side="left")
    return z, (1 + reached) / (1 + draws)


def _part(predicted: Predicted, models: NDArray[np.bool_], networks: NDArray[np.bool_]) -> Predicted:
    return Predicted(
        scores=predicted.scores[models],
        folds=predicted.folds[models],
        pool=predicted.pool[:, networks],
        sigmas=predicted.sigmas,
    )


def normal_quantile(found: Superiority) -> float:
    """Return the normal quantile of the one-sided test that the interval of theta inverts."""
    if found.degenerate:
        return float(np.sign(found.theta - 0.5)) * float(-ndtri(0.5**found.pairs))
    statistic = logit(found.theta) * found.theta * (1 - found.theta) / found.se
    return float(np.clip(-np.sign(statistic) * ndtri(stdtr(found.df, -abs(float(statistic)))), -FARTHEST, FARTHEST))
