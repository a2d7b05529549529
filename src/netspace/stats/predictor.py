"""A predictor of the error from what networks are made of: cross-fitted ridge regression over all spaces of a study.

It serves assisted statistics (specification "assisted statistics", sections 1 and 2): whatever it is worth, a model is
only ever predicted by a fit that did not see it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtri

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, midranks

FOLDS = 10
"""Folds where every space has that many models."""
PENALTIES = 10.0 ** np.arange(-1, 4.25, 0.5)
"""Ridge penalties to choose from, for features of unit variance."""
OWN_SLOPES_FROM = 40
"""Models of a space in a training set from which it may have slopes of its own."""
CONSTANT = 1e-9
"""Standard deviation over the pools below which a feature says nothing and is dropped."""
LEAST_SLACK = 0.05
"""Floor of 1 - leverage in a leave-one-out residual."""
LITTLE_SLACK = 1e-4
"""The same where models of a kind are no more than their features: most leverages are near 1 then, and a floor would
let a fit that runs through every point seem to predict."""

Response = Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """How features are standardised: by the moments of the pools, never by those of a sample.

    Attributes:
        mean, sd: float64 (p,), of all features given.
        kept: bool (p,), the features that vary.
    """

    mean: Floats
    sd: Floats
    kept: np.ndarray

    @classmethod
    def of(cls, pools: Sequence[Floats]) -> Self:
        """Take the moments from the pools of all spaces, each of which counts alike whatever its size.

        Args:
            pools: (N, p) features of each space's pool; NaN in those that the space does not have, see `together`.
        """
        has = np.array([~np.isnan(pool).any(axis=0) for pool in pools])
        mean = np.mean([pool.mean(axis=0) for pool in pools], axis=0, where=has)
        sd = np.sqrt(np.mean([((pool - mean) ** 2).mean(axis=0) for pool in pools], axis=0, where=has))
        return cls(mean=mean, sd=sd, kept=sd >= CONSTANT)

    def __call__(self, features: Floats) -> Floats:
        """Return the standardised features that vary, (n, kept), of (n, p): 0 for those that the space lacks."""
        found = np.asarray((features[:, self.kept] - self.mean[self.kept]) / self.sd[self.kept])
        return np.where(np.isnan(found), 0.0, found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A ridge regression with an unpenalised intercept for each space.

    Attributes:
        slopes: float64 (spaces, p); equal rows where the spaces share them.
        intercepts: float64 (spaces,).
        penalties: float64 (spaces,), chosen by the least leave-one-out error.
        shared: whether the spaces share their slopes.
        sigma: root mean square of the leave-one-out residuals.
        r2: 1 - sum of their squares / that of the intercepts alone, at most 1, negative if the features mislead.
    """

    slopes: Floats
    intercepts: Floats
    penalties: Floats
    shared: bool
    sigma: float
    r2: float

    def score(self, space: int, features: Floats) -> Floats:
        """Predict the response of networks of the space at this index: (n,) from standardised features (n, p)."""
        return np.asarray(features @ self.slopes[space] + self.intercepts[space])


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFit:
    """A predictor for each fold, fitted on the models outside of it.

    Attributes:
        fits: one for each fold. The i-th model of a space in launch order belongs to fold i mod len(fits).
    """

    fits: tuple[Fit, ...]

    @property
    def r2(self) -> float:
        """The share of the response's variance that held-out predictions explain, mean over the folds."""
        return float(np.mean([fit.r2 for fit in self.fits]))

    def folds(self, n: int) -> np.ndarray:
        """Return the fold of each of n models in launch order, int64 (n,)."""
        return np.arange(n) % len(self.fits)

    def held_out(self, space: int, features: Floats, folds: np.ndarray | None = None) -> Floats:
        """Predict each model of a sample by the fit that did not see it: (n,) from (n, p) in launch order.

        Args:
            space: index of the space.
            features: standardised (n, p).
            folds: that hold the models out, (n,); None are those of `folds`.
        """
        folds = self.folds(len(features)) if folds is None else folds
        scores = np.empty(len(features))
        for fold, fit in enumerate(self.fits):
            scores[folds == fold] = fit.score(space, features[folds == fold])
        return scores


def normal_scores(errors: Floats) -> Floats:
    """Return Phi^-1((midrank - 1/2) / n) of each of n errors: ties share a rank, failures (+inf) rank last."""
    return np.asarray(ndtri((midranks(np.asarray(errors, dtype=np.float64)) - 0.5) / errors.size))


