"""The gate: format, lint and types, so that `uv run pytest` is the one command that CI and developers run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a module of this environment from the root; pyright asks the `python` on the path where packages are."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]],
    ids=["format", "lint", "types"],
)
def test_the_tree_passes(arguments):
    done = run(*arguments)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"


def test_editors_know_the_types_of_what_the_package_offers():
    done = run("pyright", "--verifytypes", "netspace", "--ignoreexternal", "--outputjson")
    report = json.loads(done.stdout)["typeCompleteness"]
    unclear = [symbol["name"] for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    assert report["completenessScore"] >= 0.98, unclear
    assert len(report["symbols"]) > 1000, "pyright looked at another package"


CONFIGURATIONS = """
import netspace as ns

ns.Recipe(epochs=3)
ns.Recipe(epochz=3)
ns.DataSpec(train=100)
ns.DataSpec(trian=100)
ns.Stem(width=16)
ns.Stem(widht=16)
ns.RegNetConfig(depth=12, w_0=24, w_a=24.0, w_m=2.5, group_width=8)
ns.RegNetConfig(depht=12, w_0=24, w_a=24.0, w_m=2.5, group_width=8)
"""


@pytest.mark.parametrize("checker", ["pyright", "mypy"])
def test_a_misspelled_setting_is_an_error_in_type_checkers(checker, tmp_path):
    path = tmp_path / "configurations.py"
    path.write_text(CONFIGURATIONS)
    done = run(checker, path)
    wrong = [number for number, line in enumerate(CONFIGURATIONS.splitlines(), start=1) if number > 3 and number % 2]
    errors = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error" in line or "- error" in line}
    assert errors == set(wrong), done.stdout + done.stderr
