"""Early stopping by an asymptotic confidence sequence of theta (Waudby-Smith et al. 2024), assisted by a predictor.

Specification "assisted statistics", section 5. The interval widens just enough to be looked at again and again. It is
valid as the number of pairs grows, not exactly at every number; hence the first look at 20 pairs, and a t quantile in
place of the normal one. `betting` has the exact process, for more pairs.
"""

from collections.abc import Callable, Iterator, Sequence
from math import exp, floor, log, log1p, sqrt

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtr, stdtrit

from netspace.checks import check_number
from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, Interval, check_probability
from netspace.stats.assisted_theta import assisted_theta, predict
from netspace.stats.predictor import Scale, cross_fit
from netspace.stats.sequential import Decision, Method, SignProcess, StoppingRule
from netspace.stats.superiority import Superiority, superiority

FIRST_LOOK = 20
"""Complete pairs at the first look."""
GROWTH = 1.2
"""From one look to the next."""
TIGHTEST_AT = 50
"""Pairs at which the sequence is as narrow as it can be made."""
MOST_LOST = 0.05
"""Share of the pairs that may lack a model that was lost with its machine: more, and the rest is no fair sample."""
CLIP = 0.005
"""How near theta may come to 0 or 1 on the logit scale."""
FARTHEST = 35.0
"""Standard errors beyond which the normal distribution can no longer be computed."""


Estimator = Callable[[Floats, Floats, Sequence[int]], Superiority]
"""Theta from the errors of n models of A and of B, float64 (n,) each, and their launch indices."""


def assisted_estimator(features: tuple[Floats, Floats], pools: tuple[Floats, Floats]) -> Estimator:
    """Return what estimates theta with the help of a predictor that is fitted on these two spaces alone.

    Models of other spaces would help it, but how many of them have ended depends on the machine; so what is decided
    would too.

    Args:
        features: (n, p) of the models of A and of B, in launch order.
        pools: (N, p) of networks with the law of those, at least 10 n of each.
    """
    scale = Scale.of(pools)
    known, drawn = ([scale(one) for one in both] for both in (features, pools))

    def estimate(a: Floats, b: Floats, launches: Sequence[int]) -> Superiority:
        plain = superiority(a, b)
        if plain.degenerate:
            return plain
        models = [one[list(launches)] for one in known]
        fit = cross_fit(models, [a, b])
        of_a, of_b = (predict(fit, space, models[space], drawn[space]) for space in (0, 1))
        return assisted_theta(a, b, of_a, of_b).superiority

    return estimate


def looks() -> Iterator[int]:
    """Yield the numbers of complete pairs at which to look: 20, 24, 28, 33, ... without end."""
    n = FIRST_LOOK
    while True:
        yield n
        n = floor(GROWTH * n)


def multiplier(n: int, alpha: float) -> float:
    """Return how many standard errors the sequence reaches to either side at n pairs, with coverage 1 - alpha.

    c = sqrt(2 (r + 1) / r ln(sqrt(r + 1) / alpha)), r = n (l + ln(1 + l)) / 50, l = -2 ln alpha.

    Raises:
        StatisticsError: n < 1, or alpha outside (0, 1).
    """
    r = _information(n, alpha)
    return sqrt(2 * (r + 1) / r * (log(r + 1) / 2 - log(alpha)))


def _information(n: int, alpha: float) -> float:
    check_probability(alpha, "alpha")
    check_number(n, "n", least=1, error=StatisticsError)
    spread = -2 * log(alpha)
    return n * (spread + log1p(spread)) / TIGHTEST_AT


