from itertools import combinations

import numpy as np
import pytest
from scipy.stats import brunnermunzel, permutation_test, rankdata
from statsmodels.stats.nonparametric import rank_compare_2indep

from netspace.stats.superiority import permutation_p_value, superiority

A = np.array([48.2, 46.1, 51.3, 44.9, 47.5, 50.0, 45.4, 49.1])
B = np.array([44.2, 46.1, 43.8, 47.0, 45.4, 42.9, 48.2, 44.6])


def test_the_estimate_matches_the_specification() -> None:
    found = superiority(A, B)
    assert (found.theta, found.se, found.df, found.t_p_value) == pytest.approx(
        (0.8203125, 0.10622045, 13.96583681, 0.00928282), abs=5e-9
    )
    assert found.raw_interval() == pytest.approx((0.592440, 1.048185), abs=5e-7)
    assert found.interval() == pytest.approx((0.493130, 0.955400), abs=1e-6)


def test_b_better_is_scipys_alternative_greater() -> None:
    found = superiority(A, B)
    reference = brunnermunzel(A, B, alternative="greater")
    assert reference.statistic == pytest.approx(-3.01554448, abs=5e-9)
    assert reference.pvalue == pytest.approx(0.00464141, abs=5e-9)
    assert (found.theta - 0.5) / found.se == pytest.approx(-reference.statistic)
    assert found.t_p_value == pytest.approx(2 * reference.pvalue)


def test_theta_is_the_share_of_pairs_that_b_wins() -> None:
    wins = (A[:, None] > B).mean() + (A[:, None] == B).mean() / 2
    assert superiority(A, B).theta == pytest.approx(wins)
    assert superiority(B, A).theta == pytest.approx(1 - wins)


def test_equivalence_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 3, 200), rng.normal(50.1, 3, 150)
    reference = rank_compare_2indep(a, b).tost_prob_superior(0.4, 0.6).pvalue
    assert superiority(a, b).tost_p_value(0.1) == pytest.approx(float(reference))


def test_failures_rank_last() -> None:
    with_failures = superiority(np.append(A, np.inf), np.append(B, np.inf))
    assert with_failures == superiority(np.append(A, 1e6), np.append(B, 1e6))


def test_separated_populations_are_judged_as_independent_pairs() -> None:
    found = superiority(B + 100, B[:5])
    assert (found.theta, found.se, found.pairs) == (1, 0, 5)
    assert found.t_p_value == pytest.approx(2 / 2**5)
    assert found.interval() == found.raw_interval() == pytest.approx((0.025**0.2, 1))
    mirrored = superiority(B[:5], B + 100)
    assert mirrored.interval() == pytest.approx((0, 1 - 0.025**0.2))


def test_the_separated_interval_excludes_one_half_exactly_when_its_p_is_small() -> None:
    for pairs in range(2, 12):
        found = superiority(np.full(pairs, 2.0), np.full(pairs, 1.0))
        assert (found.interval()[0] > 0.5) == (found.t_p_value < 0.05)


def test_equal_errors_decide_nothing() -> None:
    found = superiority(np.full(50, 90.0), np.full(40, 90.0))
    assert (found.theta, found.t_p_value, found.interval()) == (0.5, 1, (0, 1))
    assert found.tost_p_value(0.1) == 1


def test_the_permutation_p_value_enumerates_small_samples() -> None:
    a, b = A[:5], B[:4]
    pooled = np.concatenate([a, b])

    def statistic(chosen: tuple[int, ...]) -> float:
        first = pooled[list(chosen)]
        second = np.delete(pooled, list(chosen))
        found = superiority(first, second)
        return (found.theta - 0.5) / found.se if found.se else np.sign(found.theta - 0.5) * 1e9

    every = np.array([statistic(chosen) for chosen in combinations(range(9), 5)])
    observed = statistic(tuple(range(5)))
    tail = min((every >= observed - 1e-9).mean(), (every <= observed + 1e-9).mean())
    assert permutation_p_value(a, b) == pytest.approx(min(1, 2 * tail))


def test_the_permutation_p_value_keeps_its_level_under_unequal_spreads() -> None:
    rng = np.random.default_rng(3)
    rejected = sum(
        permutation_p_value(rng.normal(0, 1, 8), rng.normal(0, 4, 12), resamples=199, seed=rng) <= 0.05
        for _ in range(200)
    )
    # 200 trials at 5 %: mean 10, sd 3.1
    assert rejected <= 20


@pytest.mark.parametrize("seed", range(6))
def test_the_permutation_p_value_is_that_of_scipy_with_ties_and_failures(seed) -> None:
    def statistic(a, b):
        placed_a, placed_b = (a - rankdata(a)) / b.size, (b - rankdata(b)) / a.size
        variance = placed_a.var(ddof=1) / a.size + placed_b.var(ddof=1) / b.size
        return (placed_a.mean() - 0.5) / np.sqrt(max(variance, (0.5 / (a.size * b.size)) ** 2))

    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 8, 5).astype(float), rng.integers(0, 8, 6).astype(float)
    a[0] = np.inf
    ranks = rankdata(np.concatenate([a, b]))
    expected = permutation_test((ranks[:5], ranks[5:]), statistic, n_resamples=9999).pvalue
    assert permutation_p_value(a, b) == pytest.approx(expected)


def test_the_permutation_p_value_is_reproducible() -> None:
    assert permutation_p_value(A, B, seed=7) == permutation_p_value(A, B, seed=7)
