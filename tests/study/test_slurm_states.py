"""What the SLURM executor makes of the states that SLURM reports, on commands that report what the test says."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netspace.errors import StudyError
from netspace.store import Epoch, Outcome, Worker
from netspace.study import Study
from netspace.study.executors import make_executor, slurm_worker
from netspace.study.executors.slurm import SlurmOptions
from netspace.study.executors.slurm_worker import Hello, Mailbox, Serve
from netspace.study.jobs import Checkpoints, Failed, Finished, Job, Lost, Unfit

# as written by SLURM 22.05 (cgroup v1, cgroup v2 and JobAcctGather's OverMemoryKill), 23.11, and by srun
OUT_OF_MEMORY_LOGS = [
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.0. Some of your processes may have been killed by "
    "the cgroup out-of-memory handler.",
    "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch. Some of the step tasks have been OOM Killed.",
    "srun: error: node03: task 0: Out Of Memory",
    "slurmstepd: error: StepId=7.0 exceeded memory limit (4212736 > 4194304), being killed",
    "slurmstepd: error: Exceeded job memory limit",
]


class FakeSlurm:
    """The commands `sbatch`, `squeue`, `scancel` and `srun`; numbers jobs from 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._command("sbatch", 'echo x >>"$here/jobs"; echo "Submitted batch job $(wc -l <"$here/jobs")"')
        self._command("squeue", 'cat "$here/states"')
        self._command("scancel", "")
        self._command("srun", "")
        self.say()

    def say(self, **states: str) -> None:
        """Have `squeue` report these states: job_1="RUNNING"."""
        lines = [f"{name.removeprefix('job_')} {state}\n" for name, state in states.items()]
        (self.folder / "states").write_text("".join(lines))

    @property
    def submitted(self) -> int:
        jobs = self.folder / "jobs"
        return len(jobs.read_text().splitlines()) if jobs.exists() else 0

    def _command(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\nhere=$(dirname "$0")\n{body}\n')
        path.chmod(0o755)


class Clock:
    """Takes the place of the module `time` in the executor: looking at it takes half a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def slurm(tmp_path) -> FakeSlurm:
    return FakeSlurm(tmp_path / "bin")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    """Where the runs' checkpoints are; the executor's context names them."""
    checkpoints = Checkpoints(folder=tmp_path / "checkpoints")
    checkpoints.make()
    return checkpoints


@pytest.fixture
def executor(slurm, clock, study_file, checkpoints, monkeypatch):
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    monkeypatch.setenv("PATH", str(slurm.folder), prepend=os.pathsep)
    monkeypatch.setattr("netspace.study.executors.slurm.time", clock)
    context = replace(Study.from_yaml(study_file()).context, checkpoints=checkpoints)
    with make_executor("slurm", context, workers=1, options={"poll_seconds": 0.2, "time": 60}) as executor:
        yield executor


@pytest.fixture
def box(executor, tmp_path) -> Mailbox:  # noqa: ARG001 (the executor makes the folder)
    (folder,) = (tmp_path / ".netspace-slurm").glob("netspace-*")
    return Mailbox(folder)


def start(executor, box: Mailbox, slurm: FakeSlurm, number: int) -> str:
    """Have job `number` run, its worker say hello, and take what it is given; return the worker's identity."""
    slurm.say(**{f"job_{number}": "RUNNING"})
    executor.wait(1)
    identity = box.say_hello(Hello(slurm_job=str(number), host="node03", pid=1))
    assert executor.wait(1) == []
    return identity


def test_a_run_whose_job_came_to_its_time_limit_goes_to_the_next_worker(executor, box, slurm):
    job = Job(run_id=4, config={}, seed=1)
    executor.submit(job)
    worker = start(executor, box, slurm, 1)
    assert box.take(worker) == job
    slurm.say(job_1="TIMEOUT")
    assert executor.wait(5) == []
    assert slurm.submitted == 2
    assert box.take(start(executor, box, slurm, 2)) == job


@pytest.mark.parametrize("state", ["PENDING", "REQUEUED", "REQUEUE_HOLD"])
def test_a_run_whose_job_was_requeued_waits_for_the_same_job_again(executor, box, slurm, state):
    job = Job(run_id=4, config={}, seed=1)
    executor.submit(job)
    first = start(executor, box, slurm, 1)
    assert box.take(first) == job
    slurm.say(job_1=state)
    assert executor.wait(5) == []
    second = start(executor, box, slurm, 1)
    assert second != first
    assert box.take(second) == job
    assert slurm.submitted == 1


@pytest.mark.parametrize("state", ["TIMEOUT", "PENDING"])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_comes_no_further_in_a_whole_time_limit_is_a_failure(
    executor, box, slurm, clock, checkpoints, state, resumed
):
    job = Job(run_id=4, config={}, seed=1)
    if resumed:
        checkpoints.path(job).write_bytes(b"of a job before")
    executor.submit(job)
    start(executor, box, slurm, 1)
    # SLURM warns up to two and a half minutes before the limit
    clock.now += 57.5 * 60
    slurm.say(job_1=state)
    (event,) = executor.wait(5)
    assert isinstance(event, Failed)
    assert event.run_id == 4
    limit = "the run makes no progress within the time limit of 60 minutes and wrote no checkpoint"
    assert event.message.startswith(f"{limit}; raise the limit: --option time")


@pytest.mark.parametrize("state", ["TIMEOUT", "PENDING"])
def test_a_run_of_several_time_limits_goes_on_from_its_checkpoint(executor, box, slurm, clock, checkpoints, state):
    job = Job(run_id=4, config={}, seed=1)
    executor.submit(job)
    for limits in (1, 2, 3):
        number = limits if state == "TIMEOUT" else 1  # what is requeued keeps its number
        assert box.take(start(executor, box, slurm, number)) == job
        # as a checkpoint is written: another file takes its place
        part = checkpoints.folder / f"part-{limits}"
        part.write_bytes(b"of the same size")
        part.replace(checkpoints.path(job))
        clock.now += 60 * 60
        slurm.say(**{f"job_{number}": state})
        assert executor.wait(5) == []


@pytest.mark.parametrize(("state", "minutes"), [("PENDING", 50), ("PENDING", 55), ("PREEMPTED", 59)])
def test_a_run_that_is_preempted_late_is_no_failure_though_it_has_no_checkpoint(
    executor, box, slurm, clock, state, minutes
):
    job = Job(run_id=4, config={}, seed=1)
    executor.submit(job)
    assert box.take(start(executor, box, slurm, 1)) == job
    clock.now += minutes * 60
    slurm.say(job_1=state)
    assert executor.wait(5) == []
    assert box.take(start(executor, box, slurm, 1 if state == "PENDING" else 2)) == job


def test_a_job_that_is_requeued_has_its_whole_time_limit_again(executor, box, slurm, clock):
    job = Job(run_id=4, config={}, seed=1)
    executor.submit(job)
    start(executor, box, slurm, 1)
    for _ in range(2):
        clock.now += 40 * 60
        slurm.say(job_1="PENDING")
        assert executor.wait(5) == []
        assert box.take(start(executor, box, slurm, 1)) == job


def test_a_run_that_shared_its_worker_s_time_limit_with_another_is_no_failure(executor, box, slurm, clock):
    first, second = (Job(run_id=i, config={}, seed=1) for i in (4, 5))
    executor.submit(first)
    worker = start(executor, box, slurm, 1)
    box.publish(worker, Failed(run_id=4, message=""))
    assert len(executor.wait(1)) == 1
    executor.submit(second)
    clock.now += 57 * 60
    slurm.say(job_1="TIMEOUT")
    assert executor.wait(5) == []
    assert box.take(start(executor, box, slurm, 2)) == second


@pytest.mark.parametrize(
    ("state", "log"), [("OUT_OF_MEMORY", "Killed"), *(("FAILED", line) for line in OUT_OF_MEMORY_LOGS)]
)
def test_out_of_memory_is_told_first(executor, box, slurm, state, log):
    executor.submit(Job(run_id=4, config={}, seed=1))
    start(executor, box, slurm, 1)
    (box.folder / "logs" / "1_0_log.err").write_text(f"some line\n{log}\n")
    slurm.say(job_1=state)
    (event,) = executor.wait(5)
    assert isinstance(event, Lost)
    assert event.message.startswith(f"out of memory: the SLURM job 1 ended as {state} (log: ")
    assert event.message.endswith(log)


@pytest.mark.parametrize("state", ["FAILED", "NODE_FAIL", "CANCELLED"])
def test_any_other_end_of_a_job_is_told_with_its_log(executor, box, slurm, state):
    executor.submit(Job(run_id=4, config={}, seed=1))
    start(executor, box, slurm, 1)
    (box.folder / "logs" / "1_0_log.err").write_text("no room left in the zoom call\n")
    slurm.say(job_1=state)
    (event,) = executor.wait(5)
    assert isinstance(event, Lost)
    assert event.message.startswith(f"the SLURM job 1 ended as {state} (log: ")
    assert event.message.endswith("\nno room left in the zoom call")


def test_a_shared_folder_that_is_full_ends_the_study_with_a_line(executor, box, slurm, monkeypatch):
    executor.submit(Job(run_id=4, config={}, seed=1))
    slurm.say(job_1="RUNNING")
    executor.wait(1)
    box.say_hello(Hello(slurm_job="1", host="node03", pid=1))

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StudyError) as raised:
        executor.wait(1)
    assert str(raised.value) == f"{box.folder}: cannot use the shared folder (No space left on device)"


