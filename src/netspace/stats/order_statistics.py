"""Distribution-free intervals from order statistics: quantiles, and the simultaneous Beta band of an EDF."""

from functools import lru_cache
from math import ceil, log, log1p

import numpy as np
from scipy.special import betaincinv, gammaln

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, check_probability

BETA_BAND_LIMIT = 10_000
"""Models up to which the Beta band is computed: a few seconds there, and its exact recursion grows quadratically."""


def quantile_ranks(n: int, p: float, alpha: float = 0.05) -> tuple[int, int, float]:
    """Find the order statistics that enclose the p-quantile of any distribution.

    The tightest central pair: each side misses with probability at most alpha / 2.

    Args:
        n: number of models.
        p: the quantile, in (0, 1).
        alpha: 1 - confidence.

    Returns:
        1-based ranks (low, high) and the exact coverage of [e_(low), e_(high)], at least 1 - alpha.

    Raises:
        StatisticsError: n is too small for such an interval; the message says which n is enough.
    """
    check_probability(p, "p")
    check_probability(alpha, "alpha")
    from scipy.stats import binom

    law = binom(n, p)
    low = int(law.ppf(alpha / 2))
    if low > 0 and law.cdf(low - 1) > alpha / 2:
        low -= 1
    high = int(law.isf(alpha / 2)) + 1
    if low < 1 or high > n:
        needed = ceil(max(log(alpha / 2) / log1p(-p), log(alpha / 2) / log(p)))
        raise StatisticsError(
            f"a {1 - alpha:.0%} interval of the {p:.4g} quantile needs at least {needed} models, got {n}"
        )
    return low, high, float(law.cdf(high - 1) - law.cdf(low - 1))


def beta_band(n: int, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Enclose F at all n order statistics at once, each at the same local level.

    U_(i) = F(e_(i)) ~ Beta(i, n - i + 1) lies inside [lower_i, upper_i] for every i with probability 1 - alpha
    (Aldor-Noiman et al. 2013, "The power to see: a new graphical test of normality").

    Args:
        n: number of models, up to `BETA_BAND_LIMIT`.
        alpha: 1 - joint coverage.

    Returns:
        (lower, upper), float64 (n,) each, for i = 1..n.

    Raises:
        StatisticsError: n is beyond `BETA_BAND_LIMIT`.
    """
    return _local_bounds(n, local_level(n, alpha))


@lru_cache(maxsize=256)
def local_level(n: int, alpha: float = 0.05) -> float:
    """Solve for the level a(n) of each order statistic that makes the Beta band's joint coverage 1 - alpha.

    Raises:
        StatisticsError: n is below 1 or beyond `BETA_BAND_LIMIT`.
    """
    check_probability(alpha, "alpha")
    if not 1 <= n <= BETA_BAND_LIMIT:
        raise StatisticsError(f"1 <= n <= {BETA_BAND_LIMIT} must hold for the Beta band, got {n}; use method='dkw'")
    if n == 1:
        return alpha
    # Bonferroni covers too much, a single order statistic's level too little
    low, high = log(alpha / n), log(alpha)
    from scipy.optimize import brentq

    root = brentq(lambda level: joint_coverage(*_local_bounds(n, float(np.exp(level)))) - (1 - alpha), low, high)
    return float(np.exp(root))


def joint_coverage(lower: Floats, upper: Floats) -> float:
    """Compute P(lower_i <= U_(i) <= upper_i for every i) for n uniform order statistics, exactly.

    The counting process N(t) = #{U <= t} is a Poisson process of rate n given N(1) = n. It is carried from one
    bound to the next by convolution, and the counts that break a bound are cut off there (Moscovich & Nadler 2017,
    "Fast calculation of boundary crossing probabilities for Poisson processes").

    Args:
        lower: float64 (n,), non-decreasing, in [0, 1].
        upper: float64 (n,), non-decreasing, in [0, 1], above `lower`.
    """
    n = lower.size
    times = np.unique(np.concatenate([lower, upper, [1.0]]))
    fewest = np.searchsorted(upper, times, side="right")
    most = np.searchsorted(lower, times, side="left")
    rates = n * np.diff(times, prepend=0.0)
    counts = np.arange(n + 1)
    log_factorials = gammaln(counts + 1.0)

    state, first = np.ones(1), 0
    for low, high, rate in zip(fewest.tolist(), most.tolist(), rates.tolist(), strict=True):
        if low > high:
            return 0.0
        if rate > 0:
            reach = high - first + 1
            jump = np.exp(counts[:reach] * log(rate) - rate - log_factorials[:reach])
            state = np.convolve(state, jump)
        state = state[low - first : high - first + 1]
        first = low
    log_total = n * log(n) - n - log_factorials[n]
    return float(state[n - first] / np.exp(log_total))


def _local_bounds(n: int, level: float) -> tuple[Floats, Floats]:
    ranks = np.arange(1, n + 1)
    lower = np.asarray(betaincinv(ranks, n - ranks + 1, level / 2), dtype=np.float64)
    return lower, 1 - lower[::-1]
