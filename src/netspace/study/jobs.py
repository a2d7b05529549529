"""One run of a study, as sent to a worker and as it comes back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspace.documents import digest
from netspace.store import Outcome
from netspace.study.checkpoints import Checkpoints
from netspace.training.images.data import DataSpec, ImageData
from netspace.training.recipe import Recipe


def identity(data: ImageData) -> str:
    """Return what tells images from others to train or validate on."""
    return digest([data.train_digest, data.split_digest])


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What all runs of a study have in common; a worker gets it once.

    Attributes:
        data: which images.
        root: what a relative path in `data` is relative to.
        resolution: of the images.
        recipe: how to train.
        checkpoints: where long runs are kept while they are trained; None for nowhere.
        images: the `identity` of the images; None to train on whatever a worker finds.
    """

    data: DataSpec
    root: Path
    resolution: int
    recipe: Recipe
    checkpoints: Checkpoints | None = None
    images: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run: which network, from which seed."""

    run_id: int
    config: dict[str, Any]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run trained to its end, or to a loss that was not finite."""

    run_id: int
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A run raised; `message` holds the reason first, then the end of the traceback."""

    run_id: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker of a run vanished; `message` says how."""

    run_id: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """A worker can train no run, which is no fault of this one; `message` says in a line what of device or images."""

    run_id: int
    message: str


Event = Finished | Failed | Lost | Unfit
