"""Claims judged by results: confirmed, refuted or undecided, each with its evidence."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, rankdata

from netspace.errors import StatisticsError, UnknownNameError
from netspace.results.populations import Reading, Unit, models_of, populations_of
from netspace.stats import ranges
from netspace.stats.arguments import Floats, as_finite, check_variety
from netspace.stats.assistance import Assistance
from netspace.stats.chain import INDICATIVE, SequentialChain
from netspace.stats.claims import (
    DELTA,
    FITTED,
    BestBetween,
    Claim,
    Equivalent,
    Order,
    Trend,
    parse_claim,
    resolve_claim,
)
from netspace.stats.comparison import MIN_MODELS, Comparison, compare_chain
from netspace.stats.fit import e_fit
from netspace.stats.p_values import p_is
from netspace.stats.pool_check import RefusedError
from netspace.stats.ranges import best_range
from netspace.stats.superiority import Superiority, superiority

Judgement = Literal["confirmed", "refuted", "undecided"]
MIN_MODELS_OF_PROPERTY = ranges.MIN_MODELS
"""Models below which nothing is said about a property."""
Finding = tuple[Judgement, str]


@dataclass(frozen=True, kw_only=True)
class JudgedClaim:
    """One claim and what the results say about it.

    Attributes:
        claim: as it was written.
        judgement: "undecided" if the results support neither the claim nor its contrary.
        evidence: why, in a sentence with the figures.
    """

    claim: str
    judgement: Judgement
    evidence: str


def judge(
    claims: Sequence[str | Claim],
    frame: pd.DataFrame,
    *,
    spaces: Sequence[str] | None = None,
    chain: SequentialChain | None = None,
    assistance: Assistance | None = None,
    alpha: float = 0.05,
    lenient: bool = False,
    space: str = "space",
    error: str = "error",
    status: str | None = None,
    unit: Unit | None = None,
) -> list[JudgedClaim]:
    """Judge claims about the models in a table.

    "better" is confirmed by a significant difference, corrected by Holm over all such claims, and refuted by one the
    other way or by equivalence within 0.1. "equivalent" is confirmed by two one-sided tests and refuted by an interval
    wholly outside the margin. "best ... between" is confirmed by a best range inside, and refuted by one outside the
    bounds, provided that the range is narrower than chance gives (permutation p-value). "rise" and "fall" are judged
    by Kendall's rank correlation.

    Args:
        claims: as text or parsed.
        frame: one row per model that ended, with a column per property (`depth`, `w_m`, `width_1`, ...); e_fit is
            computed from `depth_1`, `width_1`, ... if it is asked for.
        spaces: names in their order; None takes those of the table in order of appearance.
        chain: of a study with early stopping: a pair that it holds is judged by its decision, for a test meant for a
            fixed number of models does not hold if the results decided that number; the evidence on other pairs
            says so.
        assistance: of these spaces: claims about two of them are judged by assisted figures if it allows it; not
            used with early stopping.
        alpha: level of every judgement.
        lenient: whether a claim that cannot be read, or names what there is not, is undecided instead of an error.
        space, error, status: columns, see `Reading`.
        unit: of the errors, see `Reading`.

    Returns:
        One judgement per claim, in their order.

    Raises:
        StatisticsError: a claim that cannot be read, unless `lenient`; a table that `populations_from_frame` refuses.
        UnknownNameError: a claim names a space or property that there is not, unless `lenient`; a column is missing.
    """
    table = models_of(frame, Reading(space=space, error=error, status=status, unit=unit))
    populations = populations_of(table)
    names = list(populations) if spaces is None else list(spaces)
    models = {name: frame[table.ended & (table.spaces == name)] for name in names}
    errors = {name: populations.get(name, np.empty(0)) for name in names}
    read: list[Claim | JudgedClaim] = []
    for claim in claims:
        try:
            parsed = parse_claim(claim) if isinstance(claim, str) else claim
            read.append(resolve_claim(parsed, names, lambda name: _properties(models[name].drop(columns=error))))
        except (StatisticsError, UnknownNameError) as mistake:
            if not lenient:
                raise
            text = claim if isinstance(claim, str) else claim.text
            read.append(JudgedClaim(claim=text, judgement="undecided", evidence=str(mistake)))
    # Holm's correction runs over all claims that one space is better than another
    pairs = dict.fromkeys((claim.worse, claim.better) for claim in read if isinstance(claim, Order))
    enough = [pair for pair in pairs if all(errors[name].size >= MIN_MODELS for name in pair)]
    helped = assistance if chain is None else None
    compared = compare_chain(errors, enough, assistance=helped, alpha=alpha, delta=DELTA) if enough else {}
    judged = []
    for one in read:
        match one:
            case JudgedClaim():
                judged.append(one)
                continue
            case Order(better=better, worse=worse):
                found = _sequential(one, chain) or _order(one, compared.get((worse, better)), errors, chain)
            case Equivalent():
                found = _sequential(one, chain) or _equivalent(one, errors, alpha, chain, helped)
            case BestBetween() | Trend():
                place = one.space or names[-1]
                found = _by_property(one, place, models[place], errors[place], alpha)
        judged.append(JudgedClaim(claim=one.text, judgement=found[0], evidence=found[1]))
    return judged


def property_values(models: pd.DataFrame, name: str) -> Floats:
    """Return a property of each model, float64 (n,): a column, or e_fit from the stages' depths and widths.

    Raises:
        StatisticsError: a value is missing or not finite.
    """
    if name == FITTED and FITTED not in models.columns:
        depths, widths = (models[_stages(models, kind)].to_numpy(dtype=np.float64) for kind in ("depth", "width"))
        known = np.isfinite(depths)  # networks may have fewer stages than others
        if (known != np.isfinite(widths)).any() or not known.any(axis=1).all():
            raise StatisticsError(f"{FITTED}: depths or widths of some models are missing")
        return np.array(
            [
                e_fit(np.repeat(width[there], depth[there].astype(np.int64)))
                for width, depth, there in zip(widths, depths, known, strict=True)
            ]
        )
    return as_finite(models[name].to_numpy(dtype=np.float64), name, like=len(models))


def _properties(models: pd.DataFrame) -> list[str]:
    """Return the properties that a claim may name: their numeric columns without gaps, and e_fit."""
    columns = [str(c) for c in models.columns if pd.api.types.is_numeric_dtype(models[c]) and models[c].notna().all()]
    fitted = _stages(models, "depth") and len(_stages(models, "depth")) == len(_stages(models, "width"))
    return [*columns, FITTED] if fitted and FITTED not in columns else columns


def _stages(models: pd.DataFrame, kind: str) -> list[str]:
    """Return the columns of a kind, "depth" or "width", that hold a value for every model: one a stage.

    In a table of several spaces, one of fewer stages has columns without values.
    """
    numbered = (str(column) for column in models.columns if re.fullmatch(rf"{kind}_\d+", str(column)))
    return [column for column in numbered if models[column].notna().all()]


def _sequential(claim: Order | Equivalent, chain: SequentialChain | None) -> Finding | None:
    """Judge a claim about two neighbours of a study with early stopping by what the study decided."""
    first, second = (claim.worse, claim.better) if isinstance(claim, Order) else (claim.other, claim.space)
    found = None if chain is None else chain.between(first, second)
    if chain is None or found is None:
        return None
    decision, margin = found.decision, chain.rule.delta
    counted = f"after {found.pairs} pairs (early stopping, {second} won {found.wins} and lost {found.losses})"
    if decision == "continue":
        return "undecided", f"not decided {counted}"
    better = second if decision == "better" else first
    words = f"equivalent within {margin:g}" if decision == "equivalent" else f"{better} is better"
    evidence = f"decided {counted}: {words}"
    if isinstance(claim, Order):
        return ("confirmed" if decision == "better" else "refuted"), evidence
    if decision == "equivalent" and margin is not None and margin <= claim.delta:
        return "confirmed", evidence
    return "undecided", f"{evidence}; this does not address a margin of {claim.delta:g}"


def _order(
    claim: Order, found: Comparison | None, errors: Mapping[str, Floats], chain: SequentialChain | None
) -> Finding:
    if found is None:
        return "undecided", _too_few(MIN_MODELS, claim.better, claim.worse, errors=errors)
    low, high = found.interval
    evidence = (
        f"P({claim.better} beats {claim.worse}) = {found.theta:.3f}, {100 * (1 - found.level):.3g} % interval "
        f"{low:.3f} to {high:.3f}, {p_is(found.adjusted_p_value)} after Holm's correction, "
        f"n = {found.n_b} and {found.n_a}{_caveat(chain)}"
    )
    if found.assisted:
        evidence += _assisted(found.classical.superiority, found.classical.level)
    if found.different:
        return ("confirmed" if found.theta > 0.5 else "refuted"), evidence
    if found.equivalent:
        return "refuted", f"{evidence}; equivalent within {found.delta:g}"
    return "undecided", evidence


def _equivalent(
    claim: Equivalent,
    errors: Mapping[str, Floats],
    alpha: float,
    chain: SequentialChain | None,
    assistance: Assistance | None,
) -> Finding:
    a, b = errors[claim.other], errors[claim.space]
    if min(a.size, b.size) < MIN_MODELS:
        return "undecided", _too_few(MIN_MODELS, claim.space, claim.other, errors=errors)
    classical = estimate = superiority(a, b)
    if assistance is not None:
        # refused: the verdicts say why
        with suppress(RefusedError):
            estimate = assistance.theta(claim.other, claim.space).superiority
            a, b = assistance.errors[claim.other], assistance.errors[claim.space]
    p_value = estimate.tost_p_value(claim.delta)
    low, high = estimate.interval(alpha)
    evidence = (
        f"P({claim.space} beats {claim.other}) = {estimate.theta:.3f}, {100 * (1 - alpha):.3g} % interval "
        f"{low:.3f} to {high:.3f}, {p_is(p_value)} of a difference of {claim.delta:g} or more, "
        f"n = {b.size} and {a.size}{_caveat(chain)}"
    )
    if estimate is not classical:
        evidence += _assisted(classical, alpha)
    if p_value <= alpha:
        return "confirmed", evidence
    outside = low >= 0.5 + claim.delta or high <= 0.5 - claim.delta
    return ("refuted" if outside else "undecided"), evidence


def _assisted(classical: Superiority, level: float) -> str:
    low, high = classical.interval(level)
    return f"; assisted, without it {classical.theta:.3f} ({low:.3f} to {high:.3f})"


def _caveat(chain: SequentialChain | None) -> str:
    return "" if chain is None else f"; {INDICATIVE}"


def _by_property(claim: BestBetween | Trend, space: str, models: pd.DataFrame, errors: Floats, alpha: float) -> Finding:
    if errors.size < MIN_MODELS_OF_PROPERTY:
        return "undecided", _too_few(MIN_MODELS_OF_PROPERTY, space, errors={space: errors})
    try:
        values = property_values(models, claim.property)
        if isinstance(claim, BestBetween):
            return _best_between(claim, space, values, errors, alpha)
        return _trend(claim, values, errors, alpha)
    except StatisticsError as error:
        return "undecided", str(error)


def _best_between(claim: BestBetween, space: str, values: Floats, errors: Floats, alpha: float) -> Finding:
    found = best_range(values, errors)
    evidence = (
        f"the best of {found.n} models of {space} have {claim.property} from {found.low:g} to {found.high:g} "
        f"(likely {found.median:g}); a range as narrow arises by chance with {p_is(found.width_p_value)}"
    )
    if found.width_p_value > alpha:
        return "undecided", evidence
    if claim.low <= found.low and found.high <= claim.high:
        return "confirmed", evidence
    return ("refuted" if found.high < claim.low or claim.high < found.low else "undecided"), evidence


def _trend(claim: Trend, values: Floats, errors: Floats, alpha: float) -> Finding:
    if np.ptp(values) == 0:
        return "undecided", f"every model has {claim.property} = {values[0]:g}"
    check_variety(errors, "a trend")
    # ranks, so that failed models (+inf) count as the worst
    result = kendalltau(values, rankdata(errors))
    tau, p_value = float(result.statistic), float(result.pvalue)
    moves = "rise" if tau > 0 else "fall"
    evidence = (
        f"errors {moves} as {claim.property} grows: Kendall's tau = {tau:+.3f}, {p_is(p_value)}, n = {errors.size}"
    )
    if p_value > alpha:
        return "undecided", evidence
    return ("confirmed" if moves == claim.direction else "refuted"), evidence


def _too_few(needed: int, *spaces: str, errors: Mapping[str, Floats]) -> str:
    have = " and ".join(f"{space} has {errors[space].size}" for space in spaces if errors[space].size < needed)
    return f"{needed} finished models of each space are needed, {have}"
