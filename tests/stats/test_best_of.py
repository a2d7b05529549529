from itertools import combinations

import numpy as np
import pytest

from netspace.errors import StatisticsError
from netspace.stats import BestOf
from netspace.stats.best_of import best_of_level

ERRORS = [38.1, 39, 39, 40.2, 41.5, 43.3, 45, 47.2, 52, 90]


def test_mean_and_sd_match_the_specification() -> None:
    three = BestOf(ERRORS, 3)
    assert three.mean == pytest.approx(39.52166667, abs=5e-9)
    assert three.sd == pytest.approx(1.74829361, abs=5e-9)
    assert BestOf(ERRORS, 5).mean == pytest.approx(38.68809524, abs=5e-9)


@pytest.mark.parametrize("m", [1, 2, 4, 10])
def test_the_distribution_is_that_of_all_subsets(m: int) -> None:
    best = [min(chosen) for chosen in combinations(sorted(ERRORS), m)]
    exact = BestOf(ERRORS[::-1], m)
    assert exact.probabilities.sum() == pytest.approx(1)
    assert exact.mean == pytest.approx(np.mean(best))
    assert exact.sd == pytest.approx(np.std(best))
    for q in (0.05, 0.37, 0.5, 0.9):
        assert exact.quantile(q) == np.quantile(best, q, method="inverted_cdf")


def test_the_median_best_of_32_is_enclosed_by_the_specified_ranks() -> None:
    assert best_of_level(0.5, 32) == pytest.approx(0.02142794, abs=5e-9)
    assert BestOf(np.arange(1, 501), 32).interval(0.5) == (5, 18)


def test_large_populations_do_not_overflow() -> None:
    assert BestOf(np.arange(100_000), 1000).mean == pytest.approx((100_000 + 1) / 1001 - 1)


def test_failures_count_at_chance_or_make_the_mean_infinite() -> None:
    assert BestOf([40, np.inf], 1, chance=90).mean == 65
    assert BestOf([40, np.inf], 1).mean == BestOf([40, np.inf], 1).sd == np.inf
    assert BestOf([40, np.inf], 2).mean == 40


def test_an_interval_deep_in_the_tail_is_refused() -> None:
    with pytest.raises(StatisticsError, match="needs at least 160 models"):
        BestOf(np.arange(100), 32).interval()


@pytest.mark.parametrize("m", [0, 11])
def test_m_must_be_a_number_of_models(m: int) -> None:
    with pytest.raises(StatisticsError, match=f"got m={m}, n=10"):
        BestOf(ERRORS, m)
