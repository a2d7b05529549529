"""Assisted means, error distributions and quantiles: the specification's numbers, brute force, and coverage."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from netspace.errors import StatisticsError
from netspace.stats.assisted_edf import (
    assisted_edf,
    assisted_shares,
    level_between,
    pointwise_bounds,
    training_errors,
)
from netspace.stats.assisted_mean import assisted_mean
from netspace.stats.assisted_theta import Predicted, predict
from netspace.stats.edf import EDF
from netspace.stats.order_statistics import local_level
from netspace.stats.predictor import Scale, cross_fit


@pytest.fixture(scope="module")
def features(inline):
    scale = Scale.of([inline.pool_a, inline.pool_b])
    return [scale(inline.x_a), scale(inline.x_b)], [scale(inline.pool_a), scale(inline.pool_b)]


@pytest.fixture(scope="module")
def ranks(inline, features):
    """What predicts A's normal scores, and the training sets of the folds."""
    fit = cross_fit(features[0], [inline.a, inline.b])
    return predict(fit, 0, features[0][0], features[1][0]), training_errors([inline.a, inline.b], fit)


def drawn(seed, n=60, pool=6000, noise=0.5, failing=0.0):
    """One space whose error is its feature and noise, standardised; failures are drawn by chance."""
    rng = np.random.default_rng(seed)
    x, pool_x = rng.normal(size=(n, 1)), rng.normal(size=(pool, 1))
    errors = 50 + x[:, 0] + rng.normal(0, noise, n)
    errors[rng.random(n) < failing] = np.inf
    return x, pool_x, errors


def edf_of(x, pool, errors, **options):
    fit = cross_fit([x], [errors])
    return assisted_edf(errors, predict(fit, 0, x, pool), training_errors([errors], fit), **options)


def without_assistance(errors):
    n = errors.size
    none = Predicted(scores=np.zeros(n), folds=np.zeros(n, int), pool=np.zeros((1, 100 * n)), sigmas=np.ones(1))
    return assisted_edf(errors, none, [np.sort(errors)])


def test_means_meet_the_specification(inline, features):
    fit = cross_fit(features[0], [inline.a, inline.b], response=np.asarray)
    a = assisted_mean(inline.a, predict(fit, 0, features[0][0], features[1][0]))
    b = assisted_mean(inline.b, predict(fit, 1, features[0][1], features[1][1]))
    assert (a.mean, a.se, a.weight) == pytest.approx((48.70684416, 0.31220066, 0.70959565), abs=1e-8)
    assert (a.plain_mean, a.plain_se) == pytest.approx((48.8625, 0.61468270), abs=1e-8)
    assert (b.mean, b.se) == pytest.approx((47.02833161, 0.55288090), abs=1e-8)
    assert a.df == 6


def test_the_failure_rate_has_its_own_interval():
    x, pool, errors = drawn(0, n=50)
    errors[[3, 40]] = np.inf
    trained = np.isfinite(errors)
    fit = cross_fit([x[trained]], [errors[trained]], response=np.asarray)
    found = assisted_mean(errors, predict(fit, 0, x, pool))
    assert (found.n, found.failures, found.df) == (50, 2, 46)
    assert found.plain_mean == pytest.approx(errors[trained].mean())
    exact = binomtest(2, 50).proportion_ci(method="exact")
    assert found.failure_interval() == pytest.approx((exact.low, exact.high))
    assert found.interval()[0] < found.mean < found.interval()[1]


def test_failures_that_depend_on_the_features_do_not_shift_the_mean():
    """Networks with the largest feature fail, and the pool holds those too."""
    truth = 50 - np.exp(-0.5 * 1.2815516**2) / np.sqrt(2 * np.pi) / 0.9  # E[x | x < its 0.9 quantile]
    misses = []
    for seed in range(40):
        x, pool, errors = drawn(seed, n=100, noise=0.3)
        errors[x[:, 0] > 1.2815516] = np.inf
        trained = np.isfinite(errors)
        fit = cross_fit([x[trained]], [errors[trained]], response=np.asarray)
        found = assisted_mean(errors, predict(fit, 0, x, pool))
        misses.append((found.mean - truth) / found.se)
    assert abs(np.mean(misses)) < 0.5


