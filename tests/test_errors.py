"""What messages are made of: lines of foreign errors, names, extras."""

import pytest

from netspace.errors import LONGEST_LINE, MissingExtraError, UnknownNameError, first_line, raise_unknown


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


def test_an_unknown_name_is_told_with_the_nearest_and_all_valid_ones():
    with pytest.raises(
        UnknownNameError, match=r"^unknown block 'Vnilla' \(did you mean 'vanilla'\?\); valid: basic, vanilla$"
    ):
        raise_unknown("block", "Vnilla", ["vanilla", "basic"])
    with pytest.raises(UnknownNameError, match=r"^unknown block 'zzz'; valid: basic$"):
        raise_unknown("block", "zzz", ["basic"])


def test_a_missing_extra_says_how_to_get_it():
    assert "uv sync --extra ray" in str(MissingExtraError("ray", "the executor 'ray'"))
