"""The error distribution of one space with assistance: its curve, bands and quantiles (assisted statistics, section 4).

What a predictor expects of the models is taken from the sample and given back as its mean over a large pool of
untrained networks of the space, as in `assisted_theta`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, Interval, check_probability
from netspace.stats.assisted_theta import LEAST_VARIANCE, Predicted
from netspace.stats.edf import Band, Steps
from netspace.stats.order_statistics import local_level
from netspace.stats.predictor import CrossFit

GRID = 257
"""Scores at which the predicted share below an error is computed; between them it is interpolated."""
LEAST_GAIN = 0.5
"""Share of n that the effective number of models never falls below."""
LARGEST_LEVEL = 11
"""log2 of the number of models up to which the level of the simultaneous band is computed, not extrapolated."""


class Shares(NamedTuple):
    """The share of a space's networks with an error strictly below each x.

    Attributes:
        share: float64, the estimate, non-decreasing in [0, 1].
        effective: float64, how many models without assistance would say as much.
        weight: lambda of the control variates, one for all x, in [0, 1].
        freed: float64 (n, x), each model's part of the mean: [error < x] - lambda * control.
    """

    share: Floats
    effective: Floats
    weight: float
    freed: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class AssistedEDF:
    """The error distribution of a space, like `EDF` but assisted.

    Attributes:
        errors: float64 (n,), sorted, in %; +inf is a failed model.
        x: the different finite errors, and +inf. What holds at x[i] holds on (x[i - 1], x[i]].
        share: the share of networks below each of `x`, non-decreasing in [0, 1].
        effective: how many models without assistance would say as much at each of `x`.
        weight: lambda of the control variates, in [0, 1].
        freed: float64 (n, x) of the models in the order of `errors`, see `Shares`.
    """

    errors: Floats
    x: Floats
    share: Floats
    effective: Floats
    weight: float
    freed: Floats

    @property
    def n(self) -> int:
        """Models, failed ones included."""
        return self.errors.size

    @property
    def failures(self) -> int:
        """Models with error +inf."""
        return int(np.isposinf(self.errors).sum())

    def steps(self) -> Steps:
        """Return the corners of the curve, as `EDF.steps` does; it need not start at height 0."""
        return Steps(self._corners(), self.share)

    def band(self, alpha: float = 0.05) -> Band:
        """Enclose the whole of F at once with probability 1 - alpha, at the corners of `steps`.

        It is the Beta band of `EDF.band`, which it equals without assistance, with the share that the *other* models
        give at each model's error and the effective number of models in place of theirs. The spread of what assistance
        leaves is estimated from few models that matter, so what it gains is counted by Student's quantile with
        2 n / (kurtosis - 1) degrees of freedom (as Korn & Graubard 1998 do): without these two corrections the band
        holds in 77 to 92 % of studies, not in 95 (docs/log.md).
        """
        check_probability(alpha, "alpha")
        level = level_between(float(self.effective.max()), alpha)
        below, upto, effective = self._by_others(level)
        lower = np.asarray(betaincinv(upto * effective + 1, (1 - upto) * effective + 1, level / 2), np.float64)
        upper = np.asarray(betaincinv(below * effective + 1, (1 - below) * effective + 1, 1 - level / 2), np.float64)
        # F does not fall, and all bounds hold at once: each carries on until a better one
        lower, upper = np.maximum.accumulate(lower), np.minimum.accumulate(upper[::-1])[::-1]
        lower, upper = np.append(0.0, lower), np.append(upper, 1.0)
        return Band(self._corners(), lower[: self.x.size], upper[: self.x.size])

    def pointwise(self, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """Enclose F at each of `x` by itself: lower and upper ends, made non-decreasing outwards."""
        lower, upper = pointwise_bounds(self.share, self.effective, alpha)
        return np.minimum.accumulate(lower[::-1])[::-1], np.maximum.accumulate(upper)

    def quantile(self, p: float) -> float:
        """Return the p-quantile of the errors in %, an error of the sample; +inf where it meets failures."""
        check_probability(p, "p")
        above = int(np.searchsorted(self.share, p, side="left"))
        return float(self.x[max(above - 1, 0)]) if above < self.x.size else float("inf")

    def quantile_interval(self, p: float, alpha: float = 0.05) -> Interval:
        """Enclose the p-quantile: the errors whose pointwise interval of F holds p (Woodruff 1952).

        The upper end is +inf where it meets failures.

        Raises:
            StatisticsError: too few models for this quantile.
        """
        check_probability(p, "p")
        lower, upper = self.pointwise(alpha)
        first = int(np.searchsorted(upper, p, side="left"))
        last = int(np.searchsorted(lower, p, side="right")) - 1
        if first < 1 or (last == self.x.size - 1 and not self.failures):
            raise StatisticsError(f"{self.n} models are too few for a {1 - alpha:.0%} interval of the {p:.4g} quantile")
        return float(self.x[first - 1]), float(self.x[last])

    def _corners(self) -> Floats:
        return np.append(self.x[:1], self.x[:-1])

    def _by_others(self, level: float) -> tuple[Floats, Floats, Floats]:
        """Return, at each different error (+inf too, if models failed), the shares that the other models give.

        Strictly below the error, and up to it with ties; and the effective number of these models at this level.
        """
        n = self.n
        owner, ties = np.unique_inverse(self.errors).inverse_indices, np.unique_counts(self.errors).counts
        freed, effective = self.freed[:, : ties.size], self.effective[: ties.size]
        own = np.bincount(owner, freed[np.arange(n), owner]) / ties
        others = freed.sum(axis=0) - own
        below, upto = (np.clip((others + more) / (n - 1), 0, 1) for more in (0, ties - 1))
        residual = freed - freed.mean(axis=0)
        square = np.maximum((residual**2).mean(axis=0), LEAST_VARIANCE)
        kurtosis = (residual**4).mean(axis=0) / square**2
        left = 2 * n / np.maximum(kurtosis - 1, 1e-6)
        sure = effective * (ndtri(level / 2) / stdtrit(left, level / 2)) ** 2
        return below, upto, np.maximum(sure, np.minimum(effective, n)) * (n - 1) / n


def assisted_edf(
    errors: Floats, predicted: Predicted, training: Sequence[Floats], *, exact: bool = False
) -> AssistedEDF:
    """Estimate the error distribution of a space.

    Args:
        errors: (n,) in %, in launch order, n >= 3, not all failed; +inf for failures.
        predicted: of the normal scores of the errors.
        training: sorted errors of the training set of each fold, see `training_errors`.
        exact: see `assisted_shares`.
    """
    x = np.append(np.unique(errors[np.isfinite(errors)]), np.inf)
    found = assisted_shares(errors, predicted, training, x, exact=exact)
    order = np.argsort(errors, kind="stable")
    return AssistedEDF(
        errors=errors[order],
        x=x,
        share=found.share,
        effective=found.effective,
        weight=found.weight,
        freed=found.freed[order],
    )


def assisted_shares(
    errors: Floats, predicted: Predicted, training: Sequence[Floats], x: Floats, *, exact: bool = False
) -> Shares:
    """Estimate the share of a space's networks with an error strictly below each x.

    Args:
        errors, predicted, training: see `assisted_edf`.
        x: increasing errors in %.
        exact: sum over the whole pool instead of interpolating between scores.
    """
    n = errors.size
    below = (errors[:, None] < x).astype(np.float64)
    controls = _controls(predicted, training, x, exact)
    if np.isfinite(errors).all():
        controls[:, np.isposinf(x)] = 0.0  # every model of the sample trained: nothing to correct
    residual, centred = below - below.mean(axis=0), controls - controls.mean(axis=0)
    covariance, variance = (residual * centred).mean(axis=0).sum(), (centred**2).mean(axis=0).sum()
    weight = 0.0
    if variance >= LEAST_VARIANCE:
        weight = float(np.clip(covariance / ((1 + n / predicted.pool.shape[1]) * variance), 0, 1))
    freed = below - weight * controls
    share = np.clip(freed.mean(axis=0), 0, 1)
    share = (np.maximum.accumulate(share) + np.minimum.accumulate(share[::-1])[::-1]) / 2
    left = ((residual - weight * centred) ** 2).sum(axis=0) * (n - 1) / (n - 1 - (weight > 0))
    gain = ((residual**2).sum(axis=0) + 1) / (left + 1)
    return Shares(share, n * np.maximum(gain, LEAST_GAIN), weight, freed)


def pointwise_bounds(share: Floats, effective: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Enclose each share by itself: Clopper-Pearson ends at its effective number of models (Korn & Graubard 1998)."""
    check_probability(alpha, "alpha")
    below = share * effective
    above = effective - below
    tiny = np.finfo(np.float64).tiny
    lower = np.where(below > 0, betaincinv(np.maximum(below, tiny), above + 1, alpha / 2), 0.0)
    upper = np.where(above > 0, betaincinv(below + 1, np.maximum(above, tiny), 1 - alpha / 2), 1.0)
    return lower, upper


