"""Claims about design spaces, as a person writes them: a small grammar. `netspace.results.claims` judges them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from netspace.checks import check_number, check_rule
from netspace.errors import StatisticsError, raise_unknown

FORMS = (
    "SPACE better than SPACE",
    "SPACE worse than SPACE",
    "SPACE equivalent to SPACE [within DELTA]",
    "best PROPERTY between LOW and HIGH [in SPACE]",
    "errors of SPACE rise|fall with PROPERTY",
)
"""Every form a claim may take."""
FITTED = "e_fit"
"""The property that is computed, where a table has no such column, from those of the stages' depths and widths."""
DELTA = 0.1
"""Margin of an equivalence claim that names none."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One space has the better error distribution: P(a model of `better` beats one of `worse`) > 1/2."""

    text: str
    better: str
    worse: str


@dataclass(frozen=True, kw_only=True)
class Equivalent:
    """P(a model of `space` beats one of `other`) lies within 1/2 +- delta."""

    text: str
    space: str
    other: str
    delta: float


@dataclass(frozen=True, kw_only=True)
class BestBetween:
    """The best models of `space` have a `property` in [low, high]; None stands for the last space of the study."""

    text: str
    property: str
    low: float
    high: float
    space: str | None


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Over the models of `space`, errors become larger ("rise") or smaller ("fall") as `property` becomes larger."""

    text: str
    space: str
    direction: Literal["rise", "fall"]
    property: str


Claim = Order | Equivalent | BestBetween | Trend
Kind = TypeVar("Kind", bound=Claim)

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ORDER = re.compile(r"(\S+) (better|worse) than (\S+)")
_EQUIVALENT = re.compile(rf"(\S+) equivalent to (\S+)(?: within ({_NUMBER}))?")
_BEST = re.compile(rf"best (\S+) between ({_NUMBER}) and ({_NUMBER})(?: in (\S+))?")
_TREND = re.compile(r"errors of (\S+) (rise|fall) with (\S+)")


def parse_claim(text: str) -> Claim:
    """Read one claim; spaces and properties are taken as they stand, see `resolve_claim`.

    Raises:
        StatisticsError: the text has none of `FORMS` (the message lists them), or a number is out of range.
    """
    words = " ".join(str(text).split())
    if match := _ORDER.fullmatch(words):
        first, word, second = match.groups()
        better, worse = (first, second) if word == "better" else (second, first)
        claim: Claim = Order(text=words, better=better, worse=worse)
        same = better == worse
    elif match := _EQUIVALENT.fullmatch(words):
        delta = DELTA if match[3] is None else float(match[3])
        check_number(delta, "delta", above=0, below=0.5, where=f"claim '{words}': ", error=StatisticsError)
        claim = Equivalent(text=words, space=match[1], other=match[2], delta=delta)
        same = match[1] == match[2]
    elif match := _BEST.fullmatch(words):
        low, high = float(match[2]), float(match[3])
        check_rule(low <= high, "LOW <= HIGH", where=f"claim '{words}': ", error=StatisticsError, LOW=low, HIGH=high)
        return BestBetween(text=words, property=match[1], low=low, high=high, space=match[4])
    elif match := _TREND.fullmatch(words):
        direction: Literal["rise", "fall"] = "rise" if match[2] == "rise" else "fall"
        return Trend(text=words, space=match[1], direction=direction, property=match[3])
    else:
        raise StatisticsError(f"claim '{words}' has none of the valid forms: {'; '.join(FORMS)}")
    if same:
        raise StatisticsError(f"claim '{words}': a space is not compared with itself")
    return claim


def resolve_claim(claim: Claim, spaces: Sequence[str], properties: Callable[[str], Iterable[str]]) -> Claim:
    """Return the claim with the full names of its spaces, and with a space where it names none.

    A space may be written by the end of its name if no other ends so: "E" for "AnyNetXE".

    Args:
        claim: as `parse_claim` gives it.
        spaces: names, in the order of the study.
        properties: the properties known of a space, by its name.

    Raises:
        UnknownNameError: a space or property that there is not; the message lists those that there are.
    """
    match claim:
        case Order():
            return replace(claim, better=_space(claim.better, spaces), worse=_space(claim.worse, spaces))
        case Equivalent():
            return replace(claim, space=_space(claim.space, spaces), other=_space(claim.other, spaces))
        case BestBetween() | Trend():
            space = spaces[-1] if claim.space is None else _space(claim.space, spaces)
            known = list(properties(space))
            if claim.property not in known:
                raise_unknown(f"property of {space} in the claim '{claim.text}'", claim.property, known)
            return replace(claim, space=space)


def _space(name: str, spaces: Sequence[str]) -> str:
    if name in spaces:
        return name
    meant = [space for space in spaces if space.lower() == name.lower()]
    meant = meant or [space for space in spaces if space.endswith(name)]
    if len(meant) != 1:
        raise_unknown("space in a claim", name, spaces)
    return meant[0]