class ABox(Mailbox):
    """A mailbox whose driver is seen as told, look for look; the last holds on."""

    def __init__(self, *beats: str | OSError | None) -> None:
        super().__init__(Path("nowhere"))
        self._beats = list(beats)

    def last_beat(self) -> str | None:
        beat = self._beats.pop(0) if len(self._beats) > 1 else self._beats[0]
        if isinstance(beat, OSError):
            raise beat
        return beat


@pytest.fixture
def seconds_until_it_ends(clock, monkeypatch):
    """A function that gives how long a worker goes on before this mailbox."""

    def end(_code):
        raise SystemExit

    monkeypatch.setattr(slurm_worker, "time", clock)
    monkeypatch.setattr(slurm_worker.os, "_exit", end)

    def watch(box: Mailbox) -> float:
        began = clock.now
        with pytest.raises(SystemExit):
            slurm_worker._end_with_the_driver(box)
        return clock.now - began

    return watch


def test_a_worker_takes_a_folder_that_does_not_answer_for_silence(seconds_until_it_ends):
    stale, driver = OSError(errno.ESTALE, "Stale file handle"), Worker.current()
    away = [stale] * 20
    beats = [f"{number} {driver}" for number in range(3)]
    assert seconds_until_it_ends(ABox(*away, beats[0], *away, beats[1], *away, beats[2], *away, None)) > 120
    # for so long, and no longer
    assert 90 <= seconds_until_it_ends(ABox(beats[0], stale)) < 100


