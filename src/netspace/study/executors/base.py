"""The contract between the runner and whatever trains its jobs."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, ClassVar, Self

from netspace.documents import Document
from netspace.study.jobs import Event, Job, JobContext, Sign

IDLE_SECONDS = 20.0
"""How long a worker on a cluster keeps its place without a job by default: others, a second driver of the
study too, want it, but a new worker takes seconds to start."""


MAX_FALSE_STARTS = 3
"""Workers in a row that may end before they are ready; then something is wrong that retrying will not fix."""


class NoOptions(Document):
    """The options of an executor that has none."""


class Executor(ABC):
    """Trains jobs somewhere, several at a time, and reports each exactly once.

    The runner keeps at most `capacity` jobs submitted, calls `wait` in a loop, and `close` at the end whatever happens.
    An executor never retries: it reports `Lost` if a worker vanished, `Unfit` if one can train nothing, and the
    runner decides. A worker that its scheduler preempts is no event at all: its job goes to another worker. Nor is a
    job that found no memory because the executor trained too many beside it: it is trained with fewer.

    Args:
        context: what the jobs share.
        workers: how many train at a time; None for what the machine or cluster has.
        device: "cpu" or "cuda"; None for CUDA if there is a GPU.
        options: of the kind `Options`; None for its defaults.

    Raises:
        MissingExtraError: the library that it needs is not installed.
        StudyError: there is no cluster, or it takes no workers; also raised by `submit` and `wait`.
    """

    Options: ClassVar[type[Document]] = NoOptions
    """What else a user may set, by the names that `netspace run --option NAME=VALUE` takes."""

    @abstractmethod
    def __init__(
        self,
        context: JobContext,
        *,
        workers: int | None = None,
        device: str | None = None,
        options: Any = None,
    ) -> None: ...

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many jobs can be in hand at once."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job; never called with `capacity` jobs in hand."""

    @abstractmethod
    def wait(self, timeout: float) -> list[Event]:
        """Return what has happened since the last call, after at most `timeout` seconds; perhaps nothing.

        Called now and then with no job in hand too.
        """

    @abstractmethod
    def signs(self) -> dict[int, Sign]:
        """Return the last sign of life of the worker of each job, by run; of a job that waits for one there is none.

        A worker gives signs for as long as it computes, so one that is stopped or hangs is silent.
        """

    @abstractmethod
    def cancel(self, run_id: int) -> None:
        """Give up the job of a run: its worker is ended, and nothing is reported of it. One not in hand is none."""

    @abstractmethod
    def close(self) -> None:
        """Stop every worker now; jobs in hand are given up and reported no more. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
