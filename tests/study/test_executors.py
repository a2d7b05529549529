"""The contract of executors, with real workers that train real networks.

No test asserts how long anything takes: deadlines are there to end a test that hangs.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from netspace.arch import zoo
from netspace.study import Study
from netspace.study.executors import EXECUTORS, Executor, make_executor
from netspace.study.jobs import Event, Failed, Finished, Job, Lost, Sign
from netspace.study.workplace import Workplace

pytestmark = pytest.mark.slow

HANGING = 300
"""Seconds."""


# of the module, so that pytest runs the tests of one kind after the other and a cluster is started once
@pytest.fixture(scope="module", params=sorted(EXECUTORS))
def kind(request) -> str:
    return request.param


@pytest.fixture
def study(study_file) -> Study:
    return Study.from_yaml(study_file())


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
    return [Job(run_id=i, config=dict(run.config), seed=run.seed) for i, run in enumerate(study.planned_runs())]


def drain(executor: Executor, pending: list[Job], others: Sequence[Executor] = ()) -> dict[int, Event]:
    """Feed the executor as the runner does and return the events by run; other drivers have nothing left to train."""
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
        for other in others:
            assert other.wait(0) == []
    return events


def errors(events: dict[int, Event]) -> dict[int, float | None]:
    assert all(isinstance(event, Finished) for event in events.values()), events
    return {run_id: event.outcome.error for run_id, event in events.items() if isinstance(event, Finished)}


def test_errors_are_those_of_this_process_whatever_the_number_of_workers(make, study):
    here = errors({job.run_id: Workplace(study.context, "cpu").execute(job) for job in jobs(study)})
    assert len(set(here.values())) > 1
    drivers: list[Executor] = []
    for workers in (1, 2, 4):
        # the clusters have two places, which the workers of the drivers before hold until they have been idle for long
        driver = make(workers, idle_seconds=1)
        assert errors(drain(driver, jobs(study), drivers)) == here, workers
        drivers.append(driver)


def test_a_worker_outlives_jobs_that_raise_and_is_replaced_when_killed(make, kind, study, worker_pids):
    executor = make(1)
    first, second, *_ = jobs(study)
    # no user can write such a job: it stands for whatever goes wrong unforeseen
    bad = Job(run_id=9, config=first.config, seed=-1)
    # an ImageNet network takes three channels, the digits have one: a mistake that is foreseen and told in one line
    misfit = Job(run_id=8, config=zoo.get("RegNetX-200MF").to_dict(), seed=1)
    events = drain(executor, [bad, misfit, first])
    assert isinstance(events[8], Failed)
    assert events[8].message == "the network expects 3 channels, but the images have 1"
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


@pytest.mark.parametrize("kind", ["ray", "slurm"], indirect=True)
def test_a_worker_killed_for_its_memory_is_lost_as_out_of_memory(memory_limit, make, study):
    first, *_ = jobs(study)
    # gigabytes of weights, taken a quarter of one at a time
    wide = zoo.get("RegNetX-200MF").to_dict() | {"in_channels": 1}
    wide["stages"] |= {"depths": [1, 1, 1, 16], "widths": [24, 56, 152, 8192]}
    executor = make(1, **memory_limit)
    executor.submit(Job(run_id=9, config=wide, seed=1))
    lost = next_event(executor)
    assert isinstance(lost, Lost), lost
    assert lost.run_id == 9
    assert lost.message.startswith("out of memory: the "), lost.message
    assert isinstance(drain(executor, [first])[first.run_id], Finished)


@pytest.fixture
def memory_limit(kind, monkeypatch) -> Iterator[dict[str, object]]:
    """The options with which a worker may take about a gigabyte and a half."""
    if kind == "slurm":
        yield {"mem_gb": 1.5}
        return
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    # Ray looks at the memory of the whole machine, and in a control group counts files that are kept in memory, too
    memory = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    group = Path("/sys/fs/cgroup/memory/memory.stat")
    counted = dict(line.split() for line in group.read_text().splitlines()) if group.is_file() else {}
    in_group = (int(counted.get("total_rss", 0)) + int(counted.get("total_active_file", 0))) / 2**10
    used = max(memory["MemTotal"] - memory["MemAvailable"], in_group)  # KiB
    threshold = (used + 1.5 * 2**20) / memory["MemTotal"]
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{min(0.95, threshold):.3f}")
    # not one that ray.init() starts: after that a process speaks to no cluster that wants no token
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield {"address": cluster.address}
    cluster.shutdown()


def next_event(executor: Executor) -> Event:
    deadline = time.monotonic() + HANGING
    while not (events := executor.wait(0.5)):
        assert time.monotonic() < deadline
    (event,) = events
    return event


@pytest.mark.parametrize("kind", ["slurm"], indirect=True)
def test_a_run_whose_slurm_job_comes_to_its_time_limit_goes_to_the_next_worker(make, kind, study, worker_pids):
    first, second, *_ = jobs(study)
    executors = [make(1), make(1)]
    for executor in executors:
        drain(executor, [first])
    warned, ended = pids = worker_pids(kind)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for executor in executors:
        executor.submit(second)
        assert executor.wait(1) == []
    # one gets the warning that comes before the limit and has itself requeued, the other does not answer and is ended
    subprocess.run(["scancel", "--signal=USR2", slurm_job(warned)], check=True)
    os.kill(warned, signal.SIGCONT)
    # SLURM looks twice a minute for limits that are over
    subprocess.run(["scontrol", "update", f"JobId={slurm_job(ended)}", "EndTime=now+1"], check=True)
    for executor in executors:
        # neither lost nor failed: it counts as no attempt
        event = next_event(executor)
        assert isinstance(event, Finished), event
        assert event.run_id == second.run_id
    assert not {warned, ended} & set(worker_pids(kind))


def slurm_job(pid: int) -> str:
    environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return next(line.partition("=")[2] for line in environment if line.startswith("SLURM_JOB_ID="))


def test_a_worker_shows_that_it_lives_until_it_is_stopped_and_is_ended_with_its_job(
    kind, study_file, cluster_options, worker_pids
):
    long = Study.from_yaml(study_file(recipe={"base": "quick", "epochs": 10_000, "augment": {"flip": False}}))
    first, second, *_ = jobs(long)
    with make_executor(kind, long.context, workers=1, device="cpu", options=cluster_options(kind)) as executor:
        assert executor.signs() == {}
        executor.submit(first)
        shown = wait_for_sign(executor, first.run_id, lambda sign: sign.number >= 1)
        (pid,) = worker_pids(kind)
        os.kill(pid, signal.SIGSTOP)
        # what was on its way comes in; from then on there is silence
        look_for(executor, 6)
        heard = executor.signs()[first.run_id]
        look_for(executor, 7)
        assert executor.signs()[first.run_id] == heard
        assert heard.worker == shown.worker
        executor.cancel(99)
        executor.cancel(first.run_id)
        assert executor.signs() == {}
        deadline = time.monotonic() + HANGING
        while pid in worker_pids(kind):
            assert time.monotonic() < deadline, "the stopped worker is still there"
            look_for(executor, 0.5)
        executor.submit(second)
        assert wait_for_sign(executor, second.run_id, lambda sign: sign.number >= 1).worker != shown.worker


def look_for(executor: Executor, seconds: float) -> None:
    """Do what a driver does for some time; nothing comes to an end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert executor.wait(0.2) == []
        executor.signs()


def wait_for_sign(executor: Executor, run_id: int, wanted: Callable[[Sign], bool]) -> Sign:
    deadline = time.monotonic() + HANGING
    while not (run_id in (signs := executor.signs()) and wanted(signs[run_id])):
        assert time.monotonic() < deadline, signs
        look_for(executor, 0.2)
    return signs[run_id]


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
