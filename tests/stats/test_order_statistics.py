import numpy as np
import pytest
from scipy.stats import quantile_test

from netspace.errors import StatisticsError
from netspace.stats.best_of import best_of_level
from netspace.stats.order_statistics import beta_band, joint_coverage, local_level, quantile_ranks


@pytest.mark.parametrize(("n", "level"), [(30, 0.00381118), (100, 0.00219527), (500, 0.00128425)])
def test_local_level_matches_the_specification(n: int, level: float) -> None:
    assert local_level(n) == pytest.approx(level, abs=5e-9)


def test_beta_band_of_the_left_tail_matches_the_specification() -> None:
    lower, upper = beta_band(100)
    assert (lower[4], upper[4]) == pytest.approx((0.00767774, 0.13907297), abs=1e-8)


def test_one_model_gets_the_whole_level() -> None:
    lower, upper = beta_band(1, 0.05)
    assert (lower[0], upper[0]) == pytest.approx((0.025, 0.975))


def test_joint_coverage_of_two_uniforms_is_an_area() -> None:
    # P(.1 <= U(1) <= .6, .3 <= U(2) <= .9) = 2 * integral over u in [.1, .6] of (.9 - max(u, .3))
    expected = 2 * (0.2 * 0.6 + (0.6**2 - 0.3**2) / 2)
    assert joint_coverage(np.array([0.1, 0.3]), np.array([0.6, 0.9])) == pytest.approx(expected)


def test_joint_coverage_agrees_with_simulation() -> None:
    lower, upper = beta_band(40, 0.2)
    drawn = np.sort(np.random.default_rng(0).random((20_000, 40)), axis=1)
    share = ((drawn >= lower) & (drawn <= upper)).all(axis=1).mean()
    # four standard errors of the simulation
    assert share == pytest.approx(0.8, abs=4 * (0.16 / 20_000) ** 0.5)


def test_bounds_that_exclude_each_other_have_no_coverage() -> None:
    assert joint_coverage(np.array([0.5, 0.5]), np.array([0.4, 0.4])) == 0.0


@pytest.mark.parametrize(
    ("n", "p", "ranks"), [(100, 0.5, (40, 61)), (500, best_of_level(0.5, 32), (5, 18)), (10, 0.5, (2, 9))]
)
def test_quantile_ranks_agree_with_scipy(n: int, p: float, ranks: tuple[int, int]) -> None:
    low, high, coverage = quantile_ranks(n, p)
    interval = quantile_test(np.arange(1, n + 1), q=0, p=p).confidence_interval()
    assert (low, high) == ranks == (interval.low, interval.high)
    assert coverage >= 0.95


def test_coverage_of_the_median_of_100_matches_the_specification() -> None:
    assert quantile_ranks(100, 0.5)[2] == pytest.approx(0.96479980, abs=5e-9)


def test_too_few_models_for_a_quantile_are_refused_with_the_number_needed() -> None:
    with pytest.raises(StatisticsError, match="needs at least 6 models, got 5"):
        quantile_ranks(5, 0.5)
    assert quantile_ranks(6, 0.5)[:2] == (1, 6)


@pytest.mark.parametrize("n", [0, 10_001])
def test_the_beta_band_names_its_limits(n: int) -> None:
    with pytest.raises(StatisticsError, match="use method='dkw'"):
        local_level(n)
