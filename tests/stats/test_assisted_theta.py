"""Assisted theta: the specification's numbers, brute force, and what must hold whatever the predictor is worth."""

import numpy as np
import pytest
from scipy.special import ndtr

from netspace.stats.assisted_theta import assisted_theta, control, placements, predict
from netspace.stats.predictor import Scale, cross_fit
from netspace.stats.superiority import superiority


def predicted(samples, pools, errors, **options):
    scale = Scale.of(pools)
    features = [scale(one) for one in samples]
    fit = cross_fit(features, errors, **options)
    return fit, [predict(fit, i, features[i], scale(pools[i])) for i in range(len(samples))]


@pytest.fixture(scope="module")
def data(inline):
    return [inline.x_a, inline.x_b], [inline.pool_a, inline.pool_b], [inline.a, inline.b]


def two_spaces(seed, n=40, pool=4000, noise=0.5, shift=0.5):
    rng = np.random.default_rng(seed)
    samples = [rng.normal(size=(n, 2)) for _ in range(2)]
    pools = [rng.normal(size=(pool, 2)) for _ in range(2)]
    errors = [50 + x[:, 0] - i * shift + rng.normal(0, noise, n) for i, x in enumerate(samples)]
    return samples, pools, errors


def test_classical_theta_of_the_inline_data(inline):
    found = superiority(inline.a, inline.b)
    assert found.theta == pytest.approx(0.53125, abs=1e-12)
    assert found.se == pytest.approx(0.15758359, abs=1e-8)
    assert found.interval() == pytest.approx((0.224327, 0.816221), abs=1e-6)


def test_shared_slopes_meet_the_specification(data):
    _, both = predicted(*data)
    found = assisted_theta(*data[2], *both, exact=True)
    assert found.weights == pytest.approx((1, 0.80652942), abs=1e-8)
    theta = found.superiority
    assert theta.theta == pytest.approx(0.60518316, abs=1e-8)
    assert theta.se == pytest.approx(0.12737692, abs=1e-8)
    assert theta.df == 6
    assert theta.interval() == pytest.approx((0.29372966, 0.84961142), abs=1e-8)
    assert theta.t_p_value == pytest.approx(0.45357663, abs=1e-8)


def test_own_slopes_meet_the_specification(data):
    _, both = predicted(*data, own_slopes_from=0)
    found = assisted_theta(*data[2], *both, exact=True)
    assert found.weights == pytest.approx((0.97490750, 0.69765936), abs=1e-8)
    assert found.superiority.theta == pytest.approx(0.59170260, abs=1e-8)
    assert found.superiority.se == pytest.approx(0.12280923, abs=1e-8)


def test_controls_meet_the_specification(data):
    """theta = mean V - lambda mean c: the controls of A and B written out, network by network."""
    _, (a, b) = predicted(*data)

    def controls(own, other, sign):
        values = []
        for score, fold in zip(own.scores, own.folds, strict=True):

            def expected(s, fold=fold):
                return np.mean([ndtr(sign * (s - q) / np.sqrt(2) / own.sigmas[fold]) for q in other.pool[fold]])

            values.append(expected(score) - np.mean([expected(s) for s in own.pool[fold]]))
        return np.array(values)

    of_a, of_b = controls(a, b, 1), controls(b, a, -1)
    assert of_a == pytest.approx(
        [-0.02075616, 0.28088588, 0.09248653, 0.06634621, -0.10347785, 0.02670930, -0.09236345, -0.10703574], abs=1e-8
    )
    assert of_b[:3] == pytest.approx([-0.16165408, -0.10752010, 0.28394858], abs=1e-8)
    found = assisted_theta(*data[2], a, b, exact=True)
    by_hand = 0.53125 - found.weights[0] * of_a.mean() - found.weights[1] * of_b.mean()
    assert found.superiority.theta == pytest.approx(by_hand, abs=1e-12)


