"""What is said of pairs of spaces beyond theta: that part of a difference that flops explain."""

import json
import math

import numpy as np
import pytest

from netspace.results.verdicts import Models, compare_spaces, study_verdicts
from netspace.stats import compare_normalized


def models(generator: np.random.Generator, low: float, high: float, shift: float = 0.0, n: int = 200) -> Models:
    """Return models of log-uniform flops whose error falls with flops alone, but for a shift and noise."""
    flops = np.exp(generator.uniform(np.log(low), np.log(high), n))
    errors = 120 - 4 * np.log(flops) + generator.normal(0, 1, n) + shift
    return Models(errors=errors, costs={"flops": flops})


def test_a_difference_that_flops_explain_is_gone_at_equal_flops():
    generator = np.random.default_rng(0)
    small, large = models(generator, 2e8, 6e8), models(generator, 3e8, 9e8)
    (verdict,) = compare_spaces({"small": small, "large": large}, chance=90)
    assert verdict.verdict == "better"
    assert verdict.p_value_at_equal_flops > 0.05
    assert "At equal flops no difference detected between large and small" in verdict.lines[2]


def test_a_difference_that_flops_hide_is_found_at_equal_flops():
    generator = np.random.default_rng(1)
    small, large = models(generator, 2e8, 6e8), models(generator, 2.6e8, 7.8e8, shift=1.05)
    (verdict,) = compare_spaces({"small": small, "large": large}, chance=90)
    assert verdict.verdict != "worse"
    assert verdict.at_equal_flops.startswith("At equal flops large is worse than small: mean error ")
    assert verdict.z_at_equal_flops < 0


def test_p_values_at_equal_flops_are_corrected_over_the_chain():
    generator = np.random.default_rng(2)
    spaces = {name: models(generator, 2e8, 6e8, shift) for name, shift in (("a", 0), ("b", -0.3), ("c", -0.5))}
    single = [
        compare_normalized(x.errors, x.costs["flops"], y.errors, y.costs["flops"]).p_value
        for x, y in ((spaces["a"], spaces["b"]), (spaces["b"], spaces["c"]))
    ]
    found = [one.p_value_at_equal_flops for one in compare_spaces(spaces, chance=90)]
    least = min(single)
    assert sorted(found) == pytest.approx(sorted([2 * least, max(2 * least, max(single))]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"costs": {}}, "they are not known of every model"),
        ({"costs": {"flops": np.linspace(1e9, 2e9, 200)}}, "hardly overlap"),
    ],
)
def test_the_reason_is_given_where_spaces_cannot_be_compared_at_equal_flops(change, reason):
    generator = np.random.default_rng(3)
    a, b = models(generator, 2e8, 6e8), models(generator, 2e8, 6e8)
    (verdict,) = compare_spaces({"a": a, "b": Models(**{"errors": b.errors, "costs": b.costs} | change)}, chance=90)
    assert math.isnan(verdict.p_value_at_equal_flops)
    assert reason in verdict.at_equal_flops
    assert verdict.at_equal_flops not in verdict.lines
    assert verdict.as_dict()["p_value_at_equal_flops"] is None
    json.dumps(verdict.as_dict(), allow_nan=False)


def test_lost_runs_are_missing_and_not_bad_and_above_one_in_twenty_the_verdict_says_so(make_study):
    store = make_study(n=40)
    whole = study_verdicts(store, "small")[0]
    (few,) = study_verdicts(with_lost(store, 2), "small")[:1]
    assert (few.n, few.failures, few.n_against) == (whole.n - 2, 0, whole.n_against)
    assert abs(few.theta - whole.theta) < 0.05
    assert "missing" not in few.notes
    (many,) = study_verdicts(with_lost(store, 4), "small")[:1]
    assert (many.n, many.failures) == (whole.n - 4, 0)
    assert "4 of 40 models of RegNetX are missing, lost with their machines (more than 5%)" in many.notes
    assert "no fair sample" in many.notes


def with_lost(store, number: int):
    """Return the store with some runs of RegNetX lost."""
    with store._database.write() as connection:
        change = "UPDATE runs SET status = 'lost', error = NULL WHERE space = 'RegNetX' AND \"index\" < "
        connection.exec_driver_sql(f"{change}{number}")
    return store
