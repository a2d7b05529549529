"""The error distribution function of a population (paper, section 3) with its confidence bands."""

from dataclasses import dataclass
from functools import cached_property
from math import log, sqrt
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspace.displayed import Displayed
from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.arguments import Floats, Interval, as_errors, as_finite, at_chance, check_probability
from netspace.stats.order_statistics import BETA_BAND_LIMIT, beta_band, quantile_ranks


class Steps(NamedTuple):
    """A step function: `height[i]` holds on (x[i], x[i + 1]]; the first entry repeats x[1] at height 0."""

    x: Floats
    height: Floats


class Band(NamedTuple):
    """A band of step functions: `lower[i]` and `upper[i]` hold on (x[i], x[i + 1]], the first before x[0]."""

    x: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class EDF(Displayed):
    """F(x) = sum_i w_i 1[e_i < x], strict as in the paper.

    Failed models (error +inf) are part of the population: F never reaches 1 while there are any.

    Args:
        errors: (n,), error in %; +inf is a failed model. Kept sorted.
        weights: (n,), non-negative, in the order of `errors`; None weighs all models alike. Kept with sum 1.
        chance: error in % that a failed model counts with in the mean (90 for ten classes); None makes the mean of a
            population with failures +inf.

    Raises:
        StatisticsError: no models, NaN or -inf errors, or unusable weights.
    """

    errors: Floats
    weights: Floats | None = None
    chance: float | None = None

    def __init__(self, errors: ArrayLike, weights: ArrayLike | None = None, *, chance: float | None = None) -> None:
        values = as_errors(errors)
        if weights is None:
            ordered, shares = np.sort(values), None
        else:
            order = np.argsort(values, kind="stable")
            ordered, shares = values[order], _shares(weights, values.size)[order]
            shares.flags.writeable = False
        ordered.flags.writeable = False
        object.__setattr__(self, "errors", ordered)
        object.__setattr__(self, "weights", shares)
        object.__setattr__(self, "chance", chance)

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: ArrayLike) -> float | Floats: ...
    def __call__(self, x: ArrayLike) -> float | Floats:
        """Return the share of models with an error strictly below x (in %), for one x or an array of them."""
        share: Any = self._cumulative[np.searchsorted(self.errors, np.asarray(x, dtype=np.float64), side="left")]
        return float(share) if np.ndim(share) == 0 else share

    @property
    def n(self) -> int:
        """Models in the population, failed ones included."""
        return self.errors.size

    @property
    def failures(self) -> int:
        """Models with error +inf."""
        return int(np.isposinf(self.errors).sum())

    @property
    def min(self) -> float:
        """Least error, in %; +inf when every model failed."""
        return float(self.errors[0])

    @property
    def mean(self) -> float:
        """(Weighted) mean error in %, failures at the chance level; +inf with failures but no chance level."""
        values = at_chance(self.errors, self.chance)
        if self.weights is None:
            return float(values.mean())
        # a failure without weight must not turn 0 * inf into NaN
        counted = self.weights > 0
        return float(values[counted] @ self.weights[counted])

    def steps(self) -> Steps:
        """Return the exact corners of the curve, failures beyond its right end.

        Returns:
            `Steps` of 1 + (number of distinct finite errors) entries; empty when every model failed.
        """
        x, below = self._corners()
        return Steps(x, self._cumulative[below])

    def band(self, alpha: float = 0.05, method: Literal["beta", "dkw"] | None = None) -> Band:
        """Enclose the whole of F at once with probability 1 - alpha.

        Args:
            alpha: 1 - simultaneous coverage.
            method: "beta", equal local levels (Aldor-Noiman et al. 2013), tight in the tails; "dkw", constant width
                sqrt(ln(2 / alpha) / 2n) (Massart 1990), of any number of models at no cost. None takes the Beta band
                up to its limit of 10,000 models, the other beyond it.

        Returns:
            `Band` at the corners of `steps`.

        Raises:
            StatisticsError: a Beta band of more models than its limit; or the EDF is weighted: neither band holds then
                (`normalized` bootstraps one).
            UnknownNameError: no such method.
        """
        check_probability(alpha, "alpha")
        if method is None:
            method = "beta" if self.n <= BETA_BAND_LIMIT else "dkw"
        if self.weights is not None:
            raise StatisticsError(
                "the Beta and DKW bands do not hold for a weighted EDF; use normalized_band, which recomputes weights"
            )
        if method not in ("beta", "dkw"):
            raise_unknown("band", method, ("beta", "dkw"))
        x, below = self._corners()
        if method == "beta":
            lower, upper = beta_band(self.n, alpha)
            return Band(x, np.append(0.0, lower)[below], np.append(upper, 1.0)[below])
        margin = dkw_margin(self.n, alpha)
        share = below / self.n
        return Band(x, np.maximum(share - margin, 0.0), np.minimum(share + margin, 1.0))

    def quantile_interval(self, p: float, alpha: float = 0.05) -> Interval:
        """Enclose the p-quantile of the errors by order statistics, in %; an end is +inf where it meets failures.

        Raises:
            StatisticsError: too few models for this quantile, or a weighted EDF.
        """
        self._check_unweighted("a quantile interval")
        low, high, _ = quantile_ranks(self.n, p, alpha)
        return float(self.errors[low - 1]), float(self.errors[high - 1])

    def pointwise(self, x: float, alpha: float = 0.05) -> Interval:
        """Enclose F at one x fixed beforehand (Clopper & Pearson 1934).

        Raises:
            StatisticsError: a weighted EDF.
        """
        self._check_unweighted("a pointwise interval")
        below = int(np.searchsorted(self.errors, x, side="left"))
        from scipy.stats import binomtest

        interval = binomtest(below, self.n).proportion_ci(confidence_level=1 - alpha, method="exact")
        return float(interval.low), float(interval.high)

    @cached_property
    def _cumulative(self) -> Floats:
        """(n + 1,): the share of the i least errors."""
        if self.weights is None:
            return np.asarray(np.arange(self.n + 1) / self.n)
        return np.asarray(np.minimum(np.append(0.0, np.cumsum(self.weights)), 1.0))

    def _corners(self) -> tuple[Floats, NDArray[np.intp]]:
        """Return where the curve steps, the first place twice, and how many errors lie below just after each."""
        finite = self.errors[: self.n - self.failures]
        last = np.flatnonzero(np.append(np.diff(finite) > 0, True)[: finite.size])
        return finite[np.append(last[:1], last)], np.append(np.zeros_like(last[:1]), last + 1)

    def _check_unweighted(self, what: str) -> None:
        if self.weights is not None:
            raise StatisticsError(f"{what} needs an unweighted EDF")


def dkw_margin(n: int, alpha: float = 0.05) -> float:
    """Return the half-width of the Dvoretzky-Kiefer-Wolfowitz band with Massart's constant (1990)."""
    return sqrt(log(2 / alpha) / (2 * n))


def _shares(weights: ArrayLike, n: int) -> Floats:
    array = as_finite(weights, "weights", like=n)
    if (array < 0).any() or array.sum() <= 0:
        raise StatisticsError("weights: none may be negative and their sum must be positive")
    return np.asarray(array / array.sum())
