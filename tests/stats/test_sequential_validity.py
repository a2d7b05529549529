"""Early stopping errs as seldom as it says: a small version of benchmarks/sequential_validity.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

from netspace.stats.sequential import StoppingRule

PATH = Path(__file__).parents[2] / "benchmarks" / "sequential_validity.py"


@pytest.fixture(scope="module")
def validity():
    spec = importlib.util.spec_from_file_location("sequential_validity", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look it up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
@pytest.mark.parametrize("truth", range(4))
def test_a_difference_that_is_not_there_is_seldom_found_at_any_time(validity, method, truth):
    cell = validity.simulate(
        validity.NULLS[truth], method, StoppingRule(delta=None), studies=40, horizon=46, seed=10_000
    )
    # at alpha = .05, more than 7 of 40 decide falsely with a probability of 7e-4
    assert sum(one != "continue" for one in cell.decisions) <= 7


@pytest.mark.slow
@pytest.mark.parametrize("method", ["confidence_sequence", "betting"])
def test_a_good_predictor_spares_pairs(validity, method):
    good = validity.NULLS[1]
    assisted, signs = (
        validity.simulate(good, one, StoppingRule(), theta=0.7, studies=12, horizon=160, seed=3)
        for one in (method, "sign")
    )
    assert assisted.decisions == ["better"] * 12
    assert sum(assisted.pairs) < 0.85 * sum(signs.pairs)
