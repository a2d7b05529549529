"""The best of m models drawn at random (random-search efficiency): exact, where the paper resamples."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, Interval, as_errors, at_chance, check_probability
from netspace.stats.order_statistics import quantile_ranks


@dataclass(frozen=True, eq=False)
class BestOf:
    """The least error among m models drawn without replacement from a population of n.

    P(best = e_(i)) = C(n - i, m - 1) / C(n, m).

    Args:
        errors: (n,), error in %; +inf is a failed model. Kept sorted.
        m: how many are drawn, 1 <= m <= n.
        chance: error in % that a failed model counts with; None keeps it +inf.

    Raises:
        StatisticsError: unusable errors or m outside its range.
    """

    errors: Floats
    m: int
    chance: float | None = None

    def __init__(self, errors: ArrayLike, m: int, *, chance: float | None = None) -> None:
        values = np.sort(at_chance(as_errors(errors), chance))
        if not 1 <= m <= values.size:
            raise StatisticsError(f"1 <= m <= n must hold for the best of m, got m={m}, n={values.size}")
        object.__setattr__(self, "errors", values)
        object.__setattr__(self, "m", m)
        object.__setattr__(self, "chance", chance)

    @cached_property
    def probabilities(self) -> Floats:
        """float64 (n,): the probability of each sorted error to be the best; sums to 1."""
        n, m = self.errors.size, self.m
        below = np.arange(n - 1, m - 2, -1)
        logs = gammaln(below + 1) - gammaln(m) - gammaln(below - m + 2)
        logs -= gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
        return np.concatenate([np.exp(logs), np.zeros(m - 1)])

    @property
    def mean(self) -> float:
        """Expected best error in %; +inf when failures can be the best and no chance level is given."""
        possible = self.probabilities > 0
        return float(self.errors[possible] @ self.probabilities[possible])

    @property
    def sd(self) -> float:
        """Standard deviation of the best error in percentage points; +inf where the mean is."""
        mean = self.mean
        if np.isinf(mean):
            return float("inf")
        possible = self.probabilities > 0
        return float(np.sqrt((self.errors[possible] - mean) ** 2 @ self.probabilities[possible]))

    def quantile(self, q: float) -> float:
        """Return the least error that the best of m does not exceed with probability q, in %."""
        check_probability(q, "q")
        return float(self.errors[_inverse(np.cumsum(self.probabilities), q)])

    def interval(self, q: float = 0.5, alpha: float = 0.05) -> Interval:
        """Enclose the q-quantile of the best of m new models of the space, in %.

        It is the quantile of F at p = 1 - (1 - q)^(1/m), enclosed by order statistics.

        Raises:
            StatisticsError: m is above n / 5, or n is too small: the population does not reach so far into its tail.
        """
        check_probability(q, "q")
        n = self.errors.size
        if 5 * self.m > n:
            raise StatisticsError(
                f"an interval for the best of {self.m} needs at least {5 * self.m} models (m <= n / 5), got {n}"
            )
        low, high, _ = quantile_ranks(n, best_of_level(q, self.m), alpha)
        return float(self.errors[low - 1]), float(self.errors[high - 1])


def best_of_level(q: float, m: int) -> float:
    """Return the p for which the p-quantile of F is the q-quantile of the best of m: 1 - (1 - q)^(1/m)."""
    return float(-np.expm1(np.log1p(-q) / m))


def _inverse(cumulative: Floats, q: float) -> int:
    """Return the first index whose cumulated probability reaches q, forgiving the rounding of the sum."""
    return min(int(np.searchsorted(cumulative, q - 1e-12)), cumulative.size - 1)
