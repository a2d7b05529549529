"""Early stopping that stays valid however often one looks: pairs in launch order, and the sign process over them.

The t-th model launched from A is paired with the t-th from B. What is made of the pairs is a `Process`: the sign
process here, which needs nothing but the errors, or one assisted by a predictor (`confidence_sequence`, `betting`).

Sign process: B wins (S), loses (F), or ties (ignored). Under a null hypothesis an e-process exceeds 1 / alpha at any
time with probability at most alpha (Ville 1939). The mixture is a Beta(2, 2) truncated to the alternative (Robbins
1970; Waudby-Smith & Ramdas 2023). The saving is against a fixed n: a fixed design that knew theta beforehand would need
fewer still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc, betaln

from netspace.checks import check_number
from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, check_probability

Decision = Literal["better", "worse", "equivalent", "continue"]
Method = Literal["confidence_sequence", "betting", "sign"]
"""How pairs are judged while they come in."""
METHODS: dict[Method, str] = {
    "confidence_sequence": "assisted confidence sequence, valid asymptotically: looked at from 20 pairs on",
    "betting": "assisted bets, valid at any number of pairs",
    "sign": "sign process, valid at any number of pairs",
}
"""What a reader must know of each."""
PRIOR = 2.0
"""Both parameters of the mixing Beta distribution."""


def log_e_value(wins: ArrayLike, losses: ArrayLike) -> Floats:
    """Return the natural log of the e-value against H0: theta <= 1/2 (B is not better).

    E = 2^(S+F) [B(S+2, F+2) / B(2, 2)] [1 - I_{1/2}(S+2, F+2)] / (1/2). Swap the arguments for H0: theta >= 1/2.

    Args:
        wins: S, pairs in which B's error is the lower; any shape.
        losses: F, pairs in which A's is; broadcasts with `wins`.
    """
    won, lost = _counts(wins, losses)
    upper = betaincc(won + PRIOR, lost + PRIOR, 0.5)
    with np.errstate(divide="ignore"):
        return np.asarray((won + lost + 1) * log(2) + _log_beta_ratio(won, lost) + np.log(upper))


def e_value(wins: ArrayLike, losses: ArrayLike) -> Floats:
    """Return the e-value against H0: theta <= 1/2; see `log_e_value`. Beyond about 1e308 it is +inf."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log_e_value(wins, losses)))


def log_equivalence_e_value(wins: ArrayLike, losses: ArrayLike, bound: float) -> Floats:
    """Return the natural log of the e-value against H0: theta >= bound.

    E = B(S+2, F+2) I_t(S+2, F+2) / [B(2, 2) I_t(2, 2) t^S (1 - t)^F] with t = bound. Swap wins and losses for
    H0: theta <= 1 - bound; with bound = 1/2 + delta both must be large for the spaces to be equivalent within delta.

    Args:
        wins: S, any shape.
        losses: F, broadcasts with `wins`.
        bound: in (0, 1).
    """
    check_probability(bound, "bound")
    won, lost = _counts(wins, losses)
    lower = betainc(won + PRIOR, lost + PRIOR, bound) / betainc(PRIOR, PRIOR, bound)
    with np.errstate(divide="ignore"):
        logs = _log_beta_ratio(won, lost) + np.log(lower)
    return np.asarray(logs - won * np.log(bound) - lost * np.log1p(-bound))


