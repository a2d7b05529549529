import numpy as np
import pytest

from netspace.errors import StatisticsError
from netspace.stats import best_range
from netspace.stats.ranges import best_probabilities

ERRORS = [38.1, 39, 39, 40.2, 41.5, 43.3, 45, 47.2, 52, 90]
X = [12, 20, 16, 18, 22, 14, 25, 9, 30, 5]


def test_probabilities_match_the_specification() -> None:
    assert best_probabilities(np.arange(100))[:3] == pytest.approx([0.22217864, 0.17435663, 0.13649002], abs=5e-9)
    expected = [0.271, 0.193, 0.193, 0.127, 0.091, 0.061, 0.037, 0.019, 0.007, 0.001]
    assert best_probabilities(ERRORS, draws=3) == pytest.approx(expected)


def test_the_range_matches_the_specification() -> None:
    found = best_range(X, ERRORS, draws=3)
    assert (found.interval, found.median) == ((12, 25), 16)


def test_probabilities_tend_to_a_geometric_law_of_eight_effective_models() -> None:
    i = np.arange(10)
    limit = np.exp(-i / 4) * (1 - np.exp(-0.25))
    assert best_probabilities(np.arange(4000))[:10] == pytest.approx(limit, rel=1e-3)
    found = best_range(np.arange(4000), np.arange(4000), permutations=9)
    assert found.effective_models == pytest.approx(8, abs=0.1)


def test_it_is_the_limit_of_the_papers_bootstrap() -> None:
    rng = np.random.default_rng(0)
    n = 60
    x, errors = rng.permutation(n).astype(float), rng.normal(50, 3, n)
    drawn = rng.integers(n, size=(200_000, n // 4))
    best = drawn[np.arange(len(drawn)), errors[drawn].argmin(axis=1)]
    share = np.bincount(best, minlength=n) / len(drawn)
    assert best_probabilities(errors) == pytest.approx(share, abs=0.005)
    found = best_range(x, errors)
    assert found.median == np.quantile(x[best], 0.5, method="inverted_cdf")


def test_a_parameter_that_matters_has_a_surprisingly_narrow_range() -> None:
    rng = np.random.default_rng(0)
    depth = rng.integers(1, 60, 200)
    noise = rng.normal(0, 0.3, 200)
    related = best_range(depth, 40 + 0.02 * (depth - 20) ** 2 + noise)
    assert related.low > 10
    assert related.high < 30
    assert related.width_p_value < 0.01
    unrelated = np.random.default_rng(1).normal(50, 3, 200)
    assert best_range(depth, unrelated).width_p_value > 0.05


@pytest.mark.parametrize("n", [12, 400])
def test_the_p_value_of_the_width_is_the_share_of_shuffled_parameters_with_as_narrow_a_range(n: int) -> None:
    rng = np.random.default_rng(3)
    x, errors = rng.gamma(2, 10, n), rng.normal(50, 3, n)
    found = best_range(x, errors, permutations=3999, seed=1)
    shuffled = (best_range(rng.permutation(x), errors, permutations=1) for _ in range(1500))
    share = np.mean([one.high - one.low <= found.high - found.low for one in shuffled])
    assert found.width_p_value == pytest.approx(share, abs=0.05)


def test_bad_input_gets_a_clear_answer() -> None:
    with pytest.raises(StatisticsError, match="all 8 errors are 90"):
        best_range(range(8), [90] * 8)
    with pytest.raises(StatisticsError, match="at least 8 models are needed, got 3"):
        best_range([1, 2, 3], [1, 2, 3])
    with pytest.raises(StatisticsError, match=r"one value per model is needed \(10\), got 2"):
        best_range([1, 2], ERRORS)
    with pytest.raises(StatisticsError, match="x: every value must be finite, 1 are not"):
        best_range([np.nan, *X[1:]], ERRORS)
    with pytest.raises(StatisticsError, match="draws >= 1"):
        best_range(X, ERRORS, draws=0)
