"""EDFs in which every complexity weighs alike (Radosavovic et al. 2019), and what such weights cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from netspace.checks import check_number
from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats, as_errors, as_finite, check_probability, midranks
from netspace.stats.edf import EDF, Band

MIN_EFFECTIVE = 30.0
"""Effective models below which a normalised comparison is refused."""
MIN_EFFECTIVE_SHARE = 0.3
"""Effective share of the sampled models below which it is refused."""
MAX_BINS = 10


def normalization_weights(complexity: ArrayLike, edges: ArrayLike) -> Floats:
    """Weigh models so that every complexity bin has the same total: w = 1 / (count[bin] * K).

    Args:
        complexity: (n,), flops, parameters, ... of each model.
        edges: (K + 1,), ascending; a bin holds its lower edge, the last one its upper edge too.

    Returns:
        float64 (n,), summing to 1.

    Raises:
        StatisticsError: a model outside the edges, or an empty bin (it would leave a hole in the comparison).
    """
    bounds = np.asarray(edges, dtype=np.float64)
    index = _bins(as_finite(complexity, "complexity", like=np.size(complexity)), bounds)
    counts = np.bincount(index, minlength=bounds.size - 1)
    if (counts == 0).any():
        empty = int(np.flatnonzero(counts == 0)[0])
        raise StatisticsError(
            f"no model has a complexity in [{bounds[empty]:g}, {bounds[empty + 1]:g}] ({int((counts == 0).sum())} of "
            f"{counts.size} bins are empty); use fewer bins or a narrower range"
        )
    return np.asarray(1 / (counts[index] * counts.size))


def effective_sample_size(weights: ArrayLike) -> float:
    """Return (sum w)^2 / sum w^2: how many equally weighted models would be as informative (Kish 1965)."""
    array = np.asarray(weights, dtype=np.float64)
    return float(array.sum() ** 2 / (array**2).sum())


def normalized_band(
    errors: ArrayLike,
    complexity: ArrayLike,
    edges: ArrayLike,
    *,
    alpha: float = 0.05,
    resamples: int = 1999,
    seed: int | np.random.Generator = 0,
) -> Band:
    """Bootstrap a simultaneous band of constant width for a normalised EDF, recomputing the weights each time.

    Args:
        errors: (n,), in %; +inf is a failed model.
        complexity: (n,).
        edges: (K + 1,), see `normalization_weights`. Resamples that leave a bin empty are drawn again.
        alpha: 1 - simultaneous coverage.
        resamples: bootstrap samples.
        seed: of those.

    Raises:
        StatisticsError: as `normalization_weights`, or bins so thin that half of the resamples leave one empty.
    """
    check_probability(alpha, "alpha")
    values = as_errors(errors)
    sizes = as_finite(complexity, "complexity", like=values.size)
    published = normalization_weights(sizes, edges)
    order = np.argsort(values, kind="stable")
    index = _bins(sizes[order], np.asarray(edges, dtype=np.float64))
    member = (index[:, None] == np.arange(index.max() + 1)).astype(np.float64)

    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(values.size, np.full(values.size, 1 / values.size), size=2 * resamples)
    totals = drawn @ member
    usable = np.flatnonzero((totals > 0).all(axis=1))[:resamples]
    if usable.size < resamples:
        raise StatisticsError("the bins hold too few models for a bootstrap band: use fewer bins")
    weights = drawn[usable] / (totals[usable][:, index] * member.shape[1])
    # EDFs are compared where they step, after all equal errors
    last = np.flatnonzero(np.append(np.diff(values[order]) > 0, True))
    shares = np.cumsum(weights, axis=1)[:, last]
    observed = np.cumsum(published[order])[last]
    reach = float(np.quantile(np.abs(shares - observed).max(axis=1), 1 - alpha))
    x, height = EDF(values, published).steps()
    return Band(x, np.maximum(height - reach, 0.0), np.minimum(height + reach, 1.0))


@dataclass(frozen=True, kw_only=True)
class NormalizedComparison:
    """Two spaces compared at equal complexity, over the range of complexities that both have.

    Attributes:
        edf_a, edf_b: weighted EDFs of the models inside the common support.
        edges: (K + 1,), pooled quantiles of the complexity.
        kept_a, kept_b: models inside the common support.
        effective_a, effective_b: their effective sample sizes.
        z: stratified rank statistic (van Elteren 1960); positive means that B is better.
        p_value: two-sided, of z.
    """

    edf_a: EDF
    edf_b: EDF
    edges: Floats
    kept_a: int
    kept_b: int
    effective_a: float
    effective_b: float
    z: float
    p_value: float


def compare_normalized(
    a: ArrayLike,
    complexity_a: ArrayLike,
    b: ArrayLike,
    complexity_b: ArrayLike,
    *,
    bins: int | None = None,
    chance: float | None = None,
) -> NormalizedComparison:
    """Compare two spaces as if both had the same distribution of a complexity.

    Args:
        a, b: (n_A,) and (n_B,), errors in %; +inf is a failed model.
        complexity_a, complexity_b: flops, parameters, ... of each model.
        bins: K; None takes min(10, floor(min n / 10)), with n the models inside the common support.
        chance: error in % of a failed model in means.

    Raises:
        StatisticsError: no common support, an empty bin, or too few effective models (below 30, or below 0.3 of those
            sampled): the weights would rest on a handful of models.
    """
    errors_a, errors_b = as_errors(a, "errors of A"), as_errors(b, "errors of B")
    sizes_a = as_finite(complexity_a, "complexity of A", like=errors_a.size)
    sizes_b = as_finite(complexity_b, "complexity of B", like=errors_b.size)
    low, high = max(sizes_a.min(), sizes_b.min()), min(sizes_a.max(), sizes_b.max())
    inside_a, inside_b = (sizes_a >= low) & (sizes_a <= high), (sizes_b >= low) & (sizes_b <= high)
    kept = min(int(inside_a.sum()), int(inside_b.sum()))
    if not low < high or kept == 0:
        raise StatisticsError(
            f"the complexities of A ({sizes_a.min():g} to {sizes_a.max():g}) and B ({sizes_b.min():g} to "
            f"{sizes_b.max():g}) hardly overlap: there is nothing to compare at equal complexity"
        )
    count = max(1, min(MAX_BINS, kept // 10)) if bins is None else bins
    check_number(count, "bins", least=1, error=StatisticsError)
    pooled = np.concatenate([sizes_a[inside_a], sizes_b[inside_b]])
    edges = np.unique(np.quantile(pooled, np.linspace(0, 1, count + 1)))

    weights_a = normalization_weights(sizes_a[inside_a], edges)
    weights_b = normalization_weights(sizes_b[inside_b], edges)
    effective_a = _check_effective("A", weights_a, errors_a.size)
    effective_b = _check_effective("B", weights_b, errors_b.size)
    strata_a, strata_b = _bins(sizes_a[inside_a], edges), _bins(sizes_b[inside_b], edges)
    z, p_value = van_elteren(errors_a[inside_a], strata_a, errors_b[inside_b], strata_b)
    return NormalizedComparison(
        edf_a=EDF(errors_a[inside_a], weights_a, chance=chance),
        edf_b=EDF(errors_b[inside_b], weights_b, chance=chance),
        edges=edges,
        kept_a=int(inside_a.sum()),
        kept_b=int(inside_b.sum()),
        effective_a=effective_a,
        effective_b=effective_b,
        z=z,
        p_value=p_value,
    )


def van_elteren(a: ArrayLike, strata_a: ArrayLike, b: ArrayLike, strata_b: ArrayLike) -> tuple[float, float]:
    """Test two samples by ranks within strata, each stratum's rank sum weighted by 1 / (N_h + 1) (van Elteren 1960).

    Args:
        a, b: errors in %; +inf is a failed model.
        strata_a, strata_b: the stratum of each model, integers.

    Returns:
        (z, two-sided p). z is positive when B's errors are lower; without ties and with one stratum it is the
        Mann-Whitney z without continuity correction.

    Raises:
        StatisticsError: no stratum in which both spaces have models with different errors.
    """
    errors = np.concatenate([as_errors(a, "errors of A"), as_errors(b, "errors of B")])
    strata = np.concatenate([np.asarray(strata_a), np.asarray(strata_b)])
    from_a = np.arange(errors.size) < np.size(a)
    excess = variance = 0.0
    for stratum in np.unique(strata):
        here = strata == stratum
        n, n_a = int(here.sum()), int((here & from_a).sum())
        if n_a in (0, n):
            continue
        ranks = midranks(errors[here])
        excess += (ranks[from_a[here]].sum() - n_a * (n + 1) / 2) / (n + 1)
        variance += n_a * (n - n_a) / n * ranks.var(ddof=1) / (n + 1) ** 2
    if variance == 0:
        raise StatisticsError("no stratum holds models of both spaces with different errors: ranks cannot compare them")
    z = float(excess / np.sqrt(variance))
    return z, float(2 * ndtr(-abs(z)))


def _bins(complexity: Floats, edges: Floats) -> NDArray[np.intp]:
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise StatisticsError("edges: at least 2 ascending values are needed")
    outside = (complexity < edges[0]) | (complexity > edges[-1])
    if outside.any():
        raise StatisticsError(
            f"complexity: {int(outside.sum())} of {complexity.size} models lie outside [{edges[0]:g}, {edges[-1]:g}]"
        )
    return np.minimum(np.searchsorted(edges, complexity, side="right") - 1, edges.size - 2)


def _check_effective(space: str, weights: Floats, sampled: int) -> float:
    effective = effective_sample_size(weights)
    if effective < MIN_EFFECTIVE or effective / sampled < MIN_EFFECTIVE_SHARE:
        raise StatisticsError(
            f"the {sampled} models of {space} are worth {effective:.1f} at equal complexity; at least "
            f"{MIN_EFFECTIVE:g} and {MIN_EFFECTIVE_SHARE:.0%} of them are needed: sample in a narrower window"
        )
    return effective
