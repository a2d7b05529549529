"""Long runs of a study go on from their own checkpoint, whatever killed them, and end as if nothing had happened."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from netspace.store import RunRecord, Store, StudyRecord
from netspace.store.in_hand import curve_in_hand
from netspace.study import Study
from netspace.study.executors import EXECUTORS
from netspace.study.jobs import Checkpoints, Event, Finished, Job, JobContext
from netspace.study.workplace import Workplace
from netspace.training.loop import train

EPOCHS = 40
LONG = {
    "spaces": ["RegNetX"],
    "n": 1,
    "attempts": 2,
    "data": {"source": "mnist-5k", "train": 512, "validation": 100},
    "recipe": {"base": "quick", "epochs": EPOCHS, "augment": {"shift": 2, "flip": False}},
}

DRIVER = """
import sys
from netspace.store import Store
from netspace.study import Study
with Store.open(sys.argv[2]) as store:
    Study.from_yaml(sys.argv[1]).run(store, workers=1, device="cpu", checkpoint_seconds=0)
"""


def only_run(store: Store) -> RunRecord:
    (run,) = store.runs(1)
    return run


def curve_of(target: Path) -> tuple[list[float], list[float], float | None, int]:
    """Return losses, errors, the result and how many epochs were taken over."""
    with Store.open(target, create=False) as store:
        run = only_run(store)
        curve = store.curve(run.id)
        assert list(curve["epoch"]) == list(range(1, EPOCHS + 1))
        assert run.details is not None
        return list(curve["train_loss"]), list(curve["val_error"].dropna()), run.error, run.details["epochs_resumed"]


def wait_for_a_checkpoint(folder: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not list(folder.glob(".netspace-checkpoints/*/*.pt")):
        assert time.monotonic() < deadline, "no checkpoint appears"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def trained() -> list[tuple[list[float], list[float], float | None, int]]:
    """Filled by the first test that needs it."""
    return []


@pytest.fixture
def undisturbed(study_file, tmp_path, trained) -> tuple[list[float], list[float], float | None, int]:
    """What becomes of the run where nothing is killed."""
    if not trained:
        target = tmp_path / "undisturbed.db"
        with Store.open(target) as store:
            Study.from_yaml(study_file(**LONG)).run(store, workers=1, device="cpu")
        assert not (tmp_path / ".netspace-checkpoints").exists()
        trained.append(curve_of(target))
    return trained[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(EXECUTORS))
def test_a_run_whose_worker_is_killed_goes_on_from_its_checkpoint_to_the_same_bits(
    kind, study_file, tmp_path, worker_pids, cluster_options, undisturbed
):
    def kill_the_worker() -> None:
        wait_for_a_checkpoint(tmp_path)
        (pid,) = worker_pids(kind)
        os.kill(pid, signal.SIGKILL)

    options = cluster_options(kind)
    target, seen = tmp_path / "disturbed.db", []
    killer = threading.Thread(target=kill_the_worker)
    killer.start()
    with Store.open(target) as store:
        Study.from_yaml(study_file(**LONG)).run(
            store,
            executor=kind,
            workers=1,
            device="cpu",
            options=options,
            checkpoint_seconds=0,
            observe=lambda now: seen.append(now.last),
        )
        assert only_run(store).attempts == 1  # a worker that vanishes says nothing of the run
    killer.join()
    *curve, resumed = curve_of(target)
    assert curve == list(undisturbed[:3])
    assert undisturbed[3] == 0
    assert 1 <= resumed < EPOCHS
    assert any(line.endswith("; retrying") for line in seen)
    assert seen[-1].endswith(f", resumed after epoch {resumed}")
    assert not (tmp_path / ".netspace-checkpoints").exists()


@pytest.mark.slow
def test_a_run_whose_driver_is_killed_goes_on_from_its_checkpoint_to_the_same_bits(study_file, tmp_path, undisturbed):
    target = tmp_path / "disturbed.db"
    command = [sys.executable, "-c", DRIVER, str(study_file(**LONG)), str(target)]
    with subprocess.Popen(command) as driver:
        wait_for_a_checkpoint(tmp_path)
        driver.kill()
    with Store.open(target) as store:
        assert only_run(store).status == "running"
    assert list(tmp_path.glob(".netspace-checkpoints/*/*.pt"))
    subprocess.run(command, check=True)
    *curve, resumed = curve_of(target)
    assert curve == list(undisturbed[:3])
    assert 1 <= resumed < EPOCHS
    with Store.open(target) as store:
        assert only_run(store).attempts == 1, "a vanished driver is no fault of the run"
    assert not (tmp_path / ".netspace-checkpoints").exists()


@pytest.fixture
def job(study_file) -> Job:
    (planned,) = Study.from_yaml(study_file(spaces=["RegNetX"], n=1)).planned_runs()
    return Job(run_id=7, config=dict(planned.config), seed=planned.seed)


@pytest.fixture
def context(study_file, tmp_path) -> JobContext:
    """Three epochs, a checkpoint after each."""
    recipe = {"base": "quick", "epochs": 3, "augment": {"flip": False}}
    study = Study.from_yaml(study_file(spaces=["RegNetX"], n=1, recipe=recipe))
    checkpoints = Checkpoints(folder=tmp_path / "checkpoints" / "small", seconds=0)
    return replace(study.context, checkpoints=checkpoints)


def losses(event: Event) -> list[float]:
    assert isinstance(event, Finished), event
    return [point.train_loss for point in event.outcome.curve]


def resumed(event: Event) -> int:
    assert isinstance(event, Finished), event
    return event.outcome.details["epochs_resumed"]


class Killed(BaseException):
    """Stands for a SIGKILL where the test's own process trains."""


