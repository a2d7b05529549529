"""`netspace run` in a terminal: Ctrl-C goes to the driver and to every worker, as a shell's user sends it."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from netspace.errors import StoreError
from netspace.store import RunRecord, Store

pytestmark = pytest.mark.slow
pytest.importorskip("termios", reason="no terminals of this kind on this system")

RUNS = 8
SMALL = {
    "name": "small",
    "spaces": ["AnyNetXA", "RegNetX"],
    "n": RUNS // 2,
    "attempts": 1,
    "flops": "20K:150K",
    "resolution": 20,
    "data": {"source": "mnist-5k", "train": 512, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 3, "augment": {"flip": False}},
}

OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A command in a terminal of its own, and what it has shown."""

    def __init__(self, *command: str) -> None:
        self._master, theirs = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        )
        os.close(theirs)
        self._shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while part := os.read(self._master, 65536):
                self._shown += part
        except OSError:
            pass  # Linux: nobody has the terminal open any more

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def press_control_c(self) -> None:
        os.write(self._master, b"\x03")

    def wait(self, seconds: float = 300) -> int:
        """Return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        os.close(self._master)


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


@pytest.fixture
def start(study):
    """Return a function that starts the study in a terminal."""
    opened: list[Terminal] = []

    def run() -> Terminal:
        command = ("-m", "netspace.cli", "run", str(study), "--workers", "2", "--device", "cpu")
        opened.append(Terminal(sys.executable, *command))
        return opened[-1]

    yield run
    for terminal in opened:
        terminal.close()


def runs(study: Path) -> list[RunRecord]:
    try:
        with Store.open(study.with_name("small.db"), create=False) as store:
            return store.runs(1)
    except StoreError:
        return []  # not made yet


def workers_of(pid: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in done.stdout.splitlines() if "netspace.study" in line]


def wait_until(condition: Callable[[], bool], terminal: Terminal, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert terminal.process.poll() is None, terminal.shown[-1000:]
        assert time.monotonic() < deadline, terminal.shown[-1000:]
        time.sleep(0.1)


def check_interrupted(terminal: Terminal, study: Path, workers: list[int]) -> None:
    assert terminal.wait() == 130, terminal.shown[-1000:]
    assert f"Interrupted; finished runs are recorded. Resume with: netspace run {study}" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert terminal.shown.rindex("Interrupted;") > terminal.shown.rindex(f"/{RUNS} runs"), "the bar is above it"
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l"), "the cursor is shown again"
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    left = runs(study)
    assert {run.status for run in left} <= {"done", "planned"}
    assert {run.attempts for run in left if run.status == "planned"} == {0}


def test_control_c_ends_a_study_cleanly_and_the_same_command_completes_it(start, study):
    terminal = start()
    wait_until(lambda: "done" in {run.status for run in runs(study)}, terminal)
    workers = workers_of(terminal.process.pid)
    assert len(workers) == 2
    terminal.press_control_c()
    check_interrupted(terminal, study, workers)
    finished = [run for run in runs(study) if run.status == "done"]
    assert 1 <= len(finished) < RUNS

    again = start()
    assert again.wait() == 0, again.shown[-1000:]
    assert f"{RUNS} of {RUNS} runs done, 0 diverged, failed or lost." in again.shown
    after = runs(study)
    assert Counter(run.status for run in after) == {"done": RUNS}
    assert [run for run in after if run.id in {run.id for run in finished}] == finished


def test_control_c_while_the_workers_start_costs_no_run_its_only_attempt(start, study):
    """They have not said yet that they leave Ctrl-C to the driver, and end by it."""
    terminal = start()
    wait_until(lambda: len(workers_of(terminal.process.pid)) == 2, terminal)
    workers = workers_of(terminal.process.pid)
    terminal.press_control_c()
    check_interrupted(terminal, study, workers)
    assert {run.status for run in runs(study)} == {"planned"}
