"""Progress of timing on the terminal: a bar for each space, or, where there is no terminal, a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from netspace.commands.progress import PLAIN_INTERVAL, duration
from netspace.training.latency import Timings


@contextmanager
def watch_timings() -> Iterator[Callable[[Timings], None]]:
    """Give what shows how the timing of networks goes while the block runs; where none is timed, nothing is shown."""
    console = Console(stderr=True)
    with ExitStack() as stack:
        yield _LiveBars(console, stack) if console.is_terminal else _PlainLines()


class _LiveBars:
    def __init__(self, console: Console, stack: ExitStack) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"), console=console
        )
        self._stack = stack
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, timings: Timings) -> None:
        if not self._tasks:
            self._stack.enter_context(self._bar)
        if timings.space not in self._tasks:
            self._tasks[timings.space] = self._bar.add_task(timings.space, total=timings.wanted, facts="")
        self._bar.update(self._tasks[timings.space], completed=timings.inside, facts=describe(timings))


class _PlainLines:
    def __init__(self) -> None:
        self._printed = time.monotonic()

    def __call__(self, timings: Timings) -> None:
        now = time.monotonic()
        if now - self._printed >= PLAIN_INTERVAL:
            print(f"{timings.space}: {describe(timings)}", file=sys.stderr, flush=True)
            self._printed = now


def describe(timings: Timings) -> str:
    """Return how many networks were timed, how many are inside the window, the last latency and the time left."""
    parts = [f"{timings.inside}/{timings.wanted} inside, {timings.timed} timed", f"last {timings.last_ms:.3g} ms"]
    if timings.seconds_left:
        parts.append(f"about {duration(timings.seconds_left)} left")
    return " · ".join(parts)
