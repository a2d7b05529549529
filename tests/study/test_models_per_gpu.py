"""How many models share a GPU, on simulated devices whose best number is known."""

from collections import Counter
from multiprocessing.connection import Pipe

import numpy as np
import pytest

from netspace.store import Outcome
from netspace.study import Study
from netspace.study.executors import local, make_executor
from netspace.study.executors.models_per_gpu import Crowd
from netspace.study.jobs import Event, Failed, Finished, Job, Unfit


def crowd_on(device_rate, *, share=0.01, most=64, runs=400, spread=0.4, seed=0) -> Crowd:
    """Train runs of different length on a device that gets `device_rate(k)` runs of length 1 done a second with k."""
    crowd, lengths = Crowd(most), np.random.default_rng(seed).lognormal(0, spread, runs)
    for length in lengths:
        k = crowd.size
        crowd.ended(float(length * k / device_rate(k)), share, k)
    return crowd


@pytest.mark.parametrize("best", [1, 2, 4, 16])
def test_grows_while_the_device_gets_more_done_and_no_further(best):
    # every further model adds its whole rate up to `best`, none beyond
    sizes = [crowd_on(lambda k: min(k, best), seed=seed).size for seed in range(20)]
    assert np.median(sizes) == best
    assert sum(size == best for size in sizes) >= 17


def test_goes_back_where_more_models_slow_the_device_down():
    assert crowd_on(lambda k: k if k <= 4 else 2.0).size == 4


@pytest.mark.parametrize(("share", "largest"), [(0.5, 1), (0.3, 2), (0.2, 4), (0.11, 8)])
def test_never_takes_more_memory_than_there_is(share, largest):
    assert crowd_on(lambda k: k, share=share).size == largest


def test_a_larger_network_than_any_before_makes_the_crowd_smaller():
    crowd = crowd_on(lambda k: k, share=0.01, most=16)
    assert crowd.size == 16
    crowd.ended(1.0, 0.3, 16)
    assert crowd.size == 3


def test_never_exceeds_the_cores_that_feed_the_models():
    assert crowd_on(lambda k: k, most=5).size == 4
    assert crowd_on(lambda k: k, most=1).size == 1


def test_runs_that_began_under_another_number_do_not_judge_this_one():
    crowd = Crowd(8)
    for _ in range(12):
        crowd.ended(1.0, 0.01, 1)
    assert crowd.size == 2
    for _ in range(100):
        crowd.ended(100.0, 0.01, 1)
    assert crowd.size == 2
    for _ in range(12):
        crowd.ended(1.0, 0.01, 2)
    assert crowd.size == 4


def test_several_runs_that_starve_of_one_crowd_halve_it_once():
    crowd = crowd_on(lambda k: k, most=8)
    assert [crowd.starved(8) for _ in range(3)] == [True] * 3
    assert crowd.size == 4
    assert crowd.starved(4)
    assert crowd.starved(2)
    assert crowd.size == 1
    assert not crowd.starved(1)
    for _ in range(100):  # what did not fit once is not tried again
        crowd.ended(1.0, 0.01, 1)
    assert crowd.size == 1


def test_a_run_that_starved_beside_one_that_came_later_may_try_again_alone():
    crowd = Crowd(8)
    for _ in range(12):
        crowd.ended(1.0, 0.01, 1)
    assert crowd.starved(1)
    assert crowd.size == 1


class SimulatedGpus:
    """GPUs whose memory holds runs of shares `Job.config["share"]`; the run that comes when they are full starves."""

    def __init__(self) -> None:
        self.workers: list[SimulatedWorker] = []
        self.largest_crowd = 0
        self.starved = 0
        self.starving: type[Failed | Unfit] = Failed

    def __call__(self, _context, device, _log) -> "SimulatedWorker":
        self.workers.append(SimulatedWorker(self, device))
        return self.workers[-1]

    def training(self, device: str) -> list["SimulatedWorker"]:
        return [worker for worker in self.workers if worker.device == device and worker.job and not worker.ended]

    def finish_the_oldest(self) -> None:
        worker = min((worker for worker in self.workers if worker.job), key=lambda worker: worker.came)
        outcome = Outcome(status="done", error=1.0, seconds=1.0, details={"memory_share": worker.job.config["share"]})
        worker.end(Finished(run_id=worker.job.run_id, outcome=outcome))


