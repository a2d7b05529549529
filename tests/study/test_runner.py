"""The runner with an executor that trains nothing: each run is recorded once, whatever happens around it."""

import logging
import os
import signal
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from threading import Timer

import pytest
from synthetic_studies import plan_runs as plan

from netspace.errors import StoreError, StoreUnreachableError, StudyError
from netspace.store import Outcome, Store
from netspace.study import run_study, runner
from netspace.study.executors import Executor
from netspace.study.jobs import Checkpoints, Event, Failed, Finished, Job, Lost, Sign, Unfit


def finished(job: Job) -> Event:
    return Finished(run_id=job.run_id, outcome=Outcome(status="done", error=float(job.seed % 100), seconds=0.1))


class Scripted(Executor):
    """Answers each job by `answer(job, how often this job was submitted)`; None leaves it in hand for ever."""

    def __init__(self, answer, capacity: int = 3) -> None:
        self._answer = answer
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self.submitted: list[int] = []
        self.closed = False

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, job: Job) -> None:
        self.submitted.append(job.run_id)
        event = self._answer(job, self.submitted.count(job.run_id))
        if event is not None:
            self._events.append(event)

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002 (what is scripted does not wait)
        return [self._events.popleft()] if self._events else []

    def signs(self) -> dict[int, Sign]:
        return {}

    def cancel(self, run_id: int) -> None:
        raise AssertionError(f"run {run_id} is given up")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "runs.db") as store:
        yield store


def test_every_run_is_trained_once_in_launch_order_and_recorded(store):
    record, executor = plan(store), Scripted(lambda job, _: finished(job))
    end = run_study(record, store, executor)
    assert executor.submitted == sorted(executor.submitted)
    assert len(executor.submitted) == end.number("done") == end.total == 10
    assert executor.closed
    assert [run.error for run in store.runs(record.id)] == [float(i) for i in range(10)]
    assert (end.best.space, end.best.index, end.best.error) == ("A", 0, 0.0)


def test_a_study_at_its_end_trains_nothing(store):
    record = plan(store)
    run_study(record, store, Scripted(lambda job, _: finished(job)))
    executor = Scripted(lambda job, _: finished(job))
    assert run_study(record, store, executor).number("done") == 10
    assert executor.submitted == []


@pytest.mark.parametrize(("kind", "status"), [(Failed, "failed"), (Lost, "lost")])
def test_a_run_that_fails_is_tried_again_and_given_up_with_its_evidence(store, kind, status, monkeypatch):
    monkeypatch.setattr(runner, "MAX_LOSSES", 0)

    def answer(job: Job, times: int) -> Event:
        if job.seed == 4 or (job.seed == 7 and times < 3):
            return kind(run_id=job.run_id, message=f"broke at attempt {times}\nevidence")
        return finished(job)

    record = plan(store)
    end = run_study(record, store, Scripted(answer), attempts=3)
    runs = {run.seed: run for run in store.runs(record.id)}
    assert (runs[4].status, runs[4].attempts, runs[4].message) == (status, 3, "broke at attempt 3\nevidence")
    assert (runs[7].status, runs[7].attempts) == ("done", 3)
    assert end.number("done") == 9
    assert end.ended == end.total


def test_workers_that_can_train_nothing_end_the_driver_with_the_reason_and_cost_no_run_anything(store):
    def answer(job: Job, _: int) -> Event:
        return Unfit(run_id=job.run_id, message="images: no such file or folder") if job.seed >= 4 else finished(job)

    record, executor = plan(store), Scripted(answer)
    before = store.runs(record.id)
    with pytest.raises(StudyError, match=r"^no worker can train: images: no such file or folder$"):
        run_study(record, store, executor, attempts=1)
    assert executor.closed
    assert len(executor.submitted) <= 4 + 3 + executor.capacity
    assert [run.status for run in store.runs(record.id)[:4]] == ["done"] * 4
    assert store.runs(record.id)[4:] == before[4:]


def test_a_worker_now_and_then_that_can_train_nothing_costs_its_runs_no_attempt(store):
    def answer(job: Job, times: int) -> Event:
        return Unfit(run_id=job.run_id, message="no device") if times <= 2 else finished(job)

    record = plan(store)
    assert run_study(record, store, Scripted(answer, capacity=1), attempts=1).number("done") == 10
    assert [run.attempts for run in store.runs(record.id)] == [1] * 10


