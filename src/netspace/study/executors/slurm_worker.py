"""What runs in a SLURM job, and the shared folder through which it and its driver talk.

A worker makes a folder of its own (a job that is requeued makes another), says hello there, trains the jobs that the
driver puts into it one after the other, and leaves what came of them among the events. Every file appears whole, by a
rename. A worker ends by itself where its driver has stopped showing signs of life. The folder is its owner's alone, and
what lies in it is JSON: nothing is run that somebody else may have put there, and what cannot be read is passed over.

    FOLDER/task.json                context and device, for all workers
    FOLDER/driver                   who drives; rewritten every few seconds
    FOLDER/workers/ID/hello.json    which SLURM job, host and process
    FOLDER/workers/ID/beat          a number that grows for as long as the worker computes
    FOLDER/workers/ID/job.json      the next job, until the worker has taken it
    FOLDER/events/ID-RUN.json       what came of a job, until the driver has taken it
"""

import contextlib
import json
import logging
import os
import shutil
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar
from uuid import uuid4

from pydantic import TypeAdapter

from netspace.documents import plain
from netspace.errors import NetspaceError, first_line
from netspace.store import Worker
from netspace.study.executors.pulse import beat
from netspace.study.jobs import Event, Failed, Finished, Job, JobContext, Lost, Unfit

Read = TypeVar("Read", covariant=True)

_log = logging.getLogger(__name__)

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
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        box._workers.mkdir()
        box._events.mkdir()
        box.beat(str(Worker.current()), 0)
        _write(folder / "task.json", _packed({"context": _CONTEXT.dump_python(context, mode="json"), "device": device}))
        return box

    def task(self) -> tuple[JobContext, str]:
        """Return context and device."""
        task = json.loads((self.folder / "task.json").read_bytes())
        return _CONTEXT.validate_python(task["context"]), str(task["device"])

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
        for name in ("driver", "task.json"):
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
        read = {identity: _read(path, _HELLO) for identity, path in new.items()}
        return {identity: hello for identity, hello in read.items() if hello is not None}

    def give(self, identity: str, job: Job) -> None:
        """Put a job before a worker."""
        _write(self._workers / identity / "job.json", _packed(_JOB.dump_python(job, mode="json")))

    def take(self, identity: str) -> Job | None:
        """Return the job that was put before this worker, if there is one, and remove it."""
        path = self._workers / identity / "job.json"
        job = _read(path, _JOB)
        path.unlink(missing_ok=True)
        return job

    def show_life(self, identity: str, number: int) -> None:
        """Show that a worker computes: a number that grows."""
        with contextlib.suppress(OSError):  # a disk that is full or slow: the next beat may succeed
            _write(self._workers / identity / "beat", str(number).encode())

    def beats(self, identity: str) -> int:
        """Return the last number that a worker has shown, 0 before the first."""
        try:
            return int((self._workers / identity / "beat").read_bytes())
        except (OSError, ValueError):
            return 0

    def publish(self, identity: str, event: Event) -> None:
        """Leave what came of a job."""
        if isinstance(event, Finished):
            outcome = event.outcome
            told = replace(outcome, environment=plain(outcome.environment), details=plain(outcome.details))
            event = replace(event, outcome=told)
        content = {"kind": type(event).__name__, "event": _EVENTS[type(event).__name__].dump_python(event)}
        _write(self._events / f"{identity}-{event.run_id}.json", _packed(content))

    def collect(self) -> list[tuple[str, Event]]:
        """Return the events since the last call, each with the identity of its worker, and remove them."""
        collected = []
        for path in sorted(self._events.glob("*.json")):
            event = _read(path, _EVENT)
            if event is not None:
                collected.append((path.stem.partition("-")[0], event))
            path.unlink(missing_ok=True)
        return collected


_CONTEXT = TypeAdapter(JobContext)
_JOB = TypeAdapter(Job)
_HELLO = TypeAdapter(Hello)
_EVENTS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in (Finished, Failed, Lost, Unfit)}


class _Event:
    """Reads an event by the kind that is told beside it."""

    def validate_python(self, content: Any) -> Event:
        event: Event = _EVENTS[content["kind"]].validate_python(content["event"])
        return event


_EVENT = _Event()


class _Reader(Protocol[Read]):
    def validate_python(self, content: Any, /) -> Read: ...


def _packed(content: Any) -> bytes:
    """Return plain values as JSON, in which a loss may be NaN."""
    return json.dumps(content).encode()


def _read(path: Path, kind: _Reader[Read]) -> Read | None:
    """Return what a file of the mailbox holds; None if it is not there, or not what it should be."""
    try:
        return kind.validate_python(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, RecursionError, NetspaceError) as error:
        _log.warning("%s: ignored, as it holds no message (%s)", path, first_line(error))
        return None


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
        beat(lambda number: box.show_life(identity, number))
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
