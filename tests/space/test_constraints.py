import math

import numpy as np
import pytest

from netspace.errors import ConfigError, UnknownNameError
from netspace.space import AnyNetXA, ordered, parse_window, restrict, where, window
from netspace.space.constraints import format_count


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("360M:400M", (360e6, 400e6)),
        ("0.36G:0.4G", (360e6, 400e6)),
        ("1e6:2e6", (1e6, 2e6)),
        ("1.1M:", (1_100_000, math.inf)),
        (":500k", (0, 500_000)),
        (" 1 : 2K ", (1, 2000)),
        ("5:5", (5, 5)),
        (".5G:1T", (5e8, 1e12)),
    ],
)
def test_windows_are_read(text, bounds):
    assert parse_window(text) == bounds


@pytest.mark.parametrize(
    "text",
    ["", ":", "1e400:", ":1e9999999999", "400M", "400M:360M", "a:b", "1:2:3", "-1:5", "1MB:2MB", "1e:2", 360, None],
)
def test_what_is_no_window_is_a_configuration_error(text):
    with pytest.raises(ConfigError) as caught:
        parse_window(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bounds", [(2, 1), (1,), (1, 2, 3), ("a", 2), (True, 2), (math.nan, 1), 5])
def test_bounds_that_are_no_pair_of_numbers_are_refused_by_the_measure_s_name(bounds):
    with pytest.raises(ConfigError, match=r"^params: "):
        window("params", bounds)


@pytest.mark.parametrize("value", [0.5, 1, 999, 360e6, 0.4e9, 1_234_567_891, 1.5e12, 1e-7, 1_000_001])
def test_a_count_is_written_so_that_it_reads_the_same(value):
    assert parse_window(f"{format_count(value)}:")[0] == value


def test_counts_are_short():
    assert [format_count(value) for value in (360e6, 4.2e9, 1500, 12)] == ["360M", "4.2G", "1.5K", "12"]


def test_windows_include_their_ends():
    assert window("flops", (10, 20)).contains(np.array([9, 10, 20, 21])).tolist() == [False, True, True, False]


def test_unknown_names_list_the_valid():
    with pytest.raises(UnknownNameError, match="unknown complexity measure 'flop'"):
        window("flop", "1:2")
    with pytest.raises(UnknownNameError, match="unknown order 'upward'"):
        ordered("width", "upward")


def test_empty_and_contradictory_restrictions_are_refused():
    with pytest.raises(ConfigError, match="give low, high or values"):
        restrict("width")
    with pytest.raises(ConfigError, match="low <= high"):
        restrict("width", low=9, high=8)
    with pytest.raises(ConfigError, match="low must be a number"):
        restrict("width", low="8")


def test_a_python_predicate_must_return_truth_values():
    space = AnyNetXA().refine(where(lambda columns: columns["depth"]))
    with pytest.raises(ConfigError, match="must return a bool array"):
        space.sample(1)
