"""The contract between the runner and whatever trains its jobs."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from netspace.study.jobs import Event, Job


class Executor(ABC):
    """Trains jobs somewhere, several at a time, and reports each exactly once.

    The runner keeps at most `capacity` jobs submitted, calls `wait` in a loop, and `close` at the end whatever happens.
    An executor never retries: it reports `Lost` where a worker vanished, and the runner decides.
    """

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many jobs can be in hand at once."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job; never called with `capacity` jobs in hand."""

    @abstractmethod
    def wait(self, timeout: float) -> list[Event]:
        """Return what has happened since the last call, after at most `timeout` seconds; perhaps nothing."""

    @abstractmethod
    def close(self) -> None:
        """Stop every worker now; jobs in hand are given up and reported no more. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