def equivalence_e_value(wins: ArrayLike, losses: ArrayLike, bound: float) -> Floats:
    """Return the e-value against H0: theta >= bound; see `log_equivalence_e_value`."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log_equivalence_e_value(wins, losses, bound)))


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """When the pairs seen so far decide.

    Attributes:
        alpha: probability of a wrong decision of each kind, at any time.
        delta: margin of equivalence around 1/2, below 1/2, fixed beforehand; None never stops for equivalence.
        sides: 1 looks for "better" only, 2 for "worse" too.
        chain: comparisons in the chain that share alpha (Bonferroni).
    """

    alpha: float = 0.05
    delta: float | None = 0.1
    sides: Literal[1, 2] = 2
    chain: int = 1

    def __post_init__(self) -> None:
        check_probability(self.alpha, "alpha")
        if self.delta is not None:
            check_number(self.delta, "delta", above=0, below=0.5, error=StatisticsError)
        if self.sides not in (1, 2):
            raise StatisticsError(f"sides must be 1 or 2, got {self.sides}")
        check_number(self.chain, "chain", least=1, error=StatisticsError)

    @property
    def threshold(self) -> float:
        """E at which "better" or "worse" is decided: sides * chain / alpha."""
        return self.sides * self.chain / self.alpha

    @property
    def equivalence_threshold(self) -> float:
        """E that both equivalence processes must reach: chain / alpha (both must hold, so one side's level does)."""
        return self.chain / self.alpha

    @property
    def difference_level(self) -> float:
        """Two-sided level of an interval that decides "better" or "worse"."""
        return 2 * self.alpha / (self.sides * self.chain)

    @property
    def equivalence_level(self) -> float:
        """Two-sided level of an interval that decides "equivalent"."""
        return min(2 * self.alpha / self.chain, 0.5)

    def decide(self, wins: ArrayLike, losses: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which counts decide "better", "worse" and "equivalent": three disjoint boolean arrays."""
        won, lost = _counts(wins, losses)
        needed = log(self.threshold)
        better = log_e_value(won, lost) >= needed
        worse = (log_e_value(lost, won) >= needed) & (self.sides == 2)
        if self.delta is None:
            return better, worse, np.zeros_like(better)
        bound, enough = 0.5 + self.delta, log(self.equivalence_threshold)
        equivalent = log_equivalence_e_value(won, lost, bound) >= enough
        equivalent &= log_equivalence_e_value(lost, won, bound) >= enough
        return better, worse, equivalent & ~better & ~worse


class Process(Protocol):
    """What is made of the pairs of two spaces as they come in.

    Attributes:
        method: its name.
    """

    method: Method

    def look(self, a: Sequence[float], b: Sequence[float], launches: Sequence[int]) -> Decision:
        """Take in one more pair and return the decision so far.

        Args:
            a, b: errors in % of all complete pairs in launch order, each call one pair longer than the call before;
                +inf is a failed model.
            launches: the launch index of each pair, from 0; one that is left out lost a model to its machine.
        """

    @property
    def p_value(self) -> float:
        """Running p of theta = 1/2 in [0, 1], valid at any time; it never rises, and may enter Holm."""


class SignProcess:
    """The sign process of both directions, see `Process`: B's wins and losses alone count."""

    method: Method = "sign"

    def __init__(self, rule: StoppingRule) -> None:
        self._rule = rule
        self._wins = self._losses = 0
        self._largest_log_e = 0.0

    @property
    def p_value(self) -> float:
        """Running p = min(1, sides / max E)."""
        return min(1.0, self._rule.sides * float(np.exp(-self._largest_log_e)))

    def look(self, a: Sequence[float], b: Sequence[float], launches: Sequence[int]) -> Decision:  # noqa: ARG002 (the order is enough)
        """Take in one more pair, see `Process`."""
        if a[-1] == b[-1]:
            return "continue"
        self._wins += b[-1] < a[-1]
        self._losses += b[-1] > a[-1]
        logs = [float(log_e_value(self._wins, self._losses))]
        if self._rule.sides == 2:
            logs.append(float(log_e_value(self._losses, self._wins)))
        self._largest_log_e = max(self._largest_log_e, *logs)
        decisions: tuple[Decision, ...] = ("better", "worse", "equivalent")
        reached = self._rule.decide(self._wins, self._losses)
        return next((one for one, yes in zip(decisions, reached, strict=True) if yes), "continue")


class SequentialComparison:
    """Two spaces compared while they train: feed each error as it comes, stop when `decision` is not "continue".

    Pairs count in launch order, whatever order models end in: small models end first and would bias the verdict. A
    missing partner holds later pairs until it ends or is recorded as failed; a pair of which a model was lost with its
    machine is left out, as if it had not been launched. The state depends on the recorded errors
    alone, so a resumed study replays them and stands where it stood; what comes after the decision changes nothing.

    Args:
        rule: when to stop; None is the default rule.
        process: what judges the pairs, new; None is the sign process.

    Attributes:
        rule, process: as given.
        wins, losses, ties: pairs counted so far, from B's side.
        decision: "continue" until decided.
    """

    def __init__(self, rule: StoppingRule | None = None, process: Process | None = None) -> None:
        self.rule: StoppingRule = rule or StoppingRule()
        self.process: Process = process or SignProcess(self.rule)
        self.wins: int = 0
        self.losses: int = 0
        self.ties: int = 0
        self.decision: Decision = "continue"
        self._errors: dict[str, dict[int, float]] = {"a": {}, "b": {}}
        self._complete: tuple[list[float], list[float]] = ([], [])
        self._launches: list[int] = []
        self._next = 0
        self._lost: dict[str, set[int]] = {"a": set(), "b": set()}

    @classmethod
    def replay(
        cls,
        a: Mapping[int, float],
        b: Mapping[int, float],
        rule: StoppingRule | None = None,
        process: Process | None = None,
    ) -> "SequentialComparison":
        """Rebuild the state from recorded errors.

        Args:
            a, b: error in % by launch index (from 0) of the models that ended; +inf for a failed one.
            rule, process: as for the comparison itself.
        """
        comparison = cls(rule, process)
        for side, errors in (("a", a), ("b", b)):
            for launch, error in errors.items():
                comparison._record(side, launch, error)
        comparison._advance()
        return comparison

    @property
    def pairs(self) -> int:
        """Pairs counted, ties included; no more are counted after the decision."""
        return self.wins + self.losses + self.ties

    @property
    def held(self) -> int:
        """Models that ended but wait for an earlier pair to be complete."""
        return len(self._errors["a"]) + len(self._errors["b"]) - 2 * self._next

    @property
    def p_value(self) -> float:
        """Running p of theta = 1/2, valid at any time; it may enter Holm."""
        return self.process.p_value

    def record(self, side: Literal["a", "b"], launch: int, error: float, *, lost: bool = False) -> Decision:
        """Take in the error of one model and return the decision so far.

        Args:
            side: the space.
            launch: index in the launch order of that space, from 0.
            error: in %; +inf for a failed model.
            lost: whether it failed by its machine's fault, not its own; its pair is then left out.

        Raises:
            StatisticsError: an unknown side, a negative launch index, NaN, or another error for a known model.
        """
        self._record(side, launch, error)
        if lost:
            self._lost[side].add(launch)
        self._advance()
        return self.decision

    def _record(self, side: str, launch: int, error: float) -> None:
        if side not in self._errors:
            raise StatisticsError(f"side must be 'a' or 'b', got '{side}'")
        check_number(launch, "launch", least=0, error=StatisticsError)
        if np.isnan(error) or error == -inf:
            raise StatisticsError(f"model {launch} of '{side}': the error is {error}; give a failed model +inf")
        known = self._errors[side].setdefault(launch, float(error))
        if known != error:
            raise StatisticsError(f"model {launch} of '{side}' is already recorded with error {known}, got {error}")

    def _advance(self) -> None:
        a, b = self._errors["a"], self._errors["b"]
        while self.decision == "continue" and self._next in a and self._next in b:
            launch, self._next = self._next, self._next + 1
            if any(launch in one for one in self._lost.values()):
                continue  # it says nothing of either space
            error_a, error_b = a[launch], b[launch]
            for seen, error in zip(self._complete, (error_a, error_b), strict=True):
                seen.append(error)
            self._launches.append(launch)
            if error_a == error_b:
                self.ties += 1
            elif error_b < error_a:
                self.wins += 1
            else:
                self.losses += 1
            self.decision = self.process.look(*self._complete, self._launches)


class OperatingCharacteristics(NamedTuple):
    """What a stopping rule does when the truth is theta: probabilities by the horizon, and the mean pairs spent."""

    better: float
    worse: float
    equivalent: float
    expected_pairs: float


def operating_characteristics(
    theta: float, rule: StoppingRule | None = None, *, horizon: int = 500
) -> OperatingCharacteristics:
    """Compute a rule's behaviour exactly, by carrying the distribution of (S, F) from pair to pair.

    Args:
        theta: probability that B wins a pair (no ties), in [0, 1].
        rule: None is the default rule.
        horizon: pairs after which one stops undecided.

    Raises:
        StatisticsError: theta outside [0, 1] or horizon below 1.
    """
    check_number(theta, "theta", least=0, most=1, error=StatisticsError)
    check_number(horizon, "horizon", least=1, error=StatisticsError)
    rule = rule or StoppingRule()
    undecided = np.ones(1)
    decided = np.zeros(3)
    spent = 0.0
    for pair in range(1, horizon + 1):
        spent += undecided.sum()
        undecided = np.append(undecided * (1 - theta), 0.0) + np.append(0.0, undecided * theta)
        wins = np.arange(pair + 1)
        for kind, reached in enumerate(rule.decide(wins, pair - wins)):
            decided[kind] += undecided[reached].sum()
            undecided[reached] = 0.0
    better, worse, equivalent = decided.tolist()
    return OperatingCharacteristics(better, worse, equivalent, float(spent))


def _counts(wins: ArrayLike, losses: ArrayLike) -> tuple[Floats, Floats]:
    won, lost = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if not (np.all(won >= 0) and np.all(lost >= 0)):
        raise StatisticsError("wins and losses must be counts of at least 0")
    return won, lost


def _log_beta_ratio(won: Floats, lost: Floats) -> Floats:
    return np.asarray(betaln(won + PRIOR, lost + PRIOR) - betaln(PRIOR, PRIOR))