def cross_fit(
    features: Sequence[Floats],
    errors: Sequence[Floats],
    *,
    response: Response = normal_scores,
    own_slopes_from: int | None = OWN_SLOPES_FROM,
) -> CrossFit:
    """Fit a predictor for each of min(10, least n) folds on all models of all spaces outside the fold.

    Args:
        features: standardised (n, p) of each space, models in launch order.
        errors: (n,) of each space in the same order.
        response: what is predicted, from the errors of a whole training set.
        own_slopes_from: models of each space in a training set from which spaces may have slopes of their own; None
            always shares them.

    Raises:
        StatisticsError: a space has fewer than 2 models, or as many features as errors are not given.
    """
    sizes = [one.size for one in errors]
    if min(sizes) < 2 or sizes != [len(one) for one in features]:
        raise StatisticsError(
            f"a predictor needs features of at least 2 models a space, got {sizes} errors and "
            f"{[len(one) for one in features]} rows of features"
        )
    folds = min(FOLDS, *sizes)
    fits = []
    for fold in range(folds):
        outside = [np.arange(n) % folds != fold for n in sizes]
        kept = [one[where] for one, where in zip(errors, outside, strict=True)]
        targets = np.split(response(np.concatenate(kept)), np.cumsum([one.size for one in kept])[:-1])
        fits.append(
            fit_ridge(
                [one[where] for one, where in zip(features, outside, strict=True)],
                targets,
                own_slopes_from=own_slopes_from,
            )
        )
    return CrossFit(fits=tuple(fits))


def fit_ridge(
    features: Sequence[Floats], targets: Sequence[Floats], *, own_slopes_from: int | None = OWN_SLOPES_FROM
) -> Fit:
    """Fit one ridge regression to all spaces, or one to each if allowed and its leave-one-out error is less.

    Args:
        features: standardised (n, p) of each space, n >= 1.
        targets: (n,) of each space: what is predicted.
        own_slopes_from: models of each space from which spaces may have slopes of their own; None never allows it.
    """
    centred = [one - one.mean(axis=0) for one in features]
    residuals = [one - one.mean() for one in targets]
    shares = [np.full(one.size, 1 / one.size) for one in targets]
    total = sum(one.size for one in targets)
    alone = sum(_press(one, share) for one, share in zip(residuals, shares, strict=True))

    slack = _slack(features)
    slope, penalty, press = _ridge(np.concatenate(centred), np.concatenate(residuals), np.concatenate(shares), slack)
    spaces = len(features)
    slopes, penalties, shared = np.tile(slope, (spaces, 1)), np.full(spaces, penalty), True
    if own_slopes_from is not None and min(one.size for one in targets) >= own_slopes_from:
        own = [_ridge(*parts) for parts in zip(centred, residuals, shares, strict=True)]
        if sum(one[2] for one in own) < press:
            press, shared = sum(one[2] for one in own), False
            slopes, penalties = np.array([one[0] for one in own]), np.array([one[1] for one in own])
    intercepts = [
        target.mean() - one.mean(axis=0) @ slope for one, target, slope in zip(features, targets, slopes, strict=True)
    ]
    return Fit(
        slopes=slopes,
        intercepts=np.array(intercepts),
        penalties=penalties,
        shared=shared,
        sigma=float(np.sqrt(press / total)),
        r2=1 - press / alone if alone > 0 else 0.0,
    )


def _slack(features: Sequence[Floats]) -> float:
    """Return the floor of 1 - leverage: the models of a kind, of spaces with the same features, should be more."""
    models: Counter[bytes] = Counter()
    for one in features:
        models[(one != 0).any(axis=0).tobytes()] += len(one)  # what a space lacks is 0
    crowded = any(sum(has) >= count for has, count in models.items())
    return LITTLE_SLACK if crowded else LEAST_SLACK


def _ridge(centred: Floats, target: Floats, shares: Floats, slack: float = LEAST_SLACK) -> tuple[Floats, float, float]:
    """Return slopes (p,), penalty and sum of squared leave-one-out residuals at the best of the penalties.

    Args:
        centred: (n, p), centred within each space.
        target: (n,), likewise.
        shares: (n,), leverage of the intercepts: 1 / models of the space.
        slack: floor of 1 - leverage.
    """
    values, vectors = np.linalg.eigh(centred.T @ centred)
    rotated = centred @ vectors
    shrunk = 1 / (np.maximum(values, 0)[:, None] + PENALTIES)
    coefficients = (rotated.T @ target)[:, None] * shrunk
    leverage = shares[:, None] + rotated**2 @ shrunk
    presses = (((target[:, None] - rotated @ coefficients) / np.maximum(1 - leverage, slack)) ** 2).sum(axis=0)
    best = int(np.argmin(presses))
    return vectors @ coefficients[:, best], float(PENALTIES[best]), float(presses[best])


def _press(residuals: Floats, shares: Floats) -> float:
    return float(((residuals / np.maximum(1 - shares, LEAST_SLACK)) ** 2).sum())