@pytest.fixture
def broken_off(job, context, monkeypatch) -> Path:
    """The checkpoint of the job, whose training was broken off after two epochs."""
    assert context.checkpoints is not None

    def two_epochs(*args, on_epoch, **kwargs):
        def then_die(epoch) -> None:
            on_epoch(epoch)
            if epoch.epoch == 2:
                raise Killed

        return train(*args, on_epoch=then_die, **kwargs)

    context.checkpoints.make()
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr("netspace.study.workplace.train", two_epochs)
        Workplace(context, "cpu").execute(job)
    path = context.checkpoints.path(job)
    assert path is not None
    assert path.exists()
    return path


def test_an_attempt_takes_over_the_epochs_of_the_one_before(job, context, broken_off):
    assert broken_off.exists()
    again = Workplace(context, "cpu").execute(job)
    assert resumed(again) == 2
    whole = Workplace(replace(context, checkpoints=None), "cpu").execute(job)
    assert resumed(whole) == 0
    assert losses(again) == losses(whole)


def test_a_damaged_checkpoint_costs_the_epochs_and_not_the_run(job, context, broken_off):
    broken_off.write_bytes(broken_off.read_bytes()[:-100])
    event = Workplace(context, "cpu").execute(job)
    assert resumed(event) == 0
    assert losses(event) == losses(Workplace(replace(context, checkpoints=None), "cpu").execute(job))


def test_a_checkpoint_of_another_training_costs_the_epochs_and_not_the_run(job, context, broken_off):
    other = replace(job, seed=job.seed + 1)
    assert context.checkpoints is not None
    assert context.checkpoints.path(other) != broken_off
    broken_off.rename(context.checkpoints.path(other))
    event = Workplace(context, "cpu").execute(other)
    assert resumed(event) == 0
    assert losses(event) == losses(Workplace(replace(context, checkpoints=None), "cpu").execute(other))


def test_a_worker_that_does_not_see_the_folder_trains_without_and_makes_none(job, context):
    assert context.checkpoints is not None
    event = Workplace(context, "cpu").execute(job)
    assert len(losses(event)) == 3
    assert not context.checkpoints.folder.exists()


def test_a_short_run_writes_no_checkpoint(job, context):
    assert context.checkpoints is not None
    patient = replace(context.checkpoints, seconds=1e6)
    patient.make()
    assert len(losses(Workplace(replace(context, checkpoints=patient), "cpu").execute(job))) == 3
    assert not list(patient.folder.glob("*.pt"))
    assert [epoch.epoch for epoch in curve_in_hand(patient.folder, job.run_id)] == [1, 2, 3]


def test_the_same_study_in_another_store_has_checkpoints_of_its_own(tmp_path):
    first, second = (StudyRecord(id=1, name="small", spec={}, digest="d", created=at) for at in (1.0, 2.0))
    assert Checkpoints.of(first, tmp_path) == Checkpoints.of(first, tmp_path)
    assert Checkpoints.of(first, tmp_path).folder != Checkpoints.of(second, tmp_path).folder
