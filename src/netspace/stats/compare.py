"""Is space B better than space A? One verdict in plain words, with everything that supports it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ks_2samp, mannwhitneyu
from statsmodels.stats.multitest import multipletests

from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.arguments import Floats, Interval, as_errors, at_chance, check_probability
from netspace.stats.differences import Differences, differences
from netspace.stats.dominance import Dominance, dominance
from netspace.stats.superiority import Superiority, permutation_p_value, superiority

MIN_MODELS = 2
"""Models per space without which no spread can be estimated."""
PERMUTATION_BELOW = 30
"""Models in the smaller space below which the p-value is by permutation, not by the t approximation."""
EXACT_KS_LIMIT = 10_000
"""n_A * n_B up to which the Kolmogorov-Smirnov p-value is exact."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two populations say about P(a model of B beats one of A).

    Attributes:
        n_a, n_b: models, failed ones included.
        failures_a, failures_b: models with error +inf.
        superiority: theta with its standard error and intervals.
        p_value: two-sided, of theta = 1/2; by permutation below 30 models per space.
        adjusted_p_value: the same after Holm's correction over the chain; equal to `p_value` outside a chain.
        level: two-sided level of `interval` and of the verdict: alpha, or Holm's share of it in a chain.
        different: whether a difference is claimed: `interval` excludes 1/2 and the p-value agrees.
        alpha: level of the whole chain and of the equivalence test.
        delta: margin of equivalence, fixed beforehand.
        mann_whitney: (U, two-sided asymptotic p); U counts the pairs that B wins.
        kolmogorov_smirnov: (D+, p) for "B's EDF is the higher one somewhere".
        differences: of means and medians, B minus A, in percentage points.
        dominance: whether one EDF lies above the other at every error level.
        notes: what a reader must know beside the numbers.
    """

    n_a: int
    n_b: int
    failures_a: int
    failures_b: int
    superiority: Superiority
    p_value: float
    adjusted_p_value: float
    level: float
    different: bool
    alpha: float
    delta: float
    mann_whitney: tuple[float, float]
    kolmogorov_smirnov: tuple[float, float]
    differences: Differences
    dominance: Dominance
    notes: tuple[str, ...] = ()

    @property
    def theta(self) -> float:
        """Estimate of P(e_B < e_A) + P(e_B = e_A) / 2; above 1/2 means that B is better."""
        return self.superiority.theta

    @property
    def se(self) -> float:
        """Standard error of theta; 0 when all errors are equal or the populations do not overlap."""
        return self.superiority.se

    @property
    def df(self) -> float:
        """Satterthwaite degrees of freedom."""
        return self.superiority.df

    @property
    def interval(self) -> Interval:
        """Confidence interval of theta at `level`, on the logit scale; the verdict is taken from it."""
        return self.superiority.interval(self.level)

    @property
    def raw_interval(self) -> Interval:
        """Theta +- t * se at `level`; may leave [0, 1]."""
        return self.superiority.raw_interval(self.level)

    @property
    def tost_p_value(self) -> float:
        """The p-value of "theta is delta or more away from 1/2" (two one-sided tests)."""
        return self.superiority.tost_p_value(self.delta)

    @property
    def equivalence_interval(self) -> Interval:
        """Raw 1 - 2 alpha interval of theta; equivalent when it lies inside 1/2 +- delta."""
        return self.superiority.raw_interval(2 * self.alpha)

    @property
    def equivalent(self) -> bool:
        """Whether the spaces are shown to be within delta of each other."""
        return self.tost_p_value <= self.alpha

    @property
    def verdict(self) -> str:
        """B against A: better, worse, equivalent within delta, different but negligible, or no difference detected."""
        if self.different and self.equivalent:
            return "different but negligible"
        if self.different:
            return "better" if self.theta > 0.5 else "worse"
        return f"equivalent within {self.delta:g}" if self.equivalent else "no difference detected"


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    alpha: float = 0.05,
    delta: float = 0.1,
    chance: float | None = None,
    resamples: int = 1999,
    seed: int | np.random.Generator = 0,
) -> Comparison:
    """Compare space B with space A.

    Args:
        a: (n_A,), errors in % of A's models; +inf is a failed model, ranked last.
        b: (n_B,), those of B.
        alpha: level of the verdict.
        delta: theta within 1/2 +- delta counts as equivalent; fix it before looking.
        chance: error in % that a failed model counts with in means and medians.
        resamples: bootstrap samples for those.
        seed: of the bootstrap and of the permutations.

    Raises:
        StatisticsError: fewer than 2 models in a space, NaN or -inf errors, or a level outside its range.
    """
    errors_a = as_errors(a, "errors of A", at_least=MIN_MODELS)
    errors_b = as_errors(b, "errors of B", at_least=MIN_MODELS)
    check_probability(alpha, "alpha")
    if not 0 < delta < 0.5:
        raise StatisticsError(f"0 < delta < 0.5 must hold, got {delta}")
    rng = np.random.default_rng(seed)
    estimate = superiority(errors_a, errors_b)
    by_permutation = estimate.pairs < PERMUTATION_BELOW and not estimate.degenerate
    p_value = permutation_p_value(errors_a, errors_b, seed=rng) if by_permutation else estimate.t_p_value
    spread = differences(
        at_chance(errors_a, chance), at_chance(errors_b, chance), alpha=alpha, resamples=resamples, seed=rng
    )
    return Comparison(
        n_a=errors_a.size,
        n_b=errors_b.size,
        failures_a=int(np.isposinf(errors_a).sum()),
        failures_b=int(np.isposinf(errors_b).sum()),
        superiority=estimate,
        p_value=p_value,
        adjusted_p_value=p_value,
        level=alpha,
        different=_different(estimate, p_value, alpha),
        alpha=alpha,
        delta=delta,
        mann_whitney=_mann_whitney(errors_a, errors_b),
        kolmogorov_smirnov=_kolmogorov_smirnov(errors_a, errors_b),
        differences=spread,
        dominance=dominance(errors_a, errors_b, alpha),
        notes=_notes(estimate, errors_a, errors_b, by_permutation, spread),
    )


def compare_chain(
    populations: Mapping[str, ArrayLike],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    alpha: float = 0.05,
    delta: float = 0.1,
    chance: float | None = None,
    resamples: int = 1999,
    seed: int | np.random.Generator = 0,
) -> dict[tuple[str, str], Comparison]:
    """Compare several spaces, with "better" and "worse" corrected by Holm (1979) over all pairs.

    The r-th smallest of k p-values (from 0) is judged at alpha / (k - r), and only if all smaller ones were claimed.
    Equivalence is each pair's own claim at alpha.

    Args:
        populations: errors in % by space, in the order of the chain.
        pairs: (A, B) names to compare; None compares each space with the one before it.
        alpha: familywise level.
        delta, chance, resamples, seed: see `compare`.

    Returns:
        One comparison for each pair, in the order of `pairs`.

    Raises:
        StatisticsError: fewer than two spaces, no pairs, or errors that `compare` refuses (the message names the pair).
        UnknownNameError: a pair names a space that is not in `populations`.
    """
    chosen = list(pairwise(populations)) if pairs is None else list(pairs)
    for name in {name for pair in chosen for name in pair} - set(populations):
        raise_unknown("space", name, populations)
    if not chosen:
        raise StatisticsError(f"a comparison needs at least 2 spaces, got {len(populations)}")
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str], Comparison] = {}
    for first, second in chosen:
        try:
            found[first, second] = compare(
                populations[first],
                populations[second],
                alpha=alpha,
                delta=delta,
                chance=chance,
                resamples=resamples,
                seed=rng,
            )
        except StatisticsError as error:
            raise StatisticsError(f"{second} against {first}: {error}") from None
    return _holm(found, alpha)


def _holm(found: dict[tuple[str, str], Comparison], alpha: float) -> dict[tuple[str, str], Comparison]:
    names = list(found)
    p_values = np.array([found[name].p_value for name in names])
    adjusted = multipletests(p_values, alpha=alpha, method="holm")[1]
    corrected: dict[tuple[str, str], Comparison] = {}
    stopped = False
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        one = found[names[index]]
        level = alpha / (len(names) - rank)
        different = not stopped and _different(one.superiority, one.p_value, level)
        stopped = not different
        corrected[names[index]] = replace(
            one, level=level, different=different, adjusted_p_value=float(adjusted[index])
        )
    return {name: corrected[name] for name in names}


def _different(estimate: Superiority, p_value: float, level: float) -> bool:
    # the logit interval is the stricter of the two against the t p-value, but not always against the permutation one
    low, high = estimate.interval(level)
    return (low > 0.5 or high < 0.5) and p_value <= level


def _mann_whitney(a: Floats, b: Floats) -> tuple[float, float]:
    if (np.concatenate([a, b]) == a[0]).all():
        return a.size * b.size / 2, 1.0
    result = mannwhitneyu(a, b, method="asymptotic")
    return float(result.statistic), float(result.pvalue)


def _kolmogorov_smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    method: Literal["exact", "asymp"] = "exact" if a.size * b.size <= EXACT_KS_LIMIT else "asymp"
    result = ks_2samp(b, a, alternative="greater", method=method)
    return float(result.statistic), float(result.pvalue)


def _notes(estimate: Superiority, a: Floats, b: Floats, by_permutation: bool, spread: Differences) -> tuple[str, ...]:
    notes = []
    if estimate.degenerate and estimate.theta == 0.5:
        notes.append(f"all errors of both spaces are {a[0]:g}: they say nothing about a difference")
    elif estimate.degenerate:
        better = "B" if estimate.theta == 1 else "A"
        notes.append(f"every model of {better} beats every other: judged as {estimate.pairs} independent pairs")
    if by_permutation:
        notes.append(f"p-value by permutation: fewer than {PERMUTATION_BELOW} models in a space")
    for name, errors in (("A", a), ("B", b)):
        if failed := int(np.isposinf(errors).sum()):
            notes.append(f"{failed} of {errors.size} models of {name} failed and rank last")
    if spread.note:
        notes.append(spread.note)
    return tuple(notes)
