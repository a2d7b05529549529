"""Distributions of one parameter: exact discrete laws over a sorted support.

If the original code draws a real number and rounds it to a grid (pycls `sweep/random.py`), the probability of each
grid point is written down here, so that a law can be conditioned, counted and tested without drawing from it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netspace.checks import check_number, check_rule, is_number
from netspace.errors import ConfigError, raise_unknown, short

Number = int | float
Values = NDArray[np.int64] | NDArray[np.float64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Distribution:
    """A law over finitely many numbers, or words. Make one with `log_uniform`, `uniform`, `power_of_two`, `choice`, ...

    Attributes:
        values: the support, sorted, without repeats: int64 (K,) if all are whole and meant to be, else float64 (K,); of
            words an array of strings.
        probabilities: float64 (K,), positive, summing to 1.
        spec: how a space's YAML file writes the law, such as `{"log_uniform": [8, 1024], "step": 8}`.
    """

    values: Values
    probabilities: FloatArray
    spec: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.values)

    def draw(self, generator: np.random.Generator, shape: int | tuple[int, ...]) -> Values:
        """Return independent draws, an array of `shape`."""
        return self.values[self._inner_edges.find(generator.random(shape))]

    @cached_property
    def _inner_edges(self) -> "Edges":
        """The cumulative probabilities without the last, which is 1 but for rounding."""
        return Edges(np.cumsum(self.probabilities)[:-1], side="right")

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it is over; empty if it is over numbers."""
        return tuple(map(str, self.values.tolist())) if self.values.dtype.kind == "U" else ()

    def restricted(
        self, *, low: Number | None = None, high: Number | None = None, values: Sequence[Number | str] | None = None
    ) -> "Distribution":
        """Return this law conditioned on low <= value <= high and, where `values` are given, on being one of them.

        Raises:
            ConfigError: nothing is left, one of `values` is not in the support, or words have no low or high.
        """
        if self.words and (low is not None or high is not None):
            raise ConfigError(f"words have no low or high: give values, of {self.support()}")
        keep = np.ones(len(self), dtype=bool)
        if low is not None:
            keep &= self.values >= low
        if high is not None:
            keep &= self.values <= high
        if values is not None:
            foreign = [value for value in values if value not in self.values.tolist()]
            if foreign:
                raise ConfigError(f"{short(foreign[0])} is not one of the values to restrict: {self.support()}")
            keep &= np.array([value in values for value in self.values.tolist()])
        if not keep.any():
            raise ConfigError(f"the restriction excludes every value of {self.support()}")
        return choice(self.values[keep].tolist(), weights=self.probabilities[keep].tolist())

    def support(self) -> str:
        """Return the support for a message: all values if few, else the ends."""
        shown = list(self.words) or [f"{value:g}" for value in self.values]
        return ", ".join(shown) if len(shown) <= 8 else f"{shown[0]}, {shown[1]}, ..., {shown[-1]}"


class Edges:
    """`np.searchsorted(edges, levels, side)` for levels in [0, 1], from a table: some ten times faster, and the same.

    Args:
        edges: float64 (K,), ascending.
        side: as `np.searchsorted` takes it.
    """

    CELLS = 4096  # a power of two: the cell of a level is then exact

    def __init__(self, edges: FloatArray, side: Literal["left", "right"]) -> None:
        self._edges, self._side = edges, side
        bounds = np.arange(self.CELLS + 2) / self.CELLS
        self._first = np.searchsorted(edges, bounds[:-1], side=side)
        self._unsure = self._first != np.searchsorted(edges, bounds[1:], side="left")

    def find(self, levels: FloatArray) -> NDArray[np.int64]:
        """Return the place of each level among the edges, an array of the shape of `levels`."""
        cells = (levels * self.CELLS).astype(np.int64)
        places = self._first[cells]
        unsure = self._unsure[cells]
        places[unsure] = np.searchsorted(self._edges, levels[unsure], side=self._side)
        return places


