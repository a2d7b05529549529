"""Which space is better: the comparison of a chain of spaces, with each verdict in one sentence."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from netspace.arch.complexity import MEASURES
from netspace.errors import StatisticsError, StudyError, raise_unknown
from netspace.results.assistance import MOST_LOST, study_assistance
from netspace.results.standing import Standing, standing
from netspace.stats.arguments import Floats, at_chance
from netspace.stats.assistance import Assistance
from netspace.stats.chain import INDICATIVE, SequentialChain
from netspace.stats.comparison import MIN_MODELS, Comparison, compare_chain, holm_adjusted
from netspace.stats.normalized import NormalizedComparison, compare_normalized
from netspace.stats.p_values import p_is
from netspace.stats.regimes import neighbours
from netspace.stats.sequential import METHODS
from netspace.store import FINAL, JUDGED, RunRecord, RunState, Store, StudyRecord

NOT_JUDGED = "not judged"
COST = "flops"
"""The measure of complexity at which spaces are compared like with like."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Models:
    """The models of a space that ended, in launch order.

    Attributes:
        errors: float64 (n,), top-1 in %; +inf is a failed model.
        costs: float64 (n,) by measure (flops, params, activations); only measures that are known of every model.
        missing: models that were lost with their machines, and so are not among these.
    """

    errors: Floats
    costs: Mapping[str, Floats] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one space compares with another; numbers are NaN if the pair could not be judged.

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
        z_at_equal_flops, p_value_at_equal_flops: of the two spaces compared at equal flops; z above 0 means that B is
            better, p is two-sided, after Holm's correction over the chain.
        at_equal_flops: the same in words, or why there is no such comparison.
        sentence: the verdict in plain words.
        notes: what a reader must know beside it.
        assisted: whether verdict, theta, interval and p-values are assisted by what the networks are made of.
        r2: the share of the variance of (ranked) errors that the predictor explains; NaN unless assisted.
        equivalent_models: models a space that would say as much without assistance; NaN unless assisted.
        not_assisted: why they are not; empty if assistance was not asked for.
        classical: what the errors alone say, in a sentence; empty unless assisted.
        classical_verdict, classical_theta, classical_low, classical_high, classical_holm_p_value: the same figures
            without assistance.
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
    z_at_equal_flops: float = np.nan
    p_value_at_equal_flops: float = np.nan
    at_equal_flops: str = ""
    sentence: str
    notes: str = ""
    assisted: bool = False
    r2: float = np.nan
    equivalent_models: float = np.nan
    not_assisted: str = ""
    classical: str = ""
    classical_verdict: str = ""
    classical_theta: float = np.nan
    classical_low: float = np.nan
    classical_high: float = np.nan
    classical_holm_p_value: float = np.nan

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values, None for NaN."""
        values = asdict(self).items()
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values}

    @property
    def lines(self) -> list[str]:
        """All that there is to say about the pair, in sentences; the first one is the verdict."""
        equal = "" if math.isnan(self.p_value_at_equal_flops) else self.at_equal_flops
        return [line for line in (self.sentence, self.classical, self.dominance, equal, self.notes) if line]


def compare_spaces(
    models: Mapping[str, Models],
    *,
    chance: float,
    complete: bool = True,
    chain: SequentialChain | None = None,
    assistance: Assistance | None = None,
    alpha: float = 0.05,
    delta: float = 0.1,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> list[Verdict]:
    """Compare each space with the one before it: what `netspace compare` prints and every report shows.

    Args:
        models: by space, in the order of the chain; see `models_of` for those of a study.
        chance: error of guessing, with which failures enter means.
        complete: whether every planned model is in; if not, the notes say that verdicts are preliminary.
        chain: of a study with early stopping: its decisions are the verdicts of the pairs it holds, for a test meant
            for a fixed number of models does not hold if the results decided that number.
        assistance: of these spaces: verdicts are assisted if it allows it; not used with early stopping, whose
            processes have their own.
        alpha, delta: see `compare_chain`.
        pairs: which spaces are compared; None for each with the one before it, see `neighbours`.

    Returns:
        One verdict a pair; none for fewer than two spaces.

    Raises:
        StatisticsError: a level outside its range.
    """
    pairs = neighbours(models) if pairs is None else pairs
    enough = [pair for pair in pairs if all(models[name].errors.size >= MIN_MODELS for name in pair)]
    errors = {name: one.errors for name, one in models.items()}
    helped = assistance if chain is None else None
    found = compare_chain(errors, enough, assistance=helped, alpha=alpha, delta=delta, chance=chance) if enough else {}
    verdicts = []
    for first, second in pairs:
        if (first, second) not in found:
            verdicts.append(_unjudged(first, second, errors[first], errors[second]))
            continue
        missing = [note for name in (first, second) if (note := _missing(name, models[name]))]
        verdict = _verdict(first, second, found[first, second], chance, complete, missing)
        verdicts.append(verdict if chain is None else _stopped(verdict, chain))
    return verdicts if chain is not None else _at_equal_cost(verdicts, models, chance, alpha)


def study_verdicts(
    store: Store,
    study_name: str,
    spaces: Sequence[str] | None = None,
    *,
    now: Standing | None = None,
    alpha: float = 0.05,
    delta: float = 0.1,
) -> list[Verdict]:
    """Compare the spaces of a study, each with the one before it, corrected over the whole chain.

    Args:
        store: where the study is.
        study_name: its name there.
        spaces: which ones, in the order of the chain; None takes all, in the order of the study.
        now: where the study stands, if that is known already; early stopping is then not replayed.
        alpha: familywise level.
        delta: theta within 1/2 +- delta counts as equivalent; fix it before looking.

    Raises:
        UnknownNameError: the store holds no study of this name, or the study no space of that name.
        StudyError: no run of it has ended.
        StatisticsError: a level outside its range, or fewer than two spaces asked for.
    """
    study, runs = study_with_results(store, study_name)
    known = list(dict.fromkeys(run.space for run in runs))
    chosen = chosen_spaces(spaces, known)
    found = models_of(runs)
    return compare_spaces(
        {space: found.get(space, Models(errors=np.empty(0))) for space in chosen},
        chance=store.chance_error(study.id),
        complete=all(run.status in FINAL for run in runs if run.space in chosen),
        chain=(now or standing(study, store)).chain,
        assistance=study_assistance(study, runs, store),
        alpha=alpha,
        delta=delta,
        # those that are asked for by name are compared, whatever their windows
        pairs=None if spaces is None else list(pairwise(chosen)),
    )


def chosen_spaces(spaces: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return which spaces to compare, each once: those asked for, or all that are known.

    Raises:
        UnknownNameError: one that is not known.
        StatisticsError: fewer than two asked for.
    """
    for space in spaces or ():
        if space not in known:
            raise_unknown("space", space, known)
    chosen = list(dict.fromkeys(known if spaces is None else spaces))
    if spaces is not None and len(chosen) < 2:
        raise StatisticsError(f"a comparison needs at least 2 different spaces, got {', '.join(spaces) or 'none'}")
    return chosen