def test_a_diverged_run_is_an_end_and_not_a_failure_to_try_again(store):
    def answer(job: Job, _: int) -> Event:
        return Finished(run_id=job.run_id, outcome=Outcome(status="diverged", seconds=0.1))

    record, executor = plan(store, 4), Scripted(answer)
    assert run_study(record, store, executor).number("diverged") == 4
    assert len(executor.submitted) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_records_what_is_finished_and_frees_what_is_not(store, number):
    def answer(job: Job, _: int) -> Event | None:
        if job.seed == 5:
            os.kill(os.getpid(), number)
        return finished(job) if job.seed < 5 else None

    record, executor = plan(store), Scripted(answer)
    with pytest.raises(KeyboardInterrupt):
        run_study(record, store, executor)
    runs = store.runs(record.id)
    assert executor.closed
    assert [run.status for run in runs].count("running") == 0
    assert all(run.attempts == 0 for run in runs if run.status == "planned")
    end = run_study(record, store, Scripted(lambda job, _: finished(job)))
    assert end.number("done") == 10
    assert [run.attempts for run in store.runs(record.id)] == [1] * 10


def test_two_drivers_share_a_study_and_train_no_run_twice(store, tmp_path):
    record = plan(store, 12)
    second = Scripted(lambda job, _: finished(job), capacity=1)

    def answer(job: Job, _: int) -> Event:
        if job.seed == 0:
            with Store.open(tmp_path / "runs.db") as other:
                claimed = other.lease_next(record.id, "another driver")
                assert claimed is not None
                second.submit(Job(run_id=claimed.id, config={}, seed=claimed.seed))
                assert other.record(claimed.id, "another driver", Outcome(status="done", error=1.0, seconds=0.1))
        return finished(job)

    first = Scripted(answer)
    run_study(record, store, first)
    assert not set(first.submitted) & set(second.submitted)
    assert len(first.submitted) + len(second.submitted) == 12


def test_a_result_of_a_run_that_was_taken_away_is_not_recorded(store):
    record = plan(store, 1)

    def answer(job: Job, _: int) -> Event:
        run = store.run(job.run_id)
        store.fail(run.id, run.worker or "", "taken away", max_attempts=1)
        return finished(job)

    run_study(record, store, Scripted(answer))
    assert store.runs(record.id)[0].status == "failed"


class Slow(Executor):
    """Trains what it is given until `end` says so, and breaks where it is given a job that it has."""

    def __init__(self, capacity: int, end: Callable[[dict[int, Job], int], list[int]]) -> None:
        self._capacity = capacity
        self._end = end
        self._jobs: dict[int, Job] = {}
        self._waits = 0
        self.submitted: list[int] = []

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, job: Job) -> None:
        assert job.run_id not in self._jobs, f"run {job.run_id} is being trained"
        assert len(self._jobs) < self._capacity
        self._jobs[job.run_id] = job
        self.submitted.append(job.run_id)

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002 (it does not wait)
        self._waits += 1
        return [finished(self._jobs.pop(run_id)) for run_id in self._end(self._jobs, self._waits)]

    def signs(self) -> dict[int, Sign]:
        return {}

    def cancel(self, run_id: int) -> None:
        raise AssertionError(f"run {run_id} is given up")

    def close(self) -> None:
        self._jobs.clear()


def take_over(store: Store, study_id: int) -> None:
    """Do what another driver does once it has heard of no other for long: after a suspend, or a server's absence."""
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET lease_until = 0 WHERE status = 'running'")
    store.reclaim(study_id)


def test_runs_whose_lease_ended_while_they_were_trained_are_neither_lost_nor_begun_twice(store):
    """Of two in hand that another driver put back, one ends at once; the other is met again among the planned."""

    def end(jobs: dict[int, Job], waits: int) -> list[int]:
        if waits == 1:
            take_over(store, record.id)
            assert not store.runs(record.id, status="running")
        return sorted(jobs)[:1]

    record, executor = plan(store, 4), Slow(2, end)
    assert run_study(record, store, executor).number("done") == 4
    runs = store.runs(record.id)
    assert executor.submitted == [run.id for run in runs]
    assert [(run.error, run.attempts) for run in runs] == [(float(i), 1) for i in range(4)]


def test_a_driver_with_full_hands_holds_again_what_was_taken_from_it(store, monkeypatch):
    def end(jobs: dict[int, Job], waits: int) -> list[int]:
        if waits == 1:
            take_over(store, record.id)
            return []
        (run,) = store.runs(record.id)
        if run.status == "planned" and waits < 1000:  # until the driver renews its leases, some time soon
            time.sleep(0.02)
            return []
        seen.append((run.status, run.attempts))
        return list(jobs)

    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(runner, "LEASE_SECONDS", 2.0)
    record = plan(store, 1)
    assert run_study(record, store, Slow(1, end)).number("done") == 1
    assert seen == [("running", 1)]