def training_errors(errors: Sequence[Floats], fit: CrossFit) -> list[Floats]:
    """Return the sorted errors of all spaces outside each fold, the training set of the fold's fit."""
    return [
        np.sort(np.concatenate([one[fit.folds(one.size) != fold] for one in errors])) for fold in range(len(fit.fits))
    ]


def level_between(n: float, alpha: float = 0.05) -> float:
    """Return the local level of the Beta band (see `local_level`) for a number of models that need not be whole.

    Interpolated in log n between the powers of two around n.
    """
    power = min(max(floor(log2(n)), 0), LARGEST_LEVEL - 1)
    near, far = local_level(2**power, alpha), local_level(2 ** (power + 1), alpha)
    return float(min(near * (far / near) ** (log2(n) - power), alpha))


def _controls(predicted: Predicted, training: Sequence[Floats], x: Floats, exact: bool) -> Floats:
    """Return the predicted share below each x of each model, less its mean over the pool: (n, x)."""
    controls = np.empty((predicted.scores.size, x.size))
    for fold, (pool, sigma, known) in enumerate(zip(predicted.pool, predicted.sigmas, training, strict=True)):
        rank = (np.searchsorted(known, x, side="left") + np.searchsorted(known, x, side="right")) / (2 * known.size)
        margin = 1 / (2 * known.size)
        thresholds = ndtri(np.clip(rank, margin, 1 - margin))
        mine = predicted.folds == fold
        scores = predicted.scores[mine]
        if exact:
            of_sample, of_pool = (ndtr((thresholds - s[:, None]) / sigma) for s in (scores, pool))
            controls[mine] = of_sample - of_pool.mean(axis=0)
        else:
            everything = np.concatenate([scores, pool])
            grid = np.linspace(everything.min(), everything.max(), GRID)
            expected = ndtr((thresholds - grid[:, None]) / sigma)
            of_sample = np.array([_weights(np.array([s]), grid) for s in scores]).reshape(-1, GRID)
            controls[mine] = (of_sample - _weights(pool, grid)) @ expected
    return controls


def _weights(scores: Floats, grid: Floats) -> Floats:
    """Return the weight of each point of an even grid in the mean of any function interpolated at `scores`."""
    step = grid[1] - grid[0]
    if step <= 0:
        return np.append(1.0, np.zeros(grid.size - 1))
    place = (scores - grid[0]) / step
    left = np.minimum(place.astype(np.int64), grid.size - 2)
    share = place - left
    weights = np.bincount(left, 1 - share, minlength=grid.size) + np.bincount(left + 1, share, minlength=grid.size)
    return np.asarray(weights / scores.size)
