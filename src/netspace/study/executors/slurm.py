"""The SLURM executor: an array of jobs, each of which trains many runs.

Start-up, and the wait in SLURM's queue, are paid once per array task and not once per run. A task that is preempted, or
comes to its time limit, is requeued (by SLURM, or by submitit on SLURM's warning) and starts as a new worker; the run
it was training goes to the next free worker and counts as no attempt. Driver and workers talk through files in a
shared folder, as submitit itself does.
"""

import contextlib
import logging
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import Field
from typing_extensions import override

from netspace.documents import Document
from netspace.errors import MissingExtraError, StudyError, first_line
from netspace.store import Worker
from netspace.study.executors.base import IDLE_SECONDS, MAX_FALSE_STARTS, Executor
from netspace.study.executors.local import THREAD_VARIABLES
from netspace.study.executors.slurm_worker import BEAT_SECONDS, Mailbox, Serve
from netspace.study.jobs import Event, Failed, Job, JobContext, Lost, Sign

if TYPE_CHECKING:
    import submitit

_log = logging.getLogger(__name__)

WARNING_MINUTES = 2.5
"""How long before its limit a job is broken off: submitit asks for a warning 90 s before, SLURM is up to 60 s early."""

_LOOK_SECONDS = 0.1
_OVER = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
}
_WAITING_AGAIN = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"}
_OUT_OF_MEMORY = re.compile(r"oom[-_ ]kill|out of memory|exceeded (job )?memory limit", re.IGNORECASE)
"""What SLURM writes into a job's log if the state alone does not say why."""

_COMMAND_SECONDS = 60


class SlurmOptions(Document):
    """What can be set of the SLURM executor; left out, the cluster's own default holds.

    Attributes:
        partition, account, qos, constraint, exclude, gres: as for `sbatch`.
        time: limit of a job in minutes. A job serves many runs and is requeued at its limit (SLURM warns it up to
            two and a half minutes before); a run that takes longer goes on from its checkpoint.
        mem_gb: memory of a job.
        cpus: cores of a job; it trains with one thread whatever this is.
        gpus: GPUs of a job; if there are any, runs are trained on CUDA.
        setup: shell command before the worker starts ("module load ...").
        folder: where driver and workers meet and logs are written, shared by all nodes; None for `.netspace-slurm`
            beside the study file.
        poll_seconds: how often SLURM is asked what became of the jobs.
        idle_seconds: how long a job that has nothing to train keeps its place.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    gres: str | None = None
    time: Annotated[int, Field(ge=5)] = 240
    mem_gb: Annotated[float, Field(gt=0)] | None = None
    cpus: Annotated[int, Field(ge=1)] = 1
    gpus: Annotated[int, Field(ge=0)] = 0
    setup: str | None = None
    folder: Path | None = None
    poll_seconds: Annotated[float, Field(ge=0.2)] = 10.0
    idle_seconds: Annotated[float, Field(ge=0)] = IDLE_SECONDS

    def parameters(self) -> dict[str, Any]:
        """Return what is set, by submitit's names."""
        plain = ("partition", "account", "qos", "constraint", "exclude", "gres", "time")
        chosen = {name: getattr(self, name) for name in plain} | {
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "mem": None if self.mem_gb is None else f"{round(self.mem_gb * 1024)}MB",
            "setup": [
                # or else a `queue.py` in the folder that one is in would take the place of Python's own
                "export PYTHONSAFEPATH=1",
                f"export {' '.join(f'{variable}=1' for variable in THREAD_VARIABLES)}",
                *([self.setup] if self.setup else []),
            ],
        }
        return {name: value for name, value in chosen.items() if value is not None}


