"""Where a study stands, told by its store alone: for whoever looks on from another terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netspace.results.stopping import spared_runs, stop_of, stopping_state
from netspace.store import RunRecord, Status, Store, StudyRecord
from netspace.store.schema import FINAL

RECENT = 20
"""Runs whose durations tell how long one takes now; a study's first runs may have met an idle machine."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a study stands.

    Attributes:
        name: of the study.
        counts: runs by space and status.
        spared: planned runs that early stopping made unnecessary.
        rate: runs per hour that end while as many are trained as now; None where none is, or none has ended yet.
        best: the run of the lowest error so far.
        failures: runs that diverged, failed or were lost, the last to end last.
        troubled: runs of which an attempt failed and that are tried again, or are waiting to be.
    """

    name: str
    counts: dict[str, dict[Status, int]]
    spared: int
    rate: float | None
    best: RunRecord | None
    failures: tuple[RunRecord, ...]
    troubled: tuple[RunRecord, ...]

    @property
    def total(self) -> int:
        """Runs of the study, without those that early stopping spared."""
        return sum(sum(counts.values()) for counts in self.counts.values()) - self.spared

    @property
    def ended(self) -> int:
        """Runs that came to an end, however."""
        return sum(counts[status] for counts in self.counts.values() for status in FINAL)

    @property
    def seconds_left(self) -> float | None:
        """Estimated time until the last run ends, at the rate of now."""
        return None if self.rate is None else (self.total - self.ended) * 3600 / self.rate

    def as_dict(self) -> dict[str, Any]:
        """Return the standing as plain values."""
        best = self.best
        return {
            "study": self.name,
            "counts": self.counts,
            "ended": self.ended,
            "total": self.total,
            "spared": self.spared,
            "runs_per_hour": self.rate,
            "seconds_left": self.seconds_left,
            "best": None if best is None else {"space": best.space, "index": best.index, "error": best.error},
            "failures": [_evidence(run) for run in self.failures],
            "tried_again": [_evidence(run) for run in self.troubled],
        }


def standing(record: StudyRecord, store: Store) -> Standing:
    """Return where the study stands.

    Raises:
        StoreError: the store cannot be read.
    """
    runs, counts, stop = store.runs(record.id), store.counts(record.id), stop_of(record)
    needed = None if stop is None else stopping_state(record, store, stop).needed
    ended = sorted((run for run in runs if run.status in FINAL), key=lambda run: run.finished or 0.0)
    return Standing(
        name=record.name,
        counts=counts,
        spared=spared_runs(counts, needed),
        rate=_rate(ended, sum(run.status == "running" for run in runs)),
        best=min((run for run in ended if run.error is not None), key=lambda run: run.error or 0.0, default=None),
        failures=tuple(run for run in ended if run.status != "done"),
        troubled=tuple(run for run in runs if run.status in ("planned", "running") and run.message),
    )


def _rate(ended: Sequence[RunRecord], running: int) -> float | None:
    took = [
        run.finished - run.started
        for run in ended[-RECENT:]
        if run.finished is not None and run.started is not None and run.finished > run.started
    ]
    return 3600 * running * len(took) / sum(took) if took and running else None


def first_line(run: RunRecord) -> str:
    """Return the reason of a run's failure in a line."""
    return next(iter((run.message or "").splitlines()), "") or "the loss was not finite"


def _evidence(run: RunRecord) -> dict[str, Any]:
    kept = ("space", "index", "status", "attempts", "message")
    return {name: getattr(run, name) for name in kept}
