import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats import compare, compare_chain
from netspace.stats.comparison import _holm

A = [48.2, 46.1, 51.3, 44.9, 47.5, 50.0, 45.4, 49.1]
B = [44.2, 46.1, 43.8, 47.0, 45.4, 42.9, 48.2, 44.6]


def normal(mean: float, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 3, n)


def floats(value: object) -> list[float]:
    """Every number inside a result."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in floats(part)]
    if isinstance(value, list | tuple):
        return [number for part in value for number in floats(part)]
    return [float(value)] if isinstance(value, int | float) else []


def test_the_inline_example_matches_the_specification() -> None:
    found = compare(A, B)
    assert found.theta == 0.8203125
    assert found.interval == pytest.approx((0.493130, 0.955400), abs=1e-6)
    assert found.raw_interval == pytest.approx((0.592440, 1.048185), abs=5e-7)
    assert found.mann_whitney == pytest.approx((52.5, 0.03528533), abs=5e-8)
    assert found.kolmogorov_smirnov == pytest.approx((0.5, 0.14141414), abs=5e-9)
    assert found.verdict == "no difference detected"


def test_the_seeded_example_matches_the_specification() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(50, 3, 100)
    b = rng.normal(48.5, 3, 100)
    found = compare(a, b)
    assert found.theta == pytest.approx(0.6639)
    assert found.mann_whitney == pytest.approx((6639, 6.241413e-5), rel=1e-6)
    assert found.kolmogorov_smirnov[0] == pytest.approx(0.25)
    assert found.verdict == "better"


def test_swapping_the_spaces_mirrors_everything() -> None:
    a, b = normal(50, 100, 0), normal(48.5, 90, 1)
    there, back = compare(a, b), compare(b, a)
    assert there.theta + back.theta == pytest.approx(1)
    assert there.interval == pytest.approx((1 - back.interval[1], 1 - back.interval[0]))
    assert (there.verdict, back.verdict) == ("better", "worse")
    assert there.p_value == pytest.approx(back.p_value)


def test_similar_spaces_are_equivalent_within_delta() -> None:
    found = compare(normal(50, 500, 0), normal(50, 500, 1))
    assert found.verdict == "equivalent within 0.1"
    low, high = found.superiority.raw_interval(2 * found.alpha)
    assert 0.4 < low < high < 0.6
    assert compare(normal(50, 500, 0), normal(50, 500, 1), delta=0.01).verdict == "no difference detected"


def test_a_difference_inside_delta_is_negligible() -> None:
    assert compare(normal(50, 4000, 0), normal(49.6, 4000, 1)).verdict == "different but negligible"


def test_equivalence_is_claimed_exactly_when_the_interval_lies_inside() -> None:
    a, b = normal(50, 200, 0), normal(49.8, 200, 1)
    for delta in np.linspace(0.01, 0.2, 20):
        found = compare(a, b, delta=float(delta), resamples=20)
        low, high = found.superiority.raw_interval(2 * found.alpha)
        assert found.equivalent == (0.5 - delta <= low and high <= 0.5 + delta)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([90] * 40, [90] * 40, "no difference detected"),
        ([50] * 40, [40] * 40, "better"),
        ([40] * 40, [50] * 40, "worse"),
        ([1, 2], [3, 4], "no difference detected"),
        ([math.inf] * 30, [math.inf] * 30, "no difference detected"),
        ([math.inf] * 30, [50] * 30, "better"),
        ([50] * 30, [40] * 15 + [60] * 15, "no difference detected"),
        ([50] * 30 + [40], [50] * 31, "equivalent within 0.1"),
    ],
)
def test_degenerate_populations_get_a_clear_verdict(a: list, b: list, verdict: str) -> None:
    found = compare(a, b)
    assert found.verdict == verdict
    numbers = [*floats(asdict(found)), *found.interval, *found.raw_interval, found.tost_p_value]
    assert not any(math.isnan(number) for number in numbers)


def test_equal_errors_are_explained() -> None:
    assert (
        compare([90] * 5, [90] * 6).notes[0] == "all errors of both spaces are 90: they say nothing about a difference"
    )


def test_failures_are_counted_ranked_last_and_at_chance_in_means() -> None:
    a, b = [40.0, 41, 42, 43], [40.0, 41, math.inf, math.inf]
    found = compare(a, b, chance=90)
    assert (found.failures_a, found.failures_b) == (0, 2)
    assert "2 of 4 models of B failed and rank last" in found.notes
    assert found.theta < 0.5
    assert found.differences.mean == (40 + 41 + 90 + 90) / 4 - 41.5
    assert compare(a, b).differences.mean is None


def test_small_spaces_use_permutations_and_say_so() -> None:
    found = compare(A, B)
    assert found.p_value != pytest.approx(found.superiority.t_p_value)
    assert any("by permutation" in note for note in found.notes)
    large = compare(normal(50, 30, 0), normal(50, 30, 1))
    assert large.p_value == large.superiority.t_p_value


def test_the_same_seed_gives_the_same_comparison() -> None:
    assert compare(A, B, seed=5) == compare(A, B, seed=5)


def test_holm_matches_the_specification() -> None:
    p_values = [0.012, 0.04, 0.001, 0.2, 0.03, 0.6]
    one = compare(normal(50, 100, 0), normal(40, 100, 1), resamples=20)
    found = {(str(i), ""): replace(one, p_value=p) for i, p in enumerate(p_values)}
    corrected = list(_holm(found, 0.05).values())
    expected = [0.06, 0.12, 0.006, 0.4, 0.12, 0.6]
    assert [each.adjusted_p_value for each in corrected] == pytest.approx(expected)
    assert expected == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert [each.different for each in corrected] == [p <= 0.05 for p in expected]
    assert [each.level for each in corrected] == pytest.approx([0.05 / k for k in (5, 3, 6, 2, 4, 1)])


def test_a_chain_compares_each_space_with_the_one_before() -> None:
    chain = compare_chain({"A": normal(50, 100, 0), "B": normal(50, 100, 1), "D": normal(45, 100, 2)})
    assert list(chain) == [("A", "B"), ("B", "D")]
    assert chain["B", "D"].verdict == "better"
    assert chain["B", "D"].level == 0.025
    assert chain["A", "B"].verdict in {"no difference detected", "equivalent within 0.1"}


def test_a_difference_that_does_not_survive_the_correction_is_not_claimed() -> None:
    a, b = normal(50, 100, 0), normal(49.15, 100, 8)
    alone = compare(a, b)
    assert alone.verdict == "better"
    others = {f"S{i}": normal(50, 100, 10 + i) for i in range(6)}
    pairs = [("A", "B"), *((f"S{i}", f"S{i + 1}") for i in range(5))]
    chained = compare_chain({"A": a, "B": b, **others}, pairs)["A", "B"]
    assert chained.adjusted_p_value == pytest.approx(6 * alone.p_value)
    assert chained.adjusted_p_value > 0.05
    assert chained.interval[0] < 0.5
    assert chained.verdict == "no difference detected"


def test_bad_input_is_refused_in_one_line() -> None:
    with pytest.raises(StatisticsError, match="errors of B: at least 2 models are needed, got 1"):
        compare(A, [40])
    with pytest.raises(StatisticsError, match="errors of A: 1 of 2 values are NaN"):
        compare([40, math.nan], B)
    with pytest.raises(StatisticsError, match=r"0 < delta < 0\.5 must hold, got 0\.5"):
        compare(A, B, delta=0.5)
    with pytest.raises(StatisticsError, match="0 < alpha < 1"):
        compare(A, B, alpha=0)
    with pytest.raises(StatisticsError, match="at least 2 spaces, got 1"):
        compare_chain({"A": A})
    with pytest.raises(UnknownNameError, match="unknown space 'C'; valid: A, B"):
        compare_chain({"A": A, "B": B}, [("A", "C")])
    with pytest.raises(StatisticsError, match="B against A: errors of B: at least 2 models are needed, got 0"):
        compare_chain({"A": A, "B": []})
