"""Assisted betting: the specification's numbers, and what makes the wealth a valid e-value."""

import math

import numpy as np
import pytest

from netspace.errors import StatisticsError
from netspace.stats.betting import FIRST_FIT, Bets, BettingProcess, Wager
from netspace.stats.predictor import Scale, fit_ridge, normal_scores
from netspace.stats.sequential import SequentialComparison, StoppingRule, log_e_value


def bet(inline, wager: Wager, *, first_fit: int = 5) -> list[float]:
    """Bet on the inline pairs, refitting before every pair; all 400 pairs of the pools stand beside each."""
    scale = Scale.of([inline.pool_a, inline.pool_b])
    x_a, x_b, pool_a, pool_b = map(scale, (inline.x_a, inline.x_b, inline.pool_a, inline.pool_b))
    logs = []
    for pair in range(len(inline.a)):
        score = 0.5 + 0.5 * np.sign(inline.a[pair] - inline.b[pair])
        if pair + 1 < first_fit:
            wager.settle(score)
        else:
            targets = np.split(normal_scores(np.concatenate([inline.a[:pair], inline.b[:pair]])), 2)
            fit = fit_ridge([x_a[:pair], x_b[:pair]], targets, own_slopes_from=None)
            slopes = fit.slopes[0]
            beside = np.subtract.outer(pool_a @ slopes, pool_b @ slopes).ravel()
            wager.predict_by(beside, fit.sigma)
            wager.settle(score, float((x_a[pair] - x_b[pair]) @ slopes), beside)
        logs.append(wager.log_e)
    return logs


def test_the_wealth_matches_the_specification(inline):
    expected = [-0.471566, -0.224009, 0.048343, 0.346384, 0.025183, 0.318754, 0.705658, 0.559520]
    assert bet(inline, Wager(0.5)) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(("m", "last"), [(0.5, -1.277516), (0.6, -1.180981)])
def test_the_wealth_against_the_other_side_matches_the_specification(inline, m, last):
    assert bet(inline, Wager(m, above=True))[-1] == pytest.approx(last, abs=5e-7)


def test_without_a_predictor_it_is_nearly_the_sign_process(inline):
    assert bet(inline, Wager(0.5), first_fit=99)[-1] == pytest.approx(-0.035659, abs=5e-7)
    wager, wins, losses = Wager(0.5), 0, 0
    for win in np.random.default_rng(0).random(200) < 0.7:
        wager.settle(float(win))
        wins, losses = wins + win, losses + (not win)
        assert wager.log_e == pytest.approx(float(log_e_value(wins, losses)), abs=0.01)


def test_a_tie_against_one_half_says_nothing():
    wager = Wager(0.5)
    wager.settle(0.5)
    assert wager.log_e == pytest.approx(0)


@pytest.mark.parametrize(("m", "above"), [(0.5, False), (0.6, True), (0.4, False), (0.9, True)])
def test_wealth_is_never_lost_entirely_whatever_is_foreseen(m, above):
    rng = np.random.default_rng(0)
    wager = Wager(m, above=above)
    wager.predict_by(rng.normal(0, 5, 1000), 0.0)
    for score in (0.0, 1.0) * 20:
        wager.settle(score, float(rng.normal(0, 50)), rng.normal(0, 5, 16))
    assert math.isfinite(wager.log_e)


@pytest.mark.parametrize(("m", "above"), [(0.5, False), (0.6, True), (0.45, False)])
def test_the_controls_of_pairs_that_stand_together_average_m(m, above):
    # the heart of the proof: whichever of them is the study's own, their controls have the mean m
    u = np.random.default_rng(1).normal(0.4, 1, 40)
    wager = Wager(m, above=above)
    wager.predict_by(u[:9], 0.3)
    sign, boundary = (-1, 1 - m) if above else (1, m)
    own = [wager._control(sign * np.append(np.delete(u, i), u[i])) for i in range(u.size)]
    np.testing.assert_allclose(np.mean(own, axis=0), boundary, atol=1e-12)
    assert np.all(np.max(own, axis=0) * Bets.against(boundary).nu <= 1)


def test_predictions_average_m_over_the_pool():
    wager = Wager(0.5)
    u = np.random.default_rng(2).normal(1, 2, 300)
    wager.predict_by(u, 0.4)
    predictions = wager._predictions(u[:, None], wager._offsets, wager._nu)
    np.testing.assert_allclose(predictions.mean(axis=0), 0.5, atol=1e-10)


def two_spaces(seed, n, *, shift=0.0, noise=0.4, pool=100):
    """Return errors, features and pools of spaces whose errors follow a feature, B's shifted down by `shift`."""
    rng = np.random.default_rng(seed)
    features = tuple(rng.normal(size=(n, 3)) for _ in range(2))
    pools = tuple(rng.normal(size=(pool * n, 3)) for _ in range(2))
    a, b = (50 + 3 * x[:, 0] + 3 * noise * rng.normal(size=n) for x in features)
    return (a, b - shift), features, pools


def replay(errors, features, pools, rule=None):
    rule = rule or StoppingRule()
    a, b = (dict(enumerate(one.tolist())) for one in errors)
    return SequentialComparison.replay(a, b, rule, BettingProcess(rule, features, pools))


def test_a_predictor_decides_with_fewer_pairs():
    spent = {"betting": [], "sign": []}
    for seed in range(6):
        errors, features, pools = two_spaces(seed, 150, shift=2.2)
        assisted = replay(errors, features, pools)
        plain = SequentialComparison.replay(*(dict(enumerate(one.tolist())) for one in errors))
        assert assisted.decision == "better"
        spent["betting"].append(assisted.pairs)
        spent["sign"].append(plain.pairs)
    assert np.mean(spent["betting"]) < 0.75 * np.mean(spent["sign"])


def test_exchanging_the_spaces_exchanges_the_decision():
    errors, features, pools = two_spaces(0, 150, shift=3)
    ahead, behind = replay(errors, features, pools), replay(errors[::-1], features[::-1], pools[::-1])
    assert (ahead.decision, behind.decision) == ("better", "worse")
    assert (ahead.pairs, ahead.p_value) == (behind.pairs, pytest.approx(behind.p_value))


def test_equal_spaces_with_a_good_predictor_become_equivalent():
    errors, features, pools = two_spaces(3, 300, noise=0.2, pool=40)
    comparison = replay(errors, features, pools)
    assert comparison.decision == "equivalent"
    assert comparison.pairs < 300


def test_failures_rank_last_and_double_failures_tie():
    (a, b), features, pools = two_spaces(4, 40)
    a[[3, 15, 20]], b[[3, 15]] = np.inf, np.inf
    comparison = replay((a, b), features, pools)
    assert comparison.ties == 2
    assert 0 < comparison.p_value <= 1


def test_no_row_of_a_pool_is_used_twice_and_none_that_set_the_scale():
    features = (np.ones((30, 1)), np.zeros((30, 1)))
    pools = (np.arange(600.0)[:, None], np.zeros((600, 1)))
    process = BettingProcess(StoppingRule(), features, pools)
    process._slopes = np.ones(1)
    beside = np.concatenate([process._differences(pair, pair - 1)[1] for pair in range(FIRST_FIT + 1, 31)])
    assert beside.size == np.unique(beside).size == 20 * 24
    assert beside.min() > process._reserve[0].max()


def test_a_model_without_features_is_refused():
    errors, features, pools = two_spaces(5, 40)
    with pytest.raises(StatisticsError, match="features of 20 models"):
        replay(errors, tuple(one[:20] for one in features), pools)
