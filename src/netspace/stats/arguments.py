"""What every statistic here asks of its input: one-dimensional errors without NaN, failures as +inf."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspace.checks import check_number
from netspace.errors import StatisticsError

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]
BLOCK = 4_000_000
"""Numbers held at once by `permuted` (32 MB)."""


def as_errors(values: ArrayLike, name: str = "errors", at_least: int = 1) -> Floats:
    """Read a population's errors.

    Args:
        values: (n,), error in % of each model, lower is better; +inf is a failed model.
        name: what the values are, for the message.
        at_least: how many models the caller's method needs.

    Returns:
        float64 (n,), in the order given.

    Raises:
        StatisticsError: the values are not numbers, not one-dimensional, too few, NaN or -inf.
    """
    array = as_numbers(values, name)
    if array.size < at_least:
        raise StatisticsError(f"{name}: at least {at_least} models are needed, got {array.size}")
    wrong = np.isnan(array) | np.isneginf(array)
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        raise StatisticsError(
            f"{name}: {int(wrong.sum())} of {array.size} values are NaN or -inf (the first at index {where}); "
            "give a failed model the error +inf"
        )
    return array


def as_finite(values: ArrayLike, name: str, like: int) -> Floats:
    """Read one finite number per model (a parameter or a complexity).

    Args:
        values: (n,).
        name: what the values are, for the message.
        like: the n that must be met.

    Raises:
        StatisticsError: another number of values, or one that is not finite.
    """
    array = as_numbers(values, name)
    if array.size != like:
        raise StatisticsError(f"{name}: one value per model is needed ({like}), got {array.size}")
    if not np.isfinite(array).all():
        raise StatisticsError(f"{name}: every value must be finite, {int((~np.isfinite(array)).sum())} are not")
    return array


def as_numbers(values: ArrayLike, name: str) -> Floats:
    """Read a one-dimensional float64 array.

    Raises:
        StatisticsError: the values are not numbers or not one-dimensional.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise StatisticsError(f"{name}: numbers are needed, got {type(values).__name__} with other values") from None
    if array.ndim != 1:
        raise StatisticsError(f"{name}: a one-dimensional array is needed, got shape {array.shape}")
    return array


def midranks(values: Floats) -> Floats:
    """Return the rank of each of (n,) values from 1, the mean rank for equal ones."""
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[level])


def at_chance(errors: Floats, chance: float | None) -> Floats:
    """Failed models at the error of guessing, for means; unchanged where `chance` is None."""
    return errors if chance is None else np.where(np.isposinf(errors), chance, errors)


def check_variety(errors: Floats, what: str) -> None:
    """Refuse a population whose errors are all equal.

    Raises:
        StatisticsError: naming `what` cannot be told from such errors.
    """
    if (errors == errors[0]).all():
        raise StatisticsError(f"all {errors.size} errors are {errors[0]:g}: they say nothing about {what}")


def permuted(values: Floats, permutations: int, seed: int | np.random.Generator) -> Iterator[Floats]:
    """Yield random permutations of (n,) values in blocks (rows, n) that stay small whatever n is.

    Args:
        values: (n,).
        permutations: rows in all.
        seed: of the permutations; they do not depend on the size of the blocks.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // values.size)
    for start in range(0, permutations, rows):
        yield rng.permuted(np.tile(values, (min(rows, permutations - start), 1)), axis=1)


def check_probability(value: float, name: str) -> None:
    """Refuse a level outside (0, 1).

    Raises:
        StatisticsError: `0 < value < 1` does not hold.
    """
    check_number(value, name, above=0, below=1, error=StatisticsError)
