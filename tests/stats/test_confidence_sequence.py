"""The confidence sequence of theta: the specification's numbers, when it looks, and what makes it stop."""

from itertools import islice

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr
from scipy.stats import t as student

from netspace.errors import StatisticsError
from netspace.stats.assisted_theta import assisted_theta, predict
from netspace.stats.confidence_sequence import ConfidenceSequence, assisted_estimator, bounds, looks, multiplier
from netspace.stats.predictor import Scale, cross_fit
from netspace.stats.sequential import SequentialComparison, StoppingRule
from netspace.stats.superiority import Superiority, superiority


def plain(a, b, _launches):
    """Theta of the models seen, without a predictor."""
    return superiority(a, b)


def estimate(theta: float, se: float, df: float = 30.0) -> Superiority:
    return Superiority(theta=theta, se=se, df=df, t_p_value=1.0, pairs=20)


@pytest.mark.parametrize(
    ("n", "alpha", "value"),
    [(20, 0.05, 3.123779), (50, 0.05, 3.035209), (100, 0.05, 3.061477), (20, 0.01, 3.647718), (50, 0.1, 2.763939)],
)
def test_the_multiplier_matches_the_specification(n, alpha, value):
    assert multiplier(n, alpha) == pytest.approx(value, abs=5e-7)


def test_looks_grow_by_a_fifth():
    assert list(islice(looks(), 9)) == [20, 24, 28, 33, 39, 46, 55, 66, 79]


def test_a_sum_of_normal_numbers_stays_inside_the_sequence():
    # the multiplier against the process that it is derived from: known variance, a look at every n
    n = np.arange(1, 1001)
    walk = np.abs(np.random.default_rng(0).normal(size=(2000, n.size)).cumsum(axis=1) / np.sqrt(n))
    outside = (walk > [multiplier(int(k), 0.2) for k in n]).any(axis=1).mean()
    assert 0.08 < outside <= 0.2 + 3 * (0.2 * 0.8 / 2000) ** 0.5


def test_the_interval_is_on_the_logit_scale_with_a_t_quantile():
    low, high = bounds(20, estimate(0.62, 0.05, 17), 0.05)
    reach = student.ppf(ndtr(3.1237790), 17) * 0.05 / (0.62 * 0.38)
    assert (low, high) == pytest.approx((expit(logit(0.62) - reach), expit(logit(0.62) + reach)), abs=1e-6)


def test_nothing_is_decided_between_looks():
    seen = []
    process = ConfidenceSequence(StoppingRule(), lambda a, *_: seen.append(a.size) or estimate(0.5, 0.1), planned=37)
    a, b = [50.0], [40.0]
    while len(a) <= 50:
        process.look(a, b, range(len(a)))
        a, b = [*a, 50.0], [*b, 40.0]
    assert seen == [20, 24, 28, 33, 37, 39, 46]


def at_first_look(theta: float, se: float, rule: StoppingRule | None = None, df: float = 18.0) -> ConfidenceSequence:
    process = ConfidenceSequence(rule or StoppingRule(), lambda *_: estimate(theta, se, df))
    for n in range(1, 20):
        process.look(*np.tile([[50.0], [40.0]], n).tolist(), range(n))
    process.decision = process.look(*np.tile([[50.0], [40.0]], 20).tolist(), range(20))
    return process


def test_it_stops_as_soon_as_one_half_is_left_out():
    assert at_first_look(0.7, 0.02).decision == "better"
    assert at_first_look(0.3, 0.02).decision == "worse"
    assert at_first_look(0.3, 0.02, StoppingRule(sides=1, delta=None)).decision == "continue"
    assert at_first_look(0.7, 0.2).decision == "continue"


def test_it_stops_where_only_negligible_differences_are_left():
    assert at_first_look(0.5, 0.02).decision == "equivalent"
    assert at_first_look(0.5, 0.02, StoppingRule(delta=None)).decision == "continue"
    assert at_first_look(0.5, 0.02, StoppingRule(delta=0.05)).decision == "continue"


def test_the_comparisons_of_a_chain_share_the_level():
    chain = StoppingRule(chain=5)
    alone, shared = (at_first_look(0.67, 0.04, rule) for rule in (StoppingRule(), chain))
    assert shared.interval == bounds(20, estimate(0.67, 0.04, 18), 0.01)
    assert alone.interval == bounds(20, estimate(0.67, 0.04, 18), 0.05)
    assert (alone.decision, shared.decision) == ("better", "continue")


