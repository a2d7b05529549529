"""How many models a comparison needs, before anything is spent (Noether 1987), with and without a predictor."""

from itertools import takewhile
from math import asin, ceil, pi, sqrt

from scipy.stats import norm

from netspace.checks import check_number
from netspace.errors import StatisticsError
from netspace.stats.arguments import check_probability
from netspace.stats.confidence_sequence import looks, multiplier
from netspace.stats.sequential import StoppingRule

MEDIAN_DISTANCE = float(norm.isf(0.25))
"""Standard errors that half of all estimates are away from the truth, at most."""


def variance_left(r2: float) -> float:
    """Return the share of theta's variance that a predictor leaves: 1 - (6 / pi) arcsin(R2 / 2).

    Of the normal scores of two spaces alike, of which the predictor knows a share R2: the placement of a model is then
    a normal score's distribution function, and that is the share of its variance that what is known leaves over.

    Args:
        r2: on networks that the predictor did not see, at most 1; below 0 a predictor is worth as little as at 0.

    Raises:
        StatisticsError: r2 above 1.
    """
    check_number(r2, "R2", most=1, error=StatisticsError)
    return 1 - 6 / pi * asin(max(r2, 0.0) / 2)


def models_needed(theta: float, *, power: float = 0.8, alpha: float = 0.05, r2: float = 0.0) -> float:
    """Return the models per space with which a two-sided test finds `theta` (Noether 1987).

    n = (z_{1 - alpha/2} + z_power)^2 / [6 (theta - 1/2)^2], not rounded: take the next integer. A predictor leaves of
    it what it leaves of the variance, see `variance_left`.

    Args:
        theta: P(a model of B beats one of A), in (0, 1), not 1/2.
        power: probability of finding it.
        alpha: two-sided level.
        r2: of the predictor on networks that it did not see; 0 is the classical test.

    Raises:
        StatisticsError: a value outside its range.
    """
    check_probability(theta, "theta")
    if theta == 0.5:
        raise StatisticsError("theta = 0.5 is no difference: no number of models detects it")
    return variance_left(r2) * _z_sum(alpha / 2, 1 - power) ** 2 / (6 * (theta - 0.5) ** 2)


def detectable_theta(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the least theta above 1/2 that n models per space find with `power` (the inverse of `models_needed`).

    Raises:
        StatisticsError: a value outside its range, or n so small that not even theta = 1 is detectable.
    """
    _check_models(n)
    theta = 0.5 + _z_sum(alpha / 2, 1 - power) / sqrt(6 * n)
    if theta >= 1:
        least = ceil(models_needed(1 - 1e-9, power=power, alpha=alpha))
        raise StatisticsError(f"no difference is detectable with {n} models per space; {least} are the least")
    return theta


def smallest_delta(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the least delta for which two equal spaces of n models are found equivalent (TOST) with `power`.

    Raises:
        StatisticsError: a value outside its range, or n so small that no delta below 1/2 is reachable.
    """
    _check_models(n)
    delta = _z_sum(alpha, (1 - power) / 2) / sqrt(6 * n)
    if delta >= 0.5:
        raise StatisticsError(f"equivalence cannot be shown with {n} models per space, whatever delta is")
    return delta


def pairs_to_decide(theta: float, rule: StoppingRule, *, r2: float = 0.0, horizon: int = 500) -> int | None:
    """Return the look of the confidence sequence by which about half of all studies are decided.

    Theta is then estimated as the truth is, in the median, with the variance that `models_needed` supposes.

    Args:
        theta: the truth, P(a model of B beats one of A), in (0, 1); at 1/2 the spaces are to be found equivalent.
        rule: when to stop.
        r2: of the predictor on networks that it did not see.
        horizon: pairs at most.

    Returns:
        Pairs; None if most studies are undecided after `horizon`.

    Raises:
        StatisticsError: a value outside its range.
    """
    check_probability(theta, "theta")
    left, distance = variance_left(r2), abs(theta - 0.5)
    for n in takewhile(lambda look: look <= horizon, looks()):
        se = sqrt(left / (6 * n))
        if distance >= multiplier(n, rule.difference_level) * se:
            return n
        if rule.delta is not None:
            reach = multiplier(n, rule.equivalence_level) * se
            # at 1/2 either side may be the nearer one; away from it the estimate is beyond the truth half of the time
            if distance + (MEDIAN_DISTANCE * se if distance == 0 else 0) + reach <= rule.delta:
                return n
    return None


def _z_sum(first: float, second: float) -> float:
    check_probability(first, "alpha")
    check_probability(second, "1 - power")
    return float(norm.isf(first) + norm.isf(second))


def _check_models(n: int) -> None:
    if n < 1:
        raise StatisticsError(f"at least 1 model per space is needed, got {n}")
