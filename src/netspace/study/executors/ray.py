"""The Ray executor: one actor for each slot, on an existing cluster or on one that is started here.

Start-up is paid once per actor. The images are put into Ray's object store once and mapped by every actor of a node,
so that the nodes need neither the source nor a shared folder; `netspace` must be installed on them. Images that are
streamed are another matter: every node needs their source. Ray ends the actors of a driver that has died.
"""

import contextlib
import logging
import math
import os
import socket
import time
from collections import deque
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import numpy as np
from pydantic import Field
from typing_extensions import override

from netspace.documents import Document
from netspace.errors import MissingExtraError, StudyError, first_line
from netspace.study.executors.base import IDLE_SECONDS, MAX_FALSE_STARTS, Executor
from netspace.study.executors.pulse import BEAT_SECONDS, beat
from netspace.study.jobs import Event, Job, JobContext, Lost, Sign
from netspace.training.images.data import ImageData, load_data

_log = logging.getLogger(__name__)

_BESIDE = "beside"
"""The threads of an actor that answer while another one trains."""

KNOCK_SECONDS = 10.0
"""How long the address of a cluster may take to answer."""


class RayOptions(Document):
    """What can be set of the Ray executor.

    Attributes:
        address: of an existing cluster (`HOST:6379`, `ray://HOST:10001`, `auto`); None for $RAY_ADDRESS, and where that
            is not set for a cluster of this machine alone, which ends with the study.
        cpus: cores that Ray reserves for a worker; it trains with one thread whatever this is.
        gpus: GPUs that Ray reserves for a worker; 0.25 lets four share one. None for 1 on CUDA.
        idle_seconds: how long a worker keeps its place without a job.
    """

    address: str | None = None
    cpus: Annotated[float, Field(ge=0)] = 1
    gpus: Annotated[float, Field(gt=0)] | None = None
    idle_seconds: Annotated[float, Field(ge=0)] = IDLE_SECONDS


