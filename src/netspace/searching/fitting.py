"""What is left of a search, fitted into the hours that are left, by the speed seen so far.

Each function is asked once for each decision, and its answer settled: the next time that would be another.
"""

from dataclasses import dataclass
from typing import Self

from netspace.searching.budget import LAST_SECONDS
from netspace.searching.candidates import Candidates
from netspace.searching.choices import Choice
from netspace.searching.settled import Settled
from netspace.searching.sizes import CHOSEN, FEWEST_CHOSEN, MOST_CHOSEN, STRETCH

_TELLING_BEST = 5  # networks whose times say how long the next ones and the winner's training will take


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long the next trainings take, by those that ended; both of networks as large as the best are.

    Attributes:
        each: seconds by the clock that one more network takes. It holds everything: workers that start, and others
            that want the machine.
        winner: seconds that the winner's training may take.
    """

    each: float
    winner: float

    @classmethod
    def of(cls, candidates: Candidates, training: float, longer: float) -> Self:
        """Return the pace so far.

        Args:
            candidates: some of which were trained.
            training: seconds by the clock that this took.
            longer: times as many epochs as theirs the winner is trained.
        """
        took = candidates.seconds()
        every = [seconds for several in took.values() for seconds in several]
        mean = sum(every) / len(every)
        large = [seconds for one in candidates.ranked()[:_TELLING_BEST] for seconds in took[one.space, one.row]]
        best = sum(large) / len(large)
        return cls(each=max(training, mean) / len(every) * best / mean, winner=best * longer)


def affordable(settled: Settled, left: float, pace: Pace) -> int:
    """Return how many chosen networks there is time for, beside the best again and the winner.

    Args:
        settled: so far.
        left: seconds.
        pace: of the trainings.
    """
    return int((left - LAST_SECONDS - pace.winner) / pace.each) - settled.repeats


def round_size(networks: int) -> int:
    """Return how many of the chosen networks that there is time for are trained in the next round; 0 for no round."""
    # the next round but one is picked by what this one shows
    size = networks if networks <= 2 * CHOSEN else min(MOST_CHOSEN, networks // 2)
    return size if size >= FEWEST_CHOSEN else 0


def repeats_in_time(settled: Settled, left: float, pace: Pace) -> int:
    """Return how many of the best are trained again: as many as planned, or none if the winner's time would not do."""
    shortest = pace.winner / STRETCH if settled.free_epochs else pace.winner
    return settled.repeats if left - LAST_SECONDS >= shortest + settled.repeats * pace.each else 0


def winner_epochs(settled: Settled, left: float, pace: Pace) -> Choice:
    """Return for how many epochs the winner is trained, as a choice whose value is the number.

    Args:
        settled: with the epochs that were planned.
        left: seconds.
        pace: of the trainings.
    """
    planned, left = settled.recipe.epochs, left - LAST_SECONDS
    epochs = max(-(-planned // STRETCH), min(planned * STRETCH, int(planned * left / pace.winner)))
    return Choice(
        what="epochs of the winner",
        value=str(epochs),
        reason=f"instead of {planned}, by the {max(0.0, left) / 3600:.2g} h that are left for them",
        option="--epochs",
    )