def test_quantiles_and_interpolation_stay_close_to_exact_sums():
    samples, pools, errors = two_spaces(0, pool=600)
    _, both = predicted(samples, pools, errors)
    exact = assisted_theta(*errors, *both, exact=True).superiority
    fast = assisted_theta(*errors, *both).superiority
    assert fast.theta == pytest.approx(exact.theta, abs=0.02 * exact.se)
    assert fast.se == pytest.approx(exact.se, rel=0.01)


def test_placements_count_the_pairs_that_the_other_space_wins():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, 17).astype(float), rng.integers(0, 6, 11).astype(float)
    a[3] = b[4] = b[5] = np.inf
    wins = (b[None] < a[:, None]) + 0.5 * (b[None] == a[:, None])
    of_a, of_b = placements(a, b)
    assert of_a == pytest.approx(wins.mean(axis=1))
    assert of_b == pytest.approx(wins.mean(axis=0))


def test_the_order_of_the_spaces_mirrors_theta():
    samples, pools, errors = two_spaces(2)
    _, (a, b) = predicted(samples, pools, errors)
    one = assisted_theta(*errors, a, b).superiority
    other = assisted_theta(*errors[::-1], b, a).superiority
    assert other.theta == pytest.approx(1 - one.theta, abs=1e-3)
    assert other.se == pytest.approx(one.se, rel=1e-2)


def test_a_good_predictor_narrows_the_interval_and_a_useless_one_leaves_it():
    samples, pools, errors = two_spaces(3, n=100, noise=0.3)
    _, both = predicted(samples, pools, errors)
    assert assisted_theta(*errors, *both).superiority.se < 0.6 * superiority(*errors).se
    rng = np.random.default_rng(4)
    noise = [rng.normal(50, 1, 100) for _ in range(2)]
    _, both = predicted(samples, pools, noise)
    found = assisted_theta(*noise, *both).superiority
    assert found.se == pytest.approx(superiority(*noise).se, rel=0.1)


def test_features_without_spread_give_the_classical_estimate():
    _, _, errors = two_spaces(5)
    samples, pools = [np.zeros((40, 1))] * 2, [np.zeros((400, 1))] * 2
    _, both = predicted(samples, pools, errors)
    found = assisted_theta(*errors, *both)
    classical = superiority(*errors)
    assert found.weights == (0, 0)
    assert found.superiority.theta == pytest.approx(classical.theta)
    assert found.superiority.se == pytest.approx(classical.se)


def test_p_value_and_interval_agree():
    for seed in range(8):
        samples, pools, errors = two_spaces(seed, n=20, shift=seed / 5)
        found = assisted_theta(*errors, *predicted(samples, pools, errors)[1]).superiority
        low, high = found.interval(found.t_p_value)
        assert min(abs(low - 0.5), abs(high - 0.5)) < 1e-9


def test_an_estimate_beyond_one_is_kept_inside():
    samples, pools, errors = two_spaces(6, n=30, shift=3.5, noise=0.1)
    shifted = [samples[0] + [0.6, 0], samples[1] + [-0.6, 0]]  # a lucky draw: the truth is nearer than it looks
    errors[1][0] = errors[0].min() + 0.01
    found = assisted_theta(*errors, *predicted(shifted, pools, errors)[1]).superiority
    low, high = found.interval()
    assert 0 < low < found.theta <= 0.995
    assert high < 1


def test_the_weight_of_a_control_lies_between_zero_and_one():
    rng = np.random.default_rng(7)
    values = rng.normal(size=50)
    assert control(values, 0.2 * values, 1.0, 5000).weight == 1
    assert control(values, -values, 1.0, 5000).weight == 0
    half = control(values, 2 * values, 1.0, 5000)
    assert half.weight == pytest.approx(0.5 / 1.01)
    assert half.left == 48
    # what a finite pool leaves uncertain is added
    assert half.variance - half.sample_variance == pytest.approx(half.weight**2 / 5000)