def log_uniform(low: Number, high: Number, step: Number = 1) -> Distribution:
    """Return the log-uniform law over the multiples of `step` in [low, high].

    A real number drawn log-uniformly from (low - min(step, low / 2), high] is rounded up to a multiple of `step`, so
    P(k) is proportional to log(k / k'), k' being the value before k (pycls `sweep/random.py`; RegNet paper, table 1).

    Raises:
        ConfigError: not 0 < low <= high, step <= 0, or an end is not a multiple of `step`.
    """
    check_number(low, "low", above=0, where="log_uniform: ")
    values = _grid("log_uniform", low, high, step)
    before = np.concatenate([[low - min(step, low / 2)], values[:-1]])
    return _law(values, np.log(values / before), {"log_uniform": [low, high], **_step(step)})


def uniform(low: Number, high: Number, step: Number = 1) -> Distribution:
    """Return the uniform law over the multiples of `step` in [low, high].

    Raises:
        ConfigError: low > high, step <= 0, or an end is not a multiple of `step`.
    """
    values = _grid("uniform", low, high, step)
    return _law(values, np.ones(len(values)), {"uniform": [low, high], **_step(step)})


def normal(
    low: Number, high: Number, *, mean: Number | None = None, sd: Number | None = None, step: Number = 1
) -> Distribution:
    """Return the normal law of `mean` and `sd` rounded to the multiples of `step`, conditioned on [low, high].

    P(k) is proportional to the probability of [k - step / 2, k + step / 2].

    Raises:
        ConfigError: low > high, step <= 0, an end is not a multiple of `step`, mean or sd is missing, sd <= 0, or
            mean and sd leave [low, high] without probability.
    """
    values = _grid("normal", low, high, step)
    if mean is None or sd is None or not is_number(mean) or not is_number(sd) or not sd > 0:
        raise ConfigError(f"normal: mean and sd must be numbers and sd > 0, got mean={short(mean)}, sd={short(sd)}")
    spec = {"normal": [low, high], "mean": mean, "sd": sd, **_step(step)}
    middle = values.astype(np.float64)
    return _rounded_normal("normal", values, middle - step / 2, middle + step / 2, mean, sd, spec)


def log_normal(
    low: Number, high: Number, *, median: Number | None = None, factor: Number | None = None, step: Number = 1
) -> Distribution:
    """Return the law of median x factor^z, z standard normal, rounded to the multiples of `step`, within [low, high].

    P(k) is proportional to the probability of [k - step / 2, k + step / 2].

    Raises:
        ConfigError: not 0 < low <= high, step <= 0, an end is not a multiple of `step`, not median > 0 and factor > 1,
            or these leave [low, high] without probability.
    """
    if not (is_number(low) and low > 0):
        raise ConfigError(f"log_normal: low must be > 0, got low={short(low)}")
    values = _grid("log_normal", low, high, step)
    known = median is not None and factor is not None and is_number(median) and is_number(factor)
    if median is None or factor is None or not known or not (median > 0 and factor > 1):
        raise ConfigError(
            f"log_normal: median > 0 and factor > 1 must hold, got median={short(median)}, factor={short(factor)}"
        )
    spec = {"log_normal": [low, high], "median": median, "factor": factor, **_step(step)}
    below = np.log(np.maximum(values - step / 2, np.finfo(np.float64).tiny))
    above = np.log(values + step / 2)
    return _rounded_normal("log_normal", values, below, above, math.log(median), math.log(factor), spec)


def power_of_two(low: Number, high: Number) -> Distribution:
    """Return the uniform law over the powers of two in [low, high]; below 1 they are 1/2, 1/4, ...

    Raises:
        ConfigError: not 0 < low <= high, or an end is not a power of two.
    """
    for name, end in (("low", low), ("high", high)):
        check_number(end, name, above=0, where="power_of_two: ")
    check_rule(low <= high, "low <= high", where="power_of_two: ", low=low, high=high)
    first, last = math.log2(low), math.log2(high)
    if not (first.is_integer() and last.is_integer()):
        raise ConfigError(f"power_of_two: low and high must be powers of two, got low={low}, high={high}")
    values = [2.0**exponent for exponent in range(int(first), int(last) + 1)]
    return _law(_whole_if_whole(values), np.ones(len(values)), {"power_of_two": [low, high]})


