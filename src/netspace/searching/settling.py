"""What a search was asked for and what was settled before its first training: kept in its folder, so that it goes on.

Some of it is measured (how long a training takes), so that it is settled once and never again.
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
from netspace.searching.choices import (
    SPACES,
    Choice,
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
MOST_RANDOM, MOST_CHOSEN = 100, 32

_Bounds = str | tuple[float | None, float | None]


class SearchSpec(Document):
    """What a search is asked for.

    Attributes:
        data: the images.
        params, flops, activations: windows, as "LO:HI".
        latency: window in milliseconds an image on one core of this machine, or the keys of a study's `latency`.
        hours: that the whole may take, by the speed that is measured at its beginning; None for no limit.
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
    """What was settled before the first training.

    Attributes:
        asked: what the search was asked for.
        choices: what was chosen, with the reasons.
        recipe: of the winner's training.
        rounds, chosen, repeats: rounds of chosen networks, networks of each, and trainings again.
        model_seconds: that a network of the population is expected to take one worker.
        winner_seconds: that the winner is.
        workers: that were reckoned with.
        test: whether the images have a test split.
        threads: of the winner's training; None until it begins.
        published: what a search among published networks came to; None for any other.
    """

    asked: dict[str, Any]
    choices: tuple[Choice, ...]
    recipe: Recipe
    rounds: int
    chosen: int
    repeats: int
    model_seconds: float
    winner_seconds: float
    workers: int
    test: bool
    threads: int | None = None
    published: FromPublished | None = None

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
    random: int
    rounds: int
    chosen: int
    repeats: int


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
    regime = choose_regime(recipe.value, asked.cheap_epochs)
    note(regime.choice)
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
        "recipe": regime.value.model_dump(mode="json", exclude_defaults=True),
    }
    sizes, speed = _affordable(content, asked, recipe.value, device, workers)
    seconds, winner = speed
    content["n"] = sizes.random
    if asked.latency is not None:
        content["latency"] = asked.latency
    study = Study(spec=parse(StudySpec, content, "search"), root=folder)
    networks = sizes.random * len(study.spaces) + sizes.rounds * sizes.chosen + sizes.repeats
    total = networks * seconds / workers + winner
    note(
        Choice(
            what="networks",
            value=f"{sizes.random} random ones of each of {len(study.spaces)} spaces, then {sizes.rounds} x "
            f"{sizes.chosen} chosen ones, {sizes.repeats} of the best again, the winner fully",
            reason=f"about {_time(total)} in all, with {workers} at a time",
            option="" if asked.hours is not None else "--hours",
        )
    )
    if asked.latency is None:
        study.sample()  # what is refused is refused before the folder is made
    settled = Settled(
        asked=asked.plain(),
        choices=tuple(choices),
        recipe=recipe.value,
        rounds=sizes.rounds,
        chosen=sizes.chosen,
        repeats=sizes.repeats,
        model_seconds=seconds,
        winner_seconds=winner,
        workers=workers,
        test=look.test is not None,
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


def _affordable(
    content: dict[str, Any], asked: SearchSpec, recipe: Recipe, device: str, workers: int
) -> tuple[_Sizes, tuple[float, float]]:
    """Return how many networks are trained, and the seconds of one of them and of the winner.

    Raises:
        StudyError: the hours do not suffice for the least.
    """
    study = Study(spec=parse(StudySpec, {**content, "n": FEWEST_RANDOM}, "search"))
    planned = study.planned_runs()
    seconds = float(measure_speed(study, planned, device=device).seconds.mean())
    winner = seconds * recipe.epochs / study.spec.recipe.epochs
    if asked.hours is None:
        return _Sizes(random=RANDOM, rounds=ROUNDS, chosen=CHOSEN, repeats=REPEATS), (seconds, winner)
    spaces = len(study.spaces)
    least = winner + (FEWEST_RANDOM * spaces + ROUNDS * FEWEST_CHOSEN) * seconds / workers
    budget = 3600 * asked.hours
    if budget < least:
        raise StudyError(
            f"{asked.hours:g} hours are too few: the winner's training alone would take about {_time(winner)}, and the "
            f"smallest search around it {_time(least)}: give --hours {math.ceil(least / 36) / 100:g} or more, fewer "
            f"--epochs, or a smaller --resolution"
        )
    models = int((budget - winner) * workers / seconds)
    repeats = REPEATS if models >= 2 * (FEWEST_RANDOM * spaces + ROUNDS * FEWEST_CHOSEN) else 0
    chosen = min(MOST_CHOSEN, max(FEWEST_CHOSEN, models // (3 * ROUNDS)))
    random = min(MOST_RANDOM, max(FEWEST_RANDOM, (models - repeats - ROUNDS * chosen) // spaces))
    return _Sizes(random=random, rounds=ROUNDS, chosen=chosen, repeats=repeats), (seconds, winner)


def _time(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"
