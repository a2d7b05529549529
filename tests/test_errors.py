"""What messages are made of: lines of foreign errors, names, extras."""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from netspace.errors import LONGEST_LINE, MissingExtraError, UnknownNameError, first_line, raise_unknown, short


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\n  no such\nthing"), "no such"),
        (ValueError(), "ValueError"),
        (RuntimeError(" \n "), "RuntimeError"),
        (PermissionError(13, "Permission denied", "/secret"), "Permission denied"),
        (OSError("disk on fire"), "disk on fire"),
        (KeyError("x"), "'x'"),
        ("", "no reason given"),
        ("sbatch: error\nmore", "sbatch: error"),
    ],
)
def test_a_foreign_error_is_quoted_by_its_first_line_or_its_class(error, line):
    assert first_line(error) == line


def test_a_foreign_error_is_quoted_at_bounded_length():
    assert len(first_line(ValueError("x" * 10**7))) == LONGEST_LINE


@pytest.mark.parametrize(
    "value", [None, True, -3, 0.5, "it's", b"x", [], [1, [2, "a"]], (1,), (1, 2), {"a": [1], 2: None}, {3}, Path("x")]
)
def test_a_short_value_is_shown_as_python_writes_it(value):
    assert short(value) == repr(value)


def nested(depth: int) -> list:
    """Return what 9 references at each of `depth` levels make of one list, as a few lines of YAML can."""
    value: list = [0]
    for _ in range(depth):
        value = [value] * 9
    return value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        [0] * 10**6,
        {i: i for i in range(10**6)},
        10**10**6,
        nested(40),
        [nested(40)],
        np.zeros((70, 10**5)),
    ],
    ids=["text", "list", "mapping", "number", "aliases", "nested", "array"],
)
def test_a_huge_value_is_shown_at_bounded_length_in_bounded_time(value):
    started = time.perf_counter()
    assert len(short(value)) <= 60
    assert time.perf_counter() - started < 0.1


def test_a_list_that_holds_itself_is_shown():
    value: list = []
    value.append(value)
    assert len(short(value)) == 60


def test_an_unknown_name_is_told_with_the_nearest_and_all_valid_ones():
    with pytest.raises(
        UnknownNameError, match=r"^unknown block 'Vnilla' \(did you mean 'vanilla'\?\); valid: basic, vanilla$"
    ):
        raise_unknown("block", "Vnilla", ["vanilla", "basic"])
    with pytest.raises(UnknownNameError, match=r"^unknown block 'zzz'; valid: basic$"):
        raise_unknown("block", "zzz", ["basic"])


def test_a_missing_extra_says_how_to_get_it():
    error = MissingExtraError("ray", "the executor 'ray'")
    assert "uv sync --extra ray" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
