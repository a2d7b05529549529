"""e_fit: how close a network's widths are to the quantized linear rule (paper, section 3.3)."""

from dataclasses import dataclass
from itertools import combinations
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspace.errors import StatisticsError, short
from netspace.stats.arguments import Floats, as_numbers

W_M_RANGE = (1.5, 3.0)
"""Range of w_m searched: that of the RegNet space."""
SLOPES = np.concatenate([[0.0], np.geomspace(0.01, 32, 400)])
"""Values of w_a / w_0 searched: from constant widths to w_a = 256 at w_0 = 8."""
STEPS = np.linspace(log(W_M_RANGE[0]), log(W_M_RANGE[1]), 40)
"""Values of ln w_m searched besides those that meet two of the network's own widths."""


@dataclass(frozen=True, kw_only=True)
class WidthFit:
    """The quantized linear rule nearest to a network's widths.

    Attributes:
        error: e_fit, the mean of |ln(predicted / observed width)| over the blocks.
        w_0, w_a: initial width and slope, in channels.
        w_m: quantization factor, in `W_M_RANGE`.
    """

    error: float
    w_0: float
    w_a: float
    w_m: float


def e_fit(widths: ArrayLike) -> float:
    """Return the e_fit of a network; see `fit_widths`."""
    return fit_widths(widths).error


def fit_widths(widths: ArrayLike) -> WidthFit:
    """Minimise the mean absolute log-ratio of predicted and observed widths over (w_0, w_a, w_m).

    The paper says "mean log-ratio"; the absolute value and the natural log are our reading. Given w_a / w_0 and w_m the
    levels k_j = round(s_j) are fixed and the best ln w_0 is median(ln w_j - k_j ln w_m), so the search has two
    dimensions. For fixed levels the best line through (k_j, ln w_j) meets two of the widths, or its slope is at the end
    of where those levels hold: hence the values of w_m that are tried.

    Args:
        widths: (d,), width in channels of each block, first block first, not rounded to stages.

    Raises:
        StatisticsError: no widths, or one that is not positive and finite.
    """
    observed = _positive(widths)
    logs = np.log(observed)
    steps = _candidate_steps(logs)
    levels = np.rint(_exponents(SLOPES, steps, observed.size))
    offsets = logs - levels * steps[:, None]
    centres = np.median(offsets, axis=-1, keepdims=True)
    errors = np.abs(offsets - centres).mean(axis=-1)
    slope, step = np.unravel_index(int(errors.argmin()), errors.shape)
    w_0 = float(np.exp(centres[slope, step, 0]))
    return WidthFit(
        error=float(errors[slope, step]), w_0=w_0, w_a=float(SLOPES[slope]) * w_0, w_m=float(np.exp(steps[step]))
    )


def _exponents(slopes: Floats, steps: Floats, blocks: int) -> Floats:
    """s_j = ln(1 + (w_a / w_0) j) / ln w_m: float64 (slopes, steps, blocks)."""
    return np.asarray(np.log1p(slopes[:, None, None] * np.arange(blocks)) / steps[None, :, None])


def _candidate_steps(logs: Floats) -> NDArray[np.float64]:
    low, high = map(log, W_M_RANGE)
    met = [
        gap / jump
        for first, second in combinations(np.unique(logs).tolist(), 2)
        for gap in [second - first]
        for jump in range(int(np.ceil(gap / high)), int(gap / low) + 1)
        if jump > 0
    ]
    return np.unique(np.concatenate([STEPS, [step for step in met if low <= step <= high]]))


def _positive(widths: ArrayLike) -> Floats:
    observed = as_numbers(widths, "widths")
    if observed.size == 0 or not (np.isfinite(observed) & (observed > 0)).all():
        raise StatisticsError(
            f"widths: at least one block is needed and every width must be positive, got {short(widths)}"
        )
    return observed