def test_a_worker_ends_at_once_with_its_folder_or_its_driver(seconds_until_it_ends):
    assert seconds_until_it_ends(ABox(f"0 {Worker.current()}", None)) < 10
    dead = replace(Worker.current(), started="0")
    assert seconds_until_it_ends(ABox(f"0 {dead}")) < 10


def test_what_the_signal_of_a_requeue_raises_in_the_midst_of_a_run_is_no_failure_of_the_run(tmp_path, monkeypatch):
    serve = Serve()

    class Workplace:
        def __init__(self, *_task: object) -> None:
            pass

        def execute(self, job: Job) -> Failed:
            serve.checkpoint(tmp_path)  # submitit's handler, upon which `scontrol requeue` died with the job
            return Failed(run_id=job.run_id, message="CalledProcessError: Command 'scontrol' died with SIGTERM")

    published = []
    monkeypatch.setattr("netspace.study.workplace.Workplace", Workplace)
    monkeypatch.setattr(slurm_worker, "_end_with_the_driver", lambda _box: None)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr(Mailbox, "task", lambda _box: ())
    monkeypatch.setattr(Mailbox, "say_hello", lambda _box, _hello: "worker")
    monkeypatch.setattr(Mailbox, "take", lambda _box, _identity: Job(run_id=1, config={}, seed=0))
    monkeypatch.setattr(Mailbox, "publish", lambda _box, _identity, event: published.append(event))
    with pytest.raises(SystemExit):
        serve(tmp_path)
    assert published == []
    again = serve.checkpoint(tmp_path).function
    assert not again._broken_off


