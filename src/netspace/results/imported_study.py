"""A study whose runs ended elsewhere, as the store takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netspace.documents import digest
from netspace.store import Outcome, PlannedRun, Store, StudyRecord


@dataclass(frozen=True, kw_only=True)
class ImportedStudy:
    """A study of another tool, or of another store.

    Attributes:
        name: of the study.
        spec: where it comes from, and what was understood; of our own, what it was started from.
        ended: each model with how its training ended.
        planned: models that are still to be trained.
    """

    name: str
    spec: dict[str, Any]
    ended: Sequence[tuple[PlannedRun, Outcome]]
    planned: Sequence[PlannedRun] = ()

    def add_to(self, store: Store) -> StudyRecord:
        """Put the study into `store`, in one transaction.

        Raises:
            StudyError: the store holds a study of this name already.
        """
        return store.add_study(self.name, self.spec, digest(self.spec), self.ended, self.planned)
