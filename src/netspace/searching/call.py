"""What one call of a search is given beside what decides it, and so may change when it goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netspace.searching.choices import Choice
from netspace.searching.listed import Hands
from netspace.searching.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a search.

    Attributes:
        folder: of the search.
        source: of the images, as it was given.
        hands: what trains the population.
        device: where the winner is trained, and its error measured.
        licence: of the package, an SPDX identifier; None for none.
        began: when, by `time.monotonic`.
        tell: called with each choice.
        observe: called with the progress.
    """

    folder: Path
    source: str
    hands: Hands
    device: str
    licence: str | None
    began: float
    tell: Callable[[Choice], None]
    observe: Callable[[Progress], None]
