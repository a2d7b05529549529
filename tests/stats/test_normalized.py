import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from netspace.errors import StatisticsError
from netspace.stats import (
    EDF,
    compare_normalized,
    effective_sample_size,
    normalization_weights,
    normalized_band,
    van_elteren,
)

COMPLEXITY = [1, 1.5, 2, 3.2, 3.4, 5, 5.5, 7.9]
ERRORS = [50, 49, 48, 46, 47, 44, 45, 42]
EDGES = np.linspace(1, 8, 5)  # bins of equal width, as published


def test_the_published_weights_match_the_specification() -> None:
    weights = normalization_weights(COMPLEXITY, EDGES)
    assert weights == pytest.approx([1 / 12] * 3 + [1 / 8] * 4 + [1 / 4])
    assert effective_sample_size(weights) == pytest.approx(6.85714286, abs=5e-9)
    edf = EDF(ERRORS, weights)
    assert edf.mean == pytest.approx(45.5)
    assert edf(47) == pytest.approx(0.625)


def test_the_top_edge_belongs_to_the_last_bin() -> None:
    weights = normalization_weights([*COMPLEXITY, 8], EDGES)
    assert weights[-2:] == pytest.approx([1 / 8] * 2)


def test_an_empty_bin_is_an_error() -> None:
    with pytest.raises(StatisticsError, match=r"no model has a complexity in \[3, 5\] .1 of 3 bins are empty"):
        normalization_weights([1, 2, 6], [1, 3, 5, 7])


def test_models_outside_the_edges_are_an_error() -> None:
    with pytest.raises(StatisticsError, match="2 of 3 models lie outside"):
        normalization_weights([0, 2, 9], [1, 3])


@pytest.mark.parametrize("edges", [[1], [1, 1], [3, 1]])
def test_impossible_edges_are_refused(edges: list) -> None:
    with pytest.raises(StatisticsError, match="ascending"):
        normalization_weights([1.0], edges)


def spaces(shift: float, n: int = 400) -> tuple[np.ndarray, ...]:
    """Two spaces whose error falls with complexity; B's models are larger, and worse by `shift` at equal complexity."""
    rng = np.random.default_rng(0)
    complexity_a, complexity_b = rng.uniform(1, 9, n), rng.uniform(2, 10, n)
    a = 60 - 2 * complexity_a + rng.normal(0, 1, n)
    b = 60 - 2 * complexity_b + rng.normal(shift, 1, n)
    return a, complexity_a, b, complexity_b


def test_a_space_that_is_only_larger_is_not_better_at_equal_complexity() -> None:
    a, complexity_a, b, complexity_b = spaces(shift=0)
    assert mannwhitneyu(a, b).pvalue < 1e-3
    found = compare_normalized(a, complexity_a, b, complexity_b)
    assert found.p_value > 0.05
    assert found.edges.size == 11
    assert found.edf_a.mean == pytest.approx(found.edf_b.mean, abs=0.3)


def test_a_real_difference_is_found_with_its_sign() -> None:
    found = compare_normalized(*spaces(shift=1))
    assert found.z < -3
    assert found.p_value < 0.01
    a, complexity_a, b, complexity_b = spaces(shift=1)
    swapped = compare_normalized(b, complexity_b, a, complexity_a)
    assert swapped.z == pytest.approx(-found.z)


def test_few_effective_models_are_refused_with_the_reason() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(
        StatisticsError, match=r"the 25 models of A are worth .* at least 30 and 30% of them are needed"
    ):
        compare_normalized(rng.random(25), rng.random(25), rng.random(400), rng.random(400))
    # most of A lies outside what B reaches
    lopsided = np.concatenate([rng.uniform(0, 1, 60), rng.uniform(5, 9, 340)])
    with pytest.raises(StatisticsError, match="the 400 models of A are worth"):
        compare_normalized(rng.random(400), lopsided, rng.random(400), rng.uniform(0, 1, 400))


def test_spaces_without_common_support_are_refused() -> None:
    with pytest.raises(StatisticsError, match="hardly overlap"):
        compare_normalized([1, 2], [1, 2], [1, 2], [5, 6])


def test_one_stratum_is_the_mann_whitney_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 3, 40), rng.normal(47, 3, 30).round()
    z, p_value = van_elteren(a, np.zeros(40), b, np.zeros(30))
    reference = mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
    assert p_value == pytest.approx(reference.pvalue)
    assert abs(z) == pytest.approx(norm.isf(reference.pvalue / 2))
    assert z > 0


def test_strata_without_both_spaces_or_without_spread_do_not_count() -> None:
    z, p_value = van_elteren([5, 6, 1, 9], [0, 0, 1, 3], [3, 4, 9], [0, 0, 3])
    assert (z, p_value) == van_elteren([5, 6], [0, 0], [3, 4], [0, 0])
    with pytest.raises(StatisticsError, match="no stratum"):
        van_elteren([9, 9], [0, 0], [9, 9], [0, 0])


def test_the_bootstrap_band_holds_the_curve_and_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        complexity = rng.beta(2, 1, 120)
        errors = 50 - 5 * complexity + rng.normal(0, 1, 120)
        band = normalized_band(errors, complexity, [0, 0.5, 0.75, 1], resamples=200, seed=rng)
        assert (band.lower <= band.upper).all()
        large = rng.beta(2, 1, 20_000)
        truth = EDF(50 - 5 * large + rng.normal(0, 1, 20_000), normalization_weights(large, [0, 0.5, 0.75, 1]))
        height = truth(band.x[1:])
        covered += bool((band.lower[1:] <= height + 0.02).all() and (height - 0.02 <= band.upper[1:]).all())
    assert covered >= 50


def test_a_band_over_thin_bins_is_refused() -> None:
    with pytest.raises(StatisticsError, match="use fewer bins"):
        normalized_band([50, 48, 46, 42], [1, 3, 5, 7], EDGES, resamples=50)