class SlurmExecutor(Executor):
    """Trains jobs in `workers` SLURM jobs at a time. `device` None is CUDA where the option `gpus` is set."""

    Options: ClassVar[type[Document]] = SlurmOptions

    def __init__(
        self,
        context: JobContext,
        *,
        workers: int | None = None,
        device: str | None = None,
        options: SlurmOptions | None = None,
    ) -> None:
        if find_spec("submitit") is None:
            raise MissingExtraError("slurm", "the executor 'slurm'")
        if shutil.which("sbatch") is None:
            raise StudyError("the executor 'slurm' needs SLURM's commands (sbatch, squeue): run it on a login node")
        if workers is None:
            raise StudyError("the executor 'slurm' needs the number of jobs to run at once: --workers K")
        self._options = options or SlurmOptions()
        self._capacity = workers
        self._checkpoints = context.checkpoints
        device = device or ("cuda" if self._options.gpus else "cpu")
        folder = (self._options.folder or context.root / ".netspace-slurm").absolute()
        _clear_up_after_the_dead(folder)
        self._name = f"netspace-{uuid4().hex[:8]}"
        self._folder = folder / self._name
        try:
            self._box = Mailbox.create(self._folder, context, device)
        except OSError as error:
            raise StudyError(
                f"{self._folder}: cannot write to it ({first_line(error)}); set a shared folder: --option folder=DIR"
            ) from error
        self._submitter = self._make_submitter()
        self._slots: dict[str, _Slot] = {}
        self._waiting: deque[Job] = deque()
        self._events: list[Event] = []
        self._known: set[str] = set()
        self._false_starts = 0
        self._polled = time.monotonic()
        self._keep_logs = False
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    @override
    @property
    def capacity(self) -> int:
        return self._capacity

    @override
    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    @override
    def wait(self, timeout: float) -> list[Event]:
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._look()
            except OSError as error:
                raise StudyError(f"{self._folder}: cannot use the shared folder ({first_line(error)})") from error
            if self._events or time.monotonic() >= deadline:
                events, self._events = self._events, []
                return events
            time.sleep(_LOOK_SECONDS)

    def _look(self) -> None:
        """Take what has come from workers and SLURM, and give out what waits."""
        # in this order: what a worker left behind counts before the news that it is gone
        self._collect()
        self._greet()
        if time.monotonic() - self._polled > self._options.poll_seconds:
            self._polled = time.monotonic()
            self._poll()
        self._assign()

    @override
    def signs(self) -> dict[int, Sign]:
        return {
            slot.job.run_id: Sign(worker=slot.identity, number=self._box.beats(slot.identity))
            for slot in self._slots.values()
            if slot.job is not None and slot.identity is not None
        }

    @override
    def cancel(self, run_id: int) -> None:
        for slot in [slot for slot in self._slots.values() if slot.job is not None and slot.job.run_id == run_id]:
            del self._slots[slot.slurm_job]
            with contextlib.suppress(StudyError):  # then it stays until the driver ends
                _call("scancel", slot.slurm_job)
        self._waiting = deque(job for job in self._waiting if job.run_id != run_id)
        self._events = [event for event in self._events if event.run_id != run_id]

    @override
    def close(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        if self._slots:
            with contextlib.suppress(StudyError):  # the workers end with the driver in any case
                _call("scancel", f"--name={self._name}")
        if self._keep_logs:
            self._box.remove()
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another driver's folder may lie there too
                self._folder.parent.rmdir()

    def _make_submitter(self) -> "submitit.SlurmExecutor":
        import submitit

        # what is limited is how long a run gets nowhere (see _put_back), not how long a worker serves
        submitter = submitit.SlurmExecutor(self._folder / "logs", max_num_timeout=1_000_000)
        submitter.update_parameters(job_name=self._name, array_parallelism=self._capacity, **self._options.parameters())
        return submitter

    def _beat(self) -> None:
        driver = str(Worker.current())
        for number in count(1):
            if self._ended.wait(BEAT_SECONDS):
                return
            with contextlib.suppress(OSError):  # a disk that is full or slow: the next beat may succeed
                self._box.beat(driver, number)

    def _collect(self) -> None:
        """Take the events. One of a worker that was given up is dropped: its job was put back, and is trained again."""
        for identity, event in self._box.collect():
            slot = next((slot for slot in self._slots.values() if slot.identity == identity), None)
            if slot is not None and slot.job is not None and slot.job.run_id == event.run_id:
                slot.job, slot.jobs_done, slot.idle_since = None, slot.jobs_done + 1, time.monotonic()
                self._events.append(event)

    def _greet(self) -> None:
        """Learn which workers have become ready; one in a job that had another worker before was requeued."""
        for identity, hello in self._box.hellos(self._known).items():
            self._known.add(identity)
            slot = self._slots.get(hello.slurm_job)
            if slot is not None:
                if slot.identity is not None:
                    self._put_back(slot)
                slot.identity, slot.jobs_done = identity, 0
                slot.idle_since = time.monotonic()
                slot.running_since = slot.running_since or slot.idle_since
                self._false_starts = 0

    def _assign(self) -> None:
        """Give waiting jobs to workers that are ready, and have SLURM start one for each that is left."""
        for slot in self._slots.values():
            if self._waiting and slot.identity is not None and slot.job is None:
                slot.job = self._waiting.popleft()
                slot.checkpoint = self._checkpoint(slot.job)
                self._box.give(slot.identity, slot.job)
        for slot in list(self._slots.values()):
            idle = slot.identity is not None and slot.job is None
            if idle and time.monotonic() - slot.idle_since > self._options.idle_seconds:
                del self._slots[slot.slurm_job]
                with contextlib.suppress(StudyError):  # then it stays until the driver ends
                    _call("scancel", slot.slurm_job)
        starting = sum(slot.identity is None for slot in self._slots.values())
        missing = min(len(self._waiting) - starting, self._capacity - len(self._slots))
        if missing > 0:
            self._start(missing)

    def _start(self, workers: int) -> None:
        """Submit an array of `workers` tasks."""
        try:
            jobs = self._submitter.map_array(Serve(), [self._folder] * workers)
        except Exception as error:  # submitit passes on whatever sbatch provokes
            lines = str(error).strip().splitlines()
            reason = next((line for line in lines if "error:" in line), lines[-1] if lines else type(error).__name__)
            raise StudyError(f"SLURM rejected the job: {reason.removeprefix('sbatch: ')}") from error
        _log.info("submitted %d jobs to SLURM: %s", len(jobs), ", ".join(job.job_id for job in jobs))
        self._slots |= {job.job_id: _Slot(slurm_job=job.job_id, log=Path(job.paths.stderr)) for job in jobs}

    def _poll(self) -> None:
        """Ask SLURM for the jobs' states and draw the conclusions."""
        if not self._slots:
            return
        try:
            told = _call("squeue", "--me", f"--name={self._name}", "--states=all", "--array", "-h", "-o", "%i %T")
        except StudyError:
            return  # the controller may be restarting; the workers do not need it
        states = dict(line.split(maxsplit=1) for line in told.splitlines())
        self._collect()
        for slot in list(self._slots.values()):
            state = states.get(slot.slurm_job)  # None: it ended long enough ago to be forgotten
            if state in _WAITING_AGAIN:
                _log.info("job %s waits in the queue (%s)", slot.slurm_job, state)
                self._put_back(slot)
            elif state == "RUNNING":
                slot.running_since = slot.running_since or time.monotonic()
            # a shared folder may be slow to show the last event: a job is over when it is so at two looks
            slot.looks_over = slot.looks_over + 1 if state is None or state in _OVER else 0
            if slot.looks_over >= 2:
                _log.info("job %s ended: %s", slot.slurm_job, state or "vanished")
                del self._slots[slot.slurm_job]
                self._over(slot, state or "vanished")

    def _put_back(self, slot: "_Slot", *, preempted: bool = False) -> None:
        """Give up a worker whose job ended or was requeued; its run waits again, unless it would do so for ever.

        That is where it had the job's whole time limit to itself and came no further. SLURM does not say why it
        requeued a job: one that is preempted in its last minutes passes for one at its limit.
        """
        job, since, done = slot.job, slot.running_since, slot.jobs_done
        slot.job, slot.identity, slot.running_since, slot.jobs_done = None, None, None, 0
        if job is None:
            return
        # SLURM was asked some time after the job began
        minutes = 0.0 if since is None else (time.monotonic() - since + self._options.poll_seconds) / 60
        at_limit = not preempted and minutes >= self._options.time - WARNING_MINUTES
        if at_limit and done == 0 and self._checkpoint(job) in (None, slot.checkpoint):
            self._keep_logs = True
            limit = f"the run makes no progress within the time limit of {self._options.time} minutes"
            message = f"{limit} and wrote no checkpoint; raise the limit: --option time=MINUTES (log: {slot.log})"
            self._events.append(Failed(run_id=job.run_id, message=message))
        else:
            self._waiting.appendleft(job)

    def _checkpoint(self, job: Job) -> tuple[int, int] | None:
        """Return what changes with every checkpoint of a run; None if it has none, or none to be seen here."""
        path = None if self._checkpoints is None else self._checkpoints.path(job)
        try:
            found = None if path is None else path.stat()
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_ino)

    def _over(self, slot: "_Slot", state: str) -> None:
        """Draw the conclusion from a job that ended and was not requeued."""
        if state in ("PREEMPTED", "TIMEOUT"):
            self._put_back(slot, preempted=state == "PREEMPTED")
        elif slot.identity is None:
            self._keep_logs = True
            self._false_starts += 1
            if self._false_starts >= MAX_FALSE_STARTS:
                last = next(reversed(_last_lines(slot.log)), "it is empty")
                where = f"the last line of {slot.log}: {last}"
                raise StudyError(f"SLURM could not start a worker: job {slot.slurm_job} ended as {state}; {where}")
        elif slot.job is not None:
            self._keep_logs = True
            lines = _last_lines(slot.log)
            starved = state == "OUT_OF_MEMORY" or any(_OUT_OF_MEMORY.search(line) for line in lines)
            memory = "out of memory: " if starved else ""
            message = f"{memory}the SLURM job {slot.slurm_job} ended as {state} (log: {slot.log})"
            self._events.append(Lost(run_id=slot.job.run_id, message="\n".join([message, *lines])))


@dataclass(eq=False)
class _Slot:
    """A SLURM job, and the worker in it once that is ready; `checkpoint` is its run's as the worker began."""

    slurm_job: str
    log: Path
    identity: str | None = None
    running_since: float | None = None
    job: Job | None = None
    checkpoint: tuple[int, int] | None = None
    idle_since: float = 0.0
    jobs_done: int = 0
    looks_over: int = 0


def _clear_up_after_the_dead(parent: Path) -> None:
    """Cancel the jobs and remove the folders of drivers of this machine that were killed."""
    for folder in parent.glob("netspace-*"):
        driver = Mailbox(folder).driver()
        if driver is not None and driver.is_gone():
            with contextlib.suppress(StudyError):
                _call("scancel", f"--name={folder.name}")
            shutil.rmtree(folder, ignore_errors=True)


def _last_lines(log: Path, number: int = 10) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-number:]
    except OSError:
        return []


def _call(*command: str) -> str:
    """Return what one of SLURM's commands prints."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_COMMAND_SECONDS).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise StudyError(f"{command[0]}: {first_line(said)}") from error
