"""What is said of a p-value: never that it is 0, which no data shows."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from netspace.stats.p_values import p_is, p_text


def test_a_p_value_that_underflows_is_said_to_be_small():
    p_value = float(2 * ndtr(-50.0))
    assert p_value == 0
    assert p_text(p_value) == "< 1e-300"
    assert p_is(p_value) == "p < 1e-300"
    assert p_is(np.float64(5e-324)) == "p < 1e-300"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.04321, "0.043"), (3.17e-12, "3.2e-12"), (1e-300, "1e-300")])
def test_others_have_two_digits(value, text):
    assert p_text(value) == text
    assert p_is(value) == f"p = {text}"


def test_none_is_a_dash():
    assert p_text(math.nan) == "-"


def test_a_table_may_stop_earlier():
    assert p_text(3e-5, least=1e-4) == "< 0.0001"
    assert p_text(1e-4, least=1e-4) == "0.0001"
