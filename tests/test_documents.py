"""Reading YAML and telling mistakes in one line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from netspace.documents import (
    Document,
    differences,
    digest,
    dump_yaml,
    is_document,
    json_entries,
    json_value,
    parse,
    plain,
    read_yaml,
    whole_if_whole,
)
from netspace.errors import ConfigError, MissingExtraError


class Inner(Document):
    size: int = 1


class Outer(Document):
    name: str
    inner: Inner = Inner()


def test_an_unknown_key_is_told_before_the_key_it_replaces_is_missed():
    with pytest.raises(ConfigError, match=r"^f\.yaml: unknown key 'nmae'; valid: name, inner \(and 1 more\)$"):
        parse(Outer, {"nmae": "x"}, "f.yaml")


def test_a_nested_key_is_told_with_its_path_and_the_keys_valid_there():
    with pytest.raises(ConfigError, match=r"^f\.yaml: unknown key 'inner\.sise'; valid: size$"):
        parse(Outer, {"name": "x", "inner": {"sise": 2}}, "f.yaml")
    with pytest.raises(ConfigError, match=r"^f\.yaml: inner\.size: input should be a valid integer.*, got 'big'$"):
        parse(Outer, {"name": "x", "inner": {"size": "big"}}, "f.yaml")


def test_a_missing_key_and_a_document_that_is_no_mapping():
    with pytest.raises(ConfigError, match=r"^f\.yaml: the key 'name' is missing$"):
        parse(Outer, {}, "f.yaml")
    with pytest.raises(ConfigError, match=r"^f\.yaml: must be a mapping with the keys name, inner, got \[1\]$"):
        parse(Outer, [1], "f.yaml")


def test_construction_in_python_raises_the_same_error():
    with pytest.raises(ConfigError, match=r"^Outer: the key 'name' is missing$"):
        Outer()
    with pytest.raises(ConfigError, match=r"^Outer: inner\.size: input should be a valid integer.*, got 'big'$"):
        Outer(name="x", inner={"size": "big"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1\nb: 2\n", r"x\.yaml, line 2, column \d+: not valid YAML"),
        (b"\xff\xfe\x00\x01", r"x\.yaml: cannot be read as text"),
        (b"a: !!python/object/apply:os.system ['true']\n", r"x\.yaml, line 1, column 4: not valid YAML"),
        (b"name: 2026-02-30\n", r"x\.yaml: not valid YAML \(a value cannot be read: day "),
        (b"a: !!bool maybe\n", r"x\.yaml: not valid YAML \(a value cannot be read: 'maybe'\)"),
        (b"a: !!timestamp soon\n", r"x\.yaml: not valid YAML \(a value cannot be read"),
        (b"[" * 5000, r"x\.yaml: not valid YAML \(nested too deeply\)"),
    ],
)
def test_files_that_are_not_plain_yaml_are_refused(tmp_path, content, message):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_json_is_read_as_json(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{\n\t"recipe": {\n\t\t"weight_decay": 5e-05, "lr": 1E-1, "warm": 2e+1}, "name": "no"\n}')
    assert read_yaml(path) == {"recipe": {"weight_decay": 5e-5, "lr": 0.1, "warm": 20.0}, "name": "no"}
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(ConfigError, match=r"x\.json, line 2, column 6: not valid JSON"):
        read_yaml(path)


def test_yaml_holds_the_same_numbers_as_json(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text('{"a": 5e-05, "b": [1E5, -1e-3]}')
    assert read_yaml(path) == {"a": 5e-5, "b": [1e5, -1e-3]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from([None, 1]),
)
def test_the_entries_of_a_json_list_are_those_of_the_whole_list(value, indent):
    assert list(json_entries(f" {json.dumps([value, value], indent=indent)}\n")) == [value, value]
    if not isinstance(value, list):
        assert list(json_entries(json.dumps(value))) == [value]


@pytest.mark.parametrize(
    "text", ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] 2", '[1, "\\ud800"]', "[" * 100_000]
)
def test_a_list_that_is_no_json_is_refused_as_the_whole_is(text):
    with pytest.raises(ValueError) as whole:  # noqa: PT011 (whatever json says)
        json_value(text)
    with pytest.raises(ValueError, match=re.escape(str(whole.value))):
        list(json_entries(text))


def test_an_error_inside_a_document_keeps_its_class():
    class Needy(Document):
        tracker: str

        @model_validator(mode="after")
        def _needs_an_extra(self):
            raise MissingExtraError(self.tracker, f"the tracker '{self.tracker}'")

    with pytest.raises(MissingExtraError, match=r"^study\.yaml: the tracker 'wandb' needs the extra 'wandb'") as caught:
        parse(Needy, {"tracker": "wandb"}, "study.yaml")
    assert caught.value.extra == "wandb"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_dumped_documents_are_read_back_in_their_order(tmp_path):
    data = {"b": [1, 2, 3], "a": {"y": 0.5, "x": None}}
    path = tmp_path / "x.yaml"
    path.write_text(dump_yaml(data))
    assert read_yaml(path) == data
    assert list(read_yaml(path)) == ["b", "a"]


def test_a_digest_depends_on_values_not_on_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


@pytest.mark.parametrize(
    ("name", "expected"), [("a.yaml", True), ("b/a.YML", True), ("a.json", True), ("a.csv", False)]
)
def test_documents_are_known_by_their_ending(name, expected):
    assert is_document(name) == is_document(Path(name)) == expected


def test_plain_values_are_what_json_holds():
    value = {1: (np.int64(2), np.float32(0.5)), "a": np.array([[1.0, np.nan]]), "b": [float("inf"), None, True, "x"]}
    assert plain(value) == {"1": [2, 0.5], "a": [[1.0, None]], "b": [None, None, True, "x"]}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)


@pytest.mark.parametrize(("value", "one"), [(1.0, 1), (1.5, 1.5), (2, 2), (None, None), ("1", "1")])
def test_a_whole_number_has_one_spelling(value, one):
    assert repr(whole_if_whole(value)) == repr(one)


def test_differences_of_two_documents_are_named_with_their_keys():
    before = {"n": 4, "data": {"train": 100, "seed": 0}, "spaces": [{"name": "A"}, {"name": "B"}], "gone": 1}
    now = {"n": 4, "data": {"train": 200, "seed": 0, "new": "x"}, "spaces": [{"name": "A"}]}
    assert list(differences(before, now)) == [
        "data.train = 100 (now 200)",
        "data.new = None (now 'x')",
        "spaces = ['A', 'B'] (now ['A'])",
        "gone = 1 (now None)",
    ]
    assert list(differences([1, {"a": 2}], [1, {"a": 3}], "list")) == ["list.1.a = 2 (now 3)"]
    assert not list(differences(before, json.loads(json.dumps(before))))
