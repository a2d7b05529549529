"""theta = P(e_B < e_A) + P(e_B = e_A) / 2, its tests and intervals (Brunner & Munzel 2000; Neubert & Brunner 2007)."""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtr, stdtrit

from netspace.stats.arguments import Floats, Interval, midranks

ROWS = 2000
"""Splits whose statistics are computed at once."""


@dataclass(frozen=True, kw_only=True)
class Superiority:
    """The estimate of theta and what follows from it; theta above 1/2 means that B is better.

    With equal errors or complete separation the standard error is 0 and the t approximation says nothing. Complete
    separation is then judged as `pairs` = min(n_A, n_B) independent pairs that all go one way, which is exact and
    conservative: the interval is [(alpha / 2)^(1 / pairs), 1] and p = 2 * 2^-pairs. Errors that are all equal decide
    nothing: the interval is [0, 1].

    Attributes:
        theta: estimate, in [0, 1].
        se: standard error, 0 in the two cases above.
        df: Satterthwaite degrees of freedom, +inf where se is 0.
        t_p_value: two-sided p of theta = 1/2 by the t approximation, or by the pairs.
        pairs: min(n_A, n_B).
    """

    theta: float
    se: float
    df: float
    t_p_value: float
    pairs: int

    @property
    def degenerate(self) -> bool:
        """Whether the standard error is 0."""
        return self.se == 0

    def interval(self, alpha: float = 0.05) -> Interval:
        """Return the confidence interval on the logit scale, always inside [0, 1]."""
        if self.degenerate:
            return self._degenerate_interval(alpha)
        reach = -float(stdtrit(self.df, alpha / 2)) * self.se / (self.theta * (1 - self.theta))
        centre = logit(self.theta)
        return float(expit(centre - reach)), float(expit(centre + reach))

    def raw_interval(self, alpha: float = 0.05) -> Interval:
        """Return theta +- t * se, which may leave [0, 1]."""
        if self.degenerate:
            return self._degenerate_interval(alpha)
        reach = -float(stdtrit(self.df, alpha / 2)) * self.se
        return self.theta - reach, self.theta + reach

    def tost_p_value(self, delta: float) -> float:
        """Return the larger p of the two one-sided tests against 1/2 - delta and 1/2 + delta.

        At most alpha exactly when the raw 1 - 2 alpha interval lies inside 1/2 +- delta.
        """
        if self.degenerate:
            return 1.0
        distance = (delta - abs(self.theta - 0.5)) / self.se
        return float(stdtr(self.df, -distance))

    def _degenerate_interval(self, alpha: float) -> Interval:
        bound = float((alpha / 2) ** (1 / self.pairs))
        if self.theta == 1:
            return bound, 1.0
        if self.theta == 0:
            return 0.0, 1 - bound
        return 0.0, 1.0


def superiority(a: Floats, b: Floats) -> Superiority:
    """Estimate theta from the placements of two samples.

    Args:
        a, b: errors in %, at least 2 each, +inf for failures.
    """
    ranks = midranks(np.concatenate([a, b]))
    a, b = ranks[: a.size], ranks[a.size :]
    pairs = min(a.size, b.size)
    if a.min() > b.max() or b.min() > a.max() or ranks.min() == ranks.max():
        theta = 0.5 + 0.5 * float(np.sign(a.mean() - b.mean()))
        p_value = 1.0 if theta == 0.5 else min(1.0, 2 * 0.5**pairs)
        return Superiority(theta=theta, se=0.0, df=float("inf"), t_p_value=p_value, pairs=pairs)
    # the share of the other sample below each model, half of its equals included
    placed_a, placed_b = (a - midranks(a)) / b.size, (b - midranks(b)) / a.size
    theta = float(placed_a.mean())
    of_a, of_b = float(placed_a.var(ddof=1)) / a.size, float(placed_b.var(ddof=1)) / b.size
    se = float(np.sqrt(of_a + of_b))
    df = (of_a + of_b) ** 2 / (of_a**2 / (a.size - 1) + of_b**2 / (b.size - 1))
    t_p_value = 2 * float(stdtr(df, -abs(theta - 0.5) / se))
    return Superiority(theta=theta, se=se, df=df, t_p_value=t_p_value, pairs=pairs)


def permutation_p_value(a: Floats, b: Floats, *, resamples: int = 9999, seed: int | np.random.Generator = 0) -> float:
    """Return the two-sided p of theta = 1/2 by permuting the studentised statistic (Neubert & Brunner 2007).

    Exact under equal distributions, and close to its level under unequal spreads. All splits are enumerated where
    there are no more than `resamples` of them.

    Args:
        a, b: errors in %, at least 2 each, +inf for failures.
        resamples: random splits.
        seed: of those.
    """
    n = a.size + b.size
    values, level = np.unique(np.concatenate([a, b]), return_inverse=True)
    member = (level[:, None] == np.arange(values.size)).astype(np.float64)
    exact = comb(n, a.size) <= resamples
    if exact:
        chosen = np.array(list(combinations(range(n), a.size)))
    else:
        chosen = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (resamples, 1)), axis=1)[:, : a.size]
    observed = float(_studentised(np.arange(a.size)[None], member)[0])
    parts = [_studentised(chosen[start : start + ROWS], member) for start in range(0, len(chosen), ROWS)]
    null = np.concatenate(parts)
    slack = 100 * np.finfo(np.float64).eps * abs(observed)
    below, above = int((null <= observed + slack).sum()), int((null >= observed - slack).sum())
    more = 0 if exact else 1
    return min(1.0, 2 * (min(below, above) + more) / (null.size + more))


def _studentised(chosen: NDArray[np.intp], member: Floats) -> Floats:
    """Return the Brunner-Munzel statistic of splits.

    Args:
        chosen: (rows, n_a), the models that each split puts into A.
        member: (n, levels), 1 at the level of each model's error among the different errors.
    """
    n, n_a = len(member), chosen.shape[1]
    in_a = np.zeros((len(chosen), n))
    np.put_along_axis(in_a, chosen, 1.0, axis=1)
    theta, variance = np.empty(0), np.zeros(len(chosen))
    for mine, own in ((in_a @ member, n_a), ((1 - in_a) @ member, n - n_a)):
        others = member.sum(axis=0) - mine
        placed = (np.cumsum(others, axis=1) - others / 2) / (n - own)
        mean = (mine * placed).sum(axis=1) / own
        theta = theta if theta.size else mean
        variance += (mine * (placed - mean[:, None]) ** 2).sum(axis=1) / (own - 1) / own
    # a separated split has no spread; half the smallest step of theta keeps its statistic finite and largest
    return np.asarray((theta - 0.5) / np.sqrt(np.maximum(variance, (0.5 / (n_a * (n - n_a))) ** 2)))
