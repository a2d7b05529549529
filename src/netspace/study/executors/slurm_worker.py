"""What runs in a SLURM job, and the shared folder through which it and its driver talk.

A worker makes a folder of its own (a job that is requeued makes another), says hello there, trains the jobs that the
driver puts into it one after the other, and leaves what came of them among the events. Every file appears whole, by a
rename. A worker ends by itself where its driver has stopped showing signs of life.

    FOLDER/task.pkl                 context and device, for all workers
    FOLDER/driver                   who drives; rewritten every few seconds
    FOLDER/workers/ID/hello.json    which SLURM job, host and process
    FOLDER/workers/ID/job.pkl       the next job, until the worker has taken it
    FOLDER/events/ID-RUN.pkl        what came of a job, until the driver has taken it
"""

import contextlib
import json
import os
import pickle
import shutil
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from netspace.store import Worker
from netspace.study.jobs import Event, Job, JobContext

BEAT_SECONDS = 5.0
"""How often a driver shows that it lives."""

SILENCE_SECONDS = 90.0
"""How long a worker on another host goes on without a sign of its driver; a shared folder may be slow to show it."""

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Hello:
    """What a worker says when it is ready: the SLURM job (`12_0` in an array) and process that it is."""

    slurm_job: str
    host: str
    pid: int


class Mailbox:
    """The shared folder. Nothing in it is read but what the driver and its own workers wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._workers = folder / "workers"
        self._events = folder / "events"

    @classmethod
    def create(cls, folder: Path, context: JobContext, device: str) -> Self:
        """Make the folder and put the workers' common task into it.

        Raises:
            OSError: it cannot be written.
        """
        box = cls(folder)
        box._workers.mkdir(parents=True)
        box._events.mkdir()
        box.beat(str(Worker.current()), 0)
        _write(folder / "task.pkl", pickle.dumps((context, device)))
        return box

    def task(self) -> tuple[JobContext, str]:
        """Return context and device."""
        task: tuple[JobContext, str] = pickle.loads((self.folder / "task.pkl").read_bytes())
        return task

    def beat(self, driver: str, number: int) -> None:
        """Show that the driver lives: a number that changes."""
        _write(self.folder / "driver", f"{number} {driver}".encode())

    def driver(self) -> Worker | None:
        """Return who drives, or None if the folder does not say (any more)."""
        try:
            return _sender(self.last_beat())
        except OSError:
            return None

    def remove(self) -> None:
        """Remove all but the logs; workers that are left end."""
        for name in ("driver", "task.pkl"):
            (self.folder / name).unlink(missing_ok=True)
        for folder in (self._workers, self._events):
            shutil.rmtree(folder, ignore_errors=True)

    def last_beat(self) -> str | None:
        """Return what the driver showed last; None if the folder is gone.

        Raises:
            OSError: the folder does not answer (a stale handle, a server that is away), and may again.
        """
        try:
            return (self.folder / "driver").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def say_hello(self, hello: Hello) -> str:
        """Make a worker's own folder and return its identity."""
        identity = uuid4().hex[:12]
        (self._workers / identity).mkdir()
        _write(self._workers / identity / "hello.json", json.dumps(asdict(hello)).encode())
        return identity

    def hellos(self, known: set[str]) -> dict[str, Hello]:
        """Return who said hello, by identity, except those already `known`."""
        new = {path.parent.name: path for path in self._workers.glob("*/hello.json") if path.parent.name not in known}
        return {identity: Hello(**json.loads(path.read_bytes())) for identity, path in new.items()}

    def give(self, identity: str, job: Job) -> None:
        """Put a job before a worker."""
        _write(self._workers / identity / "job.pkl", pickle.dumps(job))

    def take(self, identity: str) -> Job | None:
        """Return the job that was put before this worker, if there is one, and remove it."""
        path = self._workers / identity / "job.pkl"
        try:
            job: Job = pickle.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        path.unlink()
        return job

    def publish(self, identity: str, event: Event) -> None:
        """Leave what came of a job."""
        _write(self._events / f"{identity}-{event.run_id}.pkl", pickle.dumps(event))

    def collect(self) -> list[tuple[str, Event]]:
        """Return the events since the last call, each with the identity of its worker, and remove them."""
        collected = []
        for path in sorted(self._events.glob("*.pkl")):
            collected.append((path.stem.partition("-")[0], pickle.loads(path.read_bytes())))
            path.unlink()
        return collected


class Serve:
    """The function that submitit runs. Its `checkpoint` has a job requeued that is preempted or out of time."""

    def __init__(self) -> None:
        self._broken_off = False

    def __call__(self, folder: Path) -> None:
        """Train jobs until the driver has none left, ends or dies."""
        box = Mailbox(folder)
        threading.Thread(target=_end_with_the_driver, args=[box], daemon=True).start()
        import torch

        from netspace.study.workplace import Workplace

        # one thread each: the same sums in the same order, whatever the number of workers
        torch.set_num_threads(1)
        workplace = Workplace(*box.task())
        identity = box.say_hello(Hello(slurm_job=_slurm_job(), host=socket.gethostname(), pid=os.getpid()))
        while True:
            job = box.take(identity)
            if job is None:
                time.sleep(_LOOK_SECONDS)
                continue
            event = workplace.execute(job)
            if self._broken_off:
                # submitit's handler ran in the midst of it, and what that raised (SLURM may end `scontrol requeue` with
                # the job that it requeues) is no failure of the run
                sys.exit(-1)
            box.publish(identity, event)

    def checkpoint(self, folder: Path) -> Any:
        """Return what is submitted instead of a job that is broken off: the same, which begins as a new worker."""
        from submitit.helpers import DelayedSubmission

        self._broken_off = True
        return DelayedSubmission(Serve(), folder)


def _slurm_job() -> str:
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ["SLURM_JOB_ID"]


def _end_with_the_driver(box: Mailbox) -> None:
    """End this process once the driver is known to be dead, silent for long, or has removed the folder."""
    seen: str | None = None
    since = time.monotonic()
    while True:
        try:
            beat = box.last_beat()
        except OSError:
            beat = seen  # no sign of life, nor of death
        else:
            driver = _sender(beat)
            if driver is None or driver.is_gone():
                os._exit(0)  # whatever is being trained has nobody to be reported to
        if beat != seen:
            seen, since = beat, time.monotonic()
        if time.monotonic() - since > SILENCE_SECONDS:
            os._exit(0)
        time.sleep(1)


def _sender(beat: str | None) -> Worker | None:
    return Worker.parse((beat or "").partition(" ")[2])


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        part.write_bytes(content)
        part.rename(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
