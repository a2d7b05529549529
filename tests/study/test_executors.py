"""The contract of executors, with real workers that train real networks.

No test asserts how long anything takes: deadlines are there to end a test that hangs.
"""

import os
import signal
import time

import pytest

from netspace.arch import zoo
from netspace.study import Study
from netspace.study.execute import execute
from netspace.study.executors import EXECUTORS, Executor, make_executor
from netspace.study.jobs import Event, Failed, Finished, Job, Lost

pytestmark = pytest.mark.slow

HANGING = 300
"""Seconds."""


# of the module, so that pytest runs the tests of one kind after the other and a cluster is started once
@pytest.fixture(scope="module", params=sorted(EXECUTORS))
def kind(request) -> str:
    return request.param


@pytest.fixture
def study(study_file) -> Study:
    return Study.load(study_file())


@pytest.fixture
def make(kind, study, cluster_options):
    """Return a function that starts an executor of each kind for the small study."""
    opened: list[Executor] = []

    def start(workers: int, **options) -> Executor:
        options = cluster_options(kind) | (options if kind != "local" else {})
        opened.append(make_executor(kind, study.context, workers=workers, device="cpu", options=options))
        return opened[-1]

    yield start
    for executor in opened:
        executor.close()


def jobs(study: Study) -> list[Job]:
    return [Job(run_id=i, config=dict(run.config), seed=run.seed) for i, run in enumerate(study.plan())]


def drain(executor: Executor, pending: list[Job]) -> dict[int, Event]:
    """Feed the executor as the runner does and return the events by run."""
    events: dict[int, Event] = {}
    queue, in_hand, deadline = list(pending), 0, time.monotonic() + HANGING
    while queue or in_hand:
        assert time.monotonic() < deadline, f"{in_hand} jobs in hand, {queue} not taken, {events}"
        while queue and in_hand < executor.capacity:
            executor.submit(queue.pop(0))
            in_hand += 1
        for event in executor.wait(0.5):
            assert event.run_id not in events
            events[event.run_id] = event
            in_hand -= 1
    return events


def errors(events: dict[int, Event]) -> dict[int, float | None]:
    assert all(isinstance(event, Finished) for event in events.values()), events
    return {run_id: event.outcome.error for run_id, event in events.items() if isinstance(event, Finished)}


def test_errors_are_those_of_this_process_whatever_the_number_of_workers(make, study):
    here = errors({job.run_id: execute(job, study.context, "cpu") for job in jobs(study)})
    assert len(set(here.values())) > 1
    for workers in (1, 2, 4):
        executor = make(workers)
        assert errors(drain(executor, jobs(study))) == here, workers
        executor.close()


def test_a_worker_outlives_jobs_that_raise_and_is_replaced_when_killed(make, kind, study, worker_pids):
    executor = make(1)
    first, second, *_ = jobs(study)
    # no user can write such a job: it stands for whatever goes wrong unforeseen
    bad = Job(run_id=9, config=first.config, seed="no seed")
    # an ImageNet network takes three channels, the digits have one: a mistake that is foreseen and told in one line
    misfit = Job(run_id=8, config=zoo.get("RegNetX-200MF").to_dict(), seed=1)
    events = drain(executor, [bad, misfit, first])
    assert isinstance(events[8], Failed)
    assert events[8].message == "the network takes 3 channels, the images have 1"
    assert isinstance(events[9], Failed)
    assert "Error" in events[9].message.splitlines()[0]
    assert "Traceback" in events[9].message or "File" in events[9].message
    assert isinstance(events[first.run_id], Finished)

    (pid,) = worker_pids(kind)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot be done with the job before it is killed
    executor.submit(second)
    os.kill(pid, signal.SIGKILL)
    lost = next_event(executor)
    assert isinstance(lost, Lost)
    assert lost.run_id == second.run_id
    # "out of memory: ..." is for workers of which their scheduler says so
    assert lost.message.startswith(("the worker process ", "the Ray worker ", "the SLURM job "))
    assert isinstance(drain(executor, [second])[second.run_id], Finished)


def next_event(executor: Executor) -> Event:
    deadline = time.monotonic() + HANGING
    while not (events := executor.wait(0.5)):
        assert time.monotonic() < deadline
    (event,) = events
    return event


def test_close_ends_the_workers_that_train_and_those_that_start(make, kind, study, worker_pids):
    executor = make(2)
    first, second, third, *_ = jobs(study)
    assert len(drain(executor, [first])) == 1
    assert worker_pids(kind)
    executor.submit(second)
    executor.submit(third)
    executor.close()
    executor.close()
    deadline = time.monotonic() + HANGING
    while worker_pids(kind):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_two_drivers_with_more_workers_than_places_both_come_to_an_end(make, study):
    first, second, third, *_ = jobs(study)
    waiting = make(2, idle_seconds=1)
    assert len(drain(waiting, [first, second])) == 2
    # its workers take every place of the cluster until they have been idle for long
    later = make(2, idle_seconds=1)
    later.submit(third)
    deadline, events = time.monotonic() + HANGING, []
    while not events:
        assert time.monotonic() < deadline
        events = later.wait(0.2)
        assert waiting.wait(0) == []
    assert [event.run_id for event in events] == [third.run_id]
