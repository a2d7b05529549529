"""A study whose runs ended elsewhere, as the store takes it."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from netspace.documents import digest
from netspace.store import Outcome, PlannedRun, Store, StudyRecord


@contextmanager
def without_collection() -> Iterator[None]:
    """Hold the garbage collector off: it would go through very many models again and again, and they have no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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

    @without_collection()
    def add_to(self, store: Store) -> StudyRecord:
        """Put the study into `store`, in one transaction.

        Raises:
            StudyError: the store holds a study of this name already.
        """
        return store.add_study(self.name, self.spec, digest(self.spec), self.ended, self.planned)
