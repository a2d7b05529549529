"""Early stopping, exact and assisted: bets on pairs in launch order, each corrected by what a predictor foresaw.

Specification "assisted statistics", section 5. Pair t scores s = 1, 1/2 or 0 as B wins, ties or loses. Against the null
hypothesis theta <= m one bets on every pair; the wealth exceeds 1 / alpha at any time with probability at most alpha
(Ville 1939), because

1. given the past, a pair and the fresh pairs from the pools beside it are exchangeable, so the control c has mean m
   whatever the predictor, which is fitted on earlier pairs, is worth;
2. the factor 1 + nu (s - c) is then at least 0, and at most 1 in the mean under the null hypothesis;
3. a mixture of such wealths is one.

Hence two things that must not change: pair t is among the pairs that centre its own control, and no predictor has seen
the pair that it predicts, nor the rows of the pools that stand beside it.
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, check_probability
from netspace.stats.predictor import Scale, fit_ridge, normal_scores
from netspace.stats.sequential import Decision, Method, StoppingRule

NODES = 12
"""Bets that are mixed."""
FIRST_FIT = 10
"""Pairs before the first fit: pair 11 is the first to be predicted."""
REFIT = 1.3
"""How much the pairs must have grown since a fit for the next one."""
FRESH = 128
"""Pairs from the pools that stand beside one of the study, at most."""
RESERVE = 1000
"""Rows of a pool that scale and offsets are taken from, at most; a fifth of it at most too."""
LEAST_SIGMA = 0.05
"""Floor of the predictor's standard error."""
LARGEST_CONTROL = 0.999
"""Largest nu * c: wealth is never lost entirely."""


class Bets(NamedTuple):
    """Stakes against theta <= m: `nu` and the log of their weights, float64 (12,) each."""

    nu: Floats
    log_weights: Floats

    @classmethod
    def against(cls, m: float) -> "Bets":
        """Spread the bets over the alternative, theta = m + (1 - m)(k - 1/2) / 12, weighted by theta (1 - theta)."""
        theta = m + (1 - m) * (np.arange(NODES) + 0.5) / NODES
        weights = theta * (1 - theta)
        return cls(nu=(theta - m) / (m * (1 - m)), log_weights=np.log(weights / weights.sum()))


class Wager:
    """The wealth of bets against one null hypothesis, theta <= m or theta >= m, pair by pair.

    Args:
        m: boundary of the null hypothesis, in (0, 1).
        above: whether the null hypothesis is theta >= m; by default it is theta <= m.
    """

    def __init__(self, m: float, *, above: bool = False) -> None:
        check_probability(m, "m")
        self._sign = -1.0 if above else 1.0
        self._m = 1 - m if above else m
        self._nu, self._log_weights = Bets.against(self._m)
        self._logs = np.zeros(NODES)
        self._tau = 1.0
        self._offsets = np.zeros(NODES)

    @property
    def log_e(self) -> float:
        """Natural log of the wealth, which is the e-value."""
        return float(logsumexp(self._log_weights + self._logs))

    def predict_by(self, differences: Floats, sigma: float) -> None:
        """Take a new predictor: set each bet's offset so that its predictions average m.

        Args:
            differences: (N,) s_A - s_B of pairs from the pools.
            sigma: standard error of the predictor.
        """
        self._tau = float(np.sqrt(2)) * max(sigma, LEAST_SIGMA)
        from scipy.optimize.elementwise import find_root  # loads scipy.stats, which judging by signs need not wait for

        u = self._sign * differences
        reach = 9 * self._tau  # from there on every prediction is 0 or 1
        low, high = -u.max() - reach, -u.min() + reach

        def excess(offsets: Floats, nu: Floats, /) -> Floats:
            return np.asarray(self._predictions(u[:, None], offsets, nu).mean(axis=0) - self._m)

        found = find_root(
            excess,
            (np.full(NODES, low), np.full(NODES, high)),
            args=(self._nu,),
            tolerances={"xatol": 1e-12, "xrtol": 1e-12},
        )
        self._offsets = np.asarray(found.x)

    def settle(self, score: float, difference: float = 0.0, fresh: Floats | None = None) -> None:
        """Multiply the wealth by the factor of one pair.

        Args:
            score: 1, 1/2 or 0 as B wins, ties or loses.
            difference: s_A - s_B of this pair.
            fresh: (S,) those of pairs from the pools that were not used before; None or empty bets without prediction.
        """
        s = score if self._sign > 0 else 1 - score
        control: Floats | float = self._m
        if fresh is not None and fresh.size:
            control = self._control(self._sign * np.append(fresh, difference))
        self._logs += np.log1p(self._nu * (s - control))

    def _control(self, u: Floats) -> Floats:
        """Return c of the last of these pairs, (12,): its prediction, centred by those of all, itself included."""
        p = self._predictions(u[:, None], self._offsets, self._nu)
        mean, room = p.mean(axis=0), LARGEST_CONTROL / self._nu - self._m
        excess = p.max(axis=0) - mean
        scale = np.minimum(1.0, np.divide(room, excess, out=np.ones(NODES), where=excess > 0))
        return np.asarray(self._m + scale * (p[-1] - mean))

    def _predictions(self, u: Floats, offsets: Floats, nu: Floats) -> Floats:
        """Return, of P(B wins) as predicted, the nearest that the null hypothesis allows for each bet."""
        q = ndtr((u + offsets) / self._tau)
        return np.asarray(2 * q / (1 + nu + np.sqrt((1 + nu) ** 2 - 4 * nu * q)))


