"""Where a study stands, by its store: for the driver that trains it and for anyone who looks on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from netspace.store import FAILED, FINAL, RunState, Status, Store, StudyRecord

if TYPE_CHECKING:
    from netspace.stats.chain import SequentialChain

RECENT = 20
"""Runs whose durations say how long one takes now; a study's first runs may have met an idle machine."""


SILENT_SECONDS = 120.0
"""How long nothing is heard of a worker before anyone is told; one that is at work gives a sign every few seconds."""


@dataclass(frozen=True)
class Silent:
    """A run in hand of whose worker nothing was heard for so many seconds."""

    space: str
    index: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a study stands.

    Attributes:
        name: of the study.
        counts: runs by space, or single network, and status, in the order of the study.
        spared: planned runs that early stopping made unnecessary.
        rate: runs that end per hour if as many are trained as now, those without a sign of life left out; None if none
            is, or none has ended yet.
        best: the run of the lowest error so far, of those of spaces.
        failures: runs that diverged, failed or were lost, the last to end last.
        troubled: runs of which an attempt failed and that are tried again, or are waiting to be.
        silent: runs whose workers give no sign of life: stopped, hanging, or their drivers vanished; the longest first.
        chain: where early stopping stands; None for a study without.
        last: what the driver that asks saw last, in a line; empty for anyone else.
    """

    name: str
    counts: dict[str, dict[Status, int]]
    spared: int
    rate: float | None
    best: RunState | None
    failures: tuple[RunState, ...]
    troubled: tuple[RunState, ...]
    silent: tuple[Silent, ...] = ()
    chain: "SequentialChain | None" = None
    last: str = ""

    def number(self, *statuses: Status) -> int:
        """Return how many runs have one of these statuses."""
        return sum(counts[status] for counts in self.counts.values() for status in statuses)

    @property
    def planned(self) -> int:
        """Runs of the study, ended or not."""
        return sum(sum(counts.values()) for counts in self.counts.values())

    @property
    def total(self) -> int:
        """Runs of the study, without those that early stopping spared."""
        return self.planned - self.spared

    @property
    def ended(self) -> int:
        """Runs that ended, however they did."""
        return self.number(*FINAL)

    @property
    def complete(self) -> bool:
        """Whether every run that is needed has ended."""
        return self.ended == self.total

    @property
    def state(self) -> str:
        """How far the study is, in words."""
        if self.complete and self.spared:
            return f"complete: stopped early, every pair decided with {self.ended} of {self.planned} runs"
        if self.complete:
            return f"complete: {self.planned} runs"
        return f"PARTIAL: {self.ended} of {self.total} runs ended; figures and verdicts are preliminary"

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
            "silent": [asdict(run) for run in self.silent],
            "tried_again": [_evidence(run) for run in self.troubled],
            "stopping": [] if self.chain is None else self.chain.table(),
        }


def standing(record: StudyRecord, store: Store, known: Standing | None = None) -> Standing:
    """Return where the study stands, early stopping included.

    Args:
        record: the study in `store`.
        store: where its runs are.
        known: where it stood before: its early stopping goes on from there, instead of being replayed.

    Raises:
        StoreError: the store cannot be read.
    """
    if record.spec.get("stop") is None:
        return standing_with(record, store, None)
    from netspace.results.stopping import stopping_chain  # the statistics, which take a second to load

    return standing_with(record, store, stopping_chain(record, store, None if known is None else known.chain))


def standing_with(record: StudyRecord, store: Store, chain: "SequentialChain | None", last: str = "") -> Standing:
    """Return where the study stands, for callers that follow early stopping with a chain of their own."""
    counts, runs = store.overview(record.id, recent=RECENT)
    ended = sorted((run for run in runs if run.status in FINAL), key=lambda run: run.finished or 0.0)
    needed = counts.keys() if chain is None else {*chain.needed, *record.networks}
    of_spaces = [run for run in ended if run.space not in record.networks]
    silent = tuple(Silent(*found) for found in store.silent(record.id, SILENT_SECONDS))
    running = sum(numbers["running"] for numbers in counts.values()) - len(silent)
    return Standing(
        name=record.name,
        counts=counts,
        spared=sum(numbers["planned"] for space, numbers in counts.items() if space not in needed),
        rate=_rate(ended[-RECENT:], running, store),
        best=min((run for run in of_spaces if run.error is not None), key=lambda run: run.error or 0.0, default=None),
        failures=tuple(run for run in ended if run.status in FAILED),
        troubled=tuple(run for run in runs if run.status in ("planned", "running") and run.message),
        silent=silent,
        chain=chain,
        last=last,
    )


def _rate(ended: Sequence[RunState], running: int, store: Store) -> float | None:
    # Little's law: what is trained at a time, over how long a run takes, whether or not it waits in a queue first
    paused = store.paused([run.id for run in ended])
    took = [
        run.finished - run.started - paused.get(run.id, 0.0)
        for run in ended
        if run.finished is not None and run.started is not None
    ]
    took = [seconds for seconds in took if seconds > 0]
    return 3600 * running * len(took) / sum(took) if took and running > 0 else None


def _evidence(run: RunState) -> dict[str, Any]:
    kept = ("space", "index", "status", "attempts", "message")
    return {name: getattr(run, name) for name in kept}
