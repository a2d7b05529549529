"""Names of spaces in windows: which are, and which only look like it."""

import pytest

from netspace.stats.regimes import apart, neighbours, of_regime


@pytest.mark.parametrize("window", ["100M:110M", ":1.5G", "20K:", "0.5M:1M"])
def test_a_name_is_taken_apart_as_it_was_made(window):
    assert apart(of_regime("mine@home", window)) == ("mine@home", window)


@pytest.mark.parametrize("name", ["RegNetX", "a@b", "a@b:c", "@1M:2M", "a@", "a@1M"])
def test_other_names_have_no_window(name):
    assert apart(name) == (name, "")


def test_neighbours_are_of_one_window():
    assert neighbours(["A@1M:2M", "B@1M:2M", "A@2M:3M", "B@2M:3M"]) == [("A@1M:2M", "B@1M:2M"), ("A@2M:3M", "B@2M:3M")]
    assert neighbours("abc") == [("a", "b"), ("b", "c")]
