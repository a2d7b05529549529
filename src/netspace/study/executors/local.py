"""The local executor: one process for each core of this machine, or several for each GPU, one thread each.

Each worker is a fresh interpreter (`python -m netspace.study.executors.local FD`) that talks to the driver over a pair
of connected sockets. That needs nothing of the caller's `__main__`, tells exactly whose worker died (its socket
closes), and a worker whose driver died ends by itself (so does its socket). Start-up is paid once per worker, not per
run. A worker says when it is ready; one that ends before that has not failed its job, which another one gets.
"""

import contextlib
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path

from typing_extensions import override

from netspace.errors import StudyError
from netspace.store import Worker
from netspace.study.executors.base import MAX_FALSE_STARTS, Executor, NoOptions
from netspace.study.executors.models_per_gpu import Crowd
from netspace.study.executors.pulse import beat
from netspace.study.jobs import Event, Finished, Job, JobContext, Lost, Sign

_log = logging.getLogger(__name__)

_KERNEL_EVENTS = Path("/proc/vmstat")

_LOGS, _DRIVER = "netspace-workers-", "driver"
"""Temporary folders of workers' logs, and the file in each that says whose they are."""

_READY = "ready"
"""The first thing that a worker says."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


class LocalExecutor(Executor):
    """Trains jobs in `workers` processes on this machine.

    Args:
        context: what the jobs share.
        workers: processes; None for one per core, or on GPUs for as many on each as its memory holds and get more done.
        device: "cpu", "cuda" (worker k takes GPU k modulo their number), or None for CUDA if there is a GPU.

    Raises:
        TrainingError: there is no such device here.
        StudyError: from `wait`, if one worker after the other ends before it is ready.
    """

    def __init__(
        self,
        context: JobContext,
        *,
        workers: int | None = None,
        device: str | None = None,
        options: NoOptions | None = None,  # noqa: ARG002 (there are none)
    ) -> None:
        self._context = context
        self._devices = _devices(device)
        _clear_up_after_the_dead()
        self._logs = tempfile.TemporaryDirectory(prefix=_LOGS)
        (Path(self._logs.name) / _DRIVER).write_text(str(Worker.current()), encoding="utf-8")
        cores = available_cores()
        on_gpus = self._devices != ["cpu"]
        self._crowd = Crowd(cores // len(self._devices)) if on_gpus and workers is None else None
        self._workers = workers or cores
        self._slots: list[_Worker | None] = []
        self._starved: deque[Job] = deque()
        self._false_starts = 0
        self._started = 0
        self._closed = False

    @override
    @property
    def capacity(self) -> int:
        return self._workers if self._crowd is None else self._crowd.size * len(self._devices)

    @override
    def submit(self, job: Job) -> None:
        self._slots += [None] * (self.capacity - len(self._slots))
        slot = self._free_slot()
        worker = self._slots[slot]
        if worker is None or not worker.alive():
            self._end(slot)
            self._started += 1
            log = Path(self._logs.name) / f"worker-{self._started}.log"
            device = self._devices[slot % len(self._devices)]
            worker = self._slots[slot] = _Worker(self._context, device, log)
            _log.info("started worker %d on %s", self._started, device)
        worker.take(job)
        worker.began_with = 0 if self._crowd is None else self._crowd.size

    @override
    def wait(self, timeout: float) -> list[Event]:
        busy = {worker.connection: i for i, worker in enumerate(self._slots) if worker is not None and worker.job}
        events: list[Event] = []
        for connection in wait(list(busy), timeout):
            slot = busy[connection]  # type: ignore[index]  # wait() returns what it was given
            worker = self._slots[slot]
            if worker is None or worker.job is None:
                continue
            job = worker.job
            event = worker.result()
            if event is None:
                self._false_starts = 0 if worker.ready else self._false_starts
                continue
            if isinstance(event, Lost):
                self._slots[slot] = None
                if not worker.ready:
                    self._started_falsely(event)
                    self.submit(job)
                    continue
            elif isinstance(event, Finished):
                self._learn(event, worker.began_with)
            elif self._was_crowded_out(event, worker.began_with):
                self._end(slot)  # it holds memory that others want
                self._starved.append(job)
                continue
            events.append(event)
        if self._crowd is not None:
            self._end_surplus()
            while self._starved and len(self._busy()) < self.capacity:
                self.submit(self._starved.popleft())
        return events

    def _started_falsely(self, lost: Lost) -> None:
        self._false_starts += 1
        reason, *words = lost.message.splitlines()
        last = f"; its last words: {words[-1].strip()}" if words else ""
        _log.info("a worker ended before it was ready: %s%s", reason, last)
        if self._false_starts >= MAX_FALSE_STARTS:
            raise StudyError(f"no worker could be started: {reason}{last}")

    def _busy(self) -> dict[int, Job]:
        """Return the jobs that are trained now, by slot."""
        return {i: worker.job for i, worker in enumerate(self._slots) if worker is not None and worker.job is not None}

    def _free_slot(self) -> int:
        """Return a slot of the device that trains the fewest, rather one whose worker runs already."""
        number = len(self._devices)
        busy = self._busy()
        load = Counter(slot % number for slot in busy)
        free = (slot for slot in range(len(self._slots)) if slot not in busy)
        return min(free, key=lambda slot: (load[slot % number], self._slots[slot] is None, slot))

    def _learn(self, event: Finished, began_with: int) -> None:
        """Adapt the number of workers to what a run took of its GPU."""
        share = event.outcome.details["memory_share"]
        if self._crowd is not None and share is not None:
            self._crowd.ended(event.outcome.seconds, share, began_with)

    def _was_crowded_out(self, event: Event, began_with: int) -> bool:
        """Return whether a run found no memory that it may find with fewer beside it; then fewer there are."""
        starved = not isinstance(event, Finished) and event.message.startswith("out of memory")
        return starved and self._crowd is not None and self._crowd.starved(began_with)

    def _end_surplus(self) -> None:
        """End idle workers of devices that have more than they are to have: each holds some of the memory."""
        number = len(self._devices)
        workers = Counter(slot % number for slot, worker in enumerate(self._slots) if worker is not None)
        for slot in reversed(range(len(self._slots))):
            worker = self._slots[slot]
            if worker is not None and worker.job is None and number * workers[slot % number] > self.capacity:
                workers[slot % number] -= 1
                self._end(slot)

    def _end(self, slot: int) -> None:
        worker, self._slots[slot] = self._slots[slot], None
        if worker is not None:
            worker.stop()

    @override
    def signs(self) -> dict[int, Sign]:
        return {
            worker.job.run_id: worker.sign for worker in self._slots if worker is not None and worker.job is not None
        }

    @override
    def cancel(self, run_id: int) -> None:
        for slot, job in self._busy().items():
            if job.run_id == run_id:
                self._end(slot)
        self._starved = deque(job for job in self._starved if job.run_id != run_id)

    @override
    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for slot in range(len(self._slots)):
            self._end(slot)
        self._logs.cleanup()


class _Worker:
    """The driver's end of one worker process."""

    def __init__(self, context: JobContext, device: str, log: Path) -> None:
        self.job: Job | None = None
        self.ready = False
        self.began_with = 0
        self._beats = 0
        self._log = log
        self._kills_before = 0
        self.connection, theirs = Pipe()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                # -P: or else a `queue.py` in the folder that one is in would take the place of Python's own
                [sys.executable, "-P", "-m", "netspace.study.executors.local", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # one thread each: the same sums in the same order, whatever the number of workers
                env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")},
            )
        theirs.close()
        with contextlib.suppress(OSError):  # it ended at once: result() meets the closed connection
            self.connection.send((context, device))

    @property
    def sign(self) -> Sign:
        """The last sign of life; that it is ready to begin is the first of another worker, whose time begins anew."""
        return Sign(worker=f"{self._process.pid}, {'at work' if self.ready else 'starting'}", number=self._beats)

    def alive(self) -> bool:
        return self._process.poll() is None

    def take(self, job: Job) -> None:
        self.job = job
        self._kills_before = _kills_for_memory()
        with contextlib.suppress(OSError):  # it died just now: result() meets the closed connection and reports a loss
            self.connection.send(job)

    def result(self) -> Event | None:
        """Return what became of the job in hand, None if the worker says that it is ready to begin, or lives.

        Called when the connection has something to read, or was closed.
        """
        if self.job is None:
            raise AssertionError("result() of a worker without a job")
        try:
            told: Event | str | int = self.connection.recv()
        except (EOFError, OSError):
            told = Lost(run_id=self.job.run_id, message=self._last_words())
        if isinstance(told, str):
            self.ready = True
            return None
        if isinstance(told, int):
            self._beats = told
            return None
        self.job = None
        return told

    def stop(self) -> None:
        self.connection.close()
        if self.alive():
            self._process.kill()
        self._process.wait()

    def _last_words(self) -> str:
        self.stop()
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-10:]
        # the kernel ends whichever process frees the most, and reports it to nobody
        starved = code == -signal.SIGKILL and _kills_for_memory() > self._kills_before
        memory = "out of memory: " if starved else ""
        return "\n".join([f"{memory}the worker process {how}", *lines])


