"""Progress of a study on the terminal: a bar that refreshes, or, where there is no terminal, a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from netspace.study.runner import Progress

PLAIN_INTERVAL = 10.0
"""Seconds between lines where there is no terminal."""


@contextmanager
def watch(name: str) -> Iterator[Callable[[Progress], None]]:
    """Give what shows the progress of study `name` while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _PlainLines(name)
        return
    with Bar(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"), console=console) as bar:
        yield _LiveBar(bar, name)


class _LiveBar:
    """A bar at the bottom, and above it one line for each run that ended."""

    def __init__(self, bar: Bar, name: str) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=None, facts="")
        self._last = ""

    def __call__(self, progress: Progress) -> None:
        if progress.last != self._last:
            self._last = progress.last
            self._bar.console.print(Text(f"  {progress.last}", style="dim"))
        self._bar.update(self._task, completed=progress.ended, total=progress.total, facts=describe(progress))


class _PlainLines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._printed = -PLAIN_INTERVAL
        self._last = ""

    def __call__(self, progress: Progress) -> None:
        now, over = time.monotonic(), progress.ended == progress.total
        if now - self._printed < PLAIN_INTERVAL and not over:
            return
        line = f"{self._name}: {describe(progress)}" + (f" · {progress.last}" if progress.last else "")
        if line != self._last:
            print(line, file=sys.stderr, flush=True)
        self._printed, self._last = now, line


def describe(progress: Progress) -> str:
    """Return how many runs ended and failed, the rate, the time left and the best error, in a line."""
    parts = [f"{progress.ended}/{progress.total} runs"]
    failed = progress.number("diverged", "failed", "lost")
    parts += [f"{failed} failed"] if failed else []
    if progress.rate is not None and progress.seconds_left is not None:
        parts += [f"{progress.rate:.0f}/h", f"{duration(progress.seconds_left)} left"]
    if progress.best is not None:
        parts.append(f"best {progress.best:.2f} %")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a time as H:MM:SS."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{int(seconds):02}"
