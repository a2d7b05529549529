"""Runs the command line inside the test process, as a user's shell would: arguments in, exit code and output back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import small_study
import yaml

from netspace import cli

SMALL = {**small_study.SMALL, "n": 2}


@pytest.fixture
def write_study(tmp_path) -> Callable[..., Path]:
    """Return a function that writes the small study, changed as asked, into a folder of its own."""

    def write(**changes: object) -> Path:
        path = tmp_path / "study" / "study.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({**SMALL, **changes}))
        return path

    return write


@pytest.fixture
def study(write_study) -> Path:
    return write_study()


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def netspace(monkeypatch, capsys):
    """Return a function that runs `netspace ARGUMENTS`."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["netspace", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