def models_of(runs: Iterable[RunState]) -> dict[str, Models]:
    """Return the models of each space that ended, spaces in the order of their first launch; only spaces with one.

    Those that were lost with their machines are missing.
    """
    by_space: dict[str, list[RunState]] = {}
    lost: Counter[str] = Counter()
    for run in runs:
        by_space.setdefault(run.space, []).extend([run] if run.status in JUDGED else [])
        lost[run.space] += run.status == "lost"
    return {
        space: Models(
            errors=np.array([run.score for run in ended]),
            costs={
                measure: np.array([float(getattr(run, measure)) for run in ended])
                for measure in MEASURES
                if all(getattr(run, measure) > 0 for run in ended)
            },
            missing=lost[space],
        )
        for space, ended in by_space.items()
        if ended
    }


def study_with_results(store: Store, name: str) -> tuple[StudyRecord, list[RunState]]:
    """Return a study and what became of the runs of its spaces; `results.marks` has those of single networks.

    Raises:
        UnknownNameError: the store holds no study of this name.
        StudyError: no run of it has ended.
    """
    study = _known_study(store, name)
    states = [run for run in store.states(study.id) if run.space not in study.networks]
    _check_ended(store, name, states)
    return study, states


def study_with_runs(store: Store, name: str) -> tuple[StudyRecord, list[RunRecord]]:
    """Return a study and the runs of its spaces, with their networks; raises as `study_with_results` does."""
    study = _known_study(store, name)
    runs = [run for run in store.runs(study.id) if run.space not in study.networks]
    _check_ended(store, name, runs)
    return study, runs


def _known_study(store: Store, name: str) -> StudyRecord:
    study = store.find_study(name)
    if study is None:
        names = [known.name for known in store.studies()]
        if not names:
            raise StudyError(f"{store.where}: it holds no study yet, so no '{name}'; start it with `netspace run`")
        raise_unknown("study", name, names)
    return study


def _check_ended(store: Store, name: str, runs: Sequence[RunState]) -> None:
    if any(run.status in JUDGED for run in runs):
        return
    if any(run.status == "lost" for run in runs):
        raise StudyError(
            f"{store.where}: every run of study '{name}' that has ended was lost with its worker, which says "
            "nothing about its network; there is nothing to report"
        )
    running = sum(run.status == "running" for run in runs)
    raise StudyError(
        f"{store.where}: no run of study '{name}' has ended yet ({len(runs)} planned, {running} of them running); "
        "there is nothing to report"
    )


