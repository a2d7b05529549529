"""Whether one space is better at every error level, with non-dominance as the null (Davidson & Duclos 2013)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from netspace.stats.arguments import Floats
from netspace.stats.p_values import p_is

TRIM = 0.1
"""Tails of the pooled errors left out at each end: there both EDFs are almost equal and nothing can be shown."""

MIN_MODELS = 30
"""Models per space below which dominance is never claimed: the test is a large-sample one."""


@dataclass(frozen=True, kw_only=True)
class Dominance:
    """First-order dominance of B over A or of A over B.

    Attributes:
        winner: "b", "a" or None (the EDFs cross).
        p_value: of the null "the winner does not dominate between `low` and `high`"; 1 without a winner. It is the
            largest of the pointwise one-sided p-values of F_winner - F_other, an intersection-union test.
        low, high: range of errors tested, in %: the pooled 10 % and 90 % quantiles.
        statement: in plain words. "dominates" is said only where the test supports it, and only for the range tested.
    """

    winner: str | None
    p_value: float
    low: float
    high: float
    statement: str


def dominance(a: Floats, b: Floats, alpha: float = 0.05) -> Dominance:
    """Test which space dominates; lower errors are better, so the better one has the higher EDF.

    Args:
        a, b: errors in %, any order, +inf for failures.
        alpha: level of the claim.
    """
    pooled = np.sort(np.concatenate([a, b]))
    trim = int(np.floor(TRIM * pooled.size))
    low, high = float(pooled[trim]), float(pooled[-1 - trim])
    levels = np.unique(pooled)
    share_a = np.searchsorted(np.sort(a), levels, side="right") / a.size
    share_b = np.searchsorted(np.sort(b), levels, side="right") / b.size
    difference = share_b - share_a

    if (difference >= 0).all() and (difference > 0).any():
        winner = "b"
    elif (difference <= 0).all() and (difference < 0).any():
        winner = "a"
    else:
        equal = not difference.any()
        statement = "the EDFs are identical" if equal else "neither dominates: the EDFs cross"
        return Dominance(winner=None, p_value=1.0, low=low, high=high, statement=statement)

    inside = (levels >= low) & (levels < high)
    lead = difference[inside] if winner == "b" else -difference[inside]
    z = lead / np.sqrt(_variance(share_a[inside], a.size) + _variance(share_b[inside], b.size))
    p_value = float(ndtr(-z.min())) if z.size else 1.0
    name, other = winner.upper(), "A" if winner == "b" else "B"
    if p_value <= alpha and min(a.size, b.size) >= MIN_MODELS:
        statement = f"{name} dominates {other} between {low:.4g} and {high:.4g} % error ({p_is(p_value)})"
    else:
        statement = f"consistent with dominance of {name} over {other}; not shown ({p_is(p_value)})"
    return Dominance(winner=winner, p_value=p_value, low=low, high=high, statement=statement)


def _variance(share: Floats, n: int) -> Floats:
    # one success and one failure more, so that a share of 0 or 1 is not taken for certain
    shrunk = (share * n + 1) / (n + 2)
    return shrunk * (1 - shrunk) / n