class RayExecutor(Executor):
    """Trains jobs in `workers` actors of a Ray cluster; None for as many as its cores, or GPUs, allow."""

    Options: ClassVar[type[Document]] = RayOptions

    def __init__(
        self,
        context: JobContext,
        *,
        workers: int | None = None,
        device: str | None = None,
        options: RayOptions | None = None,
    ) -> None:
        if find_spec("ray") is None:
            raise MissingExtraError("ray", "the executor 'ray'")
        # under `uv run` Ray would send the whole working directory to the nodes and build an environment there
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        import ray

        options = options or RayOptions()
        self._ray = ray
        self._owns_connection = not ray.is_initialized()
        self._where = options.address or os.environ.get("RAY_ADDRESS")
        self._idle_seconds = options.idle_seconds
        self._slots: list[_Slot] = []
        self._waiting: deque[Job] = deque()
        self._false_starts = 0
        self._closed = False
        if self._owns_connection:
            self._connect(workers and math.ceil(workers * options.cpus))
        try:
            self._prepare(context, workers, device, options)
        except BaseException:
            self.close()
            raise

    @override
    @property
    def capacity(self) -> int:
        return self._capacity

    @override
    def submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._assign()

    @override
    def wait(self, timeout: float) -> list[Event]:
        self._assign()
        slots = {slot.answer: slot for slot in self._slots if slot.answer is not None}
        if not slots:
            return []
        # the first call waits for one answer, the second takes whatever else is there
        self._ray.wait(list(slots), timeout=timeout)
        answered, _ = self._ray.wait(list(slots), num_returns=len(slots), timeout=0)
        events = [event for answer in answered if (event := self._settle(slots[answer])) is not None]
        self._assign()
        return events

    @override
    def signs(self) -> dict[int, Sign]:
        for slot in self._slots:
            if slot.job is not None:
                self._listen(slot)
        return {
            slot.job.run_id: Sign(worker=slot.name, number=slot.beats) for slot in self._slots if slot.job is not None
        }

    def _listen(self, slot: "_Slot") -> None:
        """Ask an actor for its last sign of life, and take the answer to what was asked before."""
        if slot.asked is not None and self._ray.wait([slot.asked], timeout=0)[0]:
            with contextlib.suppress(self._ray.exceptions.RayError):  # what became of it is its job's to tell
                slot.beats = self._ray.get(slot.asked)
            slot.asked = None
        if slot.asked is None and time.monotonic() - slot.asked_at > BEAT_SECONDS:
            slot.asked_at = time.monotonic()
            slot.asked = slot.actor.beats.options(concurrency_group=_BESIDE).remote()

    @override
    def cancel(self, run_id: int) -> None:
        for slot in [slot for slot in self._slots if slot.job is not None and slot.job.run_id == run_id]:
            self._end(slot)
        self._waiting = deque(job for job in self._waiting if job.run_id != run_id)

    @override
    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for slot in self._slots.copy():
            self._end(slot)
        if self._owns_connection:
            self._ray.shutdown()

    def _connect(self, cpus: int | None) -> None:
        if self._where is not None:
            _check_answers(self._where)
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            # Ray has its workers import from the folder that the driver is in: let that be the one of our own code
            with contextlib.chdir(Path(__file__).parents[3]):
                if self._where is None:
                    self._ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
                else:
                    self._ray.init(self._where, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StudyError(f"no Ray cluster at {self._where or 'this machine'}: {first_line(error)}") from error

    def _prepare(self, context: JobContext, workers: int | None, device: str | None, options: RayOptions) -> None:
        """Look at the cluster and put what all actors share into it."""
        nodes: list[dict[str, Any]] = self._ray.nodes()  # type: ignore[no-untyped-call]  # untyped in Ray
        has_gpus = any(node["Resources"].get("GPU") for node in nodes if node["Alive"])
        self._device = device or ("cuda" if has_gpus else "cpu")
        gpus = (options.gpus or 1) if self._device.startswith("cuda") else 0
        places = worker_places(nodes, cpus=options.cpus, gpus=gpus)
        self._capacity = workers or places
        # Any: what Ray makes of a class is known at run time alone
        groups: dict[str, Any] = {"concurrency_groups": {_BESIDE: 1}}
        self._actor: Any = self._ray.remote(num_cpus=options.cpus, num_gpus=gpus, max_restarts=0, **groups)(_Worker)
        self._context = self._ray.put(context)
        self._data = self._ray.put(_shared(load_data(context.data, context.resolution, root=context.root)))

    def _assign(self) -> None:
        """Give waiting jobs to actors that are ready, and start an actor for each that is left, up to the capacity."""
        for slot in self._slots:
            if self._waiting and slot.answer is None:
                slot.job = self._waiting.popleft()
                slot.answer = slot.actor.train.remote(slot.job)
        for slot in self._slots.copy():
            if slot.answer is None and time.monotonic() - slot.idle_since > self._idle_seconds:
                self._end(slot)
        starting = sum(slot.job is None for slot in self._slots)
        for _ in range(min(len(self._waiting) - starting, self._capacity - len(self._slots))):
            actor = self._actor.remote(self._context, self._data, self._device)
            self._slots.append(_Slot(actor=actor, answer=actor.where.remote()))

    def _settle(self, slot: "_Slot") -> Event | None:
        """Take a slot's answer: what became of its job, or None if its actor says that it is ready."""
        answer, slot.answer = slot.answer, None
        job, slot.job = slot.job, None
        slot.idle_since = time.monotonic()
        try:
            told = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            self._end(slot)
            if job is None:
                self._started_falsely(error)
                return None
            return Lost(run_id=job.run_id, message=_reason(error))
        if job is None:
            self._false_starts = 0
            return None
        event: Event = told
        return event

    def _end(self, slot: "_Slot") -> None:
        self._slots.remove(slot)
        # without a connection (another executor of this process has closed it) kill() would start a cluster
        if self._ray.is_initialized():
            with contextlib.suppress(Exception):  # it may have died already
                self._ray.kill(slot.actor)

    def _started_falsely(self, error: Exception) -> None:
        self._false_starts += 1
        _log.info("a worker ended before it was ready: %s", " ".join(_reason(error).split()))
        if self._false_starts >= MAX_FALSE_STARTS:
            raise StudyError(f"Ray could not start a worker ({' '.join(_reason(error).split())})") from error


@dataclass(eq=False)
class _Slot:
    """An actor; `answer` is the object that will say that it is ready or, with a job, what became of that.

    `asked` is the object that will hold its last sign of life, once it has answered.
    """

    actor: Any
    answer: Any
    job: Job | None = None
    idle_since: float = 0.0
    beats: int = 0
    asked: Any = None
    asked_at: float = 0.0
    name: str = field(default_factory=lambda: uuid4().hex)


class _Worker:
    """What runs in the actor."""

    def __init__(self, context: JobContext, data: ImageData | None, device: str) -> None:
        import torch

        from netspace.study.workplace import Workplace

        # one thread each: the same sums in the same order, whatever the number of workers
        torch.set_num_threads(1)
        # what lies in the object store is read-only, and PyTorch warns of labels that are
        own = None if data is None else replace(data, validation_labels=data.validation_labels.copy())
        self._workplace = Workplace(context, device, own)
        self._beats = 0
        beat(self._beat)

    def _beat(self, number: int) -> None:
        self._beats = number

    def beats(self) -> int:
        return self._beats

    def where(self) -> int:
        return os.getpid()

    def train(self, job: Job) -> Event:
        return self._workplace.execute(job)


def worker_places(nodes: list[dict[str, Any]], *, cpus: float, gpus: float) -> int:
    """Return how many workers the nodes of a cluster hold at a time, at least 1.

    Args:
        nodes: as `ray.nodes()` gives them.
        cpus: that a worker reserves; where it reserves nothing at all, one per core is the number.
        gpus: that a worker reserves.

    Raises:
        StudyError: no node offers that much; Ray would let the workers wait for one for ever.
    """
    needs = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount}
    counted = needs or {"CPU": 1.0}
    offers = [{name: node["Resources"].get(name, 0.0) for name in counted} for node in nodes if node["Alive"]]
    # Ray counts in ten-thousandths; a division of tenths may fall short of a whole number by less
    places = sum(min(int(offer[name] / amount + 1e-6) for name, amount in counted.items()) for offer in offers)
    if needs and not places:
        found = "; ".join(sorted({_amounts(offer) for offer in offers})) or "nothing"
        raise StudyError(f"no node of the Ray cluster has what a worker needs ({_amounts(needs)}); nodes have: {found}")
    return max(1, places)


def _amounts(resources: dict[str, float]) -> str:
    """Return resources by the names of the options that reserve them."""
    return ", ".join(f"{name.lower()}s={amount:g}" for name, amount in resources.items())


def _check_answers(address: str) -> None:
    """Knock at the address: Ray itself would try for minutes and print all the while."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return  # "auto", "local": Ray's own words
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    except OSError as error:
        raise StudyError(f"no Ray cluster at {address}: {first_line(error)}") from error


def _shared(data: ImageData) -> ImageData | None:
    """Return the images as arrays that the object store shares without a copy, without those of the test split.

    None for streamed images: they may not fit into any memory, so each worker opens their source itself.
    """
    if data.streamed:
        return None
    return replace(
        data,
        train_images=np.asarray(data.train_images),
        validation_images=np.asarray(data.validation_images),
        test_images=None,
        test_labels=None,
    )


def _reason(error: Exception) -> str:
    """Return why an actor ended, the point first."""
    # by the class alone: the text of every other vanished worker names running out of memory among the possible causes
    memory = "out of memory: " if type(error).__name__ == "OutOfMemoryError" else ""
    return f"{memory}the Ray worker vanished ({type(error).__name__})\n{str(error).strip()}"
