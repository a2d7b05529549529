"""The mean error of a space with assistance, and its failure rate beside it (assisted statistics, section 4)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from netspace.stats.arguments import Floats, Interval
from netspace.stats.assisted_theta import Predicted, control


@dataclass(frozen=True, kw_only=True)
class AssistedMean:
    """Mean error of the networks of a space that train, and the share of those that fail.

    Attributes:
        mean, se: in %, of networks that train.
        weight: lambda of the control variate, in [0, 1].
        n, failures: models, failed ones included, and failed ones.
        plain_mean, plain_se: the same without assistance.
    """

    mean: float
    se: float
    weight: float
    n: int
    failures: int
    plain_mean: float
    plain_se: float

    @property
    def df(self) -> int:
        """Degrees of freedom of the interval."""
        return self.n - self.failures - 2

    def interval(self, alpha: float = 0.05) -> Interval:
        """Return the t interval of the mean, in %."""
        reach = -float(stdtrit(self.df, alpha / 2)) * self.se
        return self.mean - reach, self.mean + reach

    def failure_interval(self, alpha: float = 0.05) -> Interval:
        """Return the exact binomial interval of the share of networks that fail (Clopper & Pearson 1934)."""
        from scipy.stats import binomtest  # half a second, which a verdict need not pay

        found = binomtest(self.failures, self.n).proportion_ci(confidence_level=1 - alpha, method="exact")
        return float(found.low), float(found.high)


def assisted_mean(errors: Floats, predicted: Predicted) -> AssistedMean:
    """Estimate the mean error of the networks that train.

    Args:
        errors: (n,) in %, in launch order; +inf for failures, of which there are at most n - 3.
        predicted: of the n errors, by a predictor of the error itself that was fitted without failures.
    """
    trained = np.isfinite(errors)
    known = errors[trained]
    mean = float(known.mean())
    # a failure has no share in the mean, but counts in the control variate: who fails may depend on the features
    influence = np.where(trained, errors - mean, 0.0) / trained.mean()
    controls = predicted.scores - predicted.pool.mean(axis=1)[predicted.folds]
    spread = float(predicted.pool.var(axis=1).mean())
    freed = control(influence, controls, spread, predicted.pool.shape[1])
    return AssistedMean(
        mean=mean + float(freed.values.mean()),
        se=float(np.sqrt(freed.variance)),
        weight=freed.weight,
        n=errors.size,
        failures=errors.size - known.size,
        plain_mean=mean,
        plain_se=float(known.std(ddof=1) / np.sqrt(known.size)),
    )
