"""Where the checkpoints of a study's runs are: one file for each run that takes long, for as long as it is trained.

A run that is started again (its worker was killed, its driver, its place on the cluster taken) goes on from its file,
on the CPU to the same bits as if it had never stopped.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from netspace.documents import digest
from netspace.store import StudyRecord

if TYPE_CHECKING:
    from netspace.study.jobs import Job

FOLDER = ".netspace-checkpoints"
"""Beside the study file."""

CHECKPOINT_SECONDS = 30.0
"""Training that a run may lose; a run that is shorter pays nothing."""


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one study in one store.

    Attributes:
        folder: the driver makes it and removes it. A worker that does not see it (a node without the study's folder)
            trains without checkpoints.
        seconds: of training between two checkpoints of a run at least.
    """

    folder: Path
    seconds: float = CHECKPOINT_SECONDS

    @classmethod
    def of(cls, record: StudyRecord, root: Path, *, seconds: float = CHECKPOINT_SECONDS) -> Self:
        """Return those of a study whose file is in the folder `root`; every driver of the study finds the same.

        The same study in another store is another one, since a run's number means nothing there.
        """
        key = digest([record.digest, record.created])
        return cls(folder=root.resolve() / FOLDER / f"{record.name}-{key[:8]}", seconds=seconds)

    def path(self, job: "Job") -> Path | None:
        """Return the file of a run, or None where there is no folder."""
        if not self.folder.is_dir():
            return None
        return self.folder / f"{job.run_id}-{digest([job.config, job.seed])[:16]}.pt"

    def make(self) -> None:
        """Make the folder; where that is impossible, runs are trained without checkpoints."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)

    def remove(self, run_id: int) -> None:
        """Remove what there is of a run, half-written files of killed workers included."""
        for pattern in (f"{run_id}-*", f".{run_id}-*"):
            for path in self.folder.glob(pattern):
                with suppress(OSError):
                    path.unlink()

    def remove_all(self) -> None:
        """Remove the folder: every run is at its end, so nobody goes on from what a stale worker may have left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # another study's may lie there too
            self.folder.parent.rmdir()
