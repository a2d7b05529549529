"""Which features matter to the predictor: held-out permutation importance (Breiman 2001), without drawing permutations.

Permute one feature among the models of a space, predict each model by the fit that did not see it, and count what share
of the response's variance is no longer explained. The predictor is linear, so the mean over permutations has a formula.
Features that go together share what they explain, so that each may matter little where all of them matter much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, Interval
from netspace.stats.predictor import CrossFit


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What one feature is worth.

    Attributes:
        feature: its name.
        importance: the share of the response's variance that is lost by permuting it, mean over the folds; about 0, on
            either side, for a feature that says nothing.
        se: standard error over the folds.
        df: their number less one.
    """

    feature: str
    importance: float
    se: float
    df: int

    def interval(self, alpha: float = 0.05) -> Interval:
        """Return the t interval over the folds."""
        reach = -float(stdtrit(self.df, alpha / 2)) * self.se
        return self.importance - reach, self.importance + reach


def importances(
    fit: CrossFit, space: int, features: Floats, response: Floats, names: Sequence[str | None]
) -> tuple[Importance, ...]:
    """Return the importance of each feature in one space, the greatest first.

    Args:
        fit: the cross-fitted predictor.
        space: its index in `fit`.
        features: standardised (n, p) of the space's models, in launch order.
        response: (n,) what is predicted.
        names: of the p features; None for one that the space does not have, which is left out.

    Raises:
        StatisticsError: names or responses do not match, the responses are all equal, or there are fewer than 2 folds.
    """
    n, p = features.shape
    spread = float(response.var())
    if response.shape != (n,) or len(names) != p or len(fit.fits) < 2 or spread == 0:
        raise StatisticsError(
            f"importance needs {n} responses that differ, {p} names and 2 folds, got {response.size} with variance "
            f"{spread:.3g}, {len(names)} names and {len(fit.fits)} folds"
        )
    folds = fit.folds(n)
    slopes = np.array([one.slopes[space] for one in fit.fits])[folds]
    residuals = response - fit.held_out(space, features)
    # the expectation of (r + b (x - x'))^2 - r^2 over x' that is equally often any of the space's values
    centred = features - features.mean(axis=0)
    lost = 2 * residuals[:, None] * slopes * centred + slopes**2 * (centred**2 + features.var(axis=0))
    by_fold = np.array([lost[folds == fold].mean(axis=0) for fold in range(len(fit.fits))]) / spread
    means, errors = by_fold.mean(axis=0), by_fold.std(axis=0, ddof=1) / np.sqrt(len(by_fold))
    found = [
        Importance(feature=name, importance=mean, se=se, df=len(by_fold) - 1)
        for name, mean, se in zip(names, means.tolist(), errors.tolist(), strict=True)
        if name is not None
    ]
    return tuple(sorted(found, key=lambda one: -one.importance))
