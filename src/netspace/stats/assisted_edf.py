"""The error distribution of one space with assistance: its curve, bands and quantiles (assisted statistics, section 4).

What a predictor expects of the models is taken from the sample and given back as its mean over a large pool of
untrained networks of the space, as in `assisted_theta`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log2

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import beta

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


@dataclass(frozen=True, kw_only=True, eq=False)
class AssistedEDF:
    """The share of a space's networks with an error strictly below x.

    Attributes:
        x: errors in %, increasing: those of the sample, and +inf. What holds at x[i] holds on (x[i - 1], x[i]].
        share: float64, the estimate at each of `x`, non-decreasing in [0, 1].
        effective: float64, how many models without assistance would say as much at each of `x`.
        weight: lambda of the control variates, in [0, 1].
        n, failures: models, failed ones included, and failed ones.
    """

    x: Floats
    share: Floats
    effective: Floats
    weight: float
    n: int
    failures: int

    def steps(self) -> Steps:
        """Return the corners of the curve, as `EDF.steps` does; it need not start at height 0."""
        return Steps(self._corners(), self.share)

    def band(self, alpha: float = 0.05) -> Band:
        """Enclose the whole of F at once with probability 1 - alpha, at the corners of `steps`.

        The local level is that of the Beta band (see `beta_band`) at the largest effective number of models.
        """
        lower, upper = self._bounds(level_between(float(self.effective.max()), alpha))
        # F does not fall, and all intervals hold at once: each end carries on until a better one
        return Band(self._corners(), np.maximum.accumulate(lower), np.minimum.accumulate(upper[::-1])[::-1])

    def pointwise(self, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """Enclose F at each of `x` by itself: lower and upper ends, made non-decreasing outwards."""
        check_probability(alpha, "alpha")
        lower, upper = self._bounds(alpha)
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

    def _bounds(self, level: float) -> tuple[Floats, Floats]:
        """Return Clopper-Pearson ends for the effective number of models (Korn & Graubard 1998)."""
        below = self.share * self.effective
        above = self.effective - below
        tiny = np.finfo(np.float64).tiny
        lower = np.where(below > 0, beta.ppf(level / 2, np.maximum(below, tiny), above + 1), 0.0)
        upper = np.where(above > 0, beta.ppf(1 - level / 2, below + 1, np.maximum(above, tiny)), 1.0)
        return lower, upper


def assisted_edf(
    errors: Floats,
    predicted: Predicted,
    training: Sequence[Floats],
    *,
    at: Floats | None = None,
    exact: bool = False,
) -> AssistedEDF:
    """Estimate the share of a space's networks below each error.

    Args:
        errors: (n,) in %, in launch order, n >= 3, not all failed; +inf for failures.
        predicted: of the normal scores of the errors.
        training: sorted errors of the training set of each fold, see `training_errors`.
        at: increasing errors in %; None takes the finite ones of the sample, and +inf.
        exact: sum over the whole pool instead of interpolating between scores.
    """
    n, failures = errors.size, int(np.isposinf(errors).sum())
    x = np.append(np.unique(errors[np.isfinite(errors)]), np.inf) if at is None else at
    below = (errors[:, None] < x).astype(np.float64)
    controls = _controls(predicted, training, x, exact)
    if not failures:
        controls[:, np.isposinf(x)] = 0.0  # every model of the sample trained: nothing to correct
    residual, centred = below - below.mean(axis=0), controls - controls.mean(axis=0)
    covariance, variance = (residual * centred).mean(axis=0).sum(), (centred**2).mean(axis=0).sum()
    size = predicted.pool.shape[1]
    weight = 0.0
    if variance >= LEAST_VARIANCE:
        weight = float(np.clip(covariance / ((1 + n / size) * variance), 0, 1))
    share = np.clip((below - weight * controls).mean(axis=0), 0, 1)
    share = (np.maximum.accumulate(share) + np.minimum.accumulate(share[::-1])[::-1]) / 2
    left = ((residual - weight * centred) ** 2).sum(axis=0) * (n - 1) / (n - 2)
    gain = ((residual**2).sum(axis=0) + 1) / (left + 1)
    return AssistedEDF(
        x=x, share=share, effective=n * np.maximum(gain, LEAST_GAIN), weight=weight, n=n, failures=failures
    )


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
