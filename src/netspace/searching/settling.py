"""What a search was asked for and what was settled on the way: kept in its folder, so that it goes on alike.

Some of it is measured (how long a training takes, what the hours that are left are enough for), so that it is settled
once and never again.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from netspace.arch.config import StemKind
from netspace.documents import Document, differences, dump_yaml, parse
from netspace.errors import ConfigError, StudyError, first_line
from netspace.files import write_whole
from netspace.searching.budget import LAST_SECONDS
from netspace.searching.choices import (
    CHEAPER,
    SPACES,
    Choice,
    Chosen,
    choose_recipe,
    choose_regime,
    choose_resolution,
    choose_stem,
    choose_validation,
    choose_windows,
)
from netspace.searching.looking import look_at
from netspace.study.planning import measure_speed
from netspace.study.spec import StudySpec
from netspace.study.study import Study
from netspace.training.images.data import DataSpec
from netspace.training.images.sources import located
from netspace.training.recipe import Recipe

NAME = "search"
"""Of the study of a search."""
STUDY, SETTLED = "study.yaml", "search.json"

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

_Bounds = str | tuple[float | None, float | None]


class SearchSpec(Document):
    """What a search is asked for.

    Attributes:
        data: the images.
        params, flops, activations: windows, as "LO:HI".
        latency: window in milliseconds an image on one core of this machine, or the keys of a study's `latency`.
        hours: that the whole may take; None for no limit.
        spaces: names of the catalogue or paths of files; None for RegNet as the paper constrains it.
        resolution: of the images; None to choose.
        stem: None to choose.
        recipe: of the winner's training; None to choose.
        epochs: of the winner's training; None for the recipe's.
        cheap_epochs: of the population's; None to choose.
        pretrained: choose among the published networks, and train on from their weights.
        seed: of everything.
    """

    data: DataSpec
    params: _Bounds | None = None
    flops: _Bounds | None = None
    activations: _Bounds | None = None
    latency: Any = None
    hours: Annotated[float, Field(gt=0)] | None = None
    spaces: tuple[str, ...] | None = None
    resolution: Annotated[int, Field(ge=1)] | None = None
    stem: StemKind | None = None
    recipe: Recipe | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    cheap_epochs: Annotated[int, Field(ge=1)] | None = None
    pretrained: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    def plain(self) -> dict[str, Any]:
        """Return what was asked for as plain values, the same from whichever folder the images are named."""
        values: dict[str, Any] = self.model_dump(mode="json")
        values["data"]["source"] = located(self.data.source)
        return values


class FromPublished(Document):
    """A published network that is trained on from its weights, instead of a search.

    Attributes:
        network: its name in the zoo.
        resolution: of the images.
        data: which.
    """

    network: str
    resolution: int
    data: DataSpec


class Settled(Document):
    """What was settled, most of it before the first training.

    Attributes:
        asked: what the search was asked for.
        choices: what was chosen, with the reasons.
        recipe: of the winner's training; with a limit of time, its epochs are settled when that begins.
        rounds: networks of each round of chosen ones; with a limit of time, of those that have begun.
        more_rounds: whether others follow, for as long as the time is enough for.
        chosen: networks that were expected to be chosen, in all rounds.
        repeats: trainings again.
        model_seconds: that a network of the population is expected to take one worker.
        winner_seconds: that the winner is.
        workers: that were reckoned with.
        test: whether the images have a test split.
        hours: that the search fits itself into; None for no limit (and where an earlier version only planned by them).
        threads: of the winner's training; None until it begins.
        published: what a search among published networks came to; None for any other.
    """

    asked: dict[str, Any]
    choices: tuple[Choice, ...]
    recipe: Recipe
    rounds: tuple[int, ...]
    more_rounds: bool = False
    chosen: int
    repeats: int
    model_seconds: float
    winner_seconds: float
    workers: int
    test: bool
    hours: float | None = None
    threads: int | None = None
    published: FromPublished | None = None

    @property
    def free_epochs(self) -> bool:
        """Whether it was left open for how many epochs the winner is trained."""
        return self.asked["epochs"] is None and self.asked["recipe"] is None

    def write(self, folder: Path) -> None:
        """Write it into the folder of the search, whole or not at all."""
        write_whole(folder / SETTLED, json.dumps(self.model_dump(mode="json"), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return what was written into a folder, or None."""
        path = folder / SETTLED
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: could not be read ({first_line(error)})") from None
        if isinstance(content, dict) and isinstance(content.get("rounds"), int):
            # an earlier version had a number of rounds, all of one size
            content |= {
                "rounds": [content["chosen"]] * content["rounds"],
                "chosen": content["chosen"] * content["rounds"],
            }
        return parse(cls, content, str(path))

    def check_unchanged(self, asked: SearchSpec, folder: Path) -> None:
        """Raise unless the search that is in the folder was asked for the same.

        Raises:
            StudyError: it was not; the message says what differs.
        """
        # read as this version reads it: settings that netspace has gained since are at their defaults
        before = parse(SearchSpec, self.asked, f"{folder / SETTLED}, asked").plain()
        changed = list(differences(before, asked.plain()))
        if changed:
            raise StudyError(
                f"{folder}: the search in this folder was started with {'; '.join(changed[:3])}. Ask for the same to "
                f"go on with it, or give another folder"
            )


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """How many networks are trained, in which regime, and how long that takes."""

    random: int  # of each space
    rounds: tuple[int, ...]
    chosen: int
    repeats: int
    seconds: float  # of one of them
    winner_seconds: float
    regime: Chosen
    random_hours: float | None = None  # of training, after which no random network is begun any more


