"""The contract of executors, with real workers that train real networks."""

import os
import signal
import time

import pytest

from netspace.arch import zoo
from netspace.study import Study
from netspace.study.executors import EXECUTORS, Executor, make_executor
from netspace.study.jobs import Event, Failed, Finished, Job, Lost

pytestmark = pytest.mark.slow


@pytest.fixture(params=sorted(EXECUTORS))
def kind(request) -> str:
    return request.param


@pytest.fixture
def make(kind, study_file, cluster_options):
    """Return a function that starts an executor of each kind for the small study."""
    study = Study.load(study_file())
    opened: list[Executor] = []

    def start(workers: int = 2) -> Executor:
        options = cluster_options(kind)
        opened.append(make_executor(kind, study.context, workers=workers, device="cpu", options=options))
        return opened[-1]

    yield start
    for executor in opened:
        executor.close()


def jobs(study_file, n: int | None = None) -> list[Job]:
    planned = Study.load(study_file()).plan()[:n]
    return [Job(run_id=i, config=dict(run.config), seed=run.seed) for i, run in enumerate(planned)]


def drain(executor: Executor, pending: list[Job], seconds: float = 120) -> dict[int, Event]:
    """Feed the executor as the runner does and return the events by run."""
    events: dict[int, Event] = {}
    queue, in_hand, deadline = list(pending), 0, time.monotonic() + seconds
    while (queue or in_hand) and time.monotonic() < deadline:
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


def test_errors_do_not_depend_on_the_number_of_workers(make, study_file):
    one, two, four = (errors(drain(make(workers), jobs(study_file))) for workers in (1, 2, 4))
    assert len(one) == 6
    assert one == two == four


def test_a_job_that_raises_is_a_failure_with_its_traceback_and_the_worker_goes_on(make, study_file):
    good = jobs(study_file, 1)[0]
    # no user can write such a job: it stands for whatever goes wrong unforeseen
    bad = Job(run_id=9, config=good.config, seed="no seed")
    # an ImageNet network takes three channels, the digits have one: a mistake that is foreseen and told in one line
    misfit = Job(run_id=8, config=zoo.get("RegNetX-200MF").to_dict(), seed=1)
    events = drain(make(1), [bad, misfit, good])
    assert isinstance(events[8], Failed)
    assert events[8].message == "the network takes 3 channels, the images have 1"
    assert isinstance(events[9], Failed)
    assert "Error" in events[9].message.splitlines()[0]
    assert "Traceback" in events[9].message or "File" in events[9].message
    assert isinstance(events[good.run_id], Finished)


def test_a_killed_worker_is_reported_lost_and_replaced(make, kind, study_file, worker_pids):
    executor = make(1)
    first, second = jobs(study_file, 2)
    assert set(drain(executor, [first])) == {first.run_id}
    executor.submit(second)
    (pid,) = worker_pids(kind)
    os.kill(pid, signal.SIGKILL)
    lost = wait_for_events(executor)
    assert [type(event) for event in lost] == [Lost]
    assert lost[0].run_id == second.run_id
    assert "worker" in lost[0].message or "job" in lost[0].message
    assert isinstance(drain(executor, [second])[second.run_id], Finished)


def wait_for_events(executor: Executor, seconds: float = 30) -> list[Event]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if events := executor.wait(0.5):
            return events
    return []


def test_close_ends_the_workers(make, kind, study_file, worker_pids):
    executor = make(2)
    first, second, *_ = pending = jobs(study_file, 4)
    assert len(drain(executor, [first, second])) == 2
    for job in pending[2:]:
        executor.submit(job)
    assert worker_pids(kind)
    executor.close()
    executor.close()
    deadline = time.monotonic() + 15
    while worker_pids(kind) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert worker_pids(kind) == []


def test_two_drivers_with_more_workers_than_places_both_come_to_an_end(make, study_file):
    first, second, third = jobs(study_file, 3)
    waiting = make(2)
    assert len(drain(waiting, [first, second])) == 2
    # its workers take every place of the cluster until they have been idle for long
    later = make(2)
    later.submit(third)
    deadline, events = time.monotonic() + 120, []
    while not events and time.monotonic() < deadline:
        events = later.wait(0.2)
        assert waiting.wait(0) == []
    assert [event.run_id for event in events] == [third.run_id]
