"""Early stopping of a chain of spaces: each is compared with the one before it while all of them train."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.arguments import Interval
from netspace.stats.betting import FIRST_FIT, BettingProcess
from netspace.stats.confidence_sequence import FIRST_LOOK, ConfidenceSequence, assisted_estimator
from netspace.stats.sequential import Decision, Method, Process, SequentialComparison, SignProcess, StoppingRule

if TYPE_CHECKING:
    from netspace.stats.assistance import Assistance

INDICATIVE = "early stopping decided the number of models: a test for a fixed number is only indicative here"
"""What a reader must know of every test between two spaces that the chain does not compare."""


class PairStanding(NamedTuple):
    """Where a chain's comparison of two spaces stands, as seen from either space.

    Attributes:
        decision: what the one asked about is: "better", "worse", "equivalent", or "continue" until decided.
        pairs: models of each that were compared.
        wins, losses: pairs in which the one asked about has the lower, the higher error.
        p_value: see `SequentialComparison.p_value`.
        method: how the pairs are judged.
        theta: P(a model of the one asked about beats one of the other) as the method estimates it; None if it does not.
        interval: of theta, valid however often one looks; None if the method has none.
    """

    decision: Decision
    pairs: int
    wins: int
    losses: int
    p_value: float
    method: Method = "sign"
    theta: float | None = None
    interval: Interval | None = None

    @classmethod
    def of(cls, found: SequentialComparison) -> Self:
        """Return where B stands against A."""
        process = found.process
        theta, interval = None, None
        if isinstance(process, ConfidenceSequence) and process.last is not None:
            theta, interval = process.last[1].theta, process.interval
        return cls(
            found.decision, found.pairs, found.wins, found.losses, found.p_value, process.method, theta, interval
        )

    def mirrored(self) -> Self:
        """Return the same as seen from the other space."""
        decisions: dict[Decision, Decision] = {"better": "worse", "worse": "better"}
        return self._replace(
            decision=decisions.get(self.decision, self.decision),
            wins=self.losses,
            losses=self.wins,
            theta=None if self.theta is None else 1 - self.theta,
            interval=None if self.interval is None else (1 - self.interval[1], 1 - self.interval[0]),
        )


class SequentialChain:
    """The sequential comparisons of neighbours in a list of spaces, fed with errors as models end.

    A space is needed while a pair that it belongs to is undecided. A decision is final, so a space that is no longer
    needed never becomes so again. The state follows from the recorded errors alone, in whatever order they came: two
    drivers that read the same store agree, and a resumed study stands where it stood.

    Args:
        spaces: at least two different names, in the order of the chain.
        rule: of each pair; its alpha is shared by all of them (its `chain` becomes the number of pairs).
        method: how pairs are judged. All but the sign process need features and pools of both spaces.
        assistance: features of all planned models of each space, in launch order, and of its pool; its errors are not
            looked at.

    Raises:
        StatisticsError: fewer than two spaces.

    Attributes:
        rule: the rule that each pair is held to.
        method: what was asked for; a pair in `refused` is judged by the sign process instead.
        pairs: the comparison of each (A, B), B being the space after A.
        refused: why a pair is judged by its signs, by pair.
    """

    def __init__(
        self,
        spaces: Sequence[str],
        rule: StoppingRule | None = None,
        *,
        method: Method = "sign",
        assistance: "Assistance | None" = None,
    ) -> None:
        self.spaces: tuple[str, ...] = tuple(dict.fromkeys(spaces))
        if len(self.spaces) < 2:
            raise StatisticsError(f"early stopping compares spaces: at least 2 are needed, got {len(self.spaces)}")
        self.rule: StoppingRule = replace(rule or StoppingRule(), chain=len(self.spaces) - 1)
        self.method: Method = method
        self.refused: dict[tuple[str, str], str] = {}
        self.pairs: dict[tuple[str, str], SequentialComparison] = {}
        for pair in pairwise(self.spaces):
            process, reason = self._process(method, pair, assistance)
            self.pairs[pair] = SequentialComparison(self.rule, process)
            if reason:
                self.refused[pair] = reason

    def _process(self, method: Method, pair: tuple[str, str], assistance: "Assistance | None") -> tuple[Process, str]:
        """Return what judges a pair, and, if that is not what was asked for, why."""
        if method == "sign":
            return SignProcess(self.rule), ""
        from netspace.stats.assistance import NOT_GIVEN  # pandas, which a look at signs alone need not load

        features = {} if assistance is None else assistance.together
        if missing := next((space for space in pair if space not in features), None):
            reason = NOT_GIVEN if assistance is None else assistance.refusals.get(missing, NOT_GIVEN)
            return SignProcess(self.rule), f"{missing}: {reason}"
        a, b = (features[space] for space in pair)
        planned = min(len(a.sample), len(b.sample))
        first = FIRST_LOOK if method == "confidence_sequence" else FIRST_FIT + 1
        if planned < first:
            return SignProcess(self.rule), f"{planned} models of each are planned, at least {first} are needed"
        samples, pools = (a.sample, b.sample), (a.pool, b.pool)
        if method == "betting":
            return BettingProcess(self.rule, samples, pools), ""
        return ConfidenceSequence(self.rule, assisted_estimator(samples, pools), planned), ""

    def record(self, space: str, launch: int, error: float, *, lost: bool = False) -> None:
        """Take in the error of one model; known ones may be given again.

        Args:
            space: one of the chain.
            launch: its index in the launch order of the space, from 0.
            error: in %; +inf for a failed model.
            lost: whether it failed by its machine's fault, not its own.

        Raises:
            UnknownNameError: the chain has no such space.
            StatisticsError: a negative launch index, NaN, or another error for a known model.
        """
        if space not in self.spaces:
            raise_unknown("space", space, self.spaces)
        for (first, second), comparison in self.pairs.items():
            if space == first:
                comparison.record("a", launch, error, lost=lost)
            elif space == second:
                comparison.record("b", launch, error, lost=lost)

    def update(
        self, errors: Mapping[str, Mapping[int, float]], lost: Mapping[str, Collection[int]] | None = None
    ) -> None:
        """Take in all errors known, in %, and which models were lost, by space and launch index; see `record`.

        What is no space of the chain, as a single network beside a study's spaces, is passed over.
        """
        for space, by_launch in errors.items():
            if space not in self.spaces:
                continue
            gone = (lost or {}).get(space, ())
            for launch, error in by_launch.items():
                self.record(space, launch, error, lost=launch in gone)

    def between(self, first: str, second: str) -> PairStanding | None:
        """Return where `second` stands against `first`, whichever comes first in the chain; None unless neighbours."""
        if (first, second) in self.pairs:
            return PairStanding.of(self.pairs[first, second])
        if (second, first) in self.pairs:
            return PairStanding.of(self.pairs[second, first]).mirrored()
        return None

    def table(self) -> list[dict[str, Any]]:
        """Return one row per pair: the spaces, the decision, the pairs counted, the running p-value, and the method.

        `theta`, `low` and `high` are P(a model of the space beats one of the other) and its interval; None if the
        method does not estimate it.
        """
        rows = []
        for (first, second), comparison in self.pairs.items():
            found = PairStanding.of(comparison)
            low, high = found.interval or (None, None)
            rows.append(
                {
                    "space": second,
                    "against": first,
                    "decision": "undecided" if found.decision == "continue" else found.decision,
                    "pairs": found.pairs,
                    "wins": found.wins,
                    "losses": found.losses,
                    "ties": comparison.ties,
                    "theta": found.theta,
                    "low": low,
                    "high": high,
                    "p_value": found.p_value,
                    "method": found.method,
                }
            )
        return rows

    @property
    def needed(self) -> frozenset[str]:
        """The spaces of which more models are wanted: those in an undecided pair."""
        undecided = (pair for pair, comparison in self.pairs.items() if comparison.decision == "continue")
        return frozenset(space for pair in undecided for space in pair)
