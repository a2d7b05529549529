"""Regimes: the same spaces in several windows of complexity, each of which is a space of its own, `NAME@LO:HI`."""

import re
from collections.abc import Iterable
from itertools import pairwise

_NAME = re.compile(r"(?P<space>.+)@(?P<window>[\d.]*[kKMGT]?:[\d.]*[kKMGT]?)")


def of_regime(space: str, window: object) -> str:
    """Return the name of a space in one window of a study that has several."""
    return f"{space}@{window}"


def apart(name: str) -> tuple[str, str]:
    """Return a space's name without its window, and the window; that is empty where the name has none."""
    found = _NAME.fullmatch(name)
    return (found["space"], found["window"]) if found else (name, "")


def neighbours(spaces: Iterable[str]) -> list[tuple[str, str]]:
    """Return each space with the one before it, where both are of one regime: others differ by what they cost."""
    return [(first, second) for first, second in pairwise(spaces) if apart(first)[1] == apart(second)[1]]
