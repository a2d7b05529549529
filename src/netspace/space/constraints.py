"""Constraints: what `DesignSpace.refine` adds to a space, in Python or, by the same words, in its YAML file.

shared("bottleneck_ratio")             {shared: bottleneck_ratio}
ordered("width", "non_decreasing")     {non_decreasing: width}
tied("w_a", to="w_0")                  {tied: {w_a: w_0}}
restrict("w_m", low=2)                 {restrict: {w_m: {low: 2}}}
fix("bottleneck_ratio", 1)             {restrict: {bottleneck_ratio: {values: [1]}}}
window("flops", "360M:400M")           {flops: "360M:400M"}
where("depth <= 40")                   {where: depth <= 40}
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch import MEASURES
from netspace.checks import check_number, check_rule
from netspace.errors import ConfigError, raise_unknown, short
from netspace.space.distributions import Number
from netspace.space.expressions import Expression
from netspace.space.laws import ORDERS, Order

Columns = Mapping[str, NDArray[Any]]
Bounds = str | tuple[Number | None, Number | None]
"""A window as it may be given: "360M:400M", or a pair of numbers of which either may be None."""


@dataclass(frozen=True)
class Shared:
    """The parameter is drawn once for the network, and is the same in all stages."""

    parameter: str

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it."""
        return {"shared": self.parameter}


@dataclass(frozen=True)
class Ordered:
    """The parameter's values over the stages, drawn independently, are conditioned on their order.

    `constant` is the exception: one draw for all stages, the same as `Shared` (conditioning independent draws on being
    equal would raise every probability to the power of the number of stages).
    """

    parameter: str
    order: Order

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise_unknown("order", str(self.order), ORDERS)

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it."""
        return {self.order: self.parameter}


@dataclass(frozen=True)
class Tied:
    """The parameter is not drawn: it takes the value of another one, `source`."""

    parameter: str
    source: str

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it."""
        return {"tied": {self.parameter: self.source}}


