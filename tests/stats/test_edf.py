import math

import numpy as np
import pytest
from scipy.stats import ecdf

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats import EDF
from netspace.stats.edf import dkw_margin
from netspace.stats.order_statistics import BETA_BAND_LIMIT

ERRORS = [48.2, 46.1, 51.3, 44.9, 47.5, 50.0, 45.4, 49.1]


def test_the_share_below_is_strict() -> None:
    edf = EDF([40, 41, 41, 42])
    assert [edf(x) for x in (40, 41, 41.5, 42, 43)] == [0, 0.25, 0.75, 0.75, 1]


def test_arrays_are_evaluated_like_their_elements() -> None:
    edf = EDF(ERRORS)
    x = np.array([[44.0, 46.1], [47.5, 60.0]])
    np.testing.assert_array_equal(edf(x), [[edf(44.0), edf(46.1)], [edf(47.5), edf(60.0)]])


def test_steps_are_those_of_scipy() -> None:
    x, height = EDF([*ERRORS, 46.1, 50.0]).steps()
    reference = ecdf([*ERRORS, 46.1, 50.0]).cdf
    np.testing.assert_array_equal(x[1:], reference.quantiles)
    np.testing.assert_allclose(height[1:], reference.probabilities)
    assert (x[0], height[0]) == (44.9, 0)


def test_failures_are_counted_and_never_reach_the_curve() -> None:
    edf = EDF([40, np.inf, 50, np.inf], chance=90)
    assert (edf.n, edf.failures, edf.min) == (4, 2, 40)
    assert edf.steps().height[-1] == 0.5
    assert edf(1e9) == 0.5
    assert edf.mean == (40 + 50 + 90 + 90) / 4


def test_the_mean_without_a_chance_level_is_infinite_rather_than_flattering() -> None:
    assert EDF([40, np.inf]).mean == math.inf
    assert EDF([40, np.inf], [1, 0]).mean == 40


def test_a_population_of_failures_has_an_empty_curve() -> None:
    edf = EDF([np.inf, np.inf])
    assert edf.steps().x.size == edf.band().x.size == 0
    assert edf(99) == 0


def test_weights_follow_their_models() -> None:
    edf = EDF([50, 40, 45], [1, 2, 1])
    assert [edf(x) for x in (40, 41, 46, 51)] == [0, 0.5, 0.75, 1]
    assert edf.mean == 43.75


def test_the_beta_band_is_at_the_specified_place() -> None:
    band = EDF(np.arange(100)).band()
    # after the 5th error: above the 5th lower bound, below the 6th upper bound
    assert band.lower[5] == pytest.approx(0.00767774, abs=5e-9)
    assert band.upper[4] == pytest.approx(0.13907297, abs=1e-8)
    assert (band.lower[0], band.upper[-1]) == (0, 1)


@pytest.mark.parametrize(("n", "margin"), [(100, 0.135810152), (500, 0.060736146)])
def test_the_dkw_band_has_massarts_width(n: int, margin: float) -> None:
    assert dkw_margin(n) == pytest.approx(margin, abs=5e-10)
    band = EDF(np.arange(n)).band(method="dkw")
    middle = n // 2
    assert band.upper[middle] - band.lower[middle] == pytest.approx(2 * margin, abs=1e-9)
    assert band.lower.min() == 0
    assert band.upper.max() == 1


@pytest.mark.parametrize("method", ["beta", "dkw"])
def test_bands_cover_the_truth_as_often_as_they_say(method: str) -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(400):
        # errors uniform on [0, 1]: F(x) = x, and the band on (x_i, x_{i+1}] must hold x_i and x_{i+1}
        band = EDF(rng.random(50)).band(method=method)
        right = np.append(band.x[1:], 1.0)
        missed += bool((band.lower > band.x + (np.arange(51) == 0)).any() or (band.upper < right).any())
    # 400 trials at 5 %: mean 20, sd 4.4
    assert missed <= 35


def test_ties_keep_the_band_around_the_curve() -> None:
    edf = EDF([40, 40, 40, 41, 41, np.inf])
    for method in ("beta", "dkw"):
        band = edf.band(method=method)
        np.testing.assert_array_equal(band.x, edf.steps().x)
        assert (band.lower <= edf.steps().height).all()
        assert (edf.steps().height <= band.upper).all()


def test_pointwise_interval_matches_the_specification() -> None:
    assert EDF(np.arange(100)).pointwise(4.5) == pytest.approx((0.01643188, 0.11283491), abs=5e-9)


def test_beyond_the_beta_bands_limit_the_band_is_massarts() -> None:
    n = BETA_BAND_LIMIT + 1
    band = EDF(np.arange(n)).band()
    middle = n // 2
    assert band.upper[middle] - band.lower[middle] == pytest.approx(2 * np.sqrt(np.log(2 / 0.05) / (2 * n)))
    with pytest.raises(StatisticsError, match="use method='dkw'"):
        EDF(np.arange(n)).band(method="beta")


def test_the_median_of_100_lies_between_the_40th_and_61st() -> None:
    assert EDF(np.arange(1, 101)).quantile_interval(0.5) == (40, 61)


def test_a_weighted_edf_refuses_what_does_not_hold_for_it() -> None:
    edf = EDF([40, 41], [1, 3])
    with pytest.raises(StatisticsError, match="normalized_band"):
        edf.band()
    with pytest.raises(StatisticsError, match="unweighted"):
        edf.pointwise(40)
    with pytest.raises(StatisticsError, match="unweighted"):
        edf.quantile_interval(0.5)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ([], "at least 1 models are needed, got 0"),
        ([40, np.nan, 41], "1 of 3 values are NaN or -inf .the first at index 1.; give a failed model"),
        ([40, -np.inf], "NaN or -inf"),
        ([[40, 41]], "one-dimensional"),
        (["a", "b"], "numbers are needed"),
        ([40, None], "NaN"),
    ],
)
def test_unusable_errors_are_refused(errors: list, message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        EDF(errors)


@pytest.mark.parametrize("weights", [[1.0], [1, -1], [0, 0], [1, np.nan]])
def test_unusable_weights_are_refused(weights: list) -> None:
    with pytest.raises(StatisticsError, match="weights"):
        EDF([40, 41], weights)


def test_an_unknown_band_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="beta, dkw"):
        EDF([40, 41]).band(method="dwk")


def test_the_population_cannot_be_changed_from_outside() -> None:
    errors = np.array([41.0, 40.0])
    edf = EDF(errors)
    errors[0] = 0
    assert edf.min == 40
    with pytest.raises(ValueError, match="read-only"):
        edf.errors[0] = 1
