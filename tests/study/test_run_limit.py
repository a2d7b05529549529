"""Runs that never end, and workers that show no sign of life: noticed, named, and given up at a limit."""

import math
import os
import re
import signal
import threading
import time
from functools import partial

import pytest
from synthetic_studies import plan_runs

from netspace.commands.progress import describe
from netspace.results.standing import SILENT_SECONDS, standing
from netspace.store import Outcome, Store
from netspace.study import Study, run_study, runner, watch
from netspace.study.executors import Executor, make_executor
from netspace.study.jobs import Event, Finished, Job, Sign
from netspace.study.watch import LEAST_LIMIT, Watch, is_silent, usual_limit


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "runs.db") as store:
        yield store


plan = partial(plan_runs, flops=1000)


class Hanging(Executor):
    """Trains one job after the other; of those that hang, a worker is at work for ever, or silent."""

    def __init__(self, hang: set[int], *, silent: bool = False) -> None:
        self._hang, self._silent = hang, silent
        self._job: Job | None = None
        self._number = 0
        self.cancelled: list[int] = []
        self.submitted: list[int] = []

    @property
    def capacity(self) -> int:
        return 1

    def submit(self, job: Job) -> None:
        self._job = job
        self.submitted.append(job.run_id)

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002 (it does not wait)
        time.sleep(0.01)
        if self._job is None or self._job.seed in self._hang:
            return []
        job, self._job = self._job, None
        return [Finished(run_id=job.run_id, outcome=Outcome(status="done", error=1.0, seconds=2.0))]

    def signs(self) -> dict[int, Sign]:
        self._number += not self._silent
        return {} if self._job is None else {self._job.run_id: Sign(worker="w", number=self._number)}

    def cancel(self, run_id: int) -> None:
        assert self._job is not None
        assert self._job.run_id == run_id
        self._job = None
        self.cancelled.append(run_id)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(runner, "_WATCH_SECONDS", 0.01)


def test_a_run_beyond_its_limit_fails_with_the_reason(store):
    record, executor = plan(store, 3), Hanging({1})
    end = run_study(record, store, executor, attempts=2, run_limit=0.2)
    (failed,) = end.failures
    assert (failed.space, failed.index, failed.status, failed.attempts) == ("B", 0, "failed", 2)
    assert re.fullmatch(r"given up after \d+ s; a run may take 0 s \(run_limit\)", failed.reason)
    assert executor.cancelled == [failed.id] * 2
    assert end.number("done") == 2


def test_a_run_whose_worker_is_silent_is_lost_and_not_failed(store, monkeypatch):
    monkeypatch.setattr(watch, "BEAT_SECONDS", 0.02)
    record, executor = plan(store, 1), Hanging({0}, silent=True)
    end = run_study(record, store, executor, attempts=1, run_limit=0.2)
    (lost,) = end.failures
    assert (lost.status, lost.losses, len(executor.submitted)) == ("lost", *[runner.MAX_LOSSES + 1] * 2)
    assert re.match(r"no sign of life of its worker for \d+ s, given up after \d+ s; a run may take 0 s", lost.reason)


def test_without_a_limit_that_of_usual_runs_holds(store, monkeypatch):
    """Others take 2 s: a run that takes more than 20 times as long, and more than the least limit, is given up."""
    monkeypatch.setattr(runner, "LEAST_LIMIT", 0.05)
    monkeypatch.setattr(watch, "LEAST_LIMIT", 0.05)
    monkeypatch.setattr(watch, "GENEROUS", 0.1)
    record, executor = plan(store, 7), Hanging({0, 6})
    threading.Timer(1.0, executor._hang.discard, [0]).start()
    end = run_study(record, store, executor, attempts=1)
    # the first had nothing to be compared with, and was waited for
    assert [(run.space, run.index, run.status) for run in end.failures] == [("A", 3, "failed")]


def test_a_usual_limit_follows_the_median_and_the_flops():
    trained = [(1000, 60.0)] * 4 + [(1000, 1e6)]
    assert usual_limit(1000, trained[:4]) == math.inf
    assert usual_limit(1000, trained) == 1200
    assert usual_limit(10_000, trained) == 12_000
    assert usual_limit(10, trained) == 1200
    assert usual_limit(1, [(1, 1.0)] * 5) == LEAST_LIMIT


