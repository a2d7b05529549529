"""A chain of spaces that are compared while they train, by each method."""

import numpy as np
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats import SequentialChain, StoppingRule
from netspace.stats.pool_check import Features

SPACES = ("A", "B", "C")


def population(seed: int, n: int, shift: float) -> tuple[dict[int, float], Features]:
    """Return errors by launch index that follow a feature, lower by `shift`, and features with a pool of 40 n."""
    rng = np.random.default_rng(seed)
    sample, pool = rng.normal(size=(n, 3)), rng.normal(size=(40 * n, 3))
    errors = 50 + 3 * sample[:, 0] + rng.normal(size=n) - shift
    return dict(enumerate(errors.tolist())), Features(("x", "y", "z"), sample, pool)


def study(n: int = 80) -> tuple[dict[str, dict[int, float]], dict[str, Features]]:
    """Return errors and features of A, B (much better than A) and C (like B)."""
    found = {
        space: population(seed, n, shift) for seed, (space, shift) in enumerate(zip(SPACES, (0, 4, 4), strict=True))
    }
    return {space: one[0] for space, one in found.items()}, {space: one[1] for space, one in found.items()}


@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
def test_pairs_are_judged_by_the_method_asked_for(method):
    errors, features = study()
    chain = SequentialChain(SPACES, StoppingRule(delta=None), method=method, features=features)
    chain.update(errors)
    found = chain.between("A", "B")
    assert (found.decision, found.method) == ("better", method)
    assert chain.between("B", "C").decision == "continue"
    assert chain.needed == {"B", "C"}
    assert not chain.refused


def test_the_interval_of_the_confidence_sequence_is_told_from_either_side():
    errors, features = study()
    chain = SequentialChain(SPACES, method="confidence_sequence", features=features)
    assert chain.between("A", "B").interval is None
    chain.update(errors)
    found, other = chain.between("A", "B"), chain.between("B", "A")
    low, high = found.interval
    assert 0.5 < low < found.theta < high < 1
    assert other.interval == pytest.approx((1 - high, 1 - low))
    assert other.theta == pytest.approx(1 - found.theta)
    assert (other.decision, other.wins, other.losses) == ("worse", found.losses, found.wins)


@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
def test_the_order_in_which_models_end_changes_nothing(method):
    errors, features = study(40)
    whole = SequentialChain(SPACES, method=method, features=features)
    whole.update(errors)
    piecewise = SequentialChain(SPACES, method=method, features=features)
    for position in np.random.default_rng(0).permutation(3 * 40).tolist():
        space, launch = SPACES[position % 3], position // 3
        piecewise.record(space, launch, errors[space][launch])
    assert all(piecewise.between(*pair) == whole.between(*pair) for pair in (("A", "B"), ("B", "C")))


def test_a_space_without_a_pool_is_judged_by_its_signs_and_the_reason_is_kept():
    errors, features = study()
    del features["C"]
    chain = SequentialChain(
        SPACES, method="confidence_sequence", features=features, refusals={"C": "it cannot be sampled again"}
    )
    chain.update(errors)
    assert chain.refused == {("B", "C"): "C: it cannot be sampled again"}
    assert chain.between("A", "B").method == "confidence_sequence"
    signs = SequentialChain(SPACES)
    signs.update(errors)
    assert chain.between("B", "C") == signs.between("B", "C")


def test_too_few_planned_models_are_judged_by_their_signs():
    _, features = study(19)
    chain = SequentialChain(SPACES, method="confidence_sequence", features=features)
    assert chain.refused["A", "B"] == "19 models of each are planned, at least 20 are needed"
    _, features = study(10)
    assert len(SequentialChain(SPACES, method="betting", features=features).refused) == 2


def test_spaces_that_do_not_make_a_chain_are_refused():
    with pytest.raises(StatisticsError, match="at least 2"):
        SequentialChain(["A", "A"])
    with pytest.raises(UnknownNameError, match="Z"):
        SequentialChain(SPACES).record("Z", 0, 50.0)


def test_nothing_is_decided_while_many_models_are_lost_with_their_machines():
    errors, features = study(40)
    rule = StoppingRule(delta=None)
    decided = {}
    for gone in (0, 1, 3):
        lost = {"B": set(range(gone))}
        known = {
            space: {i: np.inf if i in lost.get(space, ()) else e for i, e in one.items()}
            for space, one in errors.items()
        }
        chain = SequentialChain(SPACES, rule, method="confidence_sequence", features=features)
        chain.update(known, lost)
        decided[gone] = chain.pairs["A", "B"].pairs
    # 1 of 20 is 5 %; 3 lost models are more than that up to the look at 60, which there is not
    assert decided == {0: 20, 1: 20, 3: 40}
