"""The hours of a search: what is spent of them, and what the rest is enough for at the speed seen so far.

What counts is the time that passes while the search runs, over all its calls. It is kept in the folder every few
seconds, so that a search that was killed goes on with what was left.
"""

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from netspace.documents import Document, parse, read_json
from netspace.files import is_file, write_whole

SPENT = "hours.json"
LAST_SECONDS = 15.0
"""Set aside for what follows the last training: the page, and the error on the test split."""
_KEEP_SECONDS = 5.0


class Spent(Document):
    """What was spent.

    Attributes:
        seconds: while the search ran.
        training: of those, while networks of the population were trained.
        stages: of those, by what was done, in the order in which it was begun.
    """

    seconds: float = 0.0
    training: float = 0.0
    stages: dict[str, float] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{what} {seconds / 60:.1f} min" for what, seconds in self.stages.items()]
        return ", ".join([f"{self.seconds / 3600:.3g} h", *parts])


class Budget:
    """The hours of a search.

    Args:
        folder: of the search.
        hours: that it may take; None for as many as it does.
        began: when this call of the search began, by `time.monotonic`.

    Raises:
        ConfigError: what the folder says was spent cannot be read.
    """

    def __init__(self, folder: Path, hours: float | None, began: float) -> None:
        self._path = folder / SPENT
        self._hours = hours
        self._before = Spent()
        if hours is not None and is_file(self._path):
            self._before = parse(Spent, read_json(self._path), str(self._path))
        self._began = self._kept = self._stage_began = began
        self._stage, self._stages = "preparation", dict(self._before.stages)
        self._training = 0.0
        self._training_since: float | None = None

    @property
    def spent(self) -> Spent:
        """What was spent until now, by this call and those before it."""
        now = time.monotonic()
        training = self._training + (0.0 if self._training_since is None else now - self._training_since)
        stage = self._stages.get(self._stage, 0.0) + now - self._stage_began
        return Spent(
            seconds=self._before.seconds + now - self._began,
            training=self._before.training + training,
            stages=self._stages | {self._stage: stage},
        )

    @property
    def left(self) -> float:
        """Seconds that are left; negative if more was spent, infinite without a limit."""
        return math.inf if self._hours is None else 3600 * self._hours - self.spent.seconds

    def begin(self, stage: str) -> None:
        """Count the time from now on as that of a stage."""
        self._stages = self.spent.stages
        self._stage, self._stage_began = stage, time.monotonic()

    @contextmanager
    def trains(self) -> Iterator[None]:
        """Count the time inside the `with` block as training of the population."""
        self._training_since = time.monotonic()
        try:
            yield
        finally:
            self._training += time.monotonic() - self._training_since
            self._training_since = None
            self.keep()

    def keep(self) -> None:
        """Write down what was spent."""
        self._kept = time.monotonic()
        if self._hours is not None:
            write_whole(self._path, json.dumps(self.spent.model_dump()) + "\n")

    def keep_now_and_then(self) -> None:
        """Write down what was spent, if that was not done in the last seconds."""
        if time.monotonic() - self._kept > _KEEP_SECONDS:
            self.keep()
