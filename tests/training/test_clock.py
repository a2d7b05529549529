"""A clock that stands while its process does."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

TIMED = """
import sys, time
from netspace.training import clock
clock.TICK_SECONDS, clock.LONGEST_TICK = 0.05, 1.0
with clock.Clock() as found:
    print("begun", flush=True)
    sys.stdin.readline()
    print(f'{{"seconds": {found.seconds}, "paused": {found.paused}}}', flush=True)
"""


def test_the_time_in_which_a_process_is_stopped_does_not_count():
    command = [sys.executable, "-c", TIMED]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as timed:
        assert timed.stdout is not None
        assert timed.stdin is not None
        timed.stdout.readline()
        os.kill(timed.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(timed.pid, signal.SIGCONT)
        print(file=timed.stdin, flush=True)
        found = json.loads(timed.stdout.readline())
    whole = time.monotonic() - began
    assert 2 <= found["seconds"] + found["paused"] <= whole
    assert found["paused"] > 1.8
    assert found["seconds"] < whole - 1.8


class FakeTime:
    """Three clocks that a test sets: steady, wall and of the processor."""

    def __init__(self, monkeypatch):
        from netspace.training import clock

        self.now = (100.0, 1e9, 5.0)
        monkeypatch.setattr(clock, "time", self)
        monkeypatch.setattr(clock.threading.Thread, "start", lambda _: None)
        self.clock = clock.Clock()

    def perf_counter(self):
        return self.now[0]

    def time(self):
        return self.now[1]

    def process_time(self):
        return self.now[2]

    def go(self, steady, wall, worked):
        self.now = (self.now[0] + steady, self.now[1] + wall, self.now[2] + worked)
        return self.clock.seconds, self.clock.paused


@pytest.mark.parametrize(
    ("gap", "counted"),
    [
        ((8.0, 8.0, 0.1), (8.0, 0.0)),  # a busy machine, or a process that waits for a GPU
        ((3600.0, 3600.0, 0.2), (0.2, 3599.8)),  # SIGSTOP
        ((2.0, 3600.0, 1.5), (1.5, 3598.5)),  # the steady clock stood while the machine slept
        ((30.0, 30.0, 30.0), (30.0, 0.0)),  # no thread but one ran, and that one worked
        ((30.0, 30.0, 200.0), (30.0, 0.0)),  # the same on many cores
        ((5.0, -7200.0, 1.0), (5.0, 0.0)),  # the wall clock was set
    ],
)
def test_a_gap_between_two_looks_counts_by_what_was_done_in_it(monkeypatch, gap, counted):
    assert FakeTime(monkeypatch).go(*gap) == pytest.approx(counted)
