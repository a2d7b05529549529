"""Each law against the continuous draw it stands for (pycls `sweep/random.py`: draw, then round up)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from netspace.errors import ConfigError, UnknownNameError
from netspace.space import choice, fixed, group_widths, log_uniform, power_of_two, uniform
from netspace.space.distributions import Edges, from_spec


def matches(distribution, draws):
    """Chi-square: do `draws`, all inside the support, have the distribution's probabilities?"""
    index = np.searchsorted(distribution.values, draws)
    assert np.array_equal(distribution.values[index], draws)
    counts = np.bincount(index, minlength=len(distribution))
    return stats.chisquare(counts, distribution.probabilities * len(draws)).pvalue > 1e-3


def continuous_log_uniform(generator, low, high, step, n):
    least = low - min(step, low / 2)
    return np.ceil(np.exp(generator.uniform(np.log(least), np.log(high), n)) / step).astype(int)


@pytest.mark.parametrize(("low", "high", "step"), [(1, 16, 1), (8, 256, 8), (16, 128, 16), (1.5, 3.0, 0.1)])
def test_log_uniform_is_the_rounded_up_continuous_draw(low, high, step):
    distribution = log_uniform(low, high, step)
    multiples = continuous_log_uniform(np.random.default_rng(1), low, high, step, 200_000)
    steps = np.rint(distribution.values / step).astype(int)
    assert matches(distribution, distribution.values[np.searchsorted(steps, multiples)])


def test_depth_one_has_the_probability_of_the_specification():
    assert log_uniform(1, 16).probabilities[0] == pytest.approx(math.log(2) / math.log(32))


def test_steps_below_one_give_the_numbers_as_they_are_written():
    w_m = log_uniform(1.5, 3.0, 0.001)
    assert len(w_m) == 1501
    assert set(w_m.values) == {float(f"{k / 1000:.3f}") for k in range(1500, 3001)}


def test_uniform_and_power_of_two_give_every_value_the_same_chance():
    assert uniform(1, 63).values.tolist() == list(range(1, 64))
    assert np.ptp(uniform(1, 63).probabilities) == 0
    assert power_of_two(0.25, 4).values.tolist() == [0.25, 0.5, 1, 2, 4]
    assert power_of_two(1, 32).values.dtype == np.int64


def test_group_widths_are_powers_below_eight_and_log_uniform_multiples_above():
    generator = np.random.default_rng(2)
    powers = 2 ** generator.integers(0, 6, 200_000)
    large = 8 * continuous_log_uniform(generator, 8, 32, 8, 200_000)
    assert matches(group_widths(1, 32), np.where(powers >= 8, large, powers))
    assert group_widths(1, 4).values.tolist() == [1, 2, 4]
    assert group_widths(16, 64).values.tolist() == [16, 24, 32, 40, 48, 56, 64]


def test_choice_sorts_weighs_and_drops_what_has_no_weight():
    distribution = choice([4, 1, 2], weights=[1, 3, 0])
    assert distribution.values.tolist() == [1, 4]
    assert distribution.probabilities.tolist() == [0.75, 0.25]


def test_draws_have_the_probabilities():
    distribution = log_uniform(8, 128, 8)
    assert matches(distribution, distribution.draw(np.random.default_rng(3), 100_000))
    assert set(fixed(7).draw(np.random.default_rng(0), 50)) == {7}


def test_a_restriction_conditions_the_law():
    whole = log_uniform(1, 16)
    part = whole.restricted(low=3, high=10)
    assert part.values.tolist() == list(range(3, 11))
    assert part.probabilities == pytest.approx(whole.probabilities[2:10] / whole.probabilities[2:10].sum())
    assert whole.restricted(values=[2, 5]).values.tolist() == [2, 5]


@pytest.mark.parametrize(
    "make",
    [
        lambda: log_uniform(0, 16),
        lambda: log_uniform(16, 8),
        lambda: log_uniform(4, 1024, 8),
        lambda: log_uniform(1, 16, 0),
        lambda: uniform(1, 10_000_000),
        lambda: uniform(1, math.nan),
        lambda: power_of_two(3, 8),
        lambda: power_of_two(0, 8),
        lambda: choice([]),
        lambda: choice([1, 1]),
        lambda: choice([1, "2"]),
        lambda: choice([1, 2], weights=[1]),
        lambda: choice([1, 2], weights=[0, 0]),
        lambda: choice([1, 2], weights=[-1, 2]),
        lambda: fixed("4"),
        lambda: log_uniform(1, 16).restricted(low=17),
        lambda: log_uniform(1, 16).restricted(values=[0.5]),
        lambda: from_spec({"uniform": 3}),
        lambda: from_spec({"uniform": [1, "b"]}),
        lambda: from_spec({"power_of_two": [1, 4], "step": 2}),
        lambda: from_spec({"choice": 3}),
        lambda: from_spec([1, 2]),
    ],
)
def test_broken_rules_are_configuration_errors_of_one_line(make):
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_an_unknown_distribution_lists_the_known():
    with pytest.raises(UnknownNameError, match=r"'log_unifrm' \(did you mean 'log_uniform'\?\); valid: choice"):
        from_spec({"log_unifrm": [1, 16]})


@pytest.mark.parametrize(
    "distribution",
    [log_uniform(8, 64, 8), uniform(1, 5), power_of_two(1, 4), group_widths(1, 32), choice([1, 3], [1, 2]), fixed(0.5)],
)
def test_every_law_is_read_back_from_its_spec(distribution):
    again = from_spec(distribution.spec)
    assert np.array_equal(again.values, distribution.values)
    assert np.array_equal(again.probabilities, distribution.probabilities)


@given(
    edges=st.lists(st.floats(0, 1), max_size=30).map(sorted),
    levels=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    side=st.sampled_from(["left", "right"]),
)
def test_edges_find_what_searchsorted_finds(edges, levels, side):
    ascending = np.array(edges, dtype=np.float64)
    near = np.array([*levels, *edges, *np.nextafter(edges, 2), *np.nextafter(edges, -1)])
    near = near[(near >= 0) & (near <= 1)]
    assert (Edges(ascending, side=side).find(near) == np.searchsorted(ascending, near, side=side)).all()


def test_normal_laws_are_those_of_scipy_between_the_ends():
    law = from_spec({"normal": [2, 20], "mean": 8, "sd": 4, "step": 2})
    edges = np.arange(1, 22, 2)
    expected = np.diff(stats.norm(8, 4).cdf(edges))
    np.testing.assert_allclose(law.probabilities, expected / expected.sum())
    law = from_spec({"log_normal": [8, 64], "median": 24, "factor": 1.5, "step": 8})
    expected = np.diff(stats.lognorm(s=np.log(1.5), scale=24).cdf(np.arange(4, 69, 8)))
    np.testing.assert_allclose(law.probabilities, expected / expected.sum())
    assert from_spec(law.spec).values.tolist() == list(range(8, 65, 8))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"normal": [1, 9]}, "mean and sd must be numbers and sd > 0, got mean=None"),
        ({"normal": [1, 9], "mean": 5, "sd": 0}, "sd > 0, got mean=5, sd=0"),
        ({"normal": [1, 9], "mean": 5000, "sd": 1}, "no value between 1 and 9 has any probability"),
        ({"log_normal": [0, 9], "median": 5, "factor": 2}, "low must be > 0"),
        ({"log_normal": [1, 9], "median": 5, "factor": 1}, "factor > 1 must hold, got median=5, factor=1"),
    ],
)
def test_normal_laws_that_make_no_sense_are_refused(spec, message):
    with pytest.raises(ConfigError, match=message):
        from_spec(spec)