def test_the_mailbox_is_its_owners_alone_and_holds_data_that_come_back_as_they_were(study_file, tmp_path):
    context = replace(
        Study.from_yaml(study_file()).context, checkpoints=Checkpoints(folder=tmp_path / "c", seconds=3.0)
    )
    old = os.umask(0o002)
    try:
        box = Mailbox.create(tmp_path / "netspace-x", context, "cpu")
    finally:
        os.umask(old)
    assert box.folder.stat().st_mode & 0o777 == 0o700
    assert box.task() == (context, "cpu")
    worker = box.say_hello(Hello(slurm_job="1", host="node", pid=7))
    job = Job(run_id=4, config={"stages": {"depths": [1, 2]}, "se_ratio": 0.25}, seed=2**62)
    box.give(worker, job)
    assert box.take(worker) == job
    curve = [Epoch(epoch=1, train_loss=float("nan"), val_error=None, lr=0.1, seconds=1 / 3)]
    done = Outcome(status="done", error=100 / 3, curve=curve, seconds=0.1, details={"memory_share": np.float64(0.5)})
    events = [Finished(run_id=1, outcome=done), Failed(run_id=2, message="a\nb"), Lost(run_id=3, message="c"),
              Unfit(run_id=5, message="d")]  # fmt: skip
    for event in events:
        box.publish(worker, event)
    found = [event for _, event in box.collect()]
    assert found[1:] == events[1:]
    assert isinstance(found[0], Finished)
    assert (found[0].outcome.error, found[0].outcome.details) == (100 / 3, {"memory_share": 0.5})
    assert found[0].outcome.curve[0].seconds == 1 / 3
    assert found[0].outcome.curve[0].train_loss != found[0].outcome.curve[0].train_loss
    # nothing is Python's own format, which runs what it says
    assert not [path for path in box.folder.rglob("*") if path.suffix in (".pkl", ".pickle")]


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04garbage", b"[" * 10_000, b'{"kind": "Finished", "event": {}}', b"[]"]
)
def test_garbage_in_the_mailbox_is_passed_over(executor, box, slurm, content):
    executor.submit(Job(run_id=4, config={}, seed=1))
    worker = start(executor, box, slurm, 1)
    (box.folder / "events" / f"{worker}-4.json").write_bytes(content)
    (box.folder / "workers" / "colleague").mkdir()
    (box.folder / "workers" / "colleague" / "hello.json").write_bytes(content)
    assert executor.wait(1) == []
    box.publish(worker, Lost(run_id=4, message="gone"))
    assert executor.wait(1) == [Lost(run_id=4, message="gone")]


def test_a_job_imports_nothing_from_the_folder_that_it_starts_in(tmp_path):
    """SLURM starts a job where `sbatch` was called; `python -c` and `-m` put that first, unless told not to."""
    (tmp_path / "queue.py").write_text("raise SystemExit('a stranger has run')")
    setup = "\n".join(SlurmOptions().parameters()["setup"])
    script = f"{setup}\n{sys.executable} -c 'import queue; print(queue.__file__)'"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(str(tmp_path))