def group_widths(low: int, high: int) -> Distribution:
    """Return pycls' law of RegNet's group width: powers of two below 8, log-uniform multiples of 8 from there on.

    The powers of two in [low, high] share the probability equally; what falls on 8 and above is spread log-uniformly
    over the multiples of 8 (pycls `power2_or_log_uniform`, `sweep/random.py`).

    Raises:
        ConfigError: an end is not a power of two, or not 1 <= low <= high.
    """
    powers = power_of_two(low, high)
    spec = {"group_widths": [low, high]}
    if high < _GROUP_STEP:
        return _law(powers.values, powers.probabilities, spec)
    small = powers.values < _GROUP_STEP
    large = log_uniform(max(low, _GROUP_STEP), high, _GROUP_STEP)
    weights = np.concatenate([powers.probabilities[small], large.probabilities * powers.probabilities[~small].sum()])
    return _law(np.concatenate([powers.values[small], large.values]), weights, spec)


def choice(values: Sequence[Number] | Sequence[str], weights: Sequence[float] | None = None) -> Distribution:
    """Return the law over the given `values`, uniform or proportional to `weights` (those of weight 0 drop out).

    Args:
        values: numbers, or words, which spaces over functions may have.
        weights: of each.

    Raises:
        ConfigError: no values, a repeated value, or weights that are negative, all zero or of another length.
    """
    words = bool(values) and all(_is_word(value) for value in values)
    if not values or not (words or all(is_number(value) for value in values)):
        raise ConfigError(f"choice: values must be a list of numbers, or of words, got {short(values)}")
    if len(set(values)) < len(values):
        raise ConfigError(f"choice: values must differ from one another, got {list(values)}")
    spec: dict[str, Any] = {"choice": list(values)}
    if weights is not None:
        one_each = isinstance(weights, Sequence | np.ndarray) and len(weights) == len(values)
        if not one_each or not all(is_number(weight) and weight >= 0 for weight in weights):
            raise ConfigError(f"choice: weights must be one number >= 0 for each value, got {short(weights)}")
        if not sum(weights) > 0:
            raise ConfigError(f"choice: at least one weight must be > 0, got {list(weights)}")
        spec["weights"] = list(weights)
    given = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(np.asarray(values, dtype=np.str_ if words else np.float64))
    order = order[given[order] > 0]
    kept: Any = [values[i] for i in order]
    return _law(_words(kept) if words else _whole_if_whole(kept), given[order], spec)


def fixed(value: Number | str) -> Distribution:
    """Return the law that always gives `value`.

    Raises:
        ConfigError: `value` is not a number, nor a word.
    """
    if isinstance(value, str) and _is_word(value):
        return _law(_words([value]), np.ones(1), {"fixed": value})
    number: Any = value
    check_number(number, "value", where="fixed: ")
    return _law(_whole_if_whole([number]), np.ones(1), {"fixed": value})


def from_spec(spec: Any, *, words: bool = False) -> Distribution:
    """Return the law that a file writes as `spec`, such as `{"uniform": [1, 63]}`; a bare number or word is fixed.

    Args:
        spec: plain values.
        words: whether it may be a law over words.

    Raises:
        ConfigError, UnknownNameError: the kind is unknown, or its arguments break a rule; the message says which.
    """
    if is_number(spec) or (words and _is_word(spec)):
        return fixed(spec)
    if not isinstance(spec, Mapping) or not spec:
        raise ConfigError(f"must be a number or a mapping such as {{uniform: [1, 16]}}, got {short(spec)}")
    kind = next((key for key in spec if key in _KINDS), next(iter(spec)))
    options = [key for key in spec if key != kind]
    if kind not in _KINDS:
        raise_unknown("distribution", str(kind), _KINDS)
    make, interval, valid = _KINDS[kind]
    for option in options:
        if option not in valid:
            raise ConfigError(f"unknown key '{option}' beside '{kind}'; valid: {', '.join(valid) or 'none'}")
    argument, keywords = spec[kind], {option: spec[option] for option in options}
    if interval:
        if not isinstance(argument, list | tuple) or len(argument) != 2 or not all(map(is_number, argument)):
            raise ConfigError(f"{kind}: must be two numbers [low, high], got {short(argument)}")
        return make(*argument, **keywords)
    if kind == "choice" and not isinstance(argument, list | tuple):
        raise ConfigError(f"choice: values must be a list of numbers, or of words, got {short(argument)}")
    law = make(argument, **keywords)
    if law.words and not words:
        raise ConfigError(f"{kind}: words are values of a builder's parameters alone, got {short(argument)}")
    return law


