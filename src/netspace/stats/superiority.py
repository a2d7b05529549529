"""theta = P(e_B < e_A) + P(e_B = e_A) / 2, its tests and intervals (Brunner & Munzel 2000; Neubert & Brunner 2007)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import permutation_test, rankdata, t
from statsmodels.stats.nonparametric import rank_compare_2indep

from netspace.stats.arguments import Floats, Interval


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
        reach = float(t.isf(alpha / 2, self.df)) * self.se / (self.theta * (1 - self.theta))
        centre = logit(self.theta)
        return float(expit(centre - reach)), float(expit(centre + reach))

    def raw_interval(self, alpha: float = 0.05) -> Interval:
        """Return theta +- t * se, which may leave [0, 1]."""
        if self.degenerate:
            return self._degenerate_interval(alpha)
        reach = float(t.isf(alpha / 2, self.df)) * self.se
        return self.theta - reach, self.theta + reach

    def tost_p_value(self, delta: float) -> float:
        """Return the larger p of the two one-sided tests against 1/2 - delta and 1/2 + delta.

        At most alpha exactly when the raw 1 - 2 alpha interval lies inside 1/2 +- delta.
        """
        if self.degenerate:
            return 1.0
        distance = (delta - abs(self.theta - 0.5)) / self.se
        return float(t.sf(distance, self.df))

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
    ranks = rankdata(np.concatenate([a, b]))
    a, b = ranks[: a.size], ranks[a.size :]
    pairs = min(a.size, b.size)
    if a.min() > b.max() or b.min() > a.max() or ranks.min() == ranks.max():
        theta = 0.5 + 0.5 * float(np.sign(a.mean() - b.mean()))
        p_value = 1.0 if theta == 0.5 else min(1.0, 2 * 0.5**pairs)
        return Superiority(theta=theta, se=0.0, df=float("inf"), t_p_value=p_value, pairs=pairs)
    result: Any = rank_compare_2indep(a, b)
    return Superiority(
        theta=float(result.prob1),
        se=float(np.sqrt(result.var_prob)),
        df=float(result.df),
        t_p_value=float(result.pvalue),
        pairs=pairs,
    )


def permutation_p_value(a: Floats, b: Floats, *, resamples: int = 9999, seed: int | np.random.Generator = 0) -> float:
    """Return the two-sided p of theta = 1/2 by permuting the studentised statistic (Neubert & Brunner 2007).

    Exact under equal distributions, and close to its level under unequal spreads. All splits are enumerated where
    there are no more than `resamples` of them.

    Args:
        a, b: errors in %, at least 2 each, +inf for failures.
        resamples: random splits.
        seed: of those.
    """
    ranks = rankdata(np.concatenate([a, b]))
    result = permutation_test(
        (ranks[: a.size], ranks[a.size :]),
        _studentised,
        n_resamples=resamples,
        vectorized=True,
        batch=2000,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _studentised(a: Floats, b: Floats, axis: int = -1) -> Floats:
    """Return the Brunner-Munzel statistic of each row of pooled ranks."""
    n_a, n_b = a.shape[axis], b.shape[axis]
    placed_a = (a - rankdata(a, axis=axis)) / n_b
    placed_b = (b - rankdata(b, axis=axis)) / n_a
    theta = placed_a.mean(axis=axis)
    variance = placed_a.var(axis=axis, ddof=1) / n_a + placed_b.var(axis=axis, ddof=1) / n_b
    # a separated split has no spread; half the smallest step of theta keeps its statistic finite and largest
    return np.asarray((theta - 0.5) / np.sqrt(np.maximum(variance, (0.5 / (n_a * n_b)) ** 2)))
