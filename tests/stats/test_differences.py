import numpy as np
import pytest
from scipy.stats import norm

from netspace.stats.differences import BOOTSTRAP_LIMIT, differences


def test_differences_are_b_minus_a() -> None:
    found = differences(np.array([50.0, 52, 57]), np.array([40.0, 41, 48]), resamples=50)
    assert found.mean == pytest.approx(-10)
    assert found.median == -11


def test_the_mean_interval_is_close_to_the_normal_one_for_large_samples() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 3, 400), rng.normal(49, 2, 300)
    found = differences(a, b, resamples=4000)
    se = np.sqrt(a.var(ddof=1) / 400 + b.var(ddof=1) / 300)
    reach = norm.isf(0.025) * se
    assert found.mean_interval == pytest.approx((found.mean - reach, found.mean + reach), abs=0.1 * reach)


def test_the_median_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        low, high = differences(rng.normal(0, 1, 40), rng.normal(1, 1, 40), resamples=300, seed=rng).median_interval
        covered += low <= 1 <= high
    assert covered >= 88


def test_equal_errors_have_no_interval_and_no_nan() -> None:
    found = differences(np.full(30, 50.0), np.full(30, 40.0))
    assert (found.mean, found.mean_interval, found.median_interval) == (-10, None, None)
    assert "too many errors are equal" in found.note


def test_failures_without_a_chance_level_leave_no_mean() -> None:
    found = differences(np.array([50, np.inf]), np.array([40.0, 41]))
    assert found.mean is found.median is found.mean_interval is None
    assert "chance level" in found.note


def test_very_large_populations_skip_the_bootstrap_and_say_so() -> None:
    found = differences(np.arange(BOOTSTRAP_LIMIT + 1.0), np.arange(10.0))
    assert found.mean_interval is None
    assert "left out above 5000" in found.note
