"""theta between two spaces, freed of what the luck of the samples explains (assisted statistics, section 3).

theta is estimated from placements as in `superiority`; from each placement is taken what a predictor, fitted on other
models, expects of the model's features, and given back its mean over a large pool of untrained networks. What it
expects has the same mean in sample and pool, so theta stays unbiased whatever the predictor is worth.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logit, ndtr, stdtr

from netspace.stats.arguments import Floats, midranks
from netspace.stats.predictor import CrossFit
from netspace.stats.superiority import Superiority

QUANTILES = 64
"""Mid-quantiles that stand for the other space's pool."""
GRID = 65
"""Points between which what the predictor expects is interpolated."""
LEAST_VARIANCE = 1e-12
"""Variance of a control variate below which it is left out."""
NEAREST = 0.005
"""Distance of theta from 0 and 1 within which the logit scale says nothing."""
LEAST_SIGMA = 1e-9


class Predicted(NamedTuple):
    """What a cross-fitted predictor says of one space.

    Attributes:
        scores: float64 (n,), of each model of the sample, by the fit that did not see it.
        folds: int64 (n,), of each model.
        pool: float64 (K, N), of each network of the pool, by the fit of each fold.
        sigmas: float64 (K,), of the fits.
    """

    scores: Floats
    folds: np.ndarray
    pool: Floats
    sigmas: Floats


class Controlled(NamedTuple):
    """Values of one sample freed of a control variate.

    Attributes:
        values: float64 (n,): value - weight * control.
        weight: lambda, in [0, 1].
        left: degrees of freedom: n - 1, or n - 2 with a weight.
        variance: of the mean of `values`, the part that the pool's size leaves included.
        sample_variance: the same without that part.
    """

    values: Floats
    weight: float
    left: int
    variance: float
    sample_variance: float


class AssistedTheta(NamedTuple):
    """An assisted estimate of theta, with the placements of A and B freed of their control variates."""

    superiority: Superiority
    freed: tuple[Controlled, Controlled]

    @property
    def weights(self) -> tuple[float, float]:
        """Of the control variates of A and B."""
        return self.freed[0].weight, self.freed[1].weight


def predict(fit: CrossFit, space: int, features: Floats, pool: Floats, folds: np.ndarray | None = None) -> Predicted:
    """Score a sample and a pool of the space at this index of the fit.

    Args:
        features: standardised (n, p) of the models, in launch order.
        pool: standardised (N, p).
        folds: that hold the models out, (n,); None are those of `CrossFit.folds`.
    """
    folds = fit.folds(len(features)) if folds is None else folds
    return Predicted(
        scores=fit.held_out(space, features, folds),
        folds=folds,
        pool=np.array([one.score(space, pool) for one in fit.fits]),
        sigmas=np.maximum([one.sigma for one in fit.fits], LEAST_SIGMA),
    )


def assisted_theta(
    a: Floats, b: Floats, predicted_a: Predicted, predicted_b: Predicted, *, exact: bool = False
) -> AssistedTheta:
    """Estimate theta = P(e_B < e_A) + P(e_B = e_A) / 2.

    Args:
        a, b: errors in % in launch order, at least 3 each, neither all equal nor completely separated; +inf for
            failures.
        predicted_a, predicted_b: of the normal scores of the errors, by one predictor.
        exact: sum over the whole pools instead of 64 quantiles and interpolation: N_A * N_B terms a fold.
    """
    placed_a, placed_b = placements(a, b)
    control_a, spread_a = _controls(predicted_a, predicted_b, 1.0, exact)
    control_b, spread_b = _controls(predicted_b, predicted_a, -1.0, exact)
    freed_a = control(placed_a, control_a, spread_a, predicted_a.pool.shape[1])
    freed_b = control(placed_b, control_b, spread_b, predicted_b.pool.shape[1])
    theta = placed_a.mean() - freed_a.weight * control_a.mean() - freed_b.weight * control_b.mean()
    return AssistedTheta(_superiority(float(theta), freed_a, freed_b), (freed_a, freed_b))


def placements(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the share of B that beats each model of A, and the share of A that each model of B beats."""
    ranks = midranks(np.concatenate([a, b]))
    above_a = (ranks[: a.size] - midranks(a)) / b.size
    above_b = (ranks[a.size :] - midranks(b)) / a.size
    return above_a, 1 - above_b


def control(values: Floats, controls: Floats, spread: float, pool: int) -> Controlled:
    """Free values of a control variate with mean 0, by the weight in [0, 1] that leaves the least variance.

    Args:
        values, controls: float64 (n,).
        spread: variance of the control variate over the pool.
        pool: networks in the pool.
    """
    n = values.size
    variance = controls.var()
    weight = 0.0
    if variance >= LEAST_VARIANCE:
        covariance = np.mean((values - values.mean()) * (controls - controls.mean()))
        weight = float(np.clip(covariance / ((1 + n / pool) * variance), 0, 1))
    freed = values - weight * controls
    left = n - 1 - (weight > 0)
    sample_variance = float(freed.var() / left)
    return Controlled(freed, weight, left, sample_variance + weight**2 * spread / pool, sample_variance)


def _controls(own: Predicted, other: Predicted, sign: float, exact: bool) -> tuple[Floats, float]:
    """Return what the predictor expects of each model's placement, less its mean over the own pool.

    Also the variance of what it expects over the pool, mean over the folds.

    Args:
        sign: 1 if a higher score of the own model raises the placement (A), -1 if it lowers it (B).
    """
    controls = np.empty(own.scores.size)
    spreads = []
    for fold, (pool, others, sigma) in enumerate(zip(own.pool, other.pool, own.sigmas, strict=True)):
        mine = own.folds == fold
        scores = np.concatenate([own.scores[mine], pool])
        scale = sign / (np.sqrt(2) * sigma)
        expected = _exactly(scores, others, scale) if exact else _interpolated(scores, others, scale)
        of_sample, of_pool = np.split(expected, [int(mine.sum())])
        controls[mine] = of_sample - of_pool.mean()
        spreads.append(of_pool.var())
    return controls, float(np.mean(spreads))


def _exactly(scores: Floats, others: Floats, scale: float) -> Floats:
    return np.array([ndtr((score - others) * scale).mean() for score in scores])


def _interpolated(scores: Floats, others: Floats, scale: float) -> Floats:
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    grid = np.linspace(scores.min(), scores.max(), GRID)
    expected = ndtr((grid[:, None] - np.quantile(others, levels)) * scale).mean(axis=1)
    return np.asarray(np.interp(scores, grid, expected))


def _superiority(theta: float, a: Controlled, b: Controlled) -> Superiority:
    """Return the estimate with everything that follows from it; p and logit interval agree."""
    theta = float(np.clip(theta, NEAREST, 1 - NEAREST))
    variance = a.variance + b.variance
    se = float(np.sqrt(variance))
    spread = a.sample_variance**2 / a.left + b.sample_variance**2 / b.left
    df = float(min(variance**2 / spread, a.values.size - 2, b.values.size - 2)) if spread > 0 else np.inf
    statistic = logit(theta) * theta * (1 - theta) / se if se > 0 else 0.0
    return Superiority(
        theta=theta,
        se=se,
        df=df,
        t_p_value=float(2 * stdtr(df, -abs(statistic))),
        pairs=min(a.values.size, b.values.size),
    )
