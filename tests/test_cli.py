"""The face of the command line: help, version, completion, and options that work or are refused, never ignored."""

import json
import os
import resource
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from netspace import cli
from netspace.space import CATALOG
from netspace.training.recipe import RECIPES

GROUP = typer.main.get_group(cli.app)
NAMES = sorted(GROUP.commands)

STUDY = {
    "name": "small",
    "spaces": ["AnyNetXA"],
    "n": 1,
    "flops": "20K:150K",
    "resolution": 20,
    "data": {"source": "mnist-5k", "train": 64, "validation": 50},
}
NETWORK = "RegNetX-200MF"


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspace.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def examples(name: str) -> list[str]:
    _, _, lines = (GROUP.commands[name].epilog or "").partition("Examples:\n")
    return [line.strip() for line in lines.splitlines()]


def test_the_version_is_that_of_the_package():
    assert call("--version").stdout == f"netspace {version('netspace')}\n"


@pytest.mark.parametrize("name", NAMES)
def test_help_says_what_is_printed_and_gives_examples(name):
    short, long = (CliRunner().invoke(cli.app, [name, flag]) for flag in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "Prints " in long.stdout
    assert 1 <= len(examples(name)) <= 3
    for example in examples(name):
        assert f"    {example}\n" in long.stdout
        words = shlex.split(example)
        assert words[:2] == ["netspace", name]
        # raises if the command or one of its options does not exist
        GROUP.commands[name].make_context(name, words[2:])


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_option_stands_alone(name):
    for parameter in GROUP.commands[name].params:
        text = parameter.help
        assert text[0].isupper() or text.startswith(("float", "mnist")), f"{name} {parameter.name}: {text}"
        assert text.endswith("."), f"{name} {parameter.name}: {text}"
        assert not text.startswith(("Of ", "Where ", "For ", "In ", "Instead ", "May ", "With ")), text


def test_one_idea_has_one_name_in_all_commands():
    """The option of an idea is found by what its variable is called in the commands' code."""
    ideas = {"output": "--output", "as_json": "--json", "store": "--store", "device": "--device", "seed": "--seed"}
    for name in NAMES:
        for parameter in GROUP.commands[name].params:
            if parameter.name in ideas:
                assert ideas[parameter.name] in parameter.opts, f"{name}: {parameter.opts}"


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"demo", "draw", "serve"}))
def test_every_command_that_prints_results_prints_json(name):
    assert any("--json" in parameter.opts for parameter in GROUP.commands[name].params)


