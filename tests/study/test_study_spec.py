"""The study file: what it accepts, and what it says of mistakes."""

import pytest

from netspace.errors import ConfigError, DataError, NetspaceError, UnknownNameError, WindowError
from netspace.study import Study, StudySpec
from netspace.training import RECIPES, DataSpec


def test_a_study_file_is_read_with_its_defaults(study_file):
    spec = Study.from_yaml(study_file(recipe="quick")).spec
    assert spec.flops == (20e3, 150e3)
    assert spec.windows == {"flops": (20e3, 150e3)}
    assert spec.recipe == RECIPES["quick"]
    assert spec.attempts == 3


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"space": []}, ConfigError, r"study\.yaml: unknown key 'space'; valid: name, spaces, n, seed"),
        ({"n": 0}, ConfigError, r"study\.yaml: n: .*greater than or equal to 1, got 0"),
        ({"n": "many"}, ConfigError, r"study\.yaml: n: .*integer.*got 'many'"),
        ({"spaces": []}, ConfigError, r"study\.yaml: spaces: .*at least 1"),
        ({"spaces": ["RegNetX", "RegNetX"]}, ConfigError, "spaces must differ, got 'RegNetX' more than once"),
        (
            {"flops": "3M:1M"},
            ConfigError,
            r"study\.yaml: flops: LO <= HI must hold, got LO=3000000[.]0, HI=1000000[.]0",
        ),
        ({"flops": "a lot"}, ConfigError, r"study\.yaml: flops: "),
        ({"name": "a/b"}, ConfigError, r"study\.yaml: name: "),
        ({"data": {"sauce": "x"}}, ConfigError, r"study\.yaml: unknown key 'data\.sauce'; valid: source, train"),
        ({"network": {"stem": {"kind": "big"}}}, ConfigError, r"network\.stem\.kind: input should be 'simple'"),
        (
            {"recipe": {"base": "quick", "epoch": 1}},
            ConfigError,
            r"study\.yaml: recipe: .*unknown key 'epoch'; valid: epochs",
        ),
        ({"recipe": "quik"}, UnknownNameError, r"study\.yaml: unknown recipe 'quik' \(did you mean 'quick'\?\)"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_file_and_key(study_file, changes, kind, message):
    with pytest.raises(kind, match=message) as caught:
        Study.from_yaml(study_file(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"spaces": ["AnyNetXQ"]}, UnknownNameError, "unknown design space 'AnyNetXQ'.*valid: .*AnyNetXA"),
        ({"spaces": ["nowhere.yaml"]}, ConfigError, r"nowhere\.yaml: no such file"),
        ({"data": {"source": "./nowhere"}}, DataError, r"\./nowhere: no such file or folder"),
        ({"spaces": [{"base": "AnyNetXA", "paramaters": {}}]}, ConfigError, "unknown key 'paramaters'"),
        ({"flops": "1:2"}, WindowError, "nearest"),
    ],
)
def test_what_the_file_leads_to_is_checked_before_anything_is_trained(study_file, changes, kind, message):
    with pytest.raises(kind, match=message) as caught:
        Study.from_yaml(study_file(**changes)).planned_runs()
    assert isinstance(caught.value, NetspaceError)
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml: no such file"):
        Study.from_yaml(tmp_path / "nothing.yaml")
    (tmp_path / "broken.yaml").write_text("name: [unclosed\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml, line \d+, column \d+: not valid YAML"):
        Study.from_yaml(tmp_path / "broken.yaml")


def written(folder, text: str) -> str:
    path = folder / "written.yaml"
    path.write_text(f"n: 2\n{text}\n")
    return str(path)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("name: x\nspaces: RegNetX", "spaces", ("RegNetX",)),
        ("name: x\nspaces: [NO, on]", "spaces", ("NO", "on")),
        ("name: x\nspaces: {base: RegNetX, name: Own}", "spaces", ({"base": "RegNetX", "name": "Own"},)),
        ("name: x\nspaces: RegNetX\nflops: 10:50", "flops", (10.0, 50.0)),
        ("name: x\nspaces: RegNetX\nparams: 1:30:20", "params", None),
        ("name: x\nspaces: RegNetX\nseed: 1e3", "seed", 1000),
        ("name: -x\nspaces: RegNetX", "name", "-x"),
        ("name: on\nspaces: RegNetX", "name", "on"),
    ],
)
def test_plain_words_and_numbers_mean_what_is_written(tmp_path, text, key, value):
    if value is None:
        with pytest.raises(ConfigError, match=r"params: .*1:30:20"):
            StudySpec.from_yaml(written(tmp_path, text))
        return
    assert getattr(StudySpec.from_yaml(written(tmp_path, text)), key) == value


@pytest.mark.parametrize("source", ["mnist-5k", "./folder"])
def test_a_source_alone_stands_for_the_data(tmp_path, source):
    spec = StudySpec.from_yaml(written(tmp_path, f"name: x\nspaces: RegNetX\ndata: {source}"))
    assert spec.data == DataSpec(source=source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nspaces: RegNetX\nepochs: 3", r"'epochs' belongs inside 'recipe', as in recipe: \{epochs: \.\.\.\}"),
        ("name: x\nspaces: RegNetX\ntrain: 3", r"'train' belongs inside 'data', as in data: \{train: \.\.\.\}"),
        ("name: x\nspaces: RegNetX\nstem: 3", r"'stem' belongs inside 'network'"),
        (
            "name: x\nspaces: RegNetX\nflops: 650",
            r"flops: a window has two sides, LO:HI, got 650; either side may be",
        ),
        (
            "name: my study\nspaces: RegNetX",
            r"name: may have letters.*got 'my study'; for example 'my-study'",
        ),
        ("name: 2026\nspaces: RegNetX", r"name: must be text, got the number 2026; write it in quotes"),
        ("name: x\nspaces: [NO]", r"unknown design space 'NO'"),
    ],
)
def test_what_is_not_meant_so_gets_a_hint_in_the_words_of_the_file(tmp_path, text, message):
    with pytest.raises(NetspaceError, match=message):
        _ = Study.from_yaml(written(tmp_path, text)).declared_spaces