@dataclass(frozen=True)
class Restrict:
    """The parameter's distribution is conditioned on a range (inclusive) or on some of its values."""

    parameter: str
    low: Number | None = None
    high: Number | None = None
    values: tuple[Number | str, ...] | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None and self.values is None:
            raise ConfigError(f"restrict '{self.parameter}': give low, high or values")
        where = f"restrict '{self.parameter}': "
        for value in self.values or ():
            if not isinstance(value, str):
                check_number(value, "each of values", where=where)
        for name, end in (("low", self.low), ("high", self.high)):
            if end is not None:
                check_number(end, name, where=where)
        if self.low is not None and self.high is not None:
            check_rule(self.low <= self.high, "low <= high", where=where, low=self.low, high=self.high)

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it."""
        values = None if self.values is None else list(self.values)
        given = {"low": self.low, "high": self.high, "values": values}
        return {"restrict": {self.parameter: {key: value for key, value in given.items() if value is not None}}}


@dataclass(frozen=True)
class Window:
    """A complexity measure of the final network, at the sampling resolution, lies in [low, high].

    Attributes:
        measure: `flops`, `params` or `activations`.
        low, high: inclusive; 0 and infinity for an open side.
    """

    measure: str
    low: float
    high: float

    def contains(self, value: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which values lie inside."""
        return (value >= self.low) & (value <= self.high)

    def __str__(self) -> str:
        low = format_count(self.low) if self.low > 0 else ""
        high = format_count(self.high) if math.isfinite(self.high) else ""
        return f"{low}:{high}"

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it."""
        return {self.measure: str(self)}


@dataclass(frozen=True)
class Where:
    """A free predicate over the columns of `Population.frame()` (all but the digest).

    Attributes:
        condition: an `Expression`, or a Python function from a mapping of columns, each (n,), to a bool array (n,).
    """

    condition: Expression | Callable[[Columns], NDArray[np.bool_]]

    def holds(self, columns: Columns, n: int) -> NDArray[np.bool_]:
        """Return for which of the n networks the condition holds.

        Raises:
            ConfigError: a Python function returned something else than n truth values.
        """
        result = np.asarray(self.condition(columns))
        if result.shape != (n,) or result.dtype != np.bool_:
            raise ConfigError(
                f"predicate {self.spec()['python']} must return a bool array of shape ({n},), "
                f"got {result.dtype} of shape {result.shape}"
            )
        return result

    def spec(self) -> dict[str, Any]:
        """Return the constraint as a file writes it; a Python function by name and source, which no file can hold."""
        if isinstance(self.condition, Expression):
            return {"where": self.condition.text}
        function = inspect.unwrap(self.condition)
        name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(type(function)))}"
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):
            code = getattr(function, "__code__", None)
            source = code.co_code.hex() if code else ""
        return {"python": name, "source": source}


Constraint = Shared | Ordered | Tied | Restrict | Window | Where


def shared(parameter: str) -> Shared:
    """Return the constraint that `parameter` is the same in all stages."""
    return Shared(parameter)


def ordered(parameter: str, order: Order = "non_decreasing") -> Ordered:
    """Return the constraint that the values of `parameter` are ordered over the stages.

    Raises:
        UnknownNameError: `order` is none of `ORDERS`.
    """
    return Ordered(parameter, order)


def tied(parameter: str, *, to: str) -> Tied:
    """Return the constraint that `parameter` equals the parameter `to`."""
    return Tied(parameter, to)


def restrict(
    parameter: str,
    *,
    low: Number | None = None,
    high: Number | None = None,
    values: Sequence[Number | str] | None = None,
) -> Restrict:
    """Return the constraint that `parameter` lies in [low, high] and, if `values` are given, is one of them.

    Raises:
        ConfigError: low > high, or nothing is given.
    """
    return Restrict(parameter, low, high, None if values is None else tuple(values))


def fix(parameter: str, value: Number | str) -> Restrict:
    """Return the constraint that `parameter` is `value`, which must be one of its values."""
    return restrict(parameter, values=(value,))


def window(measure: str, bounds: Bounds) -> Window:
    """Return the constraint that a complexity `measure` lies within `bounds`, inclusive.

    Raises:
        ConfigError: the bounds cannot be read, or LO > HI.
        UnknownNameError: the measure is none of `MEASURES`.
    """
    if measure not in MEASURES:
        raise_unknown("complexity measure", measure, MEASURES)
    try:
        low, high = parse_window(bounds) if isinstance(bounds, str) else _ends(bounds)
    except ConfigError as error:
        raise error.at(measure) from None
    return Window(measure, low, high)


def where(condition: str | Callable[[Columns], NDArray[np.bool_]]) -> Where:
    """Return the constraint that `condition` holds: a text such as "w_m >= 2 and depth <= 40", or a function.

    A function cannot be written to YAML; its name and source are part of the space's identity.

    Raises:
        ConfigError: the text is not a condition.
    """
    return Where(condition if callable(condition) else Expression(condition))


_COUNT = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|\.\d+(?:[eE][+-]?\d{1,3})?)\s*([kKmMgGtT]?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_window(text: str) -> tuple[float, float]:
    """Return the bounds that "LO:HI" writes: `"360M:400M"` is (360e6, 400e6), `":0.4G"` (0, 4e8), `"1e6:"` (1e6, inf).

    Raises:
        ConfigError: the text is not two numbers (units K, M, G, T) around a colon, one of which may be left out, or
            LO > HI.
    """
    low, colon, high = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon or not (low.strip() or high.strip()):
        raise ConfigError(f"a window is written LO:HI, such as 360M:400M, 0.4G: or :1e6, got {short(text)}")
    return _ends((_parse_count(low, text), _parse_count(high, text)))


def format_count(value: float) -> str:
    """Return a count so that `parse_window` reads the same number: 360000000 gives "360M"."""
    number = Decimal(repr(float(value)))
    for unit, size in reversed(_UNITS.items()):
        scaled = number / size
        if scaled >= 1 and len(scaled.normalize().as_tuple().digits) <= _SHORT:
            return f"{scaled.normalize():f}{unit}"
    return repr(float(value))


_SHORT = 6


def _parse_count(part: str, text: str) -> float | None:
    part = part.strip()
    if not part:
        return None
    match = _COUNT.fullmatch(part)
    value = math.inf if match is None else float(Decimal(match[1]) * _UNITS[match[2].upper()])
    if math.isinf(value):
        raise ConfigError(f"'{part}' in the window {short(text)} is not a number such as 360M, 0.4G or 1e6")
    return value


def _ends(bounds: tuple[Number | None, Number | None]) -> tuple[float, float]:
    """Return the ends of a window as numbers, an open side as 0 or infinity."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ConfigError(f"a window is (LO, HI) or a text such as 360M:400M, got {short(bounds)}")
    for bound in bounds:
        if bound not in (None, math.inf, -math.inf):
            check_number(bound, "each bound of a window")
    low, high = bounds
    least, most = 0.0 if low is None else float(low), math.inf if high is None else float(high)
    check_rule(least <= most, "LO <= HI", LO=least, HI=most)
    return least, most