@pytest.mark.parametrize("name", ["run", "sample"])
def test_help_takes_less_than_half_a_second(name):
    """Of processor time, since other tests share the machine; the second call finds the bytecode of the first."""
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        call(name, "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_a_shell_completes_names_of_the_catalogue():
    words = {"COMP_WORDS": "netspace sample RegNetX", "COMP_CWORD": "2"}
    done = subprocess.run(
        [Path(sys.executable).with_name("netspace")],
        env=os.environ | {"_NETSPACE_COMPLETE": "complete_bash"} | words,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [name for name in CATALOG if name.startswith("RegNetX")], done.stderr


def invoke(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["netspace", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def netspace(monkeypatch, capsys, tmp_path):
    """Runs `netspace ARGUMENTS` in a folder with a study, its started store, and a table of results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (tmp_path / "table.csv").write_text("space,error\n" + "".join(f"A,{40 + i}\nB,{30 + i}\n" for i in range(4)))
    return lambda *arguments: invoke(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sample RegNetX -n 1 --device cuda", "--device has no effect without --latency"),
        ("sample RegNetX -n 1 --threads 2 --batch-size 4", "--batch-size, --threads have no effect without --latency"),
        ("models -o report", "--output has no effect without --with-baselines"),
        ("compare study.yaml --space-column design", "--space-column has no effect on study.yaml, which is not a"),
        ("compare study.yaml --chance 90 --error-column e", "--error-column, --chance have no effect"),
        ("compare table.csv --store x.db", "--store has no effect with a table"),
        ("status study.yaml --interval 3", "--interval has no effect without --watch"),
        ("report study.yaml --format png --open", "--open has no effect without the format html"),
        ("claims study.yaml -o x.yaml", "--output has no effect without --template"),
        ("claims study.yaml --budget 3", "--budget has no effect without --template"),
        ("claims --template --store x.db", "--store has no effect with --template"),
        ("run study.yaml --address HOST:1", "--address has no effect with the executor 'local'"),
        ("run study.yaml --executor slurm --address HOST:1", "--address has no effect with the executor 'slurm'"),
        ("run study.yaml --executor ray --address A:1 -O address=B:1", "address=... are the same setting"),
        ("run study.yaml -O time=60 -O time=30", "--option gives 'time' twice"),
        ("run study.yaml -O time=60", "the executor 'local' has no options, got 'time'"),
        ("import table.csv --study x --format nds --map error=top1", "--map has no effect with --format nds"),
        ("import table.csv --study x --map error=a --map error=b", "--map gives 'error' twice"),
        ("bench RegNetX-200MF --device cuda --threads 2", "--threads has no effect on cuda"),
    ],
)
def test_an_option_without_effect_is_refused(netspace, arguments, message):
    code, out, err = netspace(*shlex.split(arguments))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


@pytest.mark.parametrize("command", ["complexity {}", "evaluate {}", "import {}.csv --study x", "sample {}.yaml -n 1"])
def test_a_name_that_no_file_can_have_is_refused_in_one_line(netspace, command):
    code, out, err = netspace(*shlex.split(command.format(300 * "a")))
    assert (code, out, err.count("\n")) == (2, "", 1), err


@pytest.mark.parametrize(
    "arguments",
    [
        "sample RegNetX -n 1 --seed 1 --seed 2",
        "sample RegNetX -n 1 -n 2",
        "report study.yaml -o a --output b",
        "complexity RegNetX-200MF --resolution 32 --resolution 64",
    ],
)
def test_an_option_given_twice_is_refused(netspace, arguments):
    code, out, err = netspace(*shlex.split(arguments))
    assert (code, out) == (2, "")
    assert "given twice" in err


def test_sample_writes_a_file_and_prints_json_if_both_are_asked_for(netspace, tmp_path):
    code, out, err = netspace("sample", "RegNetX", "-n", 2, "--json", "-o", "models.csv")
    assert code == 0, err
    assert len(json.loads(out)) == 2
    assert (tmp_path / "models.csv").exists()


def test_spaces_lists_the_catalogue(netspace):
    rows = json.loads(netspace("spaces", "--json")[1])
    assert [row["name"] for row in rows] == list(CATALOG)
    assert {row["name"]: row["dimensions"] for row in rows}["AnyNetXE"] == 10
    assert all(name in netspace("spaces")[1] for name in CATALOG)


def test_recipes_lists_the_recipes_with_their_settings(netspace):
    rows = json.loads(netspace("recipes", "--json")[1])
    assert set(rows) == set(RECIPES)
    assert rows["paper-design"]["epochs"] == 10
    assert all(name in netspace("recipes")[1] for name in RECIPES)


def test_import_prints_json(netspace):
    imported = json.loads(netspace("import", "table.csv", "--study", "theirs", "--json")[1])
    assert {space: counts["done"] for space, counts in imported["counts"].items()} == {"A": 4, "B": 4}
    assert imported["study"] == "theirs"


def test_a_study_with_an_invalid_space_leaves_no_store_behind(netspace, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "spaces": ["AnyNetXQ"]}))
    code, _, err = netspace("run", "study.yaml", "--device", "cpu")
    assert (code, err.count("\n")) == (2, 1)
    assert not list(tmp_path.glob("*.db*"))
