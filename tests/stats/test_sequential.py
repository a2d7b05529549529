import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_law
from scipy.stats import binom

from netspace.errors import StatisticsError
from netspace.stats import (
    SequentialComparison,
    StoppingRule,
    e_value,
    equivalence_e_value,
    operating_characteristics,
)

ONE_SIDED = StoppingRule(sides=1, delta=None)
TWO_SIDED = StoppingRule(delta=None)


@pytest.mark.parametrize(
    ("wins", "losses", "value"),
    [(1, 0, 1.375), (7, 0, 16.883333333), (8, 2, 4.098251748), (60, 40, 2.545363586), (70, 30, 1074.210063495)],
)
def test_e_values_match_the_specification(wins: int, losses: int, value: float) -> None:
    assert float(e_value(wins, losses)) == pytest.approx(value, abs=5e-10, rel=1e-12)


def test_the_e_value_is_a_mixture_of_likelihood_ratios() -> None:
    prior = beta_law(2, 2)
    mixture, _ = quad(lambda t: (2 * t) ** 8 * (2 * (1 - t)) ** 2 * prior.pdf(t) / prior.sf(0.5), 0.5, 1)
    assert float(e_value(8, 2)) == pytest.approx(mixture)
    t0 = 0.6
    against, _ = quad(lambda t: (t / t0) ** 5 * ((1 - t) / (1 - t0)) ** 7 * prior.pdf(t) / prior.cdf(t0), 0, t0)
    assert float(equivalence_e_value(5, 7, t0)) == pytest.approx(against)


def test_the_equivalence_e_value_matches_the_specification() -> None:
    assert float(equivalence_e_value(50, 50, 0.6)) == pytest.approx(2.15182034, abs=5e-9)


def test_arrays_are_evaluated_elementwise_and_extremes_stay_numbers() -> None:
    np.testing.assert_allclose(e_value([1, 7], [0, 0]), [1.375, 16.883333333])
    extreme = np.concatenate([e_value([5000, 0], [0, 5000]), equivalence_e_value([5000, 0], [0, 5000], 0.6)])
    assert not np.isnan(extreme).any()


def test_the_e_value_is_a_martingale_on_the_boundary_of_the_null() -> None:
    won, lost = np.meshgrid(np.arange(30), np.arange(30))
    after = (e_value(won + 1, lost) + e_value(won, lost + 1)) / 2
    np.testing.assert_allclose(after, e_value(won, lost))


@pytest.mark.parametrize(("pairs", "wins"), [(50, 36), (100, 66), (200, 123), (500, 288), (9, 9), (8, None)])
def test_the_boundary_matches_the_specification(pairs: int, wins: int | None) -> None:
    each = np.arange(pairs + 1)
    better = np.flatnonzero(StoppingRule().decide(each, pairs - each)[0])
    assert (better[0] if better.size else None) == wins


def test_thresholds_match_the_specification() -> None:
    assert StoppingRule(sides=1).threshold == 20
    assert StoppingRule().threshold == 40
    assert StoppingRule(chain=5).threshold == 200
    assert StoppingRule().equivalence_threshold == 20


@pytest.mark.parametrize(
    ("theta", "rejected", "one_sided_pairs", "win", "wrong", "two_sided_pairs"),
    [
        (0.5, 0.036533, 484.4, 0.01723, 0.01723, 485.7),
        (0.6, 0.958203, 181.84, 0.930876, 0.00056, 218.02),
        (0.7, 1.000000, 43.34, 0.999974, 0.00003, 52.92),
        (0.8, 1.000000, 19.34, 0.999999, 1e-6, 23.64),
    ],
)
def test_operating_characteristics_match_the_specification(
    theta: float, rejected: float, one_sided_pairs: float, win: float, wrong: float, two_sided_pairs: float
) -> None:
    one = operating_characteristics(theta, ONE_SIDED)
    assert one.better == pytest.approx(rejected, abs=5e-7)
    assert one.expected_pairs == pytest.approx(one_sided_pairs, abs=0.05)
    assert one.worse == one.equivalent == 0
    two = operating_characteristics(theta, TWO_SIDED)
    assert two.better == pytest.approx(win, abs=1e-6 if theta != 0.5 else 5e-6)
    assert two.worse == pytest.approx(wrong, abs=5e-6)
    assert two.expected_pairs == pytest.approx(two_sided_pairs, abs=0.05)


def test_equal_spaces_are_mostly_found_equivalent_by_500_pairs() -> None:
    found = operating_characteristics(0.5)
    assert found.equivalent == pytest.approx(0.868, abs=5e-4)
    assert found.expected_pairs == pytest.approx(322, abs=0.5)


def test_operating_characteristics_agree_with_simulated_comparisons() -> None:
    rng = np.random.default_rng(0)
    rule = StoppingRule()
    decisions, spent = [], []
    for _ in range(150):
        comparison = SequentialComparison(rule)
        launch = 0
        while comparison.decision == "continue":
            comparison.record("a", launch, 1.0)
            comparison.record("b", launch, 0.0 if rng.random() < 0.8 else 2.0)
            launch += 1
        decisions.append(comparison.decision)
        spent.append(comparison.pairs)
    assert decisions.count("better") >= 149
    # the standard error of the mean is about 1
    assert np.mean(spent) == pytest.approx(23.64, abs=4)


@pytest.mark.slow
def test_type_one_error_over_5000_null_studies_is_at_most_alpha() -> None:
    rng = np.random.default_rng(0)
    wins = (rng.random((5000, 500)) < 0.5).cumsum(axis=1)
    losses = np.arange(1, 501) - wins
    wrong = ((e_value(wins, losses) >= 40) | (e_value(losses, wins) >= 40)).any(axis=1).mean()
    # the exact value is .0345; a binomial of 5000 stays below .05 with p > 1 - 1e-8
    assert wrong <= 0.05
    assert wrong == pytest.approx(0.0345, abs=4 * (0.0345 * 0.9655 / 5000) ** 0.5)


