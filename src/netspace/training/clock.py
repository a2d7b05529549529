"""How long something took, without the time in which its process stood still: stopped, or the machine asleep."""

import threading
import time
from types import TracebackType
from typing import Self

TICK_SECONDS = 1.0
"""Time between two ticks of a process that runs."""
LONGEST_TICK = 10.0
"""Seconds without a tick after which a process is taken to have stood still; on a machine that is very busy it may
wait for some."""


class Clock:
    """A clock from its making on, as a context whose end stops its thread.

    A thread ticks as long as the process runs. Where no tick came for long, no thread ran, and what counts of that time
    is what the process used of the processor: nothing if it was stopped (SIGSTOP, a suspended SLURM job, a laptop's
    lid), and what it took if a library kept all threads waiting.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._at = self._now()
        self._seconds = self._paused = 0.0
        threading.Thread(target=self._tick, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()

    @property
    def seconds(self) -> float:
        """Seconds since the clock was made, without pauses."""
        self._look()
        return self._seconds

    @property
    def paused(self) -> float:
        """Seconds of pauses since the clock was made."""
        self._look()
        return self._paused

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._lock:
            before, self._at = self._at, self._now()
            # the first one stands while a machine sleeps, the second one may be set
            steady, wall, worked = (after - early for after, early in zip(self._at, before, strict=True))
            gap = max(steady, wall)
            if gap <= LONGEST_TICK:
                self._seconds += steady
            else:
                self._seconds += min(steady, worked)
                self._paused += gap - min(steady, worked)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.perf_counter(), time.time(), time.process_time()