def test_a_run_that_another_driver_has_taken_over_is_left_to_it(store):
    """The other driver trains run 0 to its end while this one does; run 1 it has begun, and then gives it back."""

    def end(jobs: dict[int, Job], waits: int) -> list[int]:
        if waits == 1:
            take_over(store, record.id)
            assert all(store.lease(run_id, "another driver") for run_id in jobs)
            assert store.record(min(jobs), "another driver", Outcome(status="done", error=77.0, seconds=0.1))
            return sorted(jobs)
        store.release(ids[1], "another driver")
        return list(jobs)

    record = plan(store, 3)
    ids = [run.id for run in store.runs(record.id)]
    executor = Slow(2, end)
    assert run_study(record, store, executor).number("done") == 3
    assert [run.error for run in store.runs(record.id)] == [77.0, 1.0, 2.0]
    assert executor.submitted == [ids[0], ids[1], ids[2], ids[1]]


def test_an_observer_sees_every_end_and_what_happened_last(store):
    seen = []
    run_study(plan(store), store, Scripted(lambda job, _: finished(job)), observe=seen.append)
    assert [standing.ended for standing in seen] == list(range(11))
    assert seen[0].rate is seen[0].seconds_left is None
    assert seen[-1].complete
    assert seen[-1].last.startswith("B 4: 9.00 %")


def test_a_driver_waits_for_a_store_that_is_away_and_records_what_was_finished(
    postgresql_server, postgresql_url, monkeypatch
):
    def answer(job: Job, _: int) -> Event:
        if job.seed in (2, 7):
            with psycopg.connect(host=str(postgresql_server), user="postgres", autocommit=True) as connection:
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                connection.execute(f"{ended} AND backend_type = 'client backend'")
        return finished(job)

    psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.01)
    with Store.open(postgresql_url) as store:
        record = plan(store)
        away = AwayNowAndThen(store)
        assert run_study(record, away, Scripted(answer)).number("done") == 10
        assert away.times > 5
        assert [run.error for run in store.runs(record.id)] == [float(i) for i in range(10)]


