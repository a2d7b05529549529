"""Selections made by looking: the best of what one could have chosen, under no effect and under a large one."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from netspace.stats.looked import best_by_luck, corrected


def best_pair_of_bounds(values: np.ndarray, errors: np.ndarray) -> float:
    """Return the largest |z| over all intervals of one property, by scipy's test without continuity correction."""
    found = []
    for column in values.T:
        for low in np.unique(column):
            for high in np.unique(column):
                keep = (column >= low) & (column <= high)
                if 3 <= keep.sum() <= keep.size - 3:
                    p = mannwhitneyu(errors[keep], errors[~keep], method="asymptotic", use_continuity=False).pvalue
                    found.append(norm.isf(p / 2))
    return max(found)


def test_the_best_of_all_bounds_is_seldom_significant_where_nothing_matters():
    random = np.random.default_rng(0)
    values = random.integers(1, 6, (24, 3)).astype(float)
    luck = best_by_luck(values, 1, permutations=299)
    found = [corrected(best_pair_of_bounds(values, random.normal(size=24)), luck)[0] for _ in range(60)]
    # of 60 studies 3 are expected; more than 8 have a probability of 0.004
    assert sum(p <= 0.05 for p in found) <= 8
    assert np.mean(found) == pytest.approx(0.5, abs=0.15)


def test_the_first_bounds_are_judged_exactly():
    values = np.arange(12.0)[:, None] % 4  # few values: every interval is tried
    luck = best_by_luck(values, 1, permutations=199, seed=1)
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(12) - 5.5, (199, 1)), axis=1)
    expected = sorted(best_pair_of_bounds(values, order) for order in orders)
    assert luck == pytest.approx(expected, rel=1e-5)


def test_more_bounds_leave_more_to_luck_and_a_large_effect_stands_out():
    values = np.random.default_rng(2).normal(size=(60, 6))
    one, three = best_by_luck(values, 1), best_by_luck(values, 3)
    assert np.quantile(three, 0.95) > np.quantile(one, 0.95)
    p, alpha = corrected(6.0, one)
    assert p == pytest.approx(1 / 400)
    assert 0 < alpha < 0.01
    assert corrected(1.0, one)[0] > 0.9


def test_what_cannot_be_bounded_leaves_nothing_to_luck():
    values = np.full((10, 2), np.nan)
    values[:, 1] = 3.0
    assert best_by_luck(values, 2, permutations=5).tolist() == [0.0] * 5
