"""Which space is better: the comparison of a chain as a table, with each verdict said in one sentence."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.stats.chain import INDICATIVE, SequentialChain
from netspace.stats.comparison import MIN_MODELS, Comparison, compare_chain
from netspace.stats.sequential import METHODS

NOT_JUDGED = "not judged"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One row of the verdict table; numbers are NaN where the pair could not be judged.

    Attributes:
        space, against: B and A; theta above 1/2 means that B is better.
        verdict: better, worse, equivalent within delta, different but negligible, no difference detected, not judged;
            with early stopping better, worse, equivalent within delta, undecided.
        theta, low, high: estimate of P(e_B < e_A) + P(e_B = e_A) / 2 with its interval at the level of the verdict.
        p_value, holm_p_value: two-sided, of theta = 1/2, before and after Holm's correction over the chain;
            with early stopping the running p, before and after Bonferroni's.
        equivalence_p_value: of "theta is delta or more away from 1/2".
        n, n_against, failures, failures_against: models, failed ones included, and failed ones.
        mean_difference, median_difference: B minus A in percentage points, failures at chance.
        dominance: whether one EDF lies above the other everywhere, in words.
        sentence: the verdict in plain words.
        notes: what a reader must know beside it.
    """

    space: str
    against: str
    verdict: str
    theta: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan
    holm_p_value: float = np.nan
    equivalence_p_value: float = np.nan
    n: int
    n_against: int
    failures: int
    failures_against: int
    mean_difference: float = np.nan
    median_difference: float = np.nan
    dominance: str = ""
    sentence: str
    notes: str = ""


def judge(
    populations: Mapping[str, NDArray[np.float64]],
    chance: float,
    *,
    complete: bool = True,
    chain: SequentialChain | None = None,
    alpha: float = 0.05,
    delta: float = 0.1,
) -> pd.DataFrame:
    """Compare each population with the one before it.

    Args:
        populations: errors in % by space, in the order of the chain; +inf is a failed model.
        chance: error of guessing, with which failures enter means.
        complete: whether every planned model is in; if not, the notes say that verdicts are preliminary.
        chain: of a study with early stopping: its decisions are the verdicts of the pairs it holds, for a test meant
            for a fixed number of models does not hold where the results decided that number.
        alpha, delta: see `compare_chain`.

    Returns:
        One row per pair with the fields of `Verdict` as columns; empty for fewer than two spaces.
    """
    pairs = list(pairwise(populations))
    judged = [pair for pair in pairs if all(len(populations[name]) >= MIN_MODELS for name in pair)]
    found = compare_chain(populations, judged, alpha=alpha, delta=delta, chance=chance) if judged else {}
    rows = []
    for pair in pairs:
        first, second = pair
        if pair in found:
            row = _row(first, second, found[pair], complete)
            rows.append(row if chain is None else _stopped(row, chain))
        else:
            rows.append(_unjudged(first, second, populations[first], populations[second]))
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Verdict)])


def _row(first: str, second: str, found: Comparison, complete: bool) -> Verdict:
    low, high = found.interval
    differences = found.differences
    notes = [_named(note, first, second) for note in found.notes]
    if not complete:
        notes.insert(0, "preliminary: not every run has ended")
    return Verdict(
        space=second,
        against=first,
        verdict=found.verdict,
        theta=found.theta,
        low=low,
        high=high,
        p_value=found.p_value,
        holm_p_value=found.adjusted_p_value,
        equivalence_p_value=found.tost_p_value,
        n=found.n_b,
        n_against=found.n_a,
        failures=found.failures_b,
        failures_against=found.failures_a,
        mean_difference=np.nan if differences.mean is None else differences.mean,
        median_difference=np.nan if differences.median is None else differences.median,
        dominance=_named(found.dominance.statement, first, second),
        sentence=_sentence(first, second, found),
        notes="; ".join(notes),
    )


def _stopped(row: Verdict, chain: SequentialChain) -> Verdict:
    """Return a verdict of a study with early stopping, without the interval and tests that need a fixed n."""
    found = chain.between(row.against, row.space)
    if found is None:
        return replace(row, notes="; ".join(filter(None, [INDICATIVE, row.notes])))
    equivalent = f"equivalent within {chain.rule.delta}"
    claim = {
        "better": f"{row.space} is better than {row.against}",
        "worse": f"{row.space} is worse than {row.against}",
        "equivalent": f"{row.space} and {row.against} are {equivalent}",
        "continue": f"{row.space} and {row.against} are not decided yet",
    }[found.decision]
    counted = f"{found.pairs} pairs in launch order ({found.wins} won, {found.losses} lost)"
    theta, (low, high) = found.theta, found.interval or (np.nan, np.nan)
    estimate = f"theta {row.theta:.3f} over all models that ended is an estimate without an interval"
    if theta is not None:
        counted += f", P({row.space} beats {row.against}) between {low:.3f} and {high:.3f}"
        estimate = "theta and its interval are those of the last look"
    verdict = {"equivalent": equivalent, "continue": "undecided"}
    return replace(
        row,
        verdict=verdict.get(found.decision, found.decision),
        theta=row.theta if theta is None else theta,
        low=low,
        high=high,
        p_value=found.p_value,
        holm_p_value=min(1.0, found.p_value * len(chain.pairs)),
        equivalence_p_value=np.nan,
        dominance="",
        sentence=f"{claim}: {counted}. Early stopping: this holds however often one looks.",
        notes=f"{estimate}; by {METHODS[found.method]}",
    )


def _named(text: str, first: str, second: str) -> str:
    """Return a statement of the statistics, which call the spaces A and B, with their names."""
    return re.sub(r"\b[AB]\b", lambda found: first if found[0] == "A" else second, text)


def _sentence(first: str, second: str, found: Comparison) -> str:
    claim = {
        "better": f"{second} is better than {first}",
        "worse": f"{second} is worse than {first}",
        "no difference detected": f"No difference detected between {second} and {first}",
        "different but negligible": f"{second} and {first} differ, but by less than the margin {found.delta:g}",
    }.get(found.verdict, f"{second} and {first} are {found.verdict}")
    low, high = found.interval
    return (
        f"{claim}: a random model of {second} beats a random one of {first} in {100 * found.theta:.0f} % of pairs "
        f"({100 * (1 - found.level):.3g} % interval {100 * low:.0f} to {100 * high:.0f} %; "
        f"p = {found.adjusted_p_value:.2g} after Holm's correction)."
    )


def _unjudged(first: str, second: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> Verdict:
    few = " and ".join(f"{name} has {len(e)}" for name, e in ((first, a), (second, b)) if len(e) < MIN_MODELS)
    return Verdict(
        space=second,
        against=first,
        verdict=NOT_JUDGED,
        n=len(b),
        n_against=len(a),
        failures=int(np.isinf(b).sum()),
        failures_against=int(np.isinf(a).sum()),
        sentence=f"{second} and {first} are not judged: {few} models that ended, {MIN_MODELS} are needed.",
    )
