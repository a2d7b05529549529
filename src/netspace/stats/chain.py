"""Early stopping of a chain of spaces: each is compared with the one before it while all of them train."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.sequential import Decision, SequentialComparison, StoppingRule

INDICATIVE = "early stopping decided the number of models: a test for a fixed number is only indicative here"
"""What a reader must know of every test between two spaces that the chain does not compare."""


class PairStanding(NamedTuple):
    """Where a chain's comparison of two spaces stands, told from either side.

    Attributes:
        decision: what the one asked about is: "better", "worse", "equivalent", or "continue" until decided.
        pairs: models of each that were compared.
        wins, losses: pairs in which the one asked about has the lower, the higher error.
        p_value: see `SequentialComparison.p_value`.
    """

    decision: Decision
    pairs: int
    wins: int
    losses: int
    p_value: float


class SequentialChain:
    """The sequential comparisons of neighbours in a list of spaces, fed with errors as models end.

    A space is needed while a pair that it belongs to is undecided. A decision is final, so a space that is no longer
    needed never becomes so again. The state follows from the recorded errors alone, in whatever order they came: two
    drivers that read the same store agree, and a resumed study stands where it stood.

    Args:
        spaces: at least two different names, in the order of the chain.
        rule: of each pair; its alpha is shared by all of them (its `chain` becomes the number of pairs).

    Raises:
        StatisticsError: fewer than two spaces.

    Attributes:
        rule: the rule that each pair is held to.
        pairs: the comparison of each (A, B), B being the space after A.
    """

    def __init__(self, spaces: Sequence[str], rule: StoppingRule | None = None) -> None:
        self.spaces: tuple[str, ...] = tuple(dict.fromkeys(spaces))
        if len(self.spaces) < 2:
            raise StatisticsError(f"early stopping compares spaces: at least 2 are needed, got {len(self.spaces)}")
        self.rule: StoppingRule = replace(rule or StoppingRule(), chain=len(self.spaces) - 1)
        self.pairs: dict[tuple[str, str], SequentialComparison] = {
            pair: SequentialComparison(self.rule) for pair in pairwise(self.spaces)
        }

    @classmethod
    def replay(
        cls, errors: Mapping[str, Mapping[int, float]], spaces: Sequence[str], rule: StoppingRule | None = None
    ) -> "SequentialChain":
        """Rebuild the state from recorded errors in %, by space and launch index; +inf is a failed model.

        Raises:
            StatisticsError, UnknownNameError: as for `record`.
        """
        chain = cls(spaces, rule)
        chain.update(errors)
        return chain

    def record(self, space: str, launch: int, error: float) -> None:
        """Take in the error of one model; known ones may be given again.

        Args:
            space: one of the chain.
            launch: its index in the launch order of the space, from 0.
            error: in %; +inf for a failed model.

        Raises:
            UnknownNameError: the chain has no such space.
            StatisticsError: a negative launch index, NaN, or another error for a known model.
        """
        if space not in self.spaces:
            raise_unknown("space", space, self.spaces)
        for (first, second), comparison in self.pairs.items():
            if space == first:
                comparison.record("a", launch, error)
            elif space == second:
                comparison.record("b", launch, error)

    def update(self, errors: Mapping[str, Mapping[int, float]]) -> None:
        """Take in all errors known, in %, by space and launch index; see `record`."""
        for space, by_launch in errors.items():
            for launch, error in by_launch.items():
                self.record(space, launch, error)

    def between(self, first: str, second: str) -> PairStanding | None:
        """Return where `second` stands against `first`, whichever comes first in the chain; None unless neighbours."""
        if (first, second) in self.pairs:
            found = self.pairs[first, second]
            return PairStanding(found.decision, found.pairs, found.wins, found.losses, found.p_value)
        if (second, first) in self.pairs:
            found = self.pairs[second, first]
            mirrored: dict[Decision, Decision] = {"better": "worse", "worse": "better"}
            decision = mirrored.get(found.decision, found.decision)
            return PairStanding(decision, found.pairs, found.losses, found.wins, found.p_value)
        return None

    def table(self) -> list[dict[str, Any]]:
        """Return one row per pair: the spaces, the decision, the pairs counted, and the running p-value."""
        return [
            {
                "space": second,
                "against": first,
                "decision": "undecided" if found.decision == "continue" else found.decision,
                "pairs": found.pairs,
                "wins": found.wins,
                "losses": found.losses,
                "ties": found.ties,
                "p_value": found.p_value,
            }
            for (first, second), found in self.pairs.items()
        ]

    @property
    def needed(self) -> frozenset[str]:
        """The spaces of which more models are wanted: those in an undecided pair."""
        undecided = (pair for pair, comparison in self.pairs.items() if comparison.decision == "continue")
        return frozenset(space for pair in undecided for space in pair)
