"""A study during which workers, drivers, nodes and database connections are killed comes to the undisturbed end.

What is killed, and when, follows from a seed and from how many runs are done. The sizes are CI's; by hand:

    NETSPACE_CHAOS_RUNS=60 NETSPACE_CHAOS_KILLS=10 uv run pytest -n0 -s -m slow tests/study/test_chaos.py
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from netspace.store import Store
from netspace.study import Study, run_study
from netspace.study.executors import EXECUTORS, make_executor

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("NETSPACE_CHAOS_RUNS", "8"))
KILLS = int(os.environ.get("NETSPACE_CHAOS_KILLS", "4"))
HANGING = 300 + 30 * KILLS + 5 * RUNS
"""Seconds after which a test is given up; how long it takes is asserted nowhere."""
DATA = {"source": "mnist-5k", "train": 512, "validation": 100}
RECIPE = {"base": "quick", "epochs": 3, "augment": {"flip": False}}
ATTEMPTS = 100  # of a run: chaos may meet the same one again and again


class Chaos:
    """A driver of a study, and what can be killed around it."""

    def __init__(self, study: Path, kind: str, url: str, options: dict, *, server: Path, worker_pids, cluster) -> None:
        self.kind = kind
        self.url = url
        self.kills: Counter[str] = Counter()
        self._study = study
        self._log = study.with_name("driver.log")
        self._options = [f"--option={name}={value}" for name, value in options.items()]
        self._server = server
        self._worker_pids = lambda: worker_pids(kind)
        self._cluster = cluster
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "netspace.cli", "run", self._study, "--executor", self.kind, *self._options]
        command += ["--workers", "2", "--device", "cpu", "--store", self.url]
        with self._log.open("ab") as log:
            self.driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def done(self) -> int:
        with Store.open(self.url) as store:
            record = store.find_study("small")
            return 0 if record is None else sum(counts["done"] for counts in store.counts(record.id).values())

    def kill(self, what: str, rng: random.Random) -> None:
        self.kills[what] += 1
        getattr(self, f"kill_{what}")(rng)

    def kill_worker(self, rng: random.Random) -> None:
        deadline = time.monotonic() + HANGING
        while not (pids := sorted(self._worker_pids())):
            assert time.monotonic() < deadline, "there is no worker to kill"
            self.settle()
            time.sleep(0.1)
        os.kill(rng.choice(pids), signal.SIGKILL)

    def kill_driver(self, _rng: random.Random) -> None:
        orphans = set(self._worker_pids())
        self.driver.kill()
        self.driver.wait()
        deadline = time.monotonic() + HANGING
        while orphans & set(self._worker_pids()):
            assert time.monotonic() < deadline, f"{orphans} go on without their driver"
            time.sleep(0.1)
        self.start()

    def kill_connections(self, _rng: random.Random) -> None:
        import psycopg

        with psycopg.connect(host=str(self._server), user="postgres", autocommit=True) as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(f"{ended} AND backend_type = 'client backend'")

    def kill_node(self, _rng: random.Random) -> None:
        """End a Ray node (the one that is not the head) and put another in its place."""
        self._cluster.remove_node(sorted(self._cluster.worker_nodes, key=id)[0], allow_graceful=False)
        self._cluster.add_node(num_cpus=1)

    def kill_allocation(self, _rng: random.Random) -> None:
        """Have a job of a higher partition preempt every SLURM job."""
        subprocess.run(["srun", "--partition=urgent", "--ntasks=2", "sleep", "1"], check=True, timeout=HANGING)

    def settle(self) -> None:
        """Start the driver again where it fell with the Ray node that it was connected to."""
        if self.driver.poll() not in (None, 0):
            assert self.kind == "ray", self._log.read_text()
            assert self.kills["node"], self._log.read_text()
            self.kills["driver"] += 1
            self.start()


@pytest.fixture(scope="module")
def undisturbed() -> dict[tuple[str, int], float]:
    """Filled by the first test: the errors of the study, trained in peace."""
    return {}


@pytest.mark.parametrize("kind", sorted(EXECUTORS))
def test_whatever_is_killed_every_run_is_there_once_with_its_undisturbed_error(
    kind, study_file, cluster_options, worker_pids, postgresql_server, postgresql_url, undisturbed, request
):
    study = study_file(n=RUNS // 2, attempts=ATTEMPTS, data=DATA, recipe=RECIPE)
    if not undisturbed:
        undisturbed |= trained_in_peace(study)
    options = cluster_options(kind)
    cluster = request.getfixturevalue("ray_cluster") if kind == "ray" else None
    around = {"server": postgresql_server, "worker_pids": worker_pids, "cluster": cluster}
    chaos = Chaos(study, kind, postgresql_url, options, **around)
    rng = random.Random(20261123)
    targets = ["worker", "driver", "connections", {"ray": "node", "slurm": "allocation"}.get(kind, "worker")]
    plan = [targets[i % len(targets)] for i in range(KILLS)]
    rng.shuffle(plan)
    deadline = time.monotonic() + HANGING
    try:
        while chaos.driver.poll() != 0:
            assert time.monotonic() < deadline, (chaos.kills, chaos.done())
            chaos.settle()
            if plan and chaos.done() >= RUNS * (KILLS - len(plan)) / (KILLS + 1):
                chaos.kill(plan.pop(), rng)
            time.sleep(0.1)
    finally:
        chaos.driver.kill()
        chaos.driver.wait()
    print(f"\n{kind}: {RUNS} runs, killed {dict(chaos.kills)}, took {time.monotonic() - deadline + HANGING:.0f} s")
    assert plan == []
    with Store.open(postgresql_url) as store:
        record = store.find_study("small")
        runs = store.runs(record.id)
        assert len(store.curves(record.id)) == RUNS * RECIPE["epochs"]
    assert Counter(run.status for run in runs) == {"done": RUNS}
    assert {(run.space, run.index): run.error for run in runs} == undisturbed
    assert chaos.kills.total() >= KILLS


def trained_in_peace(path: Path) -> dict[tuple[str, int], float]:
    study = Study.from_yaml(path)
    with Store.open(path.with_name("undisturbed.db")) as store:
        record = study.open(store)
        run_study(record, store, make_executor("local", study.context, workers=2, device="cpu"))
        return {(run.space, run.index): run.error for run in store.runs(record.id)}