class BettingProcess:
    """Bets on the pairs of two spaces, assisted by a predictor of their errors; see `sequential.Process`.

    The first rows of the pools set scale and offsets; the others stand beside one pair each and are not used again, so
    that what is claimed holds exactly. Once they are used up, bets go on without prediction.

    Args:
        rule: when to stop; thresholds are those of the sign process.
        features: (n, p) of the models of A and of B, in launch order.
        pools: (N, p) of networks with the law of those, at least 10 n of each.

    Attributes:
        log_e: the natural logs of the e-values for "better" and for "worse" after each pair.
    """

    method: Method = "betting"

    def __init__(self, rule: StoppingRule, features: tuple[Floats, Floats], pools: tuple[Floats, Floats]) -> None:
        self._rule = rule
        self.log_e: list[tuple[float, float]] = []
        self._better, self._worse = Wager(0.5), Wager(0.5, above=True)
        margin = () if rule.delta is None else (Wager(0.5 + rule.delta, above=True), Wager(0.5 - rule.delta))
        self._margin: tuple[Wager, ...] = margin
        planned, rows = min(map(len, features)), min(map(len, pools))
        reserve = min(RESERVE, rows // 5)
        scale = Scale.of([pool[:reserve] for pool in pools])
        self._features = [scale(one) for one in features]
        self._reserve = [scale(pool[:reserve]) for pool in pools]
        self._beside = [scale(pool[reserve:rows]) for pool in pools]
        self._fresh = min(FRESH, (rows - reserve) // max(1, planned - FIRST_FIT))
        self._slopes: Floats | None = None
        self._fitted_before = 0
        self._largest_log_e = 0.0

    @property
    def p_value(self) -> float:
        """Running p = min(1, sides / max E)."""
        return min(1.0, self._rule.sides * float(np.exp(-self._largest_log_e)))

    def look(self, a: Sequence[float], b: Sequence[float], launches: Sequence[int]) -> Decision:
        """Take in one more pair, see `sequential.Process`.

        Raises:
            StatisticsError: there are no features of this pair.
        """
        pair, planned = len(a), min(map(len, self._features))
        if launches[-1] >= planned:
            raise StatisticsError(f"there are features of {planned} models, and errors of {launches[-1] + 1}")
        if pair > FIRST_FIT and pair >= REFIT * self._fitted_before:
            self._fit(a[:-1], b[:-1], launches[:-1])
            self._fitted_before = pair
        score = 0.5 if a[-1] == b[-1] else float(b[-1] < a[-1])
        difference, fresh = self._differences(pair, launches[-1])
        for wager in self._wagers:
            wager.settle(score, difference, fresh)
        return self._decide()

    @property
    def _wagers(self) -> tuple[Wager, ...]:
        return (self._better, self._worse, *self._margin)

    def _fit(self, a: Sequence[float], b: Sequence[float], launches: Sequence[int]) -> None:
        seen = len(a)
        targets = normal_scores(np.array([*a, *b]))
        fit = fit_ridge(
            [one[list(launches)] for one in self._features], [targets[:seen], targets[seen:]], own_slopes_from=None
        )
        self._slopes = fit.slopes[0]
        in_reserve = (self._reserve[0] - self._reserve[1]) @ self._slopes
        for wager in self._wagers:
            wager.predict_by(in_reserve, fit.sigma)

    def _differences(self, pair: int, launch: int) -> tuple[float, Floats | None]:
        """Return s_A - s_B of a pair, the `pair`-th from 1, and of the pairs from the pools that stand beside it."""
        if self._slopes is None:
            return 0.0, None
        first = (pair - FIRST_FIT - 1) * self._fresh
        a, b = (one[first : first + self._fresh] for one in self._beside)
        own = (self._features[0][launch] - self._features[1][launch]) @ self._slopes
        return float(own), (a - b) @ self._slopes

    def _decide(self) -> Decision:
        better, worse = self._better.log_e, self._worse.log_e
        self.log_e.append((better, worse))
        worse = worse if self._rule.sides == 2 else -np.inf
        self._largest_log_e = max(self._largest_log_e, better, worse)
        needed = log(self._rule.threshold)
        if better >= needed:
            return "better"
        if worse >= needed:
            return "worse"
        enough = log(self._rule.equivalence_threshold)
        if self._margin and min(wager.log_e for wager in self._margin) >= enough:
            return "equivalent"
        return "continue"
