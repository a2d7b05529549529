import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError
from netspace.stats import Restriction, candidate_restrictions

RNG = np.random.default_rng(0)
N = 200
ANYNET = pd.DataFrame(
    {f"depth_{i}": RNG.integers(1, 17, N) for i in (1, 2)}
    | {f"width_{i}": 8 * RNG.integers(1, 129, N) for i in (1, 2)}
    | {f"bottleneck_ratio_{i}": RNG.choice([1, 2, 4], N) for i in (1, 2)}
    | {f"group_width_{i}": RNG.choice([1, 8, 16], N) for i in (1, 2)}
)
REGNET = pd.DataFrame({"depth": RNG.integers(5, 60, N), "w_0": RNG.integers(8, 256, N), "w_m": RNG.uniform(1.5, 3, N)})


def by_name(frame: pd.DataFrame) -> dict[str, Restriction]:
    return {candidate.name: candidate for candidate in candidate_restrictions(frame)}


def test_the_steps_of_the_paper_are_among_the_candidates() -> None:
    candidates = by_name(ANYNET)
    first, second = ANYNET["width_1"], ANYNET["width_2"]
    rising = candidates["width non-decreasing over the stages"]
    np.testing.assert_array_equal(rising.keep, first <= second)
    assert (rising.kind, rising.parameter) == ("non-decreasing", "width")
    shared = candidates["group_width shared by all stages"]
    np.testing.assert_array_equal(shared.keep, ANYNET["group_width_1"] == ANYNET["group_width_2"])
    one = candidates["bottleneck_ratio = 1"]
    np.testing.assert_array_equal(one.keep, (ANYNET["bottleneck_ratio_1"] == 1) & (ANYNET["bottleneck_ratio_2"] == 1))
    assert (one.low, one.high) == (1, 1)
    assert "group_width non-decreasing over the stages" not in candidates


def test_scalars_get_ranges_and_w_m_its_own_cut() -> None:
    candidates = by_name(REGNET)
    np.testing.assert_array_equal(candidates["w_m >= 2"].keep, REGNET["w_m"] >= 2)
    ranges = [candidate for candidate in candidates.values() if candidate.parameter == "depth"]
    assert len(ranges) == 10
    for candidate in ranges:
        low = -np.inf if candidate.low is None else candidate.low
        high = np.inf if candidate.high is None else candidate.high
        np.testing.assert_array_equal(candidate.keep, REGNET["depth"].between(low, high))
    assert not any("shared" in name for name in candidates)


def test_w_0_is_a_scalar_and_not_a_stage() -> None:
    assert {candidate.parameter for candidate in candidate_restrictions(REGNET)} == {"depth", "w_0", "w_m"}


def test_names_and_models_are_distinct_and_none_keeps_everything() -> None:
    for frame in (ANYNET, REGNET):
        candidates = candidate_restrictions(frame)
        assert len({candidate.name for candidate in candidates}) == len(candidates)
        assert len({candidate.keep.tobytes() for candidate in candidates}) == len(candidates)
        assert not any(candidate.keep.all() for candidate in candidates)


def test_a_shared_parameter_that_no_model_meets_is_still_proposed() -> None:
    frame = pd.DataFrame({"depth_1": [1, 2, 3], "depth_2": [4, 5, 6]})
    shared = by_name(frame)["depth shared by all stages"]
    assert not shared.keep.any()


def test_a_column_that_is_not_numeric_is_named() -> None:
    with pytest.raises(StatisticsError, match="'name': finite numbers are needed"):
        candidate_restrictions(pd.DataFrame({"name": ["a", "b"]}))
    with pytest.raises(StatisticsError, match="'depth': finite numbers are needed"):
        candidate_restrictions(pd.DataFrame({"depth": [1.0, np.nan]}))