def settle(
    asked: SearchSpec, folder: Path, *, device: str, workers: int, tell: Callable[[Choice], None] = lambda _: None
) -> Settled:
    """Look at the images, choose what was left open, measure how long a training takes, and write it down.

    The folder then holds a study file and what was settled; it is made when nothing can be refused any more.

    Args:
        asked: what for.
        folder: of the search.
        device: "cpu" or "cuda", where networks are trained.
        workers: how many at a time.
        tell: called with each choice as it is made.

    Raises:
        DataError: the images cannot be used, or are too few.
        WindowError: no network is in the windows; the message has the nearest.
        StudyError: the hours are too few; the message says what it would take.
        ConfigError, UnknownNameError: what was asked for breaks a rule.
    """
    choices: list[Choice] = []

    def note(choice: Choice) -> None:
        choices.append(choice)
        tell(choice)

    where = {"data": {**asked.data.model_dump(exclude_unset=True), "source": located(asked.data.source)}}
    windows = {name: getattr(asked, name) for name in ("flops", "params", "activations")}
    asked_windows = parse(
        StudySpec, {"name": NAME, "spaces": ["RegNetX"], "n": 1, "latency": asked.latency, **windows}, "search"
    )
    look = look_at(asked.data)
    note(
        Choice(
            what="images",
            value=f"{sum(look.counts):,} to learn from, {len(look.class_names)} classes",
            reason=f"{min(look.counts):,} to {max(look.counts):,} images a class",
        )
    )
    resolution = choose_resolution(look, asked.resolution, device)
    note(resolution.choice)
    stem = choose_stem(resolution.value, asked.stem)
    note(stem.choice)
    validation = choose_validation(look, asked.data.validation)
    note(validation.choice)
    training = asked.data.train or sum(look.counts) - (validation.value or 0)
    recipe = choose_recipe(look, training, resolution.value, asked.recipe, asked.epochs, device)
    note(recipe.choice)
    limits, limit = choose_windows(asked_windows.windows, asked.latency is not None, device)
    note(limit)
    if validation.value is not None:
        where["data"]["validation"] = validation.value
    content: dict[str, Any] = {
        "name": NAME,
        "spaces": list(SPACES if asked.spaces is None else asked.spaces),
        "seed": asked.seed,
        **{measure: [low, None if math.isinf(high) else high] for measure, (low, high) in limits.items()},
        "resolution": resolution.value,
        **where,
        "network": {"stem": stem.value},
    }
    sizes = _affordable(content, asked, recipe.value, device, workers)
    note(sizes.regime.choice)
    content |= {"n": sizes.random, "recipe": _written(sizes.regime.value)}
    if asked.hours is not None:
        content["hours"] = sizes.random_hours
    if asked.latency is not None:
        content["latency"] = asked.latency
    study = Study(spec=parse(StudySpec, content, "search"), root=folder)
    if drawing := next((space.name for space in study.spaces if space.recipe), None):
        raise ConfigError(f"--space {drawing}: draws numbers of the recipe, and a search chooses one recipe for all")
    note(_networks(sizes, len(study.spaces), asked.hours, workers))
    if asked.latency is None:
        study.sample()  # what is refused is refused before the folder is made
    settled = Settled(
        asked=asked.plain(),
        choices=tuple(choices),
        recipe=recipe.value,
        rounds=sizes.rounds,
        more_rounds=asked.hours is not None,
        chosen=sizes.chosen,
        repeats=sizes.repeats,
        model_seconds=sizes.seconds,
        winner_seconds=sizes.winner_seconds,
        workers=workers,
        test=look.test is not None,
        hours=asked.hours,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(
            folder / STUDY, f"# written by netspace search: random networks in the cheap regime\n{dump_yaml(content)}"
        )
        settled.write(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write the search ({first_line(error)})") from None
    return settled


def _affordable(content: dict[str, Any], asked: SearchSpec, recipe: Recipe, device: str, workers: int) -> _Sizes:
    """Return how many networks are trained, in which regime, as far as that is settled at the beginning.

    Raises:
        StudyError: the hours do not suffice for the least.
    """
    regime = choose_regime(recipe, asked.cheap_epochs)
    study = Study(spec=parse(StudySpec, {**content, "n": FEWEST_RANDOM, "recipe": _written(regime.value)}, "search"))
    seconds = float(measure_speed(study, study.planned_runs(), device=device).seconds.mean())
    winner = seconds * recipe.epochs / regime.value.epochs
    if asked.hours is None:
        rounds = (CHOSEN,) * ROUNDS
        return _Sizes(
            random=RANDOM,
            rounds=rounds,
            chosen=sum(rounds),
            repeats=REPEATS,
            seconds=seconds,
            winner_seconds=winner,
            regime=regime,
        )
    spaces, budget = len(study.spaces), 3600 * asked.hours - LAST_SECONDS
    fewest = FEWEST_RANDOM * spaces + FEWEST_CHOSEN
    shortest = winner / STRETCH if asked.epochs is None and asked.recipe is None else winner
    least = shortest + fewest * seconds / workers
    if budget < least:
        raise StudyError(
            f"{asked.hours:g} hours are too few: at the speed measured now the winner's training alone would take "
            f"{_time(shortest)} or more, and the smallest search around it {_time(least)}: give --hours "
            f"{math.ceil((least + LAST_SECONDS) / 36) / 100:g} or more, fewer --epochs, or a smaller --resolution"
        )
    models = (budget - winner) * workers / seconds
    most = MOST_RANDOM * spaces / _RANDOM_SHARE
    if models > most and asked.cheap_epochs is None:  # more than it takes: each is trained for longer
        longer = choose_regime(recipe, min(recipe.epochs, int(regime.value.epochs * models / most)))
        seconds *= longer.value.epochs / regime.value.epochs
        reason = f"of the winner's {recipe.epochs}: there is time for more than {CHEAPER} times fewer"
        choice = Choice(what="regime", value=longer.choice.value, reason=reason, option="--cheap-epochs")
        regime = Chosen(value=longer.value, choice=choice)
        models = (budget - winner) * workers / seconds
    random = min(MOST_RANDOM, max(FEWEST_RANDOM, int(models * _RANDOM_SHARE / spaces)))
    repeats = REPEATS if models >= 2 * (FEWEST_RANDOM * spaces + REPEATS) else 0
    return _Sizes(
        random=random,
        rounds=(),
        chosen=max(0, int(models) - random * spaces - repeats),
        repeats=repeats,
        seconds=seconds,
        winner_seconds=winner,
        regime=regime,
        random_hours=max(fewest * seconds, _MOST_RANDOM_SHARE * (budget - shortest) * workers) / 3600,
    )


def _networks(sizes: _Sizes, spaces: int, hours: float | None, workers: int) -> Choice:
    """Return what is said of how many networks are trained."""
    of_each = f"{sizes.random} random ones of each of {spaces} spaces"
    if hours is not None:
        again = f", {sizes.repeats} of the best again" if sizes.repeats else ""
        return Choice(
            what="networks",
            value=f"{of_each}, then as many chosen ones as there is time for{again}, the winner fully",
            reason=f"{_time(3600 * hours)} in all, as asked for; about {sizes.chosen} chosen ones by the speed now, "
            f"with {workers} at a time",
        )
    total = (sizes.random * spaces + sizes.chosen + sizes.repeats) * sizes.seconds / workers + sizes.winner_seconds
    return Choice(
        what="networks",
        value=f"{of_each}, then {len(sizes.rounds)} x {sizes.rounds[0]} chosen ones, {sizes.repeats} of the best "
        f"again, the winner fully",
        reason=f"about {_time(total)} in all, with {workers} at a time",
        option="--hours",
    )


def _written(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude_defaults=True)


def _time(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"