def test_the_distribution_meets_the_specification(inline, ranks):
    found = assisted_shares(inline.a, *ranks, np.array([47.4, 48.0, 49.1]), exact=True)
    assert found.share == pytest.approx([0.15942093, 0.43690706, 0.62482731], abs=1e-8)
    assert found.effective == pytest.approx([7.93117176, 9.48479569, 9.46234628], abs=1e-8)
    assert found.weight == 1
    lower, upper = pointwise_bounds(found.share, found.effective, 0.05)
    assert (lower[1], upper[1]) == pytest.approx((0.138444, 0.774486), abs=1e-6)


def test_interpolation_between_scores_stays_close_to_exact_sums(inline, ranks):
    exact, fast = (assisted_edf(inline.a, *ranks, exact=exact) for exact in (True, False))
    assert fast.share == pytest.approx(exact.share, abs=1e-4)
    assert fast.effective == pytest.approx(exact.effective, rel=1e-3)


@pytest.mark.parametrize("digits", [12, 0])
def test_without_a_predictor_it_is_the_classical_distribution(digits):
    _, _, errors = drawn(1, n=64, failing=0.1)
    errors = np.round(errors, digits)  # with ties, too
    found, classical = without_assistance(errors), EDF(errors)
    assert found.steps().x.tolist() == classical.steps().x.tolist()
    assert found.steps().height == pytest.approx(classical.steps().height)
    assert found.quantile(0.5) == np.sort(errors)[31]
    assert found.quantile(0.99) == np.inf
    lower, upper = found.pointwise()
    for x, low, high in zip(found.x, lower, upper, strict=True):
        exact = classical.pointwise(x)
        assert (low, high) == pytest.approx(exact, abs=1e-9)
    assert found.quantile_interval(0.5) == classical.quantile_interval(0.5)
    for mine, theirs in zip(found.band(), classical.band(), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-9)


def test_the_quantile_interval_is_where_pointwise_intervals_hold_p():
    found = edf_of(*drawn(2, n=80))
    lower, upper = found.pointwise()
    low, high = found.quantile_interval(0.3)
    holding = [x for x, a, b in zip(found.x, lower, upper, strict=True) if a <= 0.3 <= b]
    assert high == holding[-1]
    assert low == found.x[list(found.x).index(holding[0]) - 1]


def test_quantiles_that_the_models_do_not_reach_are_refused():
    found = edf_of(*drawn(3, n=20))
    for p in (0.01, 0.99):
        with pytest.raises(StatisticsError, match="20 models are too few"):
            found.quantile_interval(p)
    x, pool, errors = drawn(3, n=20)
    errors[:3] = np.inf
    assert edf_of(x, pool, errors).quantile_interval(0.9)[1] == np.inf


def test_a_good_predictor_counts_as_more_models():
    found = edf_of(*drawn(4, n=100, noise=0.2))
    middle = found.effective[(found.share > 0.2) & (found.share < 0.8)]
    assert middle.min() > 150
    classical = EDF(drawn(4, n=100, noise=0.2)[2])
    width = np.diff(classical.band()[1:], axis=0)[0]
    assert np.median(np.diff(found.band()[1:], axis=0)[0]) < 0.85 * np.median(width)


@pytest.mark.parametrize("failing", [0.0, 0.08])
def test_shares_and_bands_are_proper(failing):
    found = edf_of(*drawn(5, n=50, failing=failing))
    band = found.band()
    lower, upper = found.pointwise()
    for values in (found.share, band.lower, band.upper, lower, upper):
        assert (np.diff(values) >= 0).all()
        assert (values >= 0).all()
        assert (values <= 1).all()
    assert (lower <= found.share).all()
    assert (found.share <= upper).all()
    assert (found.share[-1] == 1) == (failing == 0)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "noise"), [(24, 0.5), (100, 0.2)])
def test_the_band_holds_the_true_distribution(n, noise):
    truth = norm(50, np.sqrt(1 + noise**2)).cdf
    covered = []
    for seed in range(300):
        x, lower, upper = edf_of(*drawn(1000 + seed, n=n, pool=100 * n, noise=noise)).band()
        # upper[i] holds up to the error x[i + 1], lower[i] from just above x[i]
        covered.append((lower[1:] <= truth(x[1:])).all() and (truth(x[1:]) <= upper[:-1]).all())
    assert np.mean(covered) >= 0.92  # .95 less 2.4 Monte Carlo errors


def test_the_local_level_is_interpolated_in_log_n():
    assert level_between(64) == local_level(64)
    for n in (23, 100, 362):
        assert level_between(n) == pytest.approx(local_level(n), rel=0.012)
    assert level_between(1.0) == local_level(1)
    assert level_between(0.7) == 0.05
    assert local_level(2048) * 0.8 < level_between(5000) < local_level(2048)