def _clear_up_after_the_dead() -> None:
    """Remove the temporary folders that killed drivers of this machine have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_LOGS}*"):
        with contextlib.suppress(OSError, ValueError):  # another user's, or gone by now
            driver = Worker.parse((folder / _DRIVER).read_text(encoding="utf-8"))
            if driver is not None and driver.is_gone():
                shutil.rmtree(folder, ignore_errors=True)


def _kills_for_memory() -> int:
    """Return how many processes Linux has killed since its start because memory ran out; 0 if that is unknown."""
    try:
        events = _KERNEL_EVENTS.read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill ")), 0)


def _devices(device: str | None) -> list[str]:
    if device == "cpu":
        return ["cpu"]
    import torch

    from netspace.training.device import usable_device

    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if device is None:
        return gpus or ["cpu"]
    if device == "cuda" and gpus:
        return gpus
    if device not in gpus:  # one that is need not be tried, which would take some of its memory for good
        usable_device(device)
    return [device]


def _serve(connection: Connection) -> None:
    """Train jobs from the driver until it closes the connection or dies."""
    # the terminal sends Ctrl-C to the whole group: the driver alone decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context, device = connection.recv()
    one_at_a_time = threading.Lock()

    def tell(what: "Event | str | int") -> None:
        with one_at_a_time:
            connection.send(what)

    beat(tell)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                jobs.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # no driver: whatever is being trained has nobody to be reported to

    threading.Thread(target=listen, daemon=True).start()
    import torch

    from netspace.study.workplace import Workplace

    torch.set_num_threads(1)
    workplace = Workplace(context, device)
    tell(_READY)
    while True:
        tell(workplace.execute(jobs.get()))


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
