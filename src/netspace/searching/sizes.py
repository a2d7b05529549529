"""How many networks a search trains, and for how long: fixed numbers, or what its hours are enough for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netspace.documents import parse
from netspace.errors import StudyError
from netspace.searching.budget import LAST_SECONDS
from netspace.searching.choices import CHEAPER, Choice, Chosen, choose_regime
from netspace.searching.settled import SearchSpec
from netspace.study.planning import measure_speed
from netspace.study.spec import StudySpec
from netspace.study.study import Study
from netspace.training.latency import Timings
from netspace.training.recipe import Recipe

RANDOM, ROUNDS, CHOSEN, REPEATS = 16, 2, 8, 5
"""Without a limit of time: random networks of each space, rounds of chosen ones, networks of a round, and how many of
the best are trained again (the noise of training is known from 5 on)."""
FEWEST_RANDOM, FEWEST_CHOSEN = 8, 2
"""With one: random networks of each space and chosen ones, fewer of which are not worth beginning."""
MOST_RANDOM, MOST_CHOSEN = 100, 32
"""With one: random networks of each space, and chosen ones of a round."""
STRETCH = 2
"""Without a limit of time a winner is trained as many epochs as the recipe has; with one, up to so many times as many,
or as few."""
_RANDOM_SHARE, _MOST_RANDOM_SHARE = 1 / 2, 3 / 4  # of the trainings before the winner's: as planned, and at most


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many networks are trained, in which regime, and how long that takes.

    Attributes:
        random: networks of each space.
        rounds: chosen networks of each round; empty if that is settled on the way.
        chosen: of all rounds, as expected.
        repeats: trainings again of the best.
        seconds: that one of them takes one worker.
        winner_seconds: that the winner does.
        regime: of all but the winner.
        random_hours: of training, after which no random network is begun any more; None for no limit.
    """

    random: int
    rounds: tuple[int, ...]
    chosen: int
    repeats: int
    seconds: float
    winner_seconds: float
    regime: Chosen
    random_hours: float | None = None

    def choice(self, spaces: int, hours: float | None, workers: int) -> Choice:
        """Return what is said of how many networks are trained.

        Args:
            spaces: how many are searched.
            hours: that were asked for.
            workers: how many networks are trained at a time.
        """
        of_each = f"{self.random} random ones from " + ("one space" if spaces == 1 else f"each of {spaces} spaces")
        if hours is not None:
            again = f", the {self.repeats} best again" if self.repeats else ""
            return Choice(
                what="networks",
                value=f"{of_each}, then as many chosen ones as there is time for{again}, the winner fully",
                reason=f"{_time(3600 * hours)} in all, as asked for; about {self.chosen} chosen ones by the speed now, "
                f"with {workers} at a time",
            )
        total = (self.random * spaces + self.chosen + self.repeats) * self.seconds / workers + self.winner_seconds
        return Choice(
            what="networks",
            value=f"{of_each}, then {len(self.rounds)} x {self.rounds[0]} chosen ones, the {self.repeats} best again, "
            f"the winner fully",
            reason=f"about {_time(total)} in all, with {workers} at a time",
            option="--hours",
        )


def choose_sizes(
    content: dict[str, Any],
    asked: SearchSpec,
    recipe: Recipe,
    device: str,
    workers: int,
    observe: Callable[[Timings], None],
) -> Sizes:
    """Measure how long a training takes, and choose how many networks are trained.

    Args:
        content: of the study file, without n and recipe.
        asked: what the search was asked for.
        recipe: of the winner.
        device: "cpu" or "cuda", where networks are trained.
        workers: how many at a time.
        observe: called after each network that is timed, where the latency is limited.

    Raises:
        WindowError: no network is in the windows; the message has the nearest.
        StudyError: the hours are too few for the least; the message says what it would take.
    """
    regime = choose_regime(recipe, asked.cheap_epochs)
    study = Study(spec=parse(StudySpec, {**content, "n": FEWEST_RANDOM, "recipe": written(regime.value)}, "search"))
    seconds = float(measure_speed(study, study.planned_runs(observe), device=device).seconds.mean())
    winner = seconds * recipe.epochs / regime.value.epochs
    if asked.hours is not None:
        return _affordable(asked, asked.hours, recipe, regime, seconds, winner, len(study.spaces), workers)
    rounds = (CHOSEN,) * ROUNDS
    return Sizes(
        random=RANDOM,
        rounds=rounds,
        chosen=sum(rounds),
        repeats=REPEATS,
        seconds=seconds,
        winner_seconds=winner,
        regime=regime,
    )


def _affordable(
    asked: SearchSpec,
    hours: float,
    recipe: Recipe,
    regime: Chosen,
    seconds: float,
    winner: float,
    spaces: int,
    workers: int,
) -> Sizes:
    """Return what some hours are enough for, as far as that is settled at the beginning."""
    budget = 3600 * hours - LAST_SECONDS
    fewest = FEWEST_RANDOM * spaces + FEWEST_CHOSEN
    shortest = winner / STRETCH if asked.free_epochs else winner
    least = shortest + fewest * seconds / workers
    if budget < least:
        raise StudyError(
            f"{hours:g} hours are too few: at the speed measured now the winner's training alone would take "
            f"{_time(shortest)} or more, and the smallest search around it {_time(least)}: give --hours "
            f"{math.ceil((least + LAST_SECONDS) / 36) / 100:g} or more, fewer --epochs, or a smaller --resolution"
        )
    models = (budget - winner) * workers / seconds
    most = MOST_RANDOM * spaces / _RANDOM_SHARE
    if models > most and asked.cheap_epochs is None:  # more than it takes: each is trained for longer
        longer = choose_regime(recipe, min(recipe.epochs, int(regime.value.epochs * models / most)))
        seconds *= longer.value.epochs / regime.value.epochs
        reason = f"which has {recipe.epochs}: there is time for more than {CHEAPER} times fewer"
        choice = Choice(what="regime", value=longer.choice.value, reason=reason, option="--cheap-epochs")
        regime = Chosen(value=longer.value, choice=choice)
        models = (budget - winner) * workers / seconds
    random = min(MOST_RANDOM, max(FEWEST_RANDOM, int(models * _RANDOM_SHARE / spaces)))
    repeats = REPEATS if models >= 2 * (FEWEST_RANDOM * spaces + REPEATS) else 0
    return Sizes(
        random=random,
        rounds=(),
        chosen=max(0, int(models) - random * spaces - repeats),
        repeats=repeats,
        seconds=seconds,
        winner_seconds=winner,
        regime=regime,
        random_hours=max(fewest * seconds, _MOST_RANDOM_SHARE * (budget - shortest) * workers) / 3600,
    )


def written(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as a study file has it: what differs from the defaults."""
    return recipe.model_dump(mode="json", exclude_defaults=True)


def _time(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"