class AwayNowAndThen:
    """A store whose every third call meets a server that has gone; half of those after it did what was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls = 0
        self.times = 0

    def __getattr__(self, name: str):
        method = getattr(self._store, name)
        if name not in ("lease_next", "record", "fail", "overview", "reclaim"):
            return method

        def call(*args, **kwargs):
            self._calls += 1
            if self._calls % 3:
                return method(*args, **kwargs)
            self.times += 1
            if name == "record" and self.times % 2:
                method(*args, **kwargs)
            raise StoreUnreachableError("the server closed the connection")

        return call


def test_the_log_says_what_became_of_each_run(store, caplog):
    caplog.set_level(logging.INFO, logger="netspace")
    record = plan(store)
    answers = {1: lambda job: Failed(run_id=job.run_id, message="boom"), 2: finished}
    run_study(record, store, Scripted(lambda job, times: answers[min(times, 2)](job)))
    runs = store.runs(record.id)
    lines = [line.message for line in caplog.records if line.name == "netspace.study.runner"]
    for run in runs:
        name = f"{run.space} {run.index}"
        assert [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")] == [
            "boom; retrying",
            f"{run.error:.2f} % in 0.1 s",
        ]
        assert [f"leased {name} (run {run.id}, attempt {k})" in lines for k in (1, 2)] == [True, True]


def test_the_log_warns_once_of_a_store_that_is_away(store, monkeypatch, caplog):
    record, lost = plan(store), iter(range(3))

    def away(*args, counts=store.counts, **kwargs):
        if next(lost, None) is not None:
            raise StoreUnreachableError("the server closed the connection")
        return counts(*args, **kwargs)

    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.001)
    assert runner._patiently(away, record.id) == store.counts(record.id)
    assert [line.message for line in caplog.records] == ["the server closed the connection; waiting up to 600 s for it"]


def test_a_store_that_stays_away_ends_the_driver_with_the_reason(store, monkeypatch):
    def away(*_args, **_kwargs):
        raise StoreUnreachableError("the server closed the connection")

    record, executor = plan(store), Scripted(lambda job, _: finished(job))
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(store, "record", away)
    with pytest.raises(StoreUnreachableError, match="closed the connection"):
        run_study(record, store, executor)
    assert executor.closed
    assert all(run.attempts == 0 for run in store.runs(record.id) if run.status == "planned")


def test_a_full_disk_ends_the_driver_with_one_line_and_the_same_command_goes_on_once_there_is_space(store):
    def limit_pages(more: int) -> None:
        with store._database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar() + more
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def answer(job: Job, _: int) -> Event:
        if job.seed == 4:
            limit_pages(0)
        big = {"evidence": "x" * 100_000}
        outcome = Outcome(status="done", error=float(job.seed), seconds=0.1, details=big)
        return Finished(run_id=job.run_id, outcome=outcome)

    record, executor = plan(store), Scripted(answer, capacity=1)
    with pytest.raises(StoreError, match="the disk is full, so nothing was recorded; free some space") as caught:
        run_study(record, store, executor)
    assert "\n" not in str(caught.value)
    assert executor.closed
    assert [run.status for run in store.runs(record.id)] == ["done"] * 4 + ["planned"] * 6
    limit_pages(10_000)
    assert run_study(record, store, Scripted(lambda job, _: finished(job))).number("done") == 10
    assert [run.attempts for run in store.runs(record.id)] == [1] * 10


def test_checkpoints_are_removed_as_runs_end_and_the_folder_with_the_study(store, tmp_path):
    """Run 1 fails for good, run 2 is lost once, all others are done at once; a stale worker writes after the end."""
    checkpoints = Checkpoints(folder=tmp_path / "checkpoints" / "study")
    kept: dict[int, list[bool]] = {}

    def answer(job: Job, times: int) -> Event:
        path = checkpoints.path(job)
        assert path is not None
        kept.setdefault(job.seed, []).append(path.exists())
        for name in (path.name, f".{path.name}.elsewhere.1"):
            path.with_name(name).write_text("half a training")
        if job.seed == 1:
            return Failed(run_id=job.run_id, message="broken")
        if job.seed == 2 and times == 1:
            return Lost(run_id=job.run_id, message="killed")
        return finished(job)

    def left(_run_id: int) -> None:
        names.append({path.name.strip(".").partition("-")[0] for path in checkpoints.folder.iterdir()})

    names: list[set[str]] = []
    record, executor = plan(store, 4), Scripted(answer, capacity=1)
    run_study(record, store, executor, attempts=2, checkpoints=checkpoints, recorded=left)
    assert kept == {0: [False], 1: [False, True], 2: [False, True], 3: [False]}
    ids = [str(run.id) for run in store.runs(record.id)]
    assert names == [set()] * 3, f"left behind at the ends of {ids}"
    assert not checkpoints.folder.parent.exists()


def test_an_interrupt_keeps_the_checkpoints_of_runs_in_hand(store, tmp_path):
    checkpoints = Checkpoints(folder=tmp_path / "checkpoints" / "study")

    def answer(job: Job, _: int) -> Event | None:
        path = checkpoints.path(job)
        assert path is not None
        path.write_text("half a training")
        if job.seed == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return finished(job) if job.seed == 0 else None

    with pytest.raises(KeyboardInterrupt):
        run_study(plan(store), store, Scripted(answer, capacity=2), checkpoints=checkpoints)
    assert sorted(path.name.partition("-")[0] for path in checkpoints.folder.iterdir()) == ["2", "3"]


def test_where_no_checkpoint_can_be_kept_runs_are_trained_without(store, tmp_path):
    (tmp_path / "file").write_text("no folder")
    checkpoints = Checkpoints(folder=tmp_path / "file" / "study")
    end = run_study(plan(store), store, Scripted(lambda job, _: finished(job)), checkpoints=checkpoints)
    assert end.number("done") == 10


def test_a_worker_that_the_interrupt_killed_too_costs_its_run_no_attempt(store):
    """Ctrl-C goes to the whole terminal: a worker that has only just started may end by it."""

    def answer(job: Job, _: int) -> Event:
        if job.seed == 1:
            os.kill(os.getpid(), signal.SIGINT)
            return Lost(run_id=job.run_id, message="the worker process was killed by SIGINT")
        return finished(job)

    record = plan(store)
    with pytest.raises(KeyboardInterrupt):
        run_study(record, store, Scripted(answer, capacity=1), attempts=1)
    interrupted = store.runs(record.id)[1]
    assert (interrupted.status, interrupted.attempts, interrupted.message) == ("planned", 0, None)


def test_a_store_that_becomes_read_only_ends_the_driver_with_one_line_and_the_same_command_goes_on(store):
    def make_read_only(yes: bool) -> None:
        with store._database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA query_only = {int(yes)}")

    def answer(job: Job, _: int) -> Event:
        if job.seed == 4:
            make_read_only(True)
        return finished(job)

    record, executor = plan(store), Scripted(answer, capacity=1)
    with pytest.raises(StoreError, match=r"runs\.db: the store is read-only; copy it to a writable folder") as caught:
        run_study(record, store, executor)
    assert "\n" not in str(caught.value)
    assert executor.closed
    make_read_only(False)
    assert [run.status for run in store.runs(record.id)] == ["done"] * 4 + ["running"] + ["planned"] * 5
    # this test's process lives on, so only the end of the lease tells that its driver does not
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET lease_until = 0 WHERE status = 'running'")
    assert run_study(record, store, Scripted(lambda job, _: finished(job))).number("done") == 10
    assert [run.attempts for run in store.runs(record.id)] == [1] * 10


def test_a_store_deleted_while_its_study_runs_ends_the_driver_and_every_result_is_in_the_copy(store, tmp_path):
    def answer(job: Job, _: int) -> Event:
        if job.seed == 6:
            (tmp_path / "runs.db").unlink()
        return finished(job)

    record, executor = plan(store), Scripted(answer, capacity=1)
    with pytest.raises(StoreError, match=r"the store was deleted while it was in use; its results are kept in "):
        run_study(record, store, executor)
    assert executor.closed
    (tmp_path / "runs.kept-1.db").rename(tmp_path / "runs.db")
    with Store.open(tmp_path / "runs.db") as kept:
        ended = [run.seed for run in kept.runs(record.id, status="done")]
        assert ended[:6] == [0, 1, 2, 3, 4, 5]
        assert run_study(record, kept, Scripted(lambda job, _: finished(job))).number("done") == 10


def test_a_locked_store_is_waited_for_and_nothing_is_trained_twice(store, tmp_path, monkeypatch):
    def answer(job: Job, _: int) -> Event:
        if job.seed == 4:
            locker = sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False)
            locker.execute("BEGIN EXCLUSIVE")
            Timer(0.5, locker.close).start()
        return finished(job)

    monkeypatch.setattr("netspace.store.database.BUSY_SECONDS", 0.05)
    with Store.open(tmp_path / "runs.db") as impatient:
        record, executor = plan(impatient), Scripted(answer, capacity=1)
        assert run_study(record, impatient, executor).number("done") == 10
    assert executor.submitted == [run.id for run in store.runs(record.id)]


def test_a_run_whose_worker_vanishes_is_begun_again_at_no_attempts_cost_up_to_a_limit(store):
    def answer(job: Job, times: int) -> Event:
        if job.seed == 3 or (job.seed == 6 and times <= runner.MAX_LOSSES):
            return Lost(run_id=job.run_id, message="the worker process was killed by SIGKILL")
        if job.seed == 8:
            return Lost(run_id=job.run_id, message="out of memory: the worker process was killed by SIGKILL")
        return finished(job)

    record, executor = plan(store), Scripted(answer)
    run_study(record, store, executor, attempts=1)
    runs = {run.seed: run for run in store.runs(record.id)}
    assert (runs[6].status, runs[6].attempts) == ("done", 1)
    assert (runs[3].status, runs[3].attempts) == ("lost", 1)
    assert executor.submitted.count(runs[3].id) == runner.MAX_LOSSES + 1
    # memory that a network takes is its own
    assert (runs[8].status, executor.submitted.count(runs[8].id)) == ("lost", 1)


def test_a_driver_that_is_started_again_knows_how_often_a_runs_worker_vanished(store):
    """What a driver counted must not be forgotten with it: a run that ends every worker would be begun for ever."""
    record = plan(store, 1)
    vanished = Lost(run_id=store.runs(record.id)[0].id, message="the worker process was killed by SIGKILL")

    for losses in range(1, runner.MAX_LOSSES + 1):
        run = store.lease_next(record.id, "me")
        store.fail(run.id, "me", vanished.message, max_attempts=1, status="lost", free_losses=runner.MAX_LOSSES)
        (run,) = store.runs(record.id)
        assert (run.status, run.attempts, run.losses, run.message) == ("planned", 0, losses, vanished.message)
    again = Scripted(lambda job, _: Lost(run_id=job.run_id, message=vanished.message))
    run_study(record, store, again, attempts=1)
    assert [(run.status, run.losses) for run in store.runs(record.id)] == [("lost", runner.MAX_LOSSES + 1)]
    assert len(again.submitted) == 1
