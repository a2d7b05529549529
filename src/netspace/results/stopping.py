"""Early stopping of a study, from what it was started with and its results; and what both say of its claims."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from netspace.documents import Document
from netspace.errors import StudyError
from netspace.stats.betting import BettingProcess
from netspace.stats.chain import PairStanding, SequentialChain
from netspace.stats.confidence_sequence import ConfidenceSequence
from netspace.stats.regimes import neighbours
from netspace.stats.sequential import METHODS, Method, StoppingRule, log_e_value
from netspace.store import FINAL, JUDGED, Store, StudyRecord

if TYPE_CHECKING:
    import pandas as pd

    from netspace.results.claims import JudgedClaim
    from netspace.stats.assistance import Assistance
    from netspace.stats.claims import Claim

PAPER_N = 500
"""Models of each space in the RegNet paper: what early stopping is compared with."""
DEFAULT_METHOD: Method = "confidence_sequence"
"""How pairs are judged in studies that are started now."""
BOOKKEEPING = ("index", "launch", "seed", "attempts", "message")
"""Columns of a study's runs that are no property of a model."""


class Stop(Document):
    """When a pair of neighbouring spaces is decided: the study then trains no more of them than it needs.

    Attributes:
        alpha: probability of any wrong "better" or "worse" in the whole study, however often one looks.
        delta: P(a model of one space beats one of the other) within 1/2 +- delta counts as equivalent; None to stop
            only for a difference. Fixed beforehand: it is part of the study's identity.
        method: how pairs are judged: `confidence_sequence` (assisted; valid asymptotically), `betting` (assisted;
            exact) or `sign` (by wins and losses alone). None is the first for a study that is started now, and what a
            study was started with for one that goes on.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    delta: Annotated[float, Field(gt=0, lt=0.5)] | None = 0.1
    method: Method | None = None

    @property
    def rule(self) -> StoppingRule:
        """The rule of one pair; `SequentialChain` divides alpha among the pairs."""
        return StoppingRule(alpha=self.alpha, delta=self.delta)


def stop_of(record: StudyRecord) -> Stop | None:
    """Return the rule that a stored study was started with; None if it trains all its models."""
    stop = record.spec.get("stop")
    # studies that were started before there was a choice record no method
    return None if stop is None else Stop(**{"method": "sign", **stop})


def stopping_chain(record: StudyRecord, store: Store, known: SequentialChain | None = None) -> SequentialChain | None:
    """Return where each pair of neighbouring spaces stands, or None for a study without early stopping.

    The same for all who ask, whenever they ask: it follows from the errors, the networks planned and their pools.

    Args:
        record: the study in `store`.
        store: where its runs are.
        known: what this returned before: it takes in what has ended since, and judges no pair twice. A pair that was
            without a predictor may have one by now; then all begins anew.
    """
    if known is not None and not known.refused:
        known.update(store.errors(record.id), store.lost(record.id))
        return known
    stop = stop_of(record)
    spaces = [name for name in store.counts(record.id) if name not in record.networks]
    if stop is None or len(spaces) < 2:
        return None
    method, assistance = stop.method or DEFAULT_METHOD, None
    if method != "sign":
        from netspace.results.assistance import planned_assistance

        assistance = planned_assistance(record, store.states(record.id), store)
    chain = SequentialChain(spaces, stop.rule, method=method, assistance=assistance)
    chain.update(store.errors(record.id), store.lost(record.id))
    return chain


def stopping_sentences(chain: SequentialChain, *, ended: int, planned: int) -> list[str]:
    """Say how early stopping judged, what it decided, and how many models it took, compared with a fixed number."""
    fixed = PAPER_N * len(chain.spaces)
    cost = f"{ended} models trained, of at most {planned}"
    return [
        *_methods(chain),
        *(_sentence(*pair, chain) for pair in chain.pairs),
        f"{cost}, a fixed n = {PAPER_N} would have taken {fixed:,}",
    ]


def decisions(chain: SequentialChain) -> list[str]:
    """Return those of `stopping_sentences` that say of two spaces that they are decided."""
    return [
        _sentence(*pair, chain)
        for pair, comparison in chain.pairs.items()
        if PairStanding.of(comparison).decision != "continue"
    ]


def judge_claims(
    record: StudyRecord,
    store: Store,
    claims: Sequence["Claim | str"],
    chain: SequentialChain | None,
    *,
    assistance: "Assistance | None" = None,
    lenient: bool = False,
) -> "list[JudgedClaim]":
    """Judge claims about a study by its runs that ended; what early stopping decided stands as decided.

    Args:
        record: the study in `store`.
        store: where its runs are.
        claims: as text or parsed.
        chain: see `stopping_chain`.
        assistance: see `study_assistance`; None judges by the errors alone.
        lenient: whether a claim that cannot be read, or names what the study does not have, is undecided (the evidence
            says why) instead of an error.

    Raises:
        StudyError: no run has ended.
        StatisticsError, UnknownNameError: a claim that cannot be read, or names what the study does not have.
    """
    from netspace.results.claims import judge

    if not claims:
        return []
    runs = store.frame(record.id)
    runs = runs[~runs["space"].isin(record.networks)]
    ended = runs[runs["status"].isin(JUDGED)].drop(columns=list(BOOKKEEPING))
    if ended.empty:
        raise StudyError(f"{store.where}: no run of study '{record.name}' has ended, so no claim can be judged")
    spaces = list(runs["space"].unique())
    return judge(
        claims,
        ended,
        spaces=spaces,
        chain=chain,
        assistance=assistance,
        lenient=lenient,
        status="status",
        unit="percent",
    )


def e_process_table(
    runs: "pd.DataFrame", spaces: Sequence[str], chain: SequentialChain | None = None
) -> "pd.DataFrame":
    """Return the evidence for and against each space, pair by pair in launch order, against the one before it.

    The t-th network of a space is paired with the t-th of the other; the first pair that is not complete holds all
    later ones. See `netspace.stats.sequential` and `netspace.stats.betting`.

    Args:
        runs: of a study.
        spaces: in their order.
        chain: of a study with early stopping: the evidence is that of its processes, and pairs that a confidence
            sequence judges have none, see `sequence_table`. Without it, it is that of the sign process.

    Returns:
        Columns `against`, `space`, `pair` (from 1), `better`, `worse`: log10 of the e-values; 0 before
        any decided pair.
    """
    import pandas as pd

    parts = []
    ended = runs[runs["status"].isin(FINAL)]
    scores = {space: models.set_index("index")["score"] for space, models in ended.groupby("space", sort=False)}
    for first, second in neighbours(spaces):
        process = None if chain is None else chain.pairs[first, second].process
        if first not in scores or second not in scores or isinstance(process, ConfidenceSequence):
            continue
        if isinstance(process, BettingProcess):
            parts.append(_bets(first, second, process))
            continue
        both = pd.concat([scores[first], scores[second]], axis=1, keys=["a", "b"], join="inner").sort_index()
        complete = both[both.index == np.arange(len(both))].dropna()  # without those that were lost
        wins = (complete["b"] < complete["a"]).cumsum().to_numpy()
        losses = (complete["b"] > complete["a"]).cumsum().to_numpy()
        parts.append(
            pd.DataFrame(
                {
                    "against": first,
                    "space": second,
                    "pair": np.arange(1, len(complete) + 1),
                    "better": log_e_value(wins, losses) / np.log(10),
                    "worse": log_e_value(losses, wins) / np.log(10),
                }
            )
        )
    columns = ["against", "space", "pair", "better", "worse"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _bets(first: str, second: str, process: BettingProcess) -> "pd.DataFrame":
    import pandas as pd

    better, worse = np.array(process.log_e).reshape(-1, 2).T / np.log(10)
    pairs = np.arange(1, len(better) + 1)
    return pd.DataFrame({"against": first, "space": second, "pair": pairs, "better": better, "worse": worse})


def sequence_table(chain: SequentialChain | None) -> "pd.DataFrame":
    """Return the confidence sequence of theta at each look, of the pairs that one judges.

    Returns:
        Columns `against`, `space`, `n` (pairs), `theta`, `low`, `high`, in the order of the chain.
    """
    import pandas as pd

    rows = [
        (first, second, pairs, theta, *ends)
        for (first, second), comparison in ({} if chain is None else chain.pairs).items()
        if isinstance(comparison.process, ConfidenceSequence)
        for pairs, theta, ends in comparison.process.intervals
    ]
    return pd.DataFrame(rows, columns=["against", "space", "n", "theta", "low", "high"])


def thresholds(pairs: int, alpha: float = 0.05) -> dict[str, float]:
    """Return log10 of the e-values at which a two-sided decision falls: for one pair of spaces, and for a chain."""
    single = StoppingRule(alpha=alpha)
    found = {f"one comparison: {single.threshold:g}": float(np.log10(single.threshold))}
    if pairs > 1:
        chain = StoppingRule(alpha=alpha, chain=pairs)
        found[f"chain of {pairs}: {chain.threshold:g}"] = float(np.log10(chain.threshold))
    return found


def _methods(chain: SequentialChain) -> list[str]:
    """Say how the pairs are judged, and why some are not judged as was asked for."""
    used = dict.fromkeys(comparison.process.method for comparison in chain.pairs.values())
    refused = [
        f"{second} against {first} without a predictor, by their signs: {reason}"
        for (first, second), reason in chain.refused.items()
    ]
    return [f"by {METHODS[method]}" for method in used] + refused


def _sentence(first: str, second: str, chain: SequentialChain) -> str:
    found = PairStanding.of(chain.pairs[first, second])
    counted = f"{found.pairs} pairs ({found.wins} won, {found.losses} lost)"
    if found.interval is not None:
        low, high = found.interval
        counted += f"; P({second} beats {first}) = {found.theta:.3f}, between {low:.3f} and {high:.3f}"
    if found.decision == "continue":
        return f"{second} against {first}: undecided after {counted}"
    decision = f"equivalent within {chain.rule.delta:g}" if found.decision == "equivalent" else found.decision
    return f"{second} against {first}: {decision}, decided after {counted}"
