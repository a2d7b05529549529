import numpy as np
import pytest

from netspace.errors import ConfigError
from netspace.space.expressions import Expression

COLUMNS = {
    "depth": np.array([4, 20, 41, 50]),
    "w_m": np.array([1.5, 2.0, 2.5, 3.0]),
    "flops": np.array([360_000_000, 400_000_000, 1_000_000_000, 4_000_000_000]),
}
D, W, F = COLUMNS["depth"], COLUMNS["w_m"], COLUMNS["flops"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w_m >= 2 and depth <= 40", (W >= 2) & (D <= 40)),
        ("not depth > 20 or w_m == 3", ~(D > 20) | (W == 3)),
        ("2 <= w_m < 3", (W >= 2) & (W < 3)),
        ("3e6 + 5.5e-3 * flops < 6.5e6 * sqrt(flops / 1e9)", 6.5e6 * np.sqrt(F / 1e9) > 3e6 + 5.5e-3 * F),
        ("max(depth, 30) - min(depth, 30) == abs(depth - 30)", np.ones(4, bool)),
        ("sum(depth, w_m, 1) // 2 % 2 != -1 ** 2", (D + W + 1) // 2 % 2 != -1),
        ("1 < 2", np.ones(4, bool)),
        ("log(w_m - 2) > 0", np.zeros(4, bool)),
        ("flops * flops * flops > 0", np.ones(4, bool)),
    ],
)
def test_conditions_mean_what_numpy_means(text, expected):
    assert np.array_equal(Expression(text)(COLUMNS), expected)


def test_names_are_the_columns_that_are_read():
    assert Expression("max(depth, w_m) > 2 and width_4 < 8").names == {"depth", "w_m", "width_4"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "depth.__class__ == 1",
        "depth[0] > 1",
        "(lambda: 1)() == 1",
        "[d for d in depth] == 1",
        "eval('1') == 1",
        "min(depth, key=w_m) > 1",
        "min(*depth) > 1",
        "min() > 1",
        "max <= 40",
        "min(depth, sqrt) > 1",
        "sqrt(depth, 2) > 1",
        "depth if depth > 1 else w_m > 2",
        "(x := depth) > 1",
        "depth is 4",
        "depth in (1, 2)",
        "'a' == 'a'",
        "depth > True",
        "1j > 0",
        "depth @ depth > 1",
        "depth << 2 > 1",
        "~depth > 1",
        "depth",
        "depth + 1",
        "depth and w_m > 2",
        "not depth",
        "(depth > 2) + 1 > 1",
        "-(depth > 2) > 1",
        "depth >",
        "depth > 1; depth < 2",
        "",
        "   ",
        "(" * 400 + "depth > 1" + ")" * 400,
        "depth > 1" + " or depth > 1" * 200,
        "depth > 1" + "0" * 400,
        f"{'-' * 900}depth > 1",
    ],
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ConfigError) as caught:
        Expression(text)
    assert "\n" not in str(caught.value)


def test_a_function_without_its_arguments_is_no_column():
    with pytest.raises(ConfigError, match=r"^'max' is a function, not a column: write max\(\.\.\.\)$"):
        Expression("max <= 40")


def test_text_of_another_type_is_refused():
    with pytest.raises(ConfigError, match="a condition must be a text"):
        Expression(3)