def test_a_drivers_own_pause_counts_for_nothing(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watched = Watch()
    for second in range(6):
        now = float(second)
        watched.look({1: Sign(worker="w", number=0), 2: Sign(worker="w", number=second)})
    assert (watched.trained(), watched.silent()) == ({1: 5.0, 2: 5.0}, {1: 5.0, 2: 0.0})
    now += 36_000  # Ctrl-Z, or a server that was away
    watched.look({1: Sign(worker="another", number=0), 2: Sign(worker="w", number=5)})
    assert (watched.trained(), watched.silent()) == ({1: 0.0, 2: 15.0}, {1: 0.0, 2: 10.0})
    watched.look({})
    assert watched.trained() == {}


def test_who_is_to_blame_for_a_run_that_is_given_up():
    assert is_silent(400, 600)
    assert not is_silent(200, 600)
    assert not is_silent(5, 6)  # a worker is heard every five seconds
    assert is_silent(400, 36_000)


def test_a_driver_that_lost_a_run_ends_its_job(store, monkeypatch):
    """Another driver took it for abandoned and trained it: what comes of it here would not be taken."""
    monkeypatch.setattr(runner, "LEASE_SECONDS", 0.2)
    record, executor = plan(store, 1), Hanging({0})

    def take_over() -> None:
        with Store.open(store.url) as other:
            with other._database.write() as connection:
                connection.exec_driver_sql("UPDATE runs SET status = 'running', worker = 'x', lease_until = 1e12")
            assert other.record(1, "x", Outcome(status="done", error=7.0, seconds=1.0))

    timer = threading.Timer(0.3, take_over)
    timer.start()
    run_study(record, store, executor)
    timer.join()
    assert executor.cancelled == [1]
    assert [(run.error, run.attempts) for run in store.runs(record.id)] == [(7.0, 1)]


def test_a_silent_worker_is_named_to_all_who_look(store):
    record = plan(store, 4)
    first, second = (store.lease_next(record.id, "me") for _ in range(2))
    store.heartbeat([first.id, second.id], "me", silent={first.id: SILENT_SECONDS + 180, second.id: 3.0})
    now = standing(record, store)
    (silent,) = now.silent
    assert (silent.space, silent.index) == ("A", 0)
    assert SILENT_SECONDS + 180 <= silent.seconds < SILENT_SECONDS + 220
    assert describe(now) == "0/4 runs · no sign of A 0 for 5 min"
    # once it is heard of again, nothing is said; nor of a run that is in no one's hand
    store.heartbeat([first.id], "me", silent={first.id: 0.0})
    assert standing(record, store).silent == ()
    store.heartbeat([first.id], "me", silent={first.id: 999.0})
    store.release(first.id, "me")
    assert standing(record, store).silent == ()


def test_time_left_is_that_of_workers_at_work(store):
    record = plan(store, 6)
    for _ in range(2):
        run = store.lease_next(record.id, "me")
        store.record(run.id, "me", Outcome(status="done", error=1.0, seconds=1.0))
    for _ in range(2):
        store.lease_next(record.id, "me")
    both = standing(record, store).rate
    store.heartbeat([3], "me", silent={3: 999.0})
    assert standing(record, store).rate == pytest.approx(both / 2, rel=1e-6)
    store.heartbeat([4], "me", silent={4: 999.0})
    assert standing(record, store).seconds_left is None


def test_a_limit_decides_no_result_and_may_change(study_file, store):
    study = Study.from_yaml(study_file(run_limit=30))
    assert study.record() == Study.from_yaml(study_file()).record()
    with pytest.raises(Exception, match=r"run_limit > 0|run_limit must be|above 0"):
        study.run(store, run_limit=-1.0)


@pytest.mark.slow
def test_a_stopped_worker_is_ended_at_the_limit_and_its_run_trained_by_another(
    study_file, store, worker_pids, monkeypatch
):
    monkeypatch.setattr(watch, "BEAT_SECONDS", 1.0)
    monkeypatch.setattr(runner, "_WATCH_SECONDS", 0.5)
    study = Study.from_yaml(study_file(n=1, spaces=["RegNetX"]))
    record = study.open(store)
    stopped: list[int] = []

    def stop_the_first() -> None:
        while not (pids := worker_pids("local")):
            time.sleep(0.02)
        os.kill(pids[0], signal.SIGSTOP)
        stopped.extend(pids[:1])

    thread = threading.Thread(target=stop_the_first)
    thread.start()
    executor = make_executor("local", study.context, workers=1, device="cpu")
    end = run_study(record, store, executor, attempts=1, run_limit=20.0)
    thread.join()
    (run,) = store.runs(record.id)
    assert (run.status, run.attempts, run.losses) == ("done", 1, 1)
    assert end.number("done") == 1
    assert stopped
    assert not set(stopped) & set(worker_pids("local"))
