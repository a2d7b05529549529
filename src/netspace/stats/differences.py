"""Differences of means and medians between two populations, with bias-corrected accelerated bootstrap intervals."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from netspace.stats.arguments import Floats, Interval

NO_CHANCE = "differences of means and medians need a chance level, because models failed"
BOOTSTRAP_LIMIT = 5_000
"""Models per space up to which BCa intervals are computed; the jackknife in them is quadratic."""


@dataclass(frozen=True, kw_only=True)
class Differences:
    """B minus A in percentage points, failures at the chance level: negative means that B's errors are lower.

    Attributes:
        mean, median: point estimates; None if failures have no chance level to count with.
        mean_interval, median_interval: BCa intervals (Efron 1987); None if the bootstrap is undefined.
        note: why something is None; empty when nothing is.
    """

    mean: float | None
    mean_interval: Interval | None
    median: float | None
    median_interval: Interval | None
    note: str = ""


def differences(
    a: Floats, b: Floats, *, alpha: float = 0.05, resamples: int = 1999, seed: int | np.random.Generator = 0
) -> Differences:
    """Estimate the differences of means and medians.

    Args:
        a, b: errors in %; failures already at the chance level, or +inf if there is none.
        alpha: 1 - confidence.
        resamples: bootstrap samples.
        seed: of those.
    """
    if np.isinf(a).any() or np.isinf(b).any():
        return Differences(mean=None, mean_interval=None, median=None, median_interval=None, note=NO_CHANCE)
    rng = np.random.default_rng(seed)
    note = ""
    intervals: list[Interval | None] = [None, None]
    if max(a.size, b.size) > BOOTSTRAP_LIMIT:
        note = f"BCa intervals are left out above {BOOTSTRAP_LIMIT} models per space"
    else:
        intervals = [_bca(a, b, centre, alpha, resamples, rng) for centre in (np.mean, np.median)]
        if None in intervals:
            note = "a BCa interval is undefined: too many errors are equal"
    return Differences(
        mean=float(b.mean() - a.mean()),
        mean_interval=intervals[0],
        median=float(np.median(b) - np.median(a)),
        median_interval=intervals[1],
        note=note,
    )


def _bca(a: Floats, b: Floats, centre: Any, alpha: float, resamples: int, rng: np.random.Generator) -> Interval | None:
    from scipy.stats import DegenerateDataWarning, bootstrap  # half a second, which a verdict need not pay

    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # a flat jackknife or bootstrap distribution: reported as None below, not as a warning
        warnings.simplefilter("ignore", DegenerateDataWarning)
        result = bootstrap(
            (b, a),
            lambda x, y, axis: centre(x, axis=axis) - centre(y, axis=axis),
            n_resamples=resamples,
            batch=max(1, 1_000_000 // max(a.size, b.size)),
            vectorized=True,
            confidence_level=1 - alpha,
            method="BCa",
            rng=rng,
        )
    low, high = (float(end) for end in result.confidence_interval)
    return (low, high) if np.isfinite([low, high]).all() else None
