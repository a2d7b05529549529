"""The cross-fitted predictor: the specification's numbers, and leave-one-out errors computed one by one."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from netspace.errors import StatisticsError
from netspace.stats.predictor import PENALTIES, Scale, cross_fit, fit_ridge, normal_scores


@pytest.fixture(scope="module")
def scale(inline):
    return Scale.of([inline.pool_a, inline.pool_b])


@pytest.fixture(scope="module")
def features(inline, scale):
    return [scale(inline.x_a), scale(inline.x_b)]


def two_spaces(seed, n, slopes):
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(n, 3)) for _ in slopes]
    targets = [x @ np.array(slope) + rng.normal(0, 0.3, n) for x, slope in zip(features, slopes, strict=True)]
    return features, targets


def test_features_are_standardised_by_the_pools(scale):
    assert scale.mean == pytest.approx((11.075, 4.13), abs=1e-12)
    assert scale.sd == pytest.approx((3.39402048, 0.58532043), abs=1e-8)


def test_a_feature_that_does_not_vary_is_dropped():
    rng = np.random.default_rng(0)
    pools = [np.column_stack([rng.normal(size=50), np.full(50, 3.0)]) for _ in range(2)]
    scale = Scale.of(pools)
    assert scale.kept.tolist() == [True, False]
    assert scale(pools[0]).shape == (50, 1)


def test_a_feature_that_varies_between_spaces_only_is_kept():
    assert Scale.of([np.zeros((5, 1)), np.ones((5, 1))]).kept.tolist() == [True]


def test_shared_slopes_meet_the_specification(inline, scale, features):
    found = cross_fit(features, [inline.a, inline.b])
    assert len(found.fits) == 8
    assert all(fit.shared for fit in found.fits)
    exponents = [0.5, 0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert [fit.penalties[0] for fit in found.fits] == pytest.approx([10**e for e in exponents])
    assert [fit.sigma for fit in found.fits[:3]] == pytest.approx([0.64293436, 0.73772041, 0.45635692], abs=1e-8)
    assert found.held_out(0, features[0])[0] == pytest.approx(-0.05824639, abs=1e-8)
    assert found.held_out(1, features[1])[0] == pytest.approx(0.10749708, abs=1e-8)
    assert found.fits[0].score(0, scale(inline.pool_a)).mean() == pytest.approx(0.03005421, abs=1e-8)
    assert found.fits[0].score(1, scale(inline.pool_b)).mean() == pytest.approx(-0.37023245, abs=1e-8)


def test_own_slopes_meet_the_specification(inline, features):
    found = cross_fit(features, [inline.a, inline.b], own_slopes_from=0)
    assert [fit.shared for fit in found.fits] == [False, False, True, False, False, False, False, False]
    assert found.fits[0].sigma == pytest.approx(0.51968325, abs=1e-8)


def test_the_penalty_has_the_least_leave_one_out_error_computed_one_by_one():
    (x,), (y,) = two_spaces(1, 25, [(1.0, -0.5, 0.0)])

    def left_out(penalty):
        rest = [np.delete(np.arange(25), i) for i in range(25)]
        return sum((y[i] - Ridge(penalty).fit(x[r], y[r]).predict(x[[i]])[0]) ** 2 for i, r in enumerate(rest))

    presses = [left_out(penalty) for penalty in PENALTIES]
    fit = fit_ridge([x], [y])
    assert fit.penalties[0] == PENALTIES[int(np.argmin(presses))]
    assert fit.sigma == pytest.approx(np.sqrt(min(presses) / 25), rel=1e-9)
    alone = sum((y[i] - np.delete(y, i).mean()) ** 2 for i in range(25))
    assert fit.r2 == pytest.approx(1 - min(presses) / alone, rel=1e-9)
    assert fit.score(0, x) == pytest.approx(Ridge(fit.penalties[0]).fit(x, y).predict(x))


def test_slopes_are_shared_until_spaces_differ_and_are_large_enough():
    alike, different = [(1.0, 0.0, 0.0)] * 2, [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)]
    assert fit_ridge(*two_spaces(0, 39, different)).shared
    fit = fit_ridge(*two_spaces(0, 40, different))
    assert not fit.shared
    assert fit.slopes[:, 0] == pytest.approx([1, -1], abs=0.2)
    assert fit_ridge(*two_spaces(0, 40, different), own_slopes_from=None).shared
    # one ridge of both at least nearly suffices for like slopes: the error of either choice is then the same
    assert fit_ridge(*two_spaces(0, 40, alike)).r2 == pytest.approx(
        fit_ridge(*two_spaces(0, 40, alike), own_slopes_from=None).r2, abs=0.02
    )


def test_a_model_does_not_influence_its_own_prediction():
    features, errors = two_spaces(3, 20, [(1.0, 0.0, 0.0)] * 2)
    before = cross_fit(features, errors).held_out(0, features[0])
    errors[0] = errors[0].copy()
    errors[0][[3, 13]] = np.inf  # both models of fold 3
    after = cross_fit(features, errors).held_out(0, features[0])
    assert after[[3, 13]] == pytest.approx(before[[3, 13]])
    assert after[4] != pytest.approx(before[4])


def test_folds_follow_the_launch_order_and_the_least_space():
    features, errors = two_spaces(4, 30, [(0.0, 0.0, 0.0)] * 2)
    assert len(cross_fit(features, errors).fits) == 10
    found = cross_fit([features[0], features[1][:6]], [errors[0], errors[1][:6]])
    assert len(found.fits) == 6
    assert found.folds(8).tolist() == [0, 1, 2, 3, 4, 5, 0, 1]


def test_failures_rank_last_and_ties_share_a_rank():
    scores = normal_scores(np.array([1.0, np.inf, 2.0, 2.0, np.inf]))
    assert scores[1] == scores[4] > scores[2] == scores[3] > scores[0]
    assert normal_scores(np.array([7.0, 7.0, 7.0])) == pytest.approx([0, 0, 0])


def test_features_that_say_nothing_have_an_r2_near_zero():
    rng = np.random.default_rng(5)
    found = cross_fit([rng.normal(size=(100, 4)) for _ in range(2)], [rng.normal(size=100) for _ in range(2)])
    assert -0.1 < found.r2 < 0.1


def test_too_few_models_are_rejected():
    with pytest.raises(StatisticsError, match="at least 2 models"):
        cross_fit([np.zeros((1, 2)), np.zeros((5, 2))], [np.zeros(1), np.zeros(5)])
    with pytest.raises(StatisticsError, match="rows of features"):
        cross_fit([np.zeros((4, 2)), np.zeros((5, 2))], [np.zeros(5), np.zeros(5)])
