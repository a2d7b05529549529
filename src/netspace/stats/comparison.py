"""Is space B better than space A? One verdict in plain words, with everything that supports it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from netspace.checks import check_number
from netspace.displayed import Displayed
from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.arguments import Floats, Interval, as_errors, at_chance, check_probability
from netspace.stats.differences import NO_CHANCE, Differences, differences
from netspace.stats.edf_dominance import Dominance, dominance
from netspace.stats.superiority import Superiority, permutation_p_value, superiority

if TYPE_CHECKING:
    from netspace.stats.assistance import Assistance

MIN_MODELS = 2
"""Models per space without which no spread can be estimated."""
PERMUTATION_BELOW = 30
"""Models in the smaller space below which the p-value is by permutation, not by the t approximation."""
NEAR_ENDS = 0.2
"""Distance of an assisted theta from 0 and 1 within which its interval is too short, for few models."""
ENOUGH_NEAR_ENDS = 50
"""Models a space from which it is not."""
OPTIMISTIC = (
    "so near 0 or 1 the assisted interval is optimistic for fewer than 50 models: about 92 of 100 such 95 % intervals "
    "hold (which space is better is not in doubt, how much better is)"
)
BY_PERMUTATION = f"p-value by permutation: fewer than {PERMUTATION_BELOW} models in a space"
EXACT_KS_LIMIT = 10_000
"""n_A * n_B up to which the Kolmogorov-Smirnov p-value is exact."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Displayed):
    """What two populations say about P(a model of B beats one of A).

    With features of the models and pools of untrained networks theta, its intervals, tests and the verdict are
    assisted (see `Assistance`), and `classical` holds the comparison without them. If assistance was refused the
    figures are the classical ones, and `refused` says why.

    Attributes:
        n_a, n_b: models, failed ones included.
        failures_a, failures_b: models with error +inf.
        superiority: theta with its standard error and intervals.
        p_value: two-sided, of theta = 1/2; classically by permutation below 30 models per space.
        adjusted_p_value: the same after Holm's correction over the chain; equal to `p_value` outside a chain.
        level: two-sided level of `interval` and of the verdict: alpha, or Holm's share of it in a chain.
        different: whether a difference is claimed: `interval` excludes 1/2 and the p-value agrees.
        alpha: level of the whole chain and of the equivalence test.
        delta: margin of equivalence, fixed beforehand.
        dominance: whether one EDF lies above the other at every error level.
        notes: what a reader must know beside the numbers.
        r2: the share of the variance of (ranked) errors that the predictor explains on held-out networks; None if the
            figures are classical.
        refused: why the figures are classical though features were given; None otherwise.
        unassisted: the classical comparison beside an assisted one.
        errors_a, errors_b: in %; +inf is a failed model.
        chance: error in % that a failed model counts with in `differences`.
        resamples, seed: of the bootstrap behind `differences`.
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
    dominance: Dominance
    notes: tuple[str, ...] = ()
    r2: float | None = None
    refused: str | None = None
    unassisted: "Comparison | None" = None
    errors_a: Floats = field(repr=False, compare=False)
    errors_b: Floats = field(repr=False, compare=False)
    chance: float | None
    resamples: int
    seed: int

    @cached_property
    def mann_whitney(self) -> tuple[float, float]:
        """(U, two-sided asymptotic p); U counts the pairs that B wins."""
        return _mann_whitney(self.errors_a, self.errors_b)

    @cached_property
    def kolmogorov_smirnov(self) -> tuple[float, float]:
        """(D+, p) for "B's EDF is the higher one somewhere"."""
        return _kolmogorov_smirnov(self.errors_a, self.errors_b)

    @cached_property
    def differences(self) -> Differences:
        """Differences of means and medians, B minus A, in percentage points, with bootstrap intervals."""
        a, b = at_chance(self.errors_a, self.chance), at_chance(self.errors_b, self.chance)
        return differences(a, b, alpha=self.alpha, resamples=self.resamples, seed=self.seed)

    @property
    def assisted(self) -> bool:
        """Whether theta, its intervals and tests and the verdict are assisted."""
        return self.unassisted is not None

    @property
    def classical(self) -> "Comparison":
        """The comparison without assistance: of the errors alone."""
        return self.unassisted or self

    @property
    def variance_ratio(self) -> float:
        """How many classical models one model of these is worth, by the variance of theta; 1 without assistance."""
        return 1.0 if self.unassisted is None else (self.unassisted.se / self.se) ** 2

    @property
    def models(self) -> float:
        """Models a space: their harmonic mean, if sizes differ."""
        return 2 / (1 / self.n_a + 1 / self.n_b)

    @property
    def equivalent_models(self) -> float:
        """Models a space that would say as much without assistance."""
        return self.classical.models * self.variance_ratio

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
    def equivalent(self) -> bool:
        """Whether the spaces are shown to be within delta of each other: the raw 1 - 2 alpha interval lies inside."""
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
    features: tuple[Any, Any] | None = None,
    pools: tuple[Any, Any] | None = None,
    alpha: float = 0.05,
    delta: float = 0.1,
    chance: float | None = None,
    resamples: int = 1999,
    seed: int | np.random.Generator = 0,
) -> Comparison:
    """Compare space B with space A.

    With `features` and `pools` the comparison is assisted: a predictor of the error from the features takes off what
    the luck of the samples explains.

    Args:
        a: (n_A,), errors in % of A's models; +inf is a failed model, ranked last. In launch order if assisted.
        b: (n_B,), those of B.
        features: (X_a, X_b), what the models are made of: (n, p) numbers each, or data frames with like columns.
        pools: (P_a, P_b), the same of untrained networks, (N, p) each with N >= 100 n: drawn as the models were, under
            the same limits (many samples of size n under other seeds, put together; a single large sample without
            repeats has another law).
        alpha: level of the verdict.
        delta: theta within 1/2 +- delta counts as equivalent; fix it before looking.
        chance: error in % that a failed model counts with in means and medians.
        resamples: bootstrap samples for those.
        seed: of the bootstrap and of the permutations.

    Raises:
        StatisticsError: fewer than 2 models in a space, NaN or -inf errors, a level outside its range, or features
            without pools.
    """
    classical = _classical(a, b, alpha=alpha, delta=delta, chance=chance, resamples=resamples, seed=seed)
    if features is None and pools is None:
        return classical
    if features is None or pools is None:
        raise StatisticsError("features and pools go together: give both, or neither")
    from netspace.stats.assistance import Assistance

    names = ("A", "B")
    assistance = Assistance.of(
        dict(zip(names, (a, b), strict=True)),
        dict(zip(names, features, strict=True)),
        dict(zip(names, pools, strict=True)),
    )
    return _assisted(classical, assistance, *names)


def _classical(
    a: ArrayLike,
    b: ArrayLike,
    *,
    alpha: float,
    delta: float,
    chance: float | None,
    resamples: int,
    seed: int | np.random.Generator,
) -> Comparison:
    errors_a = as_errors(a, "errors of A", at_least=MIN_MODELS)
    errors_b = as_errors(b, "errors of B", at_least=MIN_MODELS)
    check_probability(alpha, "alpha")
    check_number(delta, "delta", above=0, below=0.5, error=StatisticsError)
    rng = np.random.default_rng(seed)
    estimate = superiority(errors_a, errors_b)
    by_permutation = estimate.pairs < PERMUTATION_BELOW and not estimate.degenerate
    p_value = permutation_p_value(errors_a, errors_b, seed=rng) if by_permutation else estimate.t_p_value
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
        dominance=dominance(errors_a, errors_b, alpha),
        notes=_notes(estimate, errors_a, errors_b, by_permutation, chance),
        errors_a=errors_a,
        errors_b=errors_b,
        chance=chance,
        resamples=resamples,
        seed=int(rng.integers(2**63)),
    )


def compare_chain(
    populations: Mapping[str, ArrayLike],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    features: Mapping[str, Any] | None = None,
    pools: Mapping[str, Any] | None = None,
    assistance: "Assistance | None" = None,
    alpha: float = 0.05,
    delta: float = 0.1,
    chance: float | None = None,
    resamples: int = 1999,
    seed: int | np.random.Generator = 0,
) -> dict[tuple[str, str], Comparison]:
    """Compare several spaces, with "better" and "worse" corrected by Holm (1979) over all pairs.

    The r-th smallest of k p-values (from 0) is judged at alpha / (k - r), and only if all smaller ones were claimed.
    Equivalence is each pair's own claim at alpha. With `features` and `pools` of the spaces one predictor, fitted on
    all of them, assists every pair whose spaces allow it; Holm's correction then goes over the p-values of the
    verdicts, and over the classical ones for the comparisons beside them.

    Args:
        populations: errors in % by space, in the order of the chain.
        pairs: (A, B) names to compare; None compares each space with the one before it.
        features, pools: by space, see `compare`; a space without them is compared classically.
        assistance: of these populations, made by `Assistance.of`, in place of `features` and `pools`.
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
    if (features is None) != (pools is None):
        raise StatisticsError("features and pools go together: give both, or neither")
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str], Comparison] = {}
    for first, second in chosen:
        try:
            found[first, second] = _classical(
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
    classical = _holm(found, alpha)
    if assistance is None and features is not None and pools is not None:
        from netspace.stats.assistance import Assistance

        assistance = Assistance.of(populations, features, pools)
    if assistance is None:
        return classical
    assisted = {pair: _assisted(one, assistance, *pair) for pair, one in classical.items()}
    return _holm(assisted, alpha)


def _assisted(classical: Comparison, assistance: "Assistance", a: str, b: str) -> Comparison:
    """Return the comparison with an assisted theta, or the classical one with the reason why it is not."""
    if refused := _sided({"A": assistance.refusals.get(a), "B": assistance.refusals.get(b)}):
        return _refused(classical, refused)
    from netspace.stats.pool_check import RefusedError

    try:
        estimate = assistance.theta(a, b).superiority
    except RefusedError as reason:
        return _refused(classical, str(reason))
    errors_a, errors_b = assistance.errors[a], assistance.errors[b]
    found = replace(
        classical,
        n_a=errors_a.size,
        n_b=errors_b.size,
        failures_a=int(np.isposinf(errors_a).sum()),
        failures_b=int(np.isposinf(errors_b).sum()),
        superiority=estimate,
        p_value=estimate.t_p_value,
        adjusted_p_value=estimate.t_p_value,
        level=classical.alpha,
        different=_different(estimate, estimate.t_p_value, classical.alpha),
        r2=assistance.r2,
        unassisted=classical,
    )
    several = len(assistance.names) > assistance.shared
    own = f", {assistance.shared} of which all spaces have" if several else ""
    said = (
        f"assisted by {len(assistance.names)} features{own} (R2 {assistance.r2:.2f} on held-out networks): "
        f"{found.models:.0f} models a space say as much as {found.equivalent_models:.0f} without"
    )
    warned = _sided({"A": assistance.warnings.get(a), "B": assistance.warnings.get(b)})
    extreme = not NEAR_ENDS <= found.theta <= 1 - NEAR_ENDS and min(found.n_a, found.n_b) < ENOUGH_NEAR_ENDS
    optimistic = [OPTIMISTIC] if extreme else []
    kept = tuple(note for note in classical.notes if note != BY_PERMUTATION)
    return replace(found, notes=(said, *filter(None, [warned]), *optimistic, *kept))


def _refused(classical: Comparison, reason: str) -> Comparison:
    return replace(classical, refused=reason, notes=(f"not assisted: {reason}", *classical.notes))


def _sided(reasons: Mapping[str, str | None]) -> str:
    """Return reasons with the names of the spaces they hold for, once if they are the same for both."""
    given = {name: reason for name, reason in reasons.items() if reason}
    if len(given) == 2 and len(set(given.values())) == 1:
        return f"{' and '.join(given)}: {next(iter(given.values()))}"
    return "; ".join(f"{name}: {reason}" for name, reason in given.items())


def holm_adjusted(p_values: Floats) -> Floats:
    """Return (k,) p-values after Holm's correction (1979) over all of them, in their order."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(p_values.size, 0, -1)), 1.0)
    return adjusted


def _holm(found: dict[tuple[str, str], Comparison], alpha: float) -> dict[tuple[str, str], Comparison]:
    names = list(found)
    p_values = np.array([found[name].p_value for name in names])
    adjusted = holm_adjusted(p_values)
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
    from scipy.stats import mannwhitneyu  # half a second, which a verdict need not pay

    result = mannwhitneyu(a, b, method="asymptotic")
    return float(result.statistic), float(result.pvalue)


def _kolmogorov_smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    from scipy.stats import ks_2samp

    method: Literal["exact", "asymp"] = "exact" if a.size * b.size <= EXACT_KS_LIMIT else "asymp"
    result = ks_2samp(b, a, alternative="greater", method=method)
    return float(result.statistic), float(result.pvalue)


def _notes(estimate: Superiority, a: Floats, b: Floats, by_permutation: bool, chance: float | None) -> tuple[str, ...]:
    notes = []
    if estimate.degenerate and estimate.theta == 0.5:
        notes.append(f"all errors of both spaces are {a[0]:g}: they say nothing about a difference")
    elif estimate.degenerate:
        better = "B" if estimate.theta == 1 else "A"
        notes.append(f"every model of {better} beats every other: judged as {estimate.pairs} independent pairs")
    if by_permutation:
        notes.append(BY_PERMUTATION)
    for name, errors in (("A", a), ("B", b)):
        if failed := int(np.isposinf(errors).sum()):
            notes.append(f"{failed} of {errors.size} models of {name} failed and rank last")
    if chance is None and np.isinf([a.max(), b.max()]).any():
        notes.append(NO_CHANCE)
    return tuple(notes)