def test_the_p_value_and_the_interval_agree():
    for theta in np.linspace(0.05, 0.95, 37):
        process = at_first_look(theta, 0.045)
        low, high = process.interval
        assert (low > 0.5 or high < 0.5) == (process.p_value < 0.05)


def test_pairs_without_overlap_are_judged_by_their_signs():
    a, b = np.arange(30.0), np.arange(30.0) + 40
    for first, second, decision in ((b, a, "better"), (a, b, "worse")):
        errors = (dict(enumerate(one.tolist())) for one in (first, second))
        comparison = SequentialComparison.replay(*errors, process=ConfidenceSequence(StoppingRule(chain=9), plain))
        assert (comparison.decision, comparison.pairs) == (decision, 20)
        assert comparison.p_value < 1e-3


def test_errors_that_are_all_equal_decide_nothing():
    errors = dict.fromkeys(range(40), 50.0)
    comparison = SequentialComparison.replay(errors, errors, process=ConfidenceSequence(StoppingRule(), plain))
    assert (comparison.decision, comparison.ties, comparison.p_value) == ("continue", 40, 1.0)


def test_the_decision_is_final_and_later_models_change_nothing():
    rng = np.random.default_rng(0)
    a, b = rng.normal(55, 3, 60), rng.normal(50, 3, 60)
    errors = [dict(enumerate(one.tolist())) for one in (a, b)]
    comparison = SequentialComparison(StoppingRule(), ConfidenceSequence(StoppingRule(), plain))
    order = [(side, i) for side in (0, 1) for i in range(60)]
    for side, i in rng.permutation(order).tolist():
        comparison.record("ab"[side], i, errors[side][i])
    replayed = SequentialComparison.replay(*errors, process=ConfidenceSequence(StoppingRule(), plain))
    assert comparison.decision == replayed.decision == "better"
    assert comparison.pairs == replayed.pairs < 60
    assert comparison.p_value == replayed.p_value


@pytest.mark.parametrize(("n", "alpha"), [(0, 0.05), (20, 0.0), (20, 1.0)])
def test_impossible_levels_and_numbers_are_refused(n, alpha):
    with pytest.raises(StatisticsError):
        multiplier(n, alpha)


def two_spaces(seed: int, n: int, shift: float) -> tuple[tuple, tuple, tuple]:
    """Return errors, features and pools of spaces whose errors follow a feature, B's lower by `shift`."""
    rng = np.random.default_rng(seed)
    features = tuple(rng.normal(size=(n, 3)) for _ in range(2))
    pools = tuple(rng.normal(size=(40 * n, 3)) for _ in range(2))
    a, b = (50 + 3 * x[:, 0] + rng.normal(size=n) for x in features)
    return (a, b - shift), features, pools


def test_a_look_takes_the_assisted_theta_of_the_first_pairs():
    errors, features, pools = two_spaces(0, 60, 0.4)
    process = ConfidenceSequence(StoppingRule(), assisted_estimator(features, pools))
    SequentialComparison.replay(*(dict(enumerate(one[:30].tolist())) for one in errors), process=process)
    scale = Scale.of(pools)
    x, drawn = [scale(one[:28]) for one in features], [scale(one) for one in pools]
    fit = cross_fit(x, [one[:28] for one in errors])
    expected = assisted_theta(errors[0][:28], errors[1][:28], *(predict(fit, i, x[i], drawn[i]) for i in (0, 1)))
    assert process.last == (28, expected.superiority)
    assert process.last[1].se < 0.7 * superiority(errors[0][:28], errors[1][:28]).se


def test_a_predictor_decides_with_fewer_pairs():
    spent = {"assisted": [], "plain": []}
    for seed in range(5):
        errors, features, pools = two_spaces(seed, 150, 1.5)
        pairs = [dict(enumerate(one.tolist())) for one in errors]
        for name, estimator in (("assisted", assisted_estimator(features, pools)), ("plain", plain)):
            comparison = SequentialComparison.replay(
                *pairs, process=ConfidenceSequence(StoppingRule(), estimator, planned=150)
            )
            assert comparison.decision in ("better", "continue")
            spent[name].append(comparison.pairs)
    assert np.mean(spent["assisted"]) < 0.6 * np.mean(spent["plain"])
