"""What a group of models that was chosen by looking at the errors must show: more than the best of all like it by luck.

Whoever drags bounds across properties sees the errors meanwhile, and ends at one of very many boxes. Under the
hypothesis that no property matters, errors in random order have the same law; how far the best box of so many
properties then stands out is what a box must exceed (maxT: Westfall & Young 1993).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from netspace.stats.arguments import Floats, permuted

QUANTILES = np.linspace(0, 1, 21)
"""Where the sides of boxes lie: those between them hold nearly the same models."""
MODELS = 200
"""Models that are put in random order: of more, the best box of a sample of them stands out as far."""
LEAST = 3
"""Models that a box must hold, and leave out."""
PERMUTATIONS = 399


def best_by_luck(
    properties: ArrayLike, bounded: int, *, permutations: int = PERMUTATIONS, seed: int | np.random.Generator = 0
) -> Floats:
    """Return how far the best box stands out where no property matters, in each of many random orders of the errors.

    The best box is sought as one would by hand: the best bounds on one property, then with them the best on another.

    Args:
        properties: (n, d) of the models, n >= 6; missing values are outside every bound.
        bounded: properties that a box has bounds on, at least 1.
        permutations: random orders.
        seed: of the orders.

    Returns:
        (permutations,) ascending: the largest |z| of a Mann-Whitney test of the models in a box against those outside.
    """
    rng = np.random.default_rng(seed)
    values = np.asarray(properties, dtype=np.float64)
    if len(values) > MODELS:
        values = values[rng.permutation(len(values))[:MODELS]]
    n = len(values)
    masks = np.concatenate([_intervals(column) for column in values.T], axis=1)
    ranks: Floats = np.arange(n, dtype=np.float64) - (n - 1) / 2
    orders = np.concatenate(list(permuted(ranks, permutations, rng))).astype(np.float32)
    found = [_best_box(order, masks, bounded) for order in orders]
    return np.sort(np.array(found, dtype=np.float64))


def corrected(z: float, luck: Floats) -> tuple[float, float]:
    """Return the p-value of a box that was chosen by looking, and the level at which an interval holds for all.

    Args:
        z: of the box.
        luck: see `best_by_luck`.

    Returns:
        (p, alpha): p two-sided; an interval at level `alpha` leaves out the truth of the chosen box in 5 % of studies.
    """
    reached = luck.size - int(np.searchsorted(luck, abs(z) - 1e-6, side="left"))
    critical = float(np.quantile(luck, 0.95, method="higher"))
    return (1 + reached) / (1 + luck.size), min(0.05, 2 * float(ndtr(-critical)))


def _best_box(order: NDArray[np.float32], masks: NDArray[np.float32], bounded: int) -> float:
    """Return the |z| of the best box that is found with so many bounded properties.

    Args:
        order: (n,) centred ranks.
        masks: (n, k), 1 for the models in each interval of some property.
        bounded: see `best_by_luck`.
    """
    n, spread = len(order), order.var(ddof=1)
    inside, best = np.ones(n, dtype=np.float32), 0.0
    for _ in range(bounded):
        kept = inside @ masks
        scale = np.sqrt(np.maximum(kept * (n - kept), 1) / n * spread)
        z = np.where((kept >= LEAST) & (n - kept >= LEAST), np.abs((order * inside) @ masks) / scale, 0)
        place = int(z.argmax()) if z.size else 0
        if not z.size or z[place] <= best:
            break
        best, inside = float(z[place]), inside * masks[:, place]
    return best


def _intervals(column: Floats) -> NDArray[np.float32]:
    """Return which models are in each interval between quantiles of a property, (n, intervals)."""
    known = column[np.isfinite(column)]
    if not known.size:
        return np.zeros((column.size, 0), dtype=np.float32)
    cuts = np.unique(np.quantile(known, QUANTILES, method="inverted_cdf"))
    found = [(column >= low) & (column <= high) for place, low in enumerate(cuts) for high in cuts[place:]]
    return np.stack(found, axis=1).astype(np.float32)
