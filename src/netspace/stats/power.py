"""How many models a comparison needs, before anything is spent (Noether 1987)."""

from math import ceil, sqrt

from scipy.stats import norm

from netspace.errors import StatisticsError
from netspace.stats.arguments import check_probability


def models_needed(theta: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the models per space with which a two-sided test finds `theta` (Noether 1987).

    n = (z_{1 - alpha/2} + z_power)^2 / [6 (theta - 1/2)^2], not rounded: take the next integer.

    Args:
        theta: P(a model of B beats one of A), in (0, 1), not 1/2.
        power: probability of finding it.
        alpha: two-sided level.

    Raises:
        StatisticsError: a value outside its range.
    """
    check_probability(theta, "theta")
    if theta == 0.5:
        raise StatisticsError("theta = 0.5 is no difference: no number of models detects it")
    return float(_z_sum(alpha / 2, 1 - power) ** 2 / (6 * (theta - 0.5) ** 2))


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


def _z_sum(first: float, second: float) -> float:
    check_probability(first, "alpha")
    check_probability(second, "1 - power")
    return float(norm.isf(first) + norm.isf(second))


def _check_models(n: int) -> None:
    if n < 1:
        raise StatisticsError(f"at least 1 model per space is needed, got {n}")
