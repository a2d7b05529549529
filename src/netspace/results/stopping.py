"""Early stopping of a study: what its file says, where it stands, and what that means for its claims."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from netspace.documents import Document
from netspace.errors import StudyError
from netspace.results.claims import JudgedClaim, judge_runs
from netspace.stats import Claim, SequentialChain, SequentialComparison, StoppingRule
from netspace.store import FINAL, Status, Store, StudyRecord

PAPER_N = 500
"""Models of each space in the RegNet paper: what early stopping is held against."""


class Stop(Document):
    """When neighbouring spaces are decided: the study then trains no more of them than it needs.

    Attributes:
        alpha: probability of any wrong "better" or "worse" in the whole study, however often one looks.
        delta: P(a model of one space beats one of the other) within 1/2 +- delta counts as equivalent; None to stop
            only for a difference. Fixed beforehand: it is part of the study's identity.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    delta: Annotated[float, Field(gt=0, lt=0.5)] | None = 0.1

    @property
    def rule(self) -> StoppingRule:
        """The rule of one pair; `SequentialChain` divides alpha among the pairs."""
        return StoppingRule(alpha=self.alpha, delta=self.delta)


def stop_of(record: StudyRecord) -> Stop | None:
    """Return the rule that a stored study was started with; None where it trains all its models."""
    stop = record.spec.get("stop")
    return None if stop is None else Stop(**stop)


def spared_runs(counts: Mapping[str, Mapping[Status, int]], needed: Collection[str] | None) -> int:
    """Return how many planned runs early stopping has made unnecessary.

    Args:
        counts: runs by space and status.
        needed: spaces of which more models are wanted; None for all.
    """
    if needed is None:
        return 0
    return sum(by_status["planned"] for space, by_status in counts.items() if space not in needed)


def stopping_state(record: StudyRecord, store: Store, stop: Stop) -> SequentialChain:
    """Return where the pairs of a study stand, from what `store` holds of its runs."""
    return SequentialChain.replay(store.errors(record.id), list(store.counts(record.id)), stop.rule)


def stopping_table(chain: SequentialChain) -> list[dict[str, Any]]:
    """Return one row per pair: the spaces, the decision, the pairs counted, and the running p-value."""
    return [
        {
            "space": second,
            "against": first,
            "decision": "undecided" if comparison.decision == "continue" else comparison.decision,
            "pairs": comparison.pairs,
            "wins": comparison.wins,
            "losses": comparison.losses,
            "ties": comparison.ties,
            "p_value": comparison.p_value,
        }
        for (first, second), comparison in chain.pairs.items()
    ]


def stopping_sentences(record: StudyRecord, store: Store, stop: Stop) -> list[str]:
    """Say what early stopping decided, and how many models it spent where fixed numbers would have spent how many."""
    chain, counts = stopping_state(record, store, stop), store.counts(record.id)
    spent = sum(numbers[status] for numbers in counts.values() for status in FINAL)
    planned = [sum(numbers.values()) for numbers in counts.values()]
    return [*(_sentence(pair, one) for pair, one in chain.pairs.items()), _cost(spent, planned)]


def judge_claims(
    record: StudyRecord, store: Store, claims: Sequence[Claim | str], stop: Stop | None
) -> list[JudgedClaim]:
    """Judge claims about a study by its runs that ended; what early stopping decided stands as decided.

    Raises:
        StudyError: no run has ended.
        StatisticsError, UnknownNameError: a claim that cannot be read, or names what the study does not have.
    """
    runs = store.frame(record.id)
    runs = runs[runs["status"].isin(FINAL)]
    if runs.empty:
        raise StudyError(f"{store.where}: no run of study '{record.name}' has ended; there is nothing to judge by")
    chain = None if stop is None else stopping_state(record, store, stop)
    return judge_runs(claims, runs, spaces=list(store.counts(record.id)), chain=chain)


def _sentence(pair: tuple[str, str], comparison: SequentialComparison) -> str:
    first, second = pair
    counted = f"{comparison.pairs} pairs ({comparison.wins} won, {comparison.losses} lost)"
    if comparison.decision == "continue":
        return f"{second} against {first}: undecided after {counted}"
    margin = comparison.rule.delta
    decision = f"equivalent within {margin:g}" if comparison.decision == "equivalent" else comparison.decision
    return f"{second} against {first}: {decision}, decided after {counted}"


def _cost(spent: int, planned: Sequence[int]) -> str:
    fixed = PAPER_N * len(planned)
    text = f"{spent} models spent; all {sum(planned)} of the study would have been the most"
    return f"{text}, a fixed n = {PAPER_N} would have spent {fixed:,}"
