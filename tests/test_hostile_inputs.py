"""Whatever a file holds, the answer is a result or one line: see `hostile_inputs.py`, which also runs by hand."""

import tempfile
from pathlib import Path

import pytest
from hostile_inputs import BOMB, KINDS, outcome_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netspace.documents import json_value, read_yaml
from netspace.errors import ConfigError, one_line

SLOW = {"store, damaged bytes", "store, foreign values", "images in folders", "images in a tar", "images in Parquet"}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS])
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_mutated_input_is_taken_or_refused_in_one_line(kind, seed):
    with tempfile.TemporaryDirectory() as folder:
        result, said = outcome_of(kind, seed, Path(folder))
    assert result in ("taken", "refused", "hang"), said  # how long it takes is measured by hand


def test_a_few_lines_that_stand_for_billions_of_values_are_refused_at_once(tmp_path):
    path = tmp_path / "bomb.yaml"
    path.write_bytes(BOMB)
    with pytest.raises(ConfigError, match=r"its aliases expand to more than 1,000,000 values"):
        read_yaml(path)


def test_aliases_that_repeat_a_little_are_read(tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text("a: &a {x: 1}\nb: *a\nc: [*a, *a]\n")
    assert read_yaml(path) == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 1}]}


@pytest.mark.parametrize("text", ["a: &a [*a]", 'a: "\\ud800"', '{"a": "\\udfff"}'])
def test_what_contains_itself_and_half_characters_are_refused(tmp_path, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"not valid YAML \(a value cannot be read: "):
        read_yaml(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[" * 100_000, "nested"), ('"\\ud800"', "surrogate"), ("1" * 9000, "digits"), ("{", "Expecting")],
)
def test_json_that_cannot_be_used_is_one_kind_of_error(text, said):
    with pytest.raises(ValueError, match=said):
        json_value(text)


def test_whole_characters_beyond_the_basic_plane_are_taken():
    assert json_value('"\\ud83d\\ude00"') == "\U0001f600"


def test_a_message_is_one_bounded_line_that_shows_what_it_holds():
    assert one_line("a\nb\t c") == "a b c"
    assert one_line("x\u202egnp\x1b[2J") == "x\\u202egnp\\x1b[2J"
    assert len(one_line("y" * 10**6)) == 2000
