"""The winner's curse: the best of many measured errors is biased, its shrunken estimate is not."""

import numpy as np
import pytest
from scipy.stats import norm

from netspace.errors import StatisticsError
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import RefusedError
from netspace.stats.shrinkage import repeat_noise, shrink


def simulated(rng, *, n=40, noise=0.1, unseen=0.1):
    """Two spaces with errors around 10 %: their assistance, the true errors, and pools with the sample's law."""
    slopes = np.array([0.2, -0.1, 0.05])
    errors, features, pools, truths = {}, {}, {}, {}
    for name in ("a", "b"):
        features[name], pools[name] = rng.normal(size=(n, 3)), rng.normal(size=(20 * n, 3))
        truths[name] = 10 * np.exp(features[name] @ slopes + rng.normal(0, unseen, n))
        errors[name] = truths[name] * np.exp(rng.normal(0, noise, n))
    return Assistance.of(errors, features, pools), truths


def misses(studies, *, noise, unseen, known=None, n=40):
    """Return log(estimate / truth) of each study's best network, raw and shrunken, and whether its interval holds."""
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(studies):
        assistance, truths = simulated(rng, noise=noise, unseen=unseen, n=n)
        if "a" in assistance.refusals:  # the pool check takes one honest sample in a thousand for another law's
            continue
        best, found = int(np.argmin(assistance.errors["a"])), assistance.shrunken("a", noise=known)
        truth = truths["a"][best]
        holds = found.low[best] <= truth <= found.high[best]
        rows.append((np.log(assistance.errors["a"][best] / truth), np.log(found.estimate[best] / truth), holds))
    assert len(rows) > 0.99 * studies
    return np.array(rows, dtype=np.float64).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("known", [None, 0.1])
def test_the_best_is_raw_too_good_and_shrunken_right(known):
    raw, shrunken, holds = misses(600, noise=0.1, unseen=0.1, known=known)
    assert raw < -0.05
    assert abs(shrunken) < 0.012
    assert 0.923 <= holds <= 0.99


@pytest.mark.slow
def test_known_noise_serves_where_the_assumed_half_is_wrong():
    raw, shrunken, holds = misses(600, noise=0.05, unseen=0.15, known=0.05)
    assert raw < -0.01
    assert abs(shrunken) < 0.008
    assert holds == pytest.approx(0.95, abs=0.027)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "unseen"), [(0.05, 0.15), (0.15, 0.05)])
def test_intervals_hold_the_best_whatever_the_share_of_noise(noise, unseen):
    assert misses(600, noise=noise, unseen=unseen)[2] >= 0.923


def test_the_estimate_is_the_mean_of_the_normal_posterior():
    found = shrink([8.0], np.log([10.0]), 0.2, 10**12, noise=0.1)
    precision = 1 / 0.1**2 + 1 / (0.2**2 - 0.1**2)
    mean = (np.log(8) / 0.1**2 + np.log(10) / (0.2**2 - 0.1**2)) / precision
    assert np.log(found.estimate[0]) == pytest.approx(mean, rel=1e-12)
    assert np.log(found.high[0]) - mean == pytest.approx(norm.isf(0.025) / np.sqrt(precision), rel=1e-6)
    assert np.log(found.low[0]) - mean == pytest.approx(-norm.isf(0.025) / np.sqrt(precision), rel=1e-6)


def test_without_repeats_the_estimate_lies_midway_and_the_interval_holds_both():
    found = shrink([8.0], np.log([10.0]), 0.2, 100)
    assert found.estimate[0] == pytest.approx(np.sqrt(80))
    assert found.low[0] < 8 < 10 < found.high[0]
    assert found.noise_share == 0.5


def test_an_unknown_share_of_noise_is_averaged_over():
    rng = np.random.default_rng(0)
    share, gap, sigma = rng.random(400_000), np.log(0.8), 0.2
    drawn = np.log(10) + (1 - share) * gap + np.sqrt(share * (1 - share)) * sigma * rng.normal(size=share.size)
    found = shrink([8.0], np.log([10.0]), sigma, 10**9)
    assert np.log(found.estimate[0]) == pytest.approx(drawn.mean(), abs=1e-3)
    assert np.log(found.high[0] / found.estimate[0]) == pytest.approx(norm.isf(0.025) * drawn.std(), rel=0.01)


def test_noise_beyond_the_spread_leaves_the_prediction_alone():
    found = shrink([8.0, 0.0], np.log([10.0, 9.0]), 0.2, 100, noise=0.3)
    assert found.estimate == pytest.approx([10, 9])


def test_failed_models_have_no_estimate():
    assistance, _ = simulated(np.random.default_rng(0))
    assistance.errors["a"][3] = np.inf
    found = assistance.shrunken("a")
    assert np.isnan(found.estimate).tolist() == [i == 3 for i in range(40)]
    assert np.all((found.low < found.estimate) | np.isnan(found.low))


def test_a_space_that_is_not_assisted_is_refused_with_its_reason():
    errors = np.linspace(5, 9, 20)
    with pytest.raises(RefusedError, match="no features and pool"):
        Assistance.of({"a": errors}, {}, {}).shrunken("a")


def test_noise_comes_from_repeats_if_there_are_enough():
    rng = np.random.default_rng(1)
    repeats = [np.exp(rng.normal(level, 0.1, 3)) for level in rng.normal(2, 1, 400)]
    assert repeat_noise(repeats) == pytest.approx(0.1, rel=0.06)
    assert repeat_noise([[5.0, 5.1]] * 4) is None
    assert repeat_noise([[5.0]] * 50) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([5.0, np.inf], [1.0, 1.0], 0.1, 9), "finite"),
        (([5.0], [1.0, 1.0], 0.1, 9), "prediction"),
        (([5.0], [1.0], 0.0, 9), "sigma > 0"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(StatisticsError, match=message):
        shrink(*arguments)
