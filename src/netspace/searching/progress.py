"""How far a whole search is, and how long it will still take."""

from collections.abc import Callable
from dataclasses import dataclass

from netspace.results.standing import Standing
from netspace.searching.budget import Budget
from netspace.searching.settled import Settled
from netspace.training.latency import Timings
from netspace.training.result import Epoch


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a search is.

    Attributes:
        stage: what is being done, in words.
        done, total: trainings, over all stages; that of the winner counts by its epochs as so many as it takes time.
            Before the first training, networks inside a limit on the latency.
        seconds_left: estimated, of the whole; None before it can be.
        facts: of the stage, in words.
        event: what happened last; empty if nothing did.
    """

    stage: str
    done: int
    total: int
    seconds_left: float | None
    facts: str = ""
    event: str = ""


@dataclass(kw_only=True)
class Clock:
    """Reckons what is left of a search, by the speed seen so far.

    Attributes:
        settled: what is to be done.
        networks: of the population, over all stages that are still expected or were done.
        budget: the hours.
        observe: who is told.
        seconds: how long a network of the population took on average so far; None if that is not known yet.
    """

    settled: Settled
    networks: int
    budget: Budget
    observe: Callable[[Progress], None]
    seconds: Callable[[], float | None]
    _before: int = 0
    _stage: str = ""

    def begin(self, stage: str) -> None:
        """Enter a stage; what it is called up to a comma is what its time is counted as."""
        self._stage = stage
        self.budget.begin(stage.partition(",")[0])

    def end(self, runs: int, planned: int) -> None:
        """Leave a stage that trained so many networks of as many as were reckoned with."""
        self._before += runs
        self.networks += runs - planned

    def expect(self, networks: int) -> None:
        """Take in how many networks are still to be trained after those of the stages that ended."""
        self.networks = self._before + networks

    def standing(self, now: Standing) -> None:
        """Take in how far the study of this stage is."""
        best = "" if now.best is None else f" · best {now.best.error:.2f} %"
        done = self._before + now.ended
        expected = self.settled.model_seconds
        each = self.seconds() or expected
        left = (self.networks - done) * each / self.settled.workers + self.settled.winner_seconds * each / expected
        if self.settled.hours is not None:
            left = self.budget.left  # into which the rest is fitted
        self._tell(done, left, f"{now.ended}/{now.total} networks{best}", now.last)

    def epoch(self, epoch: Epoch, epochs: int) -> None:
        """Take in an epoch of the winner's training."""
        left = (epochs - epoch.epoch) * epoch.seconds / epoch.epoch
        error = "" if epoch.val_error is None else f" · validation error {epoch.val_error:.2f} %"
        self._tell(
            self._before + self._winner * epoch.epoch // epochs, left, f"epoch {epoch.epoch}/{epochs}{error}", ""
        )

    @property
    def _winner(self) -> int:
        """The winner's training in trainings of the population."""
        return max(1, round(self.settled.winner_seconds / self.settled.model_seconds))

    def _tell(self, done: int, left: float, facts: str, event: str) -> None:
        self.budget.keep_now_and_then()
        self.observe(
            Progress(
                stage=self._stage,
                done=done,
                total=self.networks + self._winner,
                seconds_left=max(0.0, left),
                facts=facts,
                event=event,
            )
        )


def timing(now: Timings) -> Progress:
    """Return how far a search is while networks are timed, before the first is trained."""
    return Progress(
        stage=f"timing networks of {now.space}",
        done=now.inside,
        total=now.wanted,
        seconds_left=None,
        facts=f"{now.inside}/{now.wanted} inside the limit, {now.timed} timed",
    )
