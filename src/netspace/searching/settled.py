"""What a search was asked for and what was settled on the way: kept in its folder, so that it goes on alike.

Some of it is measured (how long a training takes, what the hours that are left are enough for), so that it is settled
once and never again.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from netspace.arch.config import StemKind
from netspace.documents import Document, differences, parse, read_json
from netspace.errors import StudyError
from netspace.files import is_file, write_whole
from netspace.searching.choices import Choice
from netspace.training.images.data import DataSpec
from netspace.training.images.sources import located
from netspace.training.recipe import Recipe

NAME = "search"
"""Of the study of a search."""
STUDY, SETTLED = "study.yaml", "search.json"

Bounds = str | tuple[float | None, float | None]


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
    params: Bounds | None = None
    flops: Bounds | None = None
    activations: Bounds | None = None
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

    @property
    def free_epochs(self) -> bool:
        """Whether it is left open for how many epochs the winner is trained."""
        return self.epochs is None and self.recipe is None

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
        """Return what was written into a folder, or None.

        Raises:
            ConfigError: it cannot be read, or is none of a search.
        """
        path = folder / SETTLED
        if not is_file(path):
            return None
        content = read_json(path)
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