class SimulatedWorker:
    """What the executor wants of a worker, without a process."""

    def __init__(self, gpus: SimulatedGpus, device: str) -> None:
        self.device = device
        self.job: Job | None = None
        self.ready = True
        self.ended = False
        self.came = 0
        self._gpus = gpus
        self.connection, self._theirs = Pipe()

    def alive(self) -> bool:
        return True

    def take(self, job: Job) -> None:
        self.job, self.ended = job, False
        self.came = max(worker.came for worker in self._gpus.workers) + 1
        beside = self._gpus.training(self.device)
        self._gpus.largest_crowd = max(self._gpus.largest_crowd, len(beside))
        if sum(worker.job.config["share"] for worker in beside) > 1:
            self._gpus.starved += 1
            self.end(self._gpus.starving(run_id=job.run_id, message="out of memory: CUDA error: out of memory"))

    def end(self, event: Event) -> None:
        self.ended = True
        self._theirs.send(event)

    def result(self) -> Event:
        self.job = None
        return self.connection.recv()

    def stop(self) -> None:
        self.connection.close()
        self._theirs.close()
        self._gpus.workers.remove(self)


def trained(gpus: SimulatedGpus, executor: local.LocalExecutor, shares: list[float]) -> dict[int, Event]:
    """Have the executor train runs of these shares, as the runner does, and return their only events."""
    waiting = [Job(run_id=i, config={"share": share}, seed=0) for i, share in enumerate(shares)]
    in_hand: set[int] = set()
    events: dict[int, Event] = {}
    while waiting or in_hand:
        while waiting and len(in_hand) < executor.capacity:
            job = waiting.pop(0)
            in_hand.add(job.run_id)
            executor.submit(job)
        told = executor.wait(0)
        for event in told:
            in_hand.remove(event.run_id)
            assert event.run_id not in events
            events[event.run_id] = event
        if in_hand and not told and not any(worker.ended and worker.job for worker in gpus.workers):
            gpus.finish_the_oldest()
    return events


@pytest.fixture
def gpus(monkeypatch) -> SimulatedGpus:
    gpus = SimulatedGpus()
    monkeypatch.setattr(local, "_Worker", gpus)
    monkeypatch.setattr(local, "available_cores", lambda: 16)
    return gpus


@pytest.fixture(params=[1, 2])
def executor(request, gpus, study_file, monkeypatch):  # noqa: ARG001 (its workers take the place of the real ones)
    devices = [f"cuda:{i}" for i in range(request.param)]
    monkeypatch.setattr(local, "_devices", lambda _: devices)
    with make_executor("local", Study.from_yaml(study_file()).context) as executor:
        yield executor


# in training, or already as the worker opens the device
@pytest.mark.parametrize("starving", [Failed, Unfit])
def test_runs_that_starve_beside_others_are_trained_with_fewer_and_count_no_attempt(gpus, executor, starving):
    gpus.starving = starving
    shares = [0.01] * 200 + [0.3] * 40 + [0.6] * 10
    events = trained(gpus, executor, shares)
    assert gpus.largest_crowd >= 8
    assert gpus.starved > 0
    assert {run_id: type(event) for run_id, event in events.items()} == dict.fromkeys(range(len(shares)), Finished)
    # who is idle holds memory too: no device keeps more workers than it may train
    assert max(Counter(worker.device for worker in gpus.workers).values()) == 1


def test_a_run_that_starves_alone_has_failed(gpus, executor):
    events = trained(gpus, executor, [0.01] * 200 + [1.5] + [0.01] * 20)
    assert [run_id for run_id, event in events.items() if isinstance(event, Failed)] == [200]
    assert len(events) == 221