def _missing(name: str, models: Models) -> str:
    """Say how many models of a space are missing, if these are more than a verdict can pass over."""
    total = models.missing + models.errors.size
    if models.missing <= MOST_LOST * total:
        return ""
    return (
        f"{models.missing} of {total} models of {name} are missing, lost with their machines (more than "
        f"{MOST_LOST:.0%}): if it was the large or slow ones, the others are no fair sample of the space"
    )


def _verdict(
    first: str, second: str, found: Comparison, chance: float, complete: bool, missing: Sequence[str] = ()
) -> Verdict:
    (low, high), (classical_low, classical_high) = found.interval, found.classical.interval
    a, b = at_chance(found.errors_a, chance), at_chance(found.errors_b, chance)
    notes = [*missing, *(_named(note, first, second) for note in found.notes)]
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
        mean_difference=float(b.mean() - a.mean()),
        median_difference=float(np.median(b) - np.median(a)),
        dominance=_named(found.dominance.statement, first, second),
        sentence=_sentence(first, second, found),
        notes="; ".join(notes),
        assisted=found.assisted,
        r2=np.nan if found.r2 is None else found.r2,
        equivalent_models=found.equivalent_models if found.assisted else np.nan,
        not_assisted=_named(found.refused or "", first, second),
        classical=_classical(found.classical) if found.assisted else "",
        classical_verdict=found.classical.verdict,
        classical_theta=found.classical.theta,
        classical_low=classical_low,
        classical_high=classical_high,
        classical_holm_p_value=found.classical.adjusted_p_value,
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
        "continue": f"{row.space} and {row.against} are undecided so far",
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


def _at_equal_cost(
    verdicts: Sequence[Verdict], models: Mapping[str, Models], chance: float, alpha: float
) -> list[Verdict]:
    """Add to each verdict how the two spaces compare if both had the same distribution of flops."""
    found: dict[int, NormalizedComparison] = {}
    said = [verdict.at_equal_flops for verdict in verdicts]
    for place, verdict in enumerate(verdicts):
        a, b = models[verdict.against], models[verdict.space]
        if COST not in a.costs or COST not in b.costs:
            said[place] = f"not compared at equal {COST}: they are not known of every model"
            continue
        try:
            found[place] = compare_normalized(a.errors, a.costs[COST], b.errors, b.costs[COST], chance=chance)
        except StatisticsError as refusal:
            said[place] = f"not compared at equal {COST}: {_named(str(refusal), verdict.against, verdict.space)}"
    adjusted = holm_adjusted(np.array([one.p_value for one in found.values()]))
    p_values = dict(zip(found, adjusted.tolist(), strict=True))
    for place, one in found.items():
        said[place] = _said_at_equal_cost(verdicts[place], one, p_values[place], alpha)
    return [
        replace(
            verdict,
            at_equal_flops=said[place],
            z_at_equal_flops=found[place].z if place in found else np.nan,
            p_value_at_equal_flops=p_values.get(place, np.nan),
        )
        for place, verdict in enumerate(verdicts)
    ]


def _said_at_equal_cost(verdict: Verdict, found: NormalizedComparison, p_value: float, alpha: float) -> str:
    space, against = verdict.space, verdict.against
    claim = (
        f"{space} is {'better' if found.z > 0 else 'worse'} than {against}"
        if p_value <= alpha
        else f"no difference detected between {space} and {against}"
    )
    return (
        f"At equal {COST} {claim}: mean error {found.edf_b.mean:.2f} against {found.edf_a.mean:.2f} %, "
        f"{p_is(p_value)} after Holm's correction (as good as {found.effective_b:.0f} and {found.effective_a:.0f} "
        f"models of equal weight)."
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
        f"{p_is(found.adjusted_p_value)} after Holm's correction)."
    )


def _classical(found: Comparison) -> str:
    low, high = found.interval
    return (
        f"Without assistance: {found.verdict}, theta {found.theta:.3f} ({low:.3f} to {high:.3f}), "
        f"{p_is(found.adjusted_p_value)}."
    )


def _unjudged(first: str, second: str, a: Floats, b: Floats) -> Verdict:
    few = " and ".join(f"{name} has {len(e)}" for name, e in ((first, a), (second, b)) if len(e) < MIN_MODELS)
    return Verdict(
        space=second,
        against=first,
        verdict=NOT_JUDGED,
        n=len(b),
        n_against=len(a),
        failures=int(np.isinf(b).sum()),
        failures_against=int(np.isinf(a).sum()),
        sentence=f"{second} and {first} are not compared: {few} models have ended, but {MIN_MODELS} are needed.",
    )
