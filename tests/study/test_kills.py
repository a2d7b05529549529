"""The script that kills workers, drivers and groups, for a few kills; by hand it takes as many as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_few_kills_lose_double_and_leave_nothing():
    script = Path(__file__).with_name("kills.py")
    command = [sys.executable, script, "--kills", "3", "--runs", "2", "--studies", "1", "--seed", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 kills, local, sqlite, seed 0: {'runs': ")
    assert "'lost': 0, 'doubled': 0, 'unequal': 0" in done.stdout.splitlines()[-1]