class ConfidenceSequence:
    """A confidence sequence of theta, looked at after 20, 24, 28, ... pairs; see `sequential.Process`.

    If theta has no standard error (no overlap, or all errors equal), the sign process decides: from 20 pairs on its
    evidence is beyond any usual threshold, so that no level is spent.

    Args:
        rule: when to stop: alpha, which the comparisons of the chain share, and delta.
        estimate: theta of the first n pairs.
        planned: pairs that there will be at most: one more look; None if that is open.

    Attributes:
        looked: pairs and estimate at each look so far.
    """

    method: Method = "confidence_sequence"

    def __init__(self, rule: StoppingRule, estimate: Estimator, planned: int | None = None) -> None:
        self.looked: list[tuple[int, Superiority]] = []
        self._rule = rule
        self._estimate = estimate
        self._planned = planned
        self._looks = looks()
        self._next = next(self._looks)
        self._sign = SignProcess(rule)
        self._largest_log_e = 0.0

    @property
    def last(self) -> tuple[int, Superiority] | None:
        """Pairs and estimate at the last look; None before the first."""
        return self.looked[-1] if self.looked else None

    @property
    def intervals(self) -> list[tuple[int, float, Interval]]:
        """Pairs, theta and the sequence at each look; looks at which theta had no standard error are left out."""
        level = self._rule.difference_level
        return [(n, found.theta, bounds(n, found, level)) for n, found in self.looked if not found.degenerate]

    @property
    def p_value(self) -> float:
        """Running p: the least level at which the sequence, at one look, leaves out 1/2."""
        return min(1.0, self._rule.sides / 2 * exp(-self._largest_log_e))

    @property
    def interval(self) -> Interval:
        """The sequence at the last look, which decides a difference if it leaves out 1/2; [0, 1] before the first."""
        if self.last is None or self.last[1].degenerate:
            return 0.0, 1.0
        return bounds(*self.last, self._rule.difference_level)

    def look(self, a: Sequence[float], b: Sequence[float], launches: Sequence[int]) -> Decision:
        """Take in one more pair, see `sequential.Process`; nothing is decided where many models were lost."""
        by_sign, pairs, launched = self._sign.look(a, b, launches), len(a), launches[-1] + 1
        if pairs < self._next and launched != self._planned:
            return "continue"
        if pairs == self._next:
            self._next = next(self._looks)
        if launched - pairs > MOST_LOST * launched:
            return "continue"
        found = self._estimate(np.array(a), np.array(b), launches)
        self.looked.append((pairs, found))
        if found.degenerate:
            self._largest_log_e = max(self._largest_log_e, -log(self._sign.p_value))
            return by_sign
        self._largest_log_e = max(self._largest_log_e, self._log_e(pairs, found))
        low, high = self.interval
        if low > 0.5:
            return "better"
        if high < 0.5 and self._rule.sides == 2:
            return "worse"
        if self._rule.delta is not None:
            low, high = bounds(pairs, found, self._rule.equivalence_level)
            if 0.5 - self._rule.delta < low and high < 0.5 + self._rule.delta:
                return "equivalent"
        return "continue"

    def _log_e(self, pairs: int, found: Superiority) -> float:
        """Return the log of the normal mixture that `multiplier` inverts, at this theta's distance from 1/2."""
        theta = min(max(found.theta, CLIP), 1 - CLIP)
        if self._rule.sides == 1 and theta <= 0.5:
            return 0.0
        distance = abs(logit(theta)) * theta * (1 - theta) / found.se
        z = -ndtri(stdtr(found.df, -float(distance)))
        r = _information(pairs, self._rule.difference_level)
        return float(min(z, FARTHEST) ** 2 * r / (r + 1) - log(r + 1)) / 2


def bounds(pairs: int, found: Superiority, alpha: float) -> Interval:
    """Return the confidence sequence of theta at so many pairs, on the logit scale.

    Args:
        pairs: n.
        found: their theta, not degenerate.
        alpha: two-sided level, in (0, 1).
    """
    theta = min(max(found.theta, CLIP), 1 - CLIP)
    quantile = -stdtrit(found.df, float(ndtr(-multiplier(pairs, alpha))))
    reach = quantile * found.se / (theta * (1 - theta))
    return float(expit(logit(theta) - reach)), float(expit(logit(theta) + reach))
