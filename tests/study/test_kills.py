"""The script that kills workers, drivers and what is beneath them, for a few kills; by hand it takes any number."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import servers

from netspace.study.executors import EXECUTORS

KILLS = {
    "local": (3, "sqlite"),
    "ray": (4, "postgresql"),
    "slurm": (4, "postgresql"),
}
"""By executor, and the store beside it. With seed 11 they are of all kinds: a worker, a driver, a group of processes;
connections to the store, a node or all jobs."""


@pytest.mark.slow
@pytest.mark.parametrize("executor", sorted(EXECUTORS))
def test_a_few_kills_lose_double_and_leave_nothing(executor):
    kills, store = KILLS[executor]
    if executor != "local":
        pytest.importorskip({"ray": "ray", "slurm": "submitit"}[executor], reason=f"no extra {executor!r}")
    if executor == "slurm" and (shutil.which("slurmctld") is None or os.geteuid() != 0):
        pytest.skip("no SLURM that this user can start (Debian: slurm-wlm, munge)")
    if store == "postgresql" and servers.postgresql_binaries() is None:
        pytest.skip("no PostgreSQL on this machine (Debian: postgresql)")
    command = [sys.executable, Path(__file__).with_name("kills.py"), "--kills", str(kills), "--seed", "11"]
    command += ["--executor", executor, "--store", store, "--runs", "4", "--studies", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{kills} kills, {executor}, {store}, seed 11: ")
    assert "'lost': 0, 'doubled': 0, 'unequal': 0" in last
