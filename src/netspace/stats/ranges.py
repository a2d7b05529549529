"""The range of a parameter that holds the best models (paper, footnote 4): exact, where the paper resamples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from netspace.checks import check_number
from netspace.errors import StatisticsError
from netspace.stats.arguments import (
    BLOCK,
    Floats,
    Interval,
    as_errors,
    as_finite,
    check_probability,
    check_variety,
)

MIN_MODELS = 8
"""Below it the best of a quarter is the best of one: every model is as likely as any other."""
NEVER = 1e-15
"""Probability of being the best, of all models together that are left out of random pairings: below rounding."""


@dataclass(frozen=True, kw_only=True)
class BestRange:
    """Where the best models lie on one parameter.

    Attributes:
        low, high: the range, in the parameter's unit.
        median: the likely best value.
        effective_models: 1 / sum p_i^2; about 8 whatever n is, so the range does not narrow as n grows.
        width_p_value: share of random pairings of parameter and error with a range as narrow; large means that the
            parameter and the error may be unrelated and the range says nothing.
        n: models.
    """

    low: float
    high: float
    median: float
    effective_models: float
    width_p_value: float
    n: int

    @property
    def interval(self) -> Interval:
        """The pair (low, high)."""
        return self.low, self.high


def best_range(
    x: ArrayLike,
    errors: ArrayLike,
    *,
    draws: int | None = None,
    level: float = 0.95,
    permutations: int = 1999,
    seed: int | np.random.Generator = 0,
) -> BestRange:
    """Compute the paper's best range without its 10^4 resamples.

    Args:
        x: (n,), the parameter's value of each model.
        errors: (n,), error in %; +inf is a failed model.
        draws: k, models per resample; None takes the paper's quarter, max(1, floor(n / 4)).
        level: share of resamples whose best model lies in the range.
        permutations: random pairings for the p-value of the width.
        seed: of those.

    Raises:
        StatisticsError: fewer than 8 models, unequal lengths, NaN, or errors that are all equal.
    """
    values = as_errors(errors, at_least=MIN_MODELS)
    parameter = as_finite(x, "x", like=values.size)
    check_variety(values, "the best range")
    check_probability(level, "level")
    order = np.argsort(parameter, kind="stable")
    probabilities = best_probabilities(values, draws)[order]
    parameter = parameter[order]

    tails = ((1 - level) / 2, 0.5, (1 + level) / 2)
    low, median, high = (float(weighted_quantile(parameter, probabilities, q)) for q in tails)
    as_narrow = 0
    for x_block, block in _random_pairings(parameter, probabilities, permutations, seed):
        widths = weighted_quantile(x_block, block, tails[2]) - weighted_quantile(x_block, block, tails[0])
        as_narrow += int((widths <= (high - low) * (1 + 1e-12)).sum())
    return BestRange(
        low=low,
        high=high,
        median=median,
        effective_models=float(1 / (probabilities**2).sum()),
        width_p_value=(1 + as_narrow) / (1 + permutations),
        n=values.size,
    )


def _random_pairings(
    x: Floats, probabilities: Floats, permutations: int, seed: int | np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Yield random pairings in blocks: ascending values of x and their probabilities, (rows, m) each.

    Only models that are ever the best are placed: of 50,000 some 180, whatever x and errors are.
    """
    likely = probabilities[probabilities > NEVER / x.size]
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // likely.size)
    for start in range(0, permutations, rows):
        count = min(rows, permutations - start)
        places = np.array([rng.choice(x.size, likely.size, replace=False) for _ in range(count)])
        order = np.argsort(places, axis=1)
        yield x[np.take_along_axis(places, order, axis=1)], likely[order]


def best_probabilities(errors: ArrayLike, draws: int | None = None) -> Floats:
    """Return the probability of each model to be the best of `draws` drawn with replacement.

    p_i = ((n - i + 1) / n)^k - ((n - i) / n)^k for the i-th best; equal errors share theirs equally.

    Args:
        errors: (n,), in any order.
        draws: k >= 1; None is the paper's max(1, floor(n / 4)).

    Returns:
        float64 (n,) in the order of `errors`; sums to 1.

    Raises:
        StatisticsError: unusable errors, or draws below 1.
    """
    values = as_errors(errors)
    n = values.size
    k = max(1, n // 4) if draws is None else draws
    check_number(k, "draws", least=1, error=StatisticsError)
    first = rankdata(values, method="min")
    last = rankdata(values, method="max")
    return (((n - first + 1) / n) ** k - ((n - last) / n) ** k) / (last - first + 1)


def weighted_quantile(x: Floats, probabilities: Floats, q: float) -> Floats:
    """Return the least x whose cumulated probability reaches q (inverse CDF).

    Args:
        x: (n,) or (..., n), ascending.
        probabilities: (..., n), each row summing to 1, in the order of `x`.
        q: in (0, 1).

    Returns:
        (...), one quantile per row.
    """
    # a sum that should be exactly q may fall short by rounding
    reached = np.cumsum(probabilities, axis=-1) >= q - 1e-12
    first = np.argmax(reached, axis=-1, keepdims=True)
    return np.take_along_axis(np.broadcast_to(x, reached.shape), first, axis=-1)[..., 0]
