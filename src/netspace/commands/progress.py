"""Progress on the terminal, of a study or of timing: a bar that refreshes, or a line now and then if there is none."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

if TYPE_CHECKING:
    from netspace.results.standing import Standing
    from netspace.searching.progress import Progress
    from netspace.training.latency import Timings

PLAIN_INTERVAL = 10.0
"""Seconds between lines if standard error is not a terminal."""
BRIEF_INTERVAL = 120.0
"""The same, for who wants few lines."""


@contextmanager
def watch(name: str, every: float = PLAIN_INTERVAL) -> Iterator[Callable[["Standing"], None]]:
    """Give what shows the progress of study `name` while the block runs, a line `every` so many seconds at most."""
    with ExitStack() as stack:
        display = _display(stack, first_after=0.0, every=every)
        yield lambda now: display(name, describe(now), done=now.ended, total=now.total, event=now.last)


@contextmanager
def watch_timings() -> Iterator[Callable[["Timings"], None]]:
    """Give what shows how the timing of networks goes while the block runs; nothing is shown if none is timed."""
    with ExitStack() as stack:
        display = _display(stack, first_after=PLAIN_INTERVAL)
        yield lambda now: display(now.space, describe_timings(now), done=now.inside, total=now.wanted)


@contextmanager
def watch_search() -> Iterator[Callable[["Progress"], None]]:
    """Give what shows the progress of a search while the block runs."""
    with ExitStack() as stack:
        display = _display(stack, first_after=0.0)
        yield lambda now: display("search", describe_search(now), done=now.done, total=now.total, event=now.event)


class _Display(Protocol):
    def __call__(self, name: str, facts: str, *, done: int, total: int, event: str = "") -> None:
        """Show that `done` of `total` are done, with the facts in a line, and the last event if it is a new one."""


def _display(stack: ExitStack, *, first_after: float, every: float = PLAIN_INTERVAL) -> _Display:
    """Return what shows progress until `stack` is closed; without a terminal, not before so many seconds."""
    console = Console(stderr=True)
    return _LiveBars(console, stack) if console.is_terminal else _PlainLines(first_after, every)


class _LiveBars:
    """A bar for each name at the bottom, and above them one line for each event."""

    def __init__(self, console: Console, stack: ExitStack) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"), console=console
        )
        self._stack = stack
        self._tasks: dict[str, TaskID] = {}
        self._event = ""

    def __call__(self, name: str, facts: str, *, done: int, total: int, event: str = "") -> None:
        if not self._tasks:
            self._stack.enter_context(self._bar)
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total, facts="")
        if event != self._event:
            self._event = event
            self._bar.console.print(Text(f"  {event}", style="dim"))
        self._bar.update(self._tasks[name], completed=done, total=total, facts=facts)


class _PlainLines:
    def __init__(self, first_after: float, every: float) -> None:
        self._every = every
        self._next = time.monotonic() + first_after
        self._last = ""

    def __call__(self, name: str, facts: str, *, done: int, total: int, event: str = "") -> None:
        # the end is shown of what was shown before: what is quick is not worth a line
        ended = done == total and self._last
        if time.monotonic() < self._next and not ended:
            return
        line = f"{name}: {facts}" + (f" · {event}" if event else "")
        if line != self._last:
            print(line, file=sys.stderr, flush=True)
        self._next, self._last = time.monotonic() + self._every, line


def describe(standing: "Standing") -> str:
    """Return how many runs ended and failed, the rate, the time left and the best error, in a line."""
    parts = [f"{standing.ended}/{standing.total} runs"]
    failed = standing.number("diverged", "failed", "lost")
    parts += [f"{failed} failed"] if failed else []
    if standing.rate is not None and standing.seconds_left is not None:
        parts += [f"{standing.rate:.0f}/h", f"{duration(standing.seconds_left)} left"]
    parts += [silence(standing)] if standing.silent else []
    if standing.best is not None:
        parts.append(f"best {standing.best.error:.2f} %")
    return " · ".join(parts)


def silence(standing: "Standing") -> str:
    """Return of which run nothing was heard for longest, and of how many more."""
    first, *others = standing.silent
    more = f" and {len(others)} more" if others else ""
    return f"no sign of {first.space} {first.index} for {first.seconds / 60:.0f} min{more}"


def describe_timings(timings: "Timings") -> str:
    """Return how many networks were timed, how many are inside the window, the last latency and the time left."""
    parts = [f"{timings.inside}/{timings.wanted} inside, {timings.timed} timed", f"last {timings.last_ms:.3g} ms"]
    if timings.seconds_left:
        parts.append(f"about {duration(timings.seconds_left)} left")
    return " · ".join(parts)


def describe_search(progress: "Progress") -> str:
    """Return the stage, how far it is, and the time left for the whole, in a line."""
    left = "" if progress.seconds_left is None else f" · {duration(progress.seconds_left)} left in all"
    return f"{progress.stage} · {progress.facts}{left}"


def duration(seconds: float) -> str:
    """Return a time as H:MM:SS."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{int(seconds):02}"
