"""The winner's curse: the least of many measured errors is partly luck, so it is shrunk towards what was predicted.

Normal empirical Bayes on the logarithm of the error, which keeps errors positive and tames the tail of bad networks.
For each network, log y = log t + noise, with t the error that it would have on average over trainings, and
log t = m + u, with m the prediction of a fit that did not see it. The leave-one-out residuals of the fit estimate
sigma^2 = var(u) + var(noise). Given y and the share s of the noise in sigma^2, log t is normal with mean m + (1 - s) r,
r = log y - m, and variance s (1 - s) sigma^2, whichever network is picked and for whatever reason.

Only repeated trainings tell noise from what the predictor cannot see. Without them any share is taken to be as likely
as any other, which the residuals cannot contradict: averaged over s, the mean is m + r / 2, midway between prediction
and measurement, and the variance sigma^2 / 6 + r^2 / 12. With them s is known as well as sigma is: the variance has
2 s^2 r^2 / df more (Morris 1983), and 1 - s enters it as at least its own standard error, sqrt(2 / df).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, check_probability

LEAST_REPEATS = 5
"""Degrees of freedom from which the noise is estimated from repeats."""
LEAST_ERROR = 0.01
"""Error in % as which a lower one enters the logarithm."""


class Shrunken(NamedTuple):
    """Estimates of the errors that networks have on average over trainings.

    Attributes:
        estimate, low, high: float64 (n,) in %, with the ends of an interval.
        noise_share: of sigma^2, in [0, 1]; its mean, 1/2, if it is not known.
    """

    estimate: Floats
    low: Floats
    high: Floats
    noise_share: float


def shrink(
    errors: ArrayLike, predicted: ArrayLike, sigma: float, df: int, *, noise: float | None = None, alpha: float = 0.05
) -> Shrunken:
    """Shrink measured errors towards predictions that did not see them.

    Args:
        errors: (n,) in %, of networks that trained.
        predicted: (n,), of the logarithms of these errors (see `log_errors`).
        sigma: root mean square of the leave-one-out residuals of the logarithms.
        df: degrees of freedom behind sigma.
        noise: standard deviation of the logarithm between trainings of one network; None if it is not known.
        alpha: probability that an interval misses.

    Raises:
        StatisticsError: shapes differ, an error is not finite, or sigma, df or noise is out of range.
    """
    check_probability(alpha, "alpha")
    logs, expected = log_errors(errors), np.asarray(predicted, dtype=np.float64)
    if logs.shape != expected.shape or not np.isfinite(logs).all():
        raise StatisticsError(f"one finite error a prediction is needed, got {logs.shape} and {expected.shape}")
    if sigma <= 0 or df < 1 or (noise is not None and noise < 0):
        raise StatisticsError(f"sigma > 0, df >= 1, noise >= 0 must hold, got {sigma:g}, {df}, {noise}")
    gap = logs - expected
    if noise is None:
        share, variance = 0.5, sigma**2 / 6 + gap**2 / 12
    else:
        share = min(1.0, (noise / sigma) ** 2)
        variance = sigma**2 * share * max(1 - share, np.sqrt(2 / df)) + 2 * share**2 * gap**2 / df
    centre = expected + (1 - share) * gap
    reach = -float(stdtrit(df, alpha / 2)) * np.sqrt(variance)
    return Shrunken(np.exp(centre), np.exp(centre - reach), np.exp(centre + reach), share)


def log_errors(errors: ArrayLike) -> Floats:
    """Return the logarithms of errors in %, those below .01 % as .01 %."""
    return np.asarray(np.log(np.maximum(np.asarray(errors, dtype=np.float64), LEAST_ERROR)))


def repeat_noise(repeats: Sequence[ArrayLike]) -> float | None:
    """Return the standard deviation of the log error between trainings of one network, pooled over networks.

    Args:
        repeats: finite errors in % of each network's trainings; those of networks trained once do not matter.

    Returns:
        None with fewer than 5 trainings beyond the first of their network.
    """
    groups = [log_errors(one) for one in repeats]
    df = sum(one.size - 1 for one in groups)
    if df < LEAST_REPEATS:
        return None
    return float(np.sqrt(sum(((one - one.mean()) ** 2).sum() for one in groups) / df))
