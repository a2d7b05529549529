"""Checking arguments: one number against its range, several values against a rule, in one form of words.

Functions that raise unless something holds are called `check_...`, here and elsewhere. The rules of a `Document` are
pydantic's fields and validators, whose `ValueError` becomes a `ConfigError` that names the key.
"""

import math
from numbers import Real
from typing import Any

from netspace.errors import ConfigError, NetspaceError, short


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number, and not a truth value."""
    if isinstance(value, int):  # which may be larger than any float
        return not isinstance(value, bool)
    return isinstance(value, Real) and math.isfinite(value)


def check_number(
    value: Any,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    whole: bool = False,
    where: str = "",
    error: type[NetspaceError] = ConfigError,
) -> None:
    """Raise unless `value` is a number, within its range.

    Args:
        value: what was received.
        name: what it is called.
        least, above: the lower end, inclusive or exclusive; None for none.
        most, below: the upper end, likewise.
        whole: whether it must be whole, and of a type for whole numbers.
        where: begins the message.
        error: what is raised.

    Raises:
        NetspaceError: of the kind `error`; the message says the rule and what was received.
    """
    inside = (
        is_number(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
        and (below is None or value < below)
    )
    if inside and (not whole or hasattr(value, "__index__")):
        return
    low = f"{least} <= " if least is not None else f"{above} < " if above is not None else ""
    high = f" <= {most}" if most is not None else f" < {below}" if below is not None else ""
    if low and not high:
        low, high = "", f" >= {least}" if least is not None else f" > {above}"
    if whole:
        ends = f"{high}" if not low else f", {low}{name}{high}"
        rule = f"{name} must be a whole number{ends}"
    else:
        rule = f"{low}{name}{high} must hold" if low or high else f"{name} must be a number"
    raise error(f"{where}{rule}, got {short(value)}")


def check_rule(
    holds: bool, rule: str, *, where: str = "", error: type[NetspaceError] = ConfigError, **received: Any
) -> None:
    """Raise unless a rule between several values holds, with the rule and what was received by name.

    Raises:
        NetspaceError: of the kind `error`.
    """
    if not holds:
        values = ", ".join(f"{name}={short(value)}" for name, value in received.items())
        raise error(f"{where}{rule} must hold, got {values}")
