"""Runs the command line inside the test process, as a user's shell would: arguments in, exit code and output back."""

from dataclasses import dataclass

import pytest

from netspace import cli


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
