"""Watches over runs in hand: how long each has been trained, whether its worker is alive, and when it is given up."""

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspace.study.executors.pulse import BEAT_SECONDS
from netspace.study.jobs import Sign

LEAST_LIMIT = 600.0
"""Seconds that every run may take, unless a limit is set."""
GENEROUS = 20
"""How many times as long as like runs of the study a run may take, unless a limit is set."""
FEWEST = 5
"""Runs that must have been trained before they say how long one takes."""
_LONGEST_LOOK = 10.0
"""Seconds that count between two looks at most: the driver may have been stopped itself, or have waited for its store,
and what a worker did meanwhile is unknown."""


class Watch:
    """The runs that workers train. Times are seconds by a clock that stands while the driver does."""

    def __init__(self) -> None:
        self._clock = 0.0
        self._looked = time.monotonic()
        self._seen: dict[int, _Seen] = {}

    def look(self, signs: Mapping[int, Sign]) -> None:
        """Take note of the last sign of life of each run that is trained; the others are forgotten."""
        now = time.monotonic()
        self._clock += min(now - self._looked, _LONGEST_LOOK)
        self._looked = now
        for run_id, sign in signs.items():
            known = self._seen.get(run_id)
            if known is None or known.sign.worker != sign.worker:
                self._seen[run_id] = _Seen(sign=sign, begun=self._clock, heard=self._clock)
            elif known.sign != sign:
                self._seen[run_id] = _Seen(sign=sign, begun=known.begun, heard=self._clock)
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in signs}

    def trained(self) -> dict[int, float]:
        """Return for how long each run has been trained by the worker that has it, in seconds."""
        return {run_id: self._clock - seen.begun for run_id, seen in self._seen.items()}

    def silent(self) -> dict[int, float]:
        """Return for how long nothing was heard of the worker of each run, in seconds."""
        return {run_id: self._clock - seen.heard for run_id, seen in self._seen.items()}


@dataclass(frozen=True, kw_only=True)
class _Seen:
    sign: Sign
    begun: float
    heard: float


def is_silent(seconds: float, limit: float) -> bool:
    """Return whether a worker that was given up was silent for so long that it is to blame, not its network."""
    return seconds > max(3 * BEAT_SECONDS, min(LEAST_LIMIT, limit) / 2)


def usual_limit(flops: int, trained: Sequence[tuple[int, float]]) -> float:
    """Return how long a run may take by what others took, in seconds; without limit while they are too few.

    Small networks take as long as any, large ones in proportion to their flops; the larger of both counts.

    Args:
        flops: of the run's network.
        trained: flops and seconds of the runs of the study that were trained.
    """
    if len(trained) < FEWEST:
        return math.inf
    typical = statistics.median(seconds for _, seconds in trained)
    per_flop = statistics.median(seconds / max(1, cost) for cost, seconds in trained)
    return max(LEAST_LIMIT, GENEROUS * max(typical, per_flop * flops))
