"""Which restriction of a space would help: all candidates scored at once, corrected for the search (maxT)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, as_errors, check_probability, check_variety, permuted
from netspace.stats.assisted_restrictions import SampledSpace, assisted_max_t
from netspace.stats.restrictions import Restriction
from netspace.stats.superiority import superiority

MIN_SIDE = 30
"""Models that a restriction must keep, and drop, to be scored."""
MIN_KEPT, MAX_KEPT = 0.1, 0.9
"""Share of the models that it may keep."""
HOLDOUT_FROM = 300
"""Models from which effects are reported from a half that took no part in the search."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One candidate restriction.

    Attributes:
        restriction: what is scored.
        z: standardised Mann-Whitney statistic of kept against dropped; positive means that the kept are better.
        p_value: share of permutations whose best candidate, over all of them, reaches z (Westfall & Young 1993); with
            assistance, of draws of random signs.
        kept: models that meet it, of those the effect is reported from.
        fraction: their share f.
        theta: P(a kept model beats a dropped one), ties half.
        low, high: its 95 % interval, not corrected for the search.
        gain: P(a kept model beats one of the whole space) = 1/2 + (1 - f)(theta - 1/2).
        advised: whether p_value is at most alpha and the held-out half, if there is one, agrees (theta > 1/2).
        plain_p_value, plain_theta: the same without assistance.
    """

    restriction: Restriction
    z: float
    p_value: float
    kept: int
    fraction: float
    theta: float
    low: float
    high: float
    gain: float
    advised: bool
    plain_p_value: float
    plain_theta: float


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The scored candidates and those that this population cannot judge.

    Attributes:
        scores: sorted by p-value, then by z, best first.
        unsettled: candidates that keep or drop too few models here; a shared parameter is rarely met by chance, so
            only fresh samples of the restricted space can judge it.
        held_out: whether fraction, theta and gain come from a half that took no part in the search. If not, the best
            ones flatter themselves.
        n: models.
        failures: of those, failed ones (ranked last).
        r2: the share of the variance of ranked errors that the predictor explains on held-out networks of the space;
            None without assistance.
        not_assisted: why there is none; empty if it was not asked for.
    """

    scores: tuple[Score, ...]
    unsettled: tuple[Restriction, ...]
    held_out: bool
    n: int
    failures: int
    r2: float | None = None
    not_assisted: str = ""

    @property
    def assisted(self) -> bool:
        """Whether a predictor assists the scores."""
        return self.r2 is not None

    @property
    def advised(self) -> tuple[Score, ...]:
        """The restrictions that the data support."""
        return tuple(score for score in self.scores if score.advised)