_GROUP_STEP = 8
_KINDS: dict[str, tuple[Callable[..., Distribution], bool, tuple[str, ...]]] = {
    "log_uniform": (log_uniform, True, ("step",)),
    "uniform": (uniform, True, ("step",)),
    "normal": (normal, True, ("mean", "sd", "step")),
    "log_normal": (log_normal, True, ("median", "factor", "step")),
    "power_of_two": (power_of_two, True, ()),
    "group_widths": (group_widths, True, ()),
    "choice": (choice, False, ("weights",)),
    "fixed": (fixed, False, ()),
}
"""By the key in a file: the constructor, whether its arguments are [low, high], the keys that may stand beside."""


def _law(values: Values, weights: FloatArray, spec: Mapping[str, Any]) -> Distribution:
    return Distribution(values=values, probabilities=weights / weights.sum(), spec=spec)


def _rounded_normal(
    kind: str, values: Values, below: FloatArray, above: FloatArray, mean: float, sd: float, spec: Mapping[str, Any]
) -> Distribution:
    ends = np.array([[math.erf((end - mean) / (sd * math.sqrt(2))) for end in edge] for edge in (below, above)])
    weights = ends[1] - ends[0]
    likely = weights > 0
    if not likely.any():
        raise ConfigError(f"{kind}: no value between {values[0]:g} and {values[-1]:g} has any probability")
    return _law(values[likely], weights[likely], spec)


def _grid(kind: str, low: Number, high: Number, step: Number) -> Values:
    for name, end in (("low", low), ("high", high)):
        check_number(end, name, where=f"{kind}: ")
    check_rule(low <= high, "low <= high", where=f"{kind}: ", low=low, high=high)
    check_number(step, "step", above=0, where=f"{kind}: ")
    first, last = round(low / step), round(high / step)
    for end, multiple in ((low, first), (high, last)):
        if not math.isclose(multiple * step, end, rel_tol=1e-9, abs_tol=1e-12):
            raise ConfigError(f"{kind}: low and high must be multiples of step={step}, got {end}")
    if last - first >= _LARGEST_SUPPORT:
        raise ConfigError(f"{kind}: at most {_LARGEST_SUPPORT} values, got {last - first + 1} for step={step}")
    multiples = np.arange(first, last + 1)
    if all(isinstance(value, int) for value in (low, high, step)):
        return np.asarray(multiples * step, dtype=np.int64)
    # rounded, so that 24 * 0.1 is the number that is written 2.4
    return np.round(multiples * float(step), 10)


_LONGEST_WORD = 60
_LARGEST_SUPPORT = 1_000_000


def _whole_if_whole(values: Sequence[Number]) -> Values:
    array = np.asarray(values, dtype=np.float64)
    return array.astype(np.int64) if np.all(array == np.rint(array)) else array


def _is_word(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_WORD or value != value.strip():
        return False
    try:
        float(value)
    except ValueError:
        return value.isprintable()
    return False  # a number in quotes is rather a mistake


def _words(words: Sequence[str]) -> Values:
    array: Any = np.array(words, dtype=np.str_)
    return array  # type: ignore[no-any-return]


def _step(step: Number) -> dict[str, Number]:
    return {} if step == 1 else {"step": step}
