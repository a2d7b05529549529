"""The contract of executors, with real workers that train real networks."""

import os
import signal
import time

import pytest

from netspace.arch import zoo
from netspace.study import Study
from netspace.study.executors import EXECUTORS, Executor
from netspace.study.jobs import Event, Failed, Finished, Job, Lost

pytestmark = pytest.mark.slow


@pytest.fixture(params=sorted(EXECUTORS))
def make(request, study_file):
    """Return a function that starts an executor of each kind for the small study."""
    study = Study.load(study_file())
    opened: list[Executor] = []

    def start(workers: int = 2) -> Executor:
        opened.append(EXECUTORS[request.param](study.context, workers=workers, device="cpu"))
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
    one, two = (errors(drain(make(workers), jobs(study_file))) for workers in (1, 2))
    assert len(one) == 6
    assert one == two


def test_a_job_that_raises_is_a_failure_with_its_traceback_and_the_worker_goes_on(make, study_file):
    good = jobs(study_file, 1)[0]
    # an ImageNet network takes three channels; the digits have one
    bad = Job(run_id=9, config=zoo.get("RegNetX-200MF").to_dict(), seed=1)
    events = drain(make(1), [bad, good])
    assert isinstance(events[9], Failed)
    assert "RuntimeError" in events[9].message
    assert "Traceback" in events[9].message or "File" in events[9].message
    assert isinstance(events[good.run_id], Finished)


def test_a_killed_worker_is_reported_lost_and_replaced(make, study_file):
    executor = make(1)
    first, second = jobs(study_file, 2)
    assert set(drain(executor, [first])) == {first.run_id}
    executor.submit(second)
    os.kill(executor._slots[0]._process.pid, signal.SIGKILL)
    lost = executor.wait(10)
    assert [type(event) for event in lost] == [Lost]
    assert "SIGKILL" in lost[0].message
    assert isinstance(drain(executor, [second])[second.run_id], Finished)


def test_close_ends_the_workers(make, study_file):
    executor = make(2)
    for job in jobs(study_file, 2):
        executor.submit(job)
    pids = [slot._process.pid for slot in executor._slots]
    executor.close()
    executor.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
