"""A chain of spaces that are compared while they train, by each method."""

from dataclasses import replace

import numpy as np
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats import SequentialChain, StoppingRule
from netspace.stats.assistance import Assistance

SPACES = ("A", "B", "C")


def study(n: int = 80, *, without: str = "") -> tuple[dict[str, dict[int, float]], Assistance]:
    """Return errors that follow a feature, and what assists: A, B (much better than A) and C (like B).

    The space `without` a pool is refused.
    """
    errors, features, pools = {}, {}, {}
    for seed, space in enumerate(SPACES):
        rng = np.random.default_rng(seed)
        features[space], pools[space] = rng.normal(size=(n, 3)), rng.normal(size=(40 * n, 3))
        found = 50 + 3 * features[space][:, 0] + rng.normal(size=n) - 4 * (space != "A")
        errors[space] = dict(enumerate(found.tolist()))
    refused = {without: "it cannot be sampled again"} if without else {}
    return errors, Assistance.of({space: np.zeros(n) for space in SPACES}, features, pools, refused=refused)


@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
def test_pairs_are_judged_by_the_method_asked_for(method):
    errors, assistance = study()
    chain = SequentialChain(SPACES, StoppingRule(delta=None), method=method, assistance=assistance)
    chain.update(errors)
    found = chain.between("A", "B")
    assert (found.decision, found.method) == ("better", method)
    assert chain.between("B", "C").decision == "continue"
    assert chain.needed == {"B", "C"}
    assert not chain.refused


def test_the_interval_of_the_confidence_sequence_is_told_from_either_side():
    errors, assistance = study()
    chain = SequentialChain(SPACES, method="confidence_sequence", assistance=assistance)
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
    errors, assistance = study(40)
    whole = SequentialChain(SPACES, method=method, assistance=assistance)
    whole.update(errors)
    piecewise = SequentialChain(SPACES, method=method, assistance=assistance)
    for position in np.random.default_rng(0).permutation(3 * 40).tolist():
        space, launch = SPACES[position % 3], position // 3
        piecewise.record(space, launch, errors[space][launch])
    assert all(piecewise.between(*pair) == whole.between(*pair) for pair in (("A", "B"), ("B", "C")))


def test_a_space_without_a_pool_is_judged_by_its_signs_and_the_reason_is_kept():
    errors, assistance = study(without="C")
    chain = SequentialChain(SPACES, method="confidence_sequence", assistance=assistance)
    chain.update(errors)
    assert chain.refused == {("B", "C"): "C: it cannot be sampled again"}
    assert chain.between("A", "B").method == "confidence_sequence"
    signs = SequentialChain(SPACES)
    signs.update(errors)
    assert chain.between("B", "C") == signs.between("B", "C")


def test_too_few_planned_models_are_judged_by_their_signs():
    _, assistance = study(19)
    chain = SequentialChain(SPACES, method="confidence_sequence", assistance=assistance)
    assert chain.refused["A", "B"] == "19 models of each are planned, at least 20 are needed"
    _, assistance = study(10)
    chain = SequentialChain(SPACES, method="betting", assistance=assistance)
    assert chain.refused["A", "B"] == "A: 10 models, at least 16 are needed"


def test_spaces_that_do_not_make_a_chain_are_refused():
    with pytest.raises(StatisticsError, match="at least 2"):
        SequentialChain(["A", "A"])
    with pytest.raises(UnknownNameError, match="Z"):
        SequentialChain(SPACES).record("Z", 0, 50.0)


def test_nothing_is_decided_while_many_models_are_lost_with_their_machines():
    errors, assistance = study(40)
    rule = StoppingRule(delta=None)
    decided = {}
    for gone in (0, 1, 3):
        lost = {"B": set(range(gone))}
        known = {
            space: {i: np.inf if i in lost.get(space, ()) else e for i, e in one.items()}
            for space, one in errors.items()
        }
        chain = SequentialChain(SPACES, rule, method="confidence_sequence", assistance=assistance)
        chain.update(known, lost)
        decided[gone] = chain.pairs["A", "B"].pairs
    # 1 of 21 is less than 5 %; 3 lost models are more than that up to 60 launched, which there are not
    assert decided == {0: 20, 1: 20, 3: 37}


@pytest.mark.parametrize("method", ["sign", "betting", "confidence_sequence"])
def test_pairs_that_lost_a_model_decide_as_if_they_had_not_been_launched(method):
    """Each error keeps the features of its own network: those behind a missing one do not move up."""
    errors, assistance = study(60)
    lost = {"A": {3}}
    known = {
        space: {i: np.inf if i in lost.get(space, ()) else e for i, e in one.items()} for space, one in errors.items()
    }
    chain = SequentialChain(SPACES, StoppingRule(delta=None), method=method, assistance=assistance)
    chain.update(known, lost)
    places = [i for i in range(60) if i != 3]
    kept = {
        space: one._replace(sample=one.sample[places]) if space in "AB" else one
        for space, one in assistance.features.items()
    }
    fewer = SequentialChain(
        SPACES, StoppingRule(delta=None), method=method, assistance=replace(assistance, features=kept)
    )
    fewer.update({space: {j: one[i] for j, i in enumerate(places)} for space, one in errors.items()})
    found, expected = chain.between("A", "B"), fewer.between("A", "B")
    assert (found.decision, found.pairs, found.wins, found.losses) == expected[:4]
    if method != "betting":  # whose bets spread fresh networks over the pairs that were planned
        assert found == expected
