"""One run of a study, as sent to a worker and as it comes back, and where its checkpoint is meanwhile."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from netspace.documents import digest
from netspace.store import Outcome, StudyRecord
from netspace.store.in_hand import folder_in_hand
from netspace.training.images.data import DataSpec, ImageData
from netspace.training.recipe import Recipe

CHECKPOINT_SECONDS = 30.0
"""Training that a run may lose; a run that is shorter pays nothing."""


def identity(data: ImageData) -> str:
    """Return the identity of the images to train and validate on."""
    return digest([data.train_digest, data.split_digest])


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run: which network, from which seed, with which numbers of the recipe other than the study's.

    Attributes:
        run_id: of the run in the store.
        config: the network.
        seed: of the training.
        recipe: numbers that were drawn for this network, by their names in `Recipe`.
    """

    run_id: int
    config: dict[str, Any]
    seed: int
    recipe: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one study in one store: one file for each run that takes long, for as long as it is trained.

    A run that is started again (its worker was killed, its driver, its place on the cluster taken) goes on from its
    file, on the CPU to the same bits as if it had never stopped.

    Attributes:
        folder: the driver makes it and removes it. A worker that does not see it (a node without the study's folder)
            trains without checkpoints.
        seconds: of training between two checkpoints of a run at least.
    """

    folder: Path
    seconds: float = CHECKPOINT_SECONDS

    @classmethod
    def of(cls, record: StudyRecord, root: Path, *, seconds: float = CHECKPOINT_SECONDS) -> Self:
        """Return those of a study whose file is in the folder `root`; every driver of the study finds the same."""
        return cls(folder=folder_in_hand(record, root), seconds=seconds)

    def path(self, job: Job) -> Path | None:
        """Return the file of a run, or None if there is no folder."""
        if not self.folder.is_dir():
            return None
        about = [job.config, job.seed, *([dict(job.recipe)] if job.recipe else [])]
        return self.folder / f"{job.run_id}-{digest(about)[:16]}.pt"

    def make(self) -> None:
        """Make the folder; if that is impossible, runs are trained without checkpoints."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)

    def remove(self, run_id: int) -> None:
        """Remove what there is of a run, half-written files of killed workers included."""
        for pattern in (f"{run_id}-*", f".{run_id}-*"):
            for path in self.folder.glob(pattern):
                with suppress(OSError):
                    path.unlink()

    def remove_all(self) -> None:
        """Remove the folder: every run has ended, so no one goes on from what a stale worker may have left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # another study's may lie there too
            self.folder.parent.rmdir()


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
        code: files of someone's own that make networks; a worker reads them where they lie, and trains with none that
            has changed.
    """

    data: DataSpec
    root: Path
    resolution: int
    recipe: Recipe
    checkpoints: Checkpoints | None = None
    images: str | None = None
    code: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A sign of life of the worker that trains a run: another `number` is a later one, another `worker` began anew."""

    worker: str
    number: int


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
    """A worker cannot train any run, which is not this run's fault; `message` gives the reason, of device or images."""

    run_id: int
    message: str


Event = Finished | Failed | Lost | Unfit