def refine(
    restrictions: Sequence[Restriction],
    errors: ArrayLike,
    *,
    alpha: float = 0.05,
    permutations: int = 1999,
    hold_out: bool | None = None,
    seed: int | np.random.Generator = 0,
    sampled: SampledSpace | None = None,
) -> Advice:
    """Score candidate restrictions of one population.

    Args:
        restrictions: candidates, each with its mask of the n models.
        errors: (n,), in %; +inf is a failed model.
        alpha: probability of advising anything at all when no parameter matters; about half of it with a held-out
            half, which must agree.
        permutations: of the errors, or draws of random signs with assistance.
        hold_out: report effects from a random half kept out of the search; None does so from 300 models on.
        seed: of the halves and the permutations.
        sampled: of these models in this order: scores are assisted, those of either half by a predictor that the other
            half has no part in.

    Raises:
        StatisticsError: fewer than 60 models (120 with a held-out half), errors that are all equal, or a mask of
            another length.
    """
    check_probability(alpha, "alpha")
    values = as_errors(errors, at_least=2 * MIN_SIDE)
    held_out = values.size >= HOLDOUT_FROM if hold_out is None else hold_out
    needed = 4 * MIN_SIDE if held_out else 2 * MIN_SIDE
    values = as_errors(values, at_least=needed)
    check_variety(values, "a restriction")
    for candidate in restrictions:
        if candidate.keep.shape != values.shape:
            raise StatisticsError(
                f"'{candidate.name}': one mask entry per model is needed ({values.size}), got {candidate.keep.shape}"
            )
    rng = np.random.default_rng(seed)
    search = effect = np.ones(values.size, dtype=np.bool_)
    if held_out:
        search = np.zeros(values.size, dtype=np.bool_)
        search[rng.permutation(values.size)[: values.size // 2]] = True
        effect = ~search

    judged = [one for one in restrictions if eligible(one.keep[search]) and eligible(one.keep[effect])]
    scores: list[Score] = []
    if judged:
        masks = np.stack([one.keep[search] for one in judged], axis=1)
        z, plain_p_values = max_t(masks, values[search], permutations=permutations, seed=rng)
        p_values, helper = plain_p_values, None
        if sampled is not None:
            z, p_values = assisted_max_t(judged, masks, sampled.of_models(search), draws=permutations, seed=rng)
            helper = sampled.of_models(effect)
        for one, its_z, its_p, its_plain_p in zip(
            judged, z.tolist(), p_values.tolist(), plain_p_values.tolist(), strict=True
        ):
            keep = one.keep[effect]
            plain = superiority(values[effect][~keep], values[effect][keep])
            found = plain if helper is None else helper.estimate(one, keep)[0]
            low, high = found.interval()
            fraction = float(keep.mean())
            scores.append(
                Score(
                    restriction=one,
                    z=its_z,
                    p_value=its_p,
                    kept=int(keep.sum()),
                    fraction=fraction,
                    theta=found.theta,
                    low=low,
                    high=high,
                    gain=gain(found.theta, fraction),
                    advised=its_p <= alpha and found.theta > 0.5,
                    plain_p_value=its_plain_p,
                    plain_theta=plain.theta,
                )
            )
    return Advice(
        scores=tuple(sorted(scores, key=lambda score: (score.p_value, -score.z))),
        unsettled=tuple(one for one in restrictions if not any(one is other for other in judged)),
        held_out=held_out,
        n=values.size,
        failures=int(np.isposinf(values).sum()),
        r2=None if sampled is None else sampled.assistance.r2,
    )


def eligible(keep: NDArray[np.bool_]) -> bool:
    """Whether a mask keeps and drops at least 30 models, and keeps between 0.1 and 0.9 of them."""
    kept = int(keep.sum())
    return min(kept, keep.size - kept) >= MIN_SIDE and MIN_KEPT <= kept / keep.size <= MAX_KEPT


def max_t(
    masks: NDArray[np.bool_], errors: ArrayLike, *, permutations: int = 1999, seed: int | np.random.Generator = 0
) -> tuple[Floats, Floats]:
    """Score masks of kept models and correct for having tried them all.

    Args:
        masks: bool (n, k), each column keeping some models and dropping some.
        errors: (n,), in %, not all equal.
        permutations: of the errors.
        seed: of those.

    Returns:
        (z, p), float64 (k,) each: the standardised Mann-Whitney statistic (tie-corrected) and the share of
        permutations in which the largest z over all masks reaches it.
    """
    ranks = rankdata(np.asarray(errors, dtype=np.float64))
    centred = ranks.mean() - ranks
    n, kept = ranks.size, masks.sum(axis=0)
    scale = np.sqrt(kept * (n - kept) / n * centred.var(ddof=1))
    weights = masks / scale
    z = centred @ weights
    largest = np.concatenate([(block @ weights).max(axis=1) for block in permuted(centred, permutations, seed)])
    # a permutation that reaches z exactly must not miss it by rounding
    reached = permutations - np.searchsorted(np.sort(largest), z - 1e-9, side="left")
    return np.asarray(z), (1 + reached) / (1 + permutations)


def gain(theta: float, fraction: float) -> float:
    """Return P(a kept model beats one of the whole space) = 1/2 + (1 - f)(theta - 1/2)."""
    return 0.5 + (1 - fraction) * (theta - 0.5)
