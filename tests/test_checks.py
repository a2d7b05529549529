"""Checking arguments: what is refused, and in which words."""

import math

import numpy as np
import pytest

from netspace.checks import check_number, check_rule, is_number
from netspace.errors import ConfigError, StatisticsError


@pytest.mark.parametrize("value", [0, -1.5, 10**400, np.int64(3), np.float32(0.5)])
def test_finite_numbers_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [True, np.True_, "1", None, math.nan, math.inf, [1], 1j])
def test_nothing_else_is_a_number(value):
    assert not is_number(value)
    with pytest.raises(ConfigError, match="x must be a number, got"):
        check_number(value, "x")


@pytest.mark.parametrize(
    ("value", "range_", "message"),
    [
        (0, {"above": 0, "below": 0.5}, "0 < x < 0.5 must hold, got 0"),
        (1.5, {"least": 0, "most": 1}, "0 <= x <= 1 must hold, got 1.5"),
        (0, {"least": 1}, "x >= 1 must hold, got 0"),
        (0, {"above": 0}, "x > 0 must hold, got 0"),
        (2, {"most": 1}, "x <= 1 must hold, got 2"),
        (math.nan, {"least": 0}, "x >= 0 must hold, got nan"),
        ("a" * 999, {"least": 0}, f"x >= 0 must hold, got '{'a' * 58}…"),
        (0, {"least": 1, "whole": True}, "x must be a whole number >= 1, got 0"),
        (2.0, {"least": 1, "whole": True}, "x must be a whole number >= 1, got 2.0"),
        (9, {"least": 1, "most": 3, "whole": True}, "x must be a whole number, 1 <= x <= 3, got 9"),
        (0.5, {"whole": True}, "x must be a whole number, got 0.5"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range_and_what_was_received(value, range_, message):
    with pytest.raises(StatisticsError) as caught:
        check_number(value, "x", where="here: ", error=StatisticsError, **range_)
    assert str(caught.value) == f"here: {message}"


def test_a_number_in_range_is_accepted_ends_included():
    check_number(1, "x", least=1, most=1, whole=True)
    check_number(np.int64(3), "x", above=2, below=4, whole=True)
    check_number(0.5, "x", above=0, below=1)


def test_a_broken_rule_is_told_with_every_value():
    check_rule(True, "low <= high", low=1, high=2)
    with pytest.raises(ConfigError, match=r"^here: low <= high must hold, got low=4, high='x'$"):
        check_rule(False, "low <= high", where="here: ", low=4, high="x")
