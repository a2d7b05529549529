"""What a search found."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from netspace.files import write_whole
from netspace.models.backbone import Described
from netspace.models.hub import from_pretrained
from netspace.models.package import Package
from netspace.searching.candidates import Candidate
from netspace.searching.choices import Choice

PACKAGE, REPORT, SUMMARY = "package", "report", "summary.txt"


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    Attributes:
        folder: of the search: the study file, its store, `package`, `report`, `summary.txt`.
        best: the best networks, the winner first.
        choices: what was chosen, with the reasons.
        package: what is known of the winner.
        summary: all of it, as text.
    """

    folder: Path
    best: tuple[Candidate, ...]
    choices: tuple[Choice, ...]
    package: Package
    summary: str

    @cached_property
    def model(self) -> Described:
        """The winner, trained, with its `transform` and `classes`; in evaluation mode."""
        # code of one's own in it is the code that this search has trained its networks by
        return from_pretrained(self.folder / PACKAGE, trust_code=True).eval()

    def as_dict(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {
            "folder": str(self.folder),
            "package": str(self.folder / PACKAGE),
            "choices": [choice.model_dump() for choice in self.choices],
            "best": [one.as_dict() for one in self.best],
            "errors": [error.model_dump() for error in self.package.errors],
        }

    def write_summary(self) -> None:
        """Write the summary into the folder."""
        write_whole(self.folder / SUMMARY, self.summary)

    def __repr__(self) -> str:
        return self.summary