def test_peeking_with_an_ordinary_test_is_wrong_a_third_of_the_time() -> None:
    undecided, rejected = np.ones(1), 0.0
    for pair in range(1, 501):
        undecided = np.append(undecided / 2, 0) + np.append(0, undecided / 2)
        wins = np.arange(pair + 1)
        significant = (2 * binom.cdf(np.minimum(wins, pair - wins), pair, 0.5) <= 0.05) & (pair >= 10)
        rejected += undecided[significant].sum()
        undecided[significant] = 0
    assert rejected == pytest.approx(0.34, abs=0.005)


def feed(errors_a: list[float], errors_b: list[float], rule: StoppingRule | None = None) -> SequentialComparison:
    return SequentialComparison.replay(dict(enumerate(errors_a)), dict(enumerate(errors_b)), rule)


def test_a_missing_partner_holds_later_pairs() -> None:
    comparison = SequentialComparison()
    for launch in range(20):
        comparison.record("b", launch, 40.0)
    for launch in range(1, 20):
        assert comparison.record("a", launch, 50.0) == "continue"
    assert (comparison.pairs, comparison.held) == (0, 39)
    assert comparison.record("a", 0, math.inf) == "better"
    assert (comparison.wins, comparison.pairs) == (9, 9)


def test_nine_straight_wins_decide_and_eight_do_not() -> None:
    assert feed([50] * 8, [40] * 8).decision == "continue"
    assert feed([50] * 9, [40] * 9).decision == "better"
    assert feed([40] * 9, [50] * 9).decision == "worse"
    assert feed([40] * 500, [50] * 500, ONE_SIDED).decision == "continue"


def test_ties_and_double_failures_are_ignored() -> None:
    comparison = feed([50, 45, math.inf], [40, 45, math.inf])
    assert (comparison.wins, comparison.losses, comparison.ties, comparison.pairs) == (1, 0, 2, 3)


def test_balanced_pairs_become_equivalent() -> None:
    comparison = feed([50.0, 40.0] * 250, [40.0, 50.0] * 250)
    assert comparison.decision == "equivalent"
    assert comparison.pairs < 500
    won, lost = comparison.wins, comparison.losses
    assert min(equivalence_e_value(won, lost, 0.6), equivalence_e_value(lost, won, 0.6)) >= 20
    assert feed([50.0, 40.0] * 250, [40.0, 50.0] * 250, TWO_SIDED).decision == "continue"


def test_the_decision_is_final() -> None:
    comparison = feed([50] * 9 + [40] * 300, [40] * 9 + [50] * 300)
    assert (comparison.decision, comparison.pairs) == ("better", 9)


def test_replaying_in_any_order_gives_the_same_state() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 3, 60), rng.normal(49, 3, 60)
    whole = feed(a.tolist(), b.tolist())
    piecewise = SequentialComparison()
    for side, launch in rng.permutation([(s, i) for s in (0, 1) for i in range(60)]).tolist():
        piecewise.record("ab"[side], launch, float((a, b)[side][launch]))
    assert (piecewise.wins, piecewise.losses, piecewise.p_value) == (whole.wins, whole.losses, whole.p_value)


def test_the_running_p_value_never_rises() -> None:
    comparison = SequentialComparison()
    assert comparison.p_value == 1
    p_values = []
    for launch, wins in enumerate([1, 1, 1, 1, 1, 0, 0, 0]):
        comparison.record("a", launch, 45)
        comparison.record("b", launch, 40 if wins else 50)
        p_values.append(comparison.p_value)
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[-1] == pytest.approx(2 / float(e_value(5, 0)))


def test_recording_twice_is_harmless_unless_the_errors_differ() -> None:
    comparison = SequentialComparison()
    comparison.record("a", 0, 50)
    comparison.record("a", 0, 50)
    with pytest.raises(StatisticsError, match=r"model 0 of 'a' is already recorded with error 50\.0, got 51"):
        comparison.record("a", 0, 51)


@pytest.mark.parametrize(
    ("side", "launch", "error", "message"),
    [("c", 0, 1.0, "'a' or 'b'"), ("a", -1, 1.0, "launch >= 0"), ("a", 0, math.nan, "give a failed model")],
)
def test_unusable_records_are_refused(side: str, launch: int, error: float, message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        SequentialComparison().record(side, launch, error)


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"delta": 0.5}, {"delta": 0}, {"sides": 3}, {"chain": 0}])
def test_impossible_rules_are_refused(wrong: dict) -> None:
    with pytest.raises(StatisticsError, match=next(iter(wrong))):
        StoppingRule(**wrong)


def test_impossible_counts_and_truths_are_refused() -> None:
    with pytest.raises(StatisticsError, match="counts"):
        e_value(-1, 0)
    with pytest.raises(StatisticsError, match="theta"):
        operating_characteristics(1.2)
    with pytest.raises(StatisticsError, match="horizon"):
        operating_characteristics(0.5, horizon=0)


def test_a_pair_that_lost_a_model_to_its_machine_counts_for_neither_space():
    comparison = SequentialComparison()
    for launch, lost in enumerate([False, True, False]):
        comparison.record("a", launch, 30.0)
        comparison.record("b", launch, np.inf if lost else 20.0, lost=lost)
    assert (comparison.wins, comparison.losses, comparison.ties, comparison.held) == (2, 0, 0, 0)
