"""Joint laws over the stages, against enumeration of every tuple with its conditional probability."""

import itertools

import numpy as np
import pytest
from scipy import stats

from netspace.errors import ConfigError
from netspace.space import choice, log_uniform
from netspace.space.laws import InOrder, Once, PerStage

HOLDS = {
    "non_decreasing": lambda a, b: a <= b,
    "increasing": lambda a, b: a < b,
    "non_increasing": lambda a, b: a >= b,
    "decreasing": lambda a, b: a > b,
}
LAWS = [log_uniform(1, 5), choice([8, 16, 24, 64], weights=[0.05, 0.6, 0.05, 0.3])]


def conditional_probabilities(distribution, stages, order):
    chance = dict(zip(distribution.values.tolist(), distribution.probabilities.tolist(), strict=True))
    weights = {
        values: float(np.prod([chance[value] for value in values]))
        for values in itertools.product(chance, repeat=stages)
        if all(HOLDS[order](a, b) for a, b in itertools.pairwise(values))
    }
    total = sum(weights.values())
    return {values: weight / total for values, weight in weights.items()}


@pytest.mark.parametrize("order", HOLDS)
@pytest.mark.parametrize("distribution", LAWS, ids=["log_uniform", "weighted"])
@pytest.mark.parametrize("stages", [1, 3, 4])
def test_ordered_draws_have_the_law_of_independent_draws_conditioned_on_the_order(distribution, stages, order):
    expected = conditional_probabilities(distribution, stages, order)
    law = InOrder(distribution, stages, order)
    draws = law.draw(np.random.default_rng(0), 60_000)
    seen, counts = np.unique(draws, axis=0, return_counts=True)
    seen = dict(zip(map(tuple, seen.tolist()), counts.tolist(), strict=True))
    assert law.count == len(expected)
    assert set(seen) <= set(expected)
    if len(expected) > 1:
        observed = [seen.get(values, 0) for values in expected]
        probabilities = np.array(list(expected.values()))
        common = probabilities * len(draws) >= 5
        assert (
            stats.chisquare(
                [*np.array(observed)[common], np.array(observed)[~common].sum() + 1e-9],
                [*(probabilities[common] * len(draws)), probabilities[~common].sum() * len(draws) + 1e-9],
            ).pvalue
            > 1e-3
        )


def test_sorting_independent_draws_would_be_another_law():
    """The trick that the module warns of fails the test above: ties come out too rare or too frequent."""
    distribution = LAWS[0]
    expected = conditional_probabilities(distribution, 4, "non_decreasing")
    draws = np.sort(distribution.draw(np.random.default_rng(0), (60_000, 4)), axis=1)
    ones = (draws == 1).all(axis=1).mean()
    assert ones < 0.5 * expected[1, 1, 1, 1]


def test_ties_are_counted_once_and_the_paper_divides_by_the_permutations():
    law = InOrder(log_uniform(8, 1024, 8), 4, "non_decreasing")
    assert law.count == 11_716_640  # C(128 + 3, 4)
    assert law.paper_count == pytest.approx(128**4 / 24)
    assert (law.dimensions, PerStage(LAWS[0], 4).dimensions, Once(LAWS[0]).dimensions) == (4, 4, 1)


def test_one_draw_a_network_and_independent_draws_a_stage():
    assert Once(LAWS[0]).draw(np.random.default_rng(0), 7).shape == (7,)
    draws = PerStage(LAWS[0], 2).draw(np.random.default_rng(0), 50_000)
    joint = np.histogram2d(draws[:, 0], draws[:, 1], bins=np.arange(0.5, 6))[0]
    p = LAWS[0].probabilities
    assert stats.chisquare(joint.ravel(), (np.outer(p, p) * 50_000).ravel()).pvalue > 1e-3


def test_a_strict_order_needs_enough_values():
    assert InOrder(choice([1, 2, 3]), 3, "increasing").draw(np.random.default_rng(0), 2).tolist() == [[1, 2, 3]] * 2
    with pytest.raises(ConfigError, match="needs 4 different values, got 1, 2, 3"):
        InOrder(choice([1, 2, 3]), 4, "decreasing")
