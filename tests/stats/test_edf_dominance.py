import numpy as np
import pytest

from netspace.stats import dominance

RNG = np.random.default_rng(0)
BASE = RNG.normal(50, 3, 300)


def test_dominance_is_claimed_only_when_tested_and_for_a_stated_range() -> None:
    found = dominance(BASE, RNG.normal(46, 3, 300))
    assert found.winner == "b"
    assert found.p_value < 0.05
    assert found.statement.startswith(f"B dominates A between {found.low:.4g} and {found.high:.4g} % error")


def test_a_curve_above_the_other_is_otherwise_only_consistent_with_dominance() -> None:
    found = dominance(BASE, BASE - 0.2)
    assert found.winner == "b"
    assert found.p_value > 0.05
    assert found.statement.startswith("consistent with dominance of B over A; not shown")


def test_few_models_never_dominate() -> None:
    assert dominance(np.arange(10.0) + 100, np.arange(10.0)).statement.startswith("consistent with dominance")


def test_crossing_curves_have_no_winner() -> None:
    found = dominance(BASE, 50 + 3 * (BASE - 50))
    assert (found.winner, found.p_value) == (None, 1)
    assert "cross" in found.statement


def test_identical_curves_have_no_winner() -> None:
    assert dominance(BASE, BASE).statement == "the EDFs are identical"


def test_the_other_direction_is_named() -> None:
    assert dominance(BASE - 5, BASE).statement.startswith("A dominates B")


@pytest.mark.parametrize("seed", range(3))
def test_the_null_of_non_dominance_is_rarely_rejected_on_its_boundary(seed: int) -> None:
    # EDFs equal in their upper half: B does not dominate strictly there
    rng = np.random.default_rng(seed)
    claimed = 0
    for _ in range(100):
        a, b = rng.random(100), rng.random(100)
        b = np.where(b < 0.5, b / 2, b)
        claimed += dominance(a, b).statement.startswith("B dominates")
    assert claimed <= 12
