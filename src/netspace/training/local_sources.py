"""Where images of a fingerprint are on this machine: kept in the cache, so that no package names a path."""

from pathlib import Path

from netspace.documents import digest
from netspace.training.cache import cache_folder, written_to
from netspace.training.images.sources import EMBEDDED, TORCHVISION, located


def public_name(source: str) -> str | None:
    """Return the name that a source has on every machine; None for files that are only here."""
    if source == EMBEDDED:
        return source
    if source.startswith(TORCHVISION):
        return source.split(":")[1]
    return None if Path(located(source)).exists() else source


def remember_source(train_digest: str, split_digest: str, source: str) -> None:
    """Note where images of these fingerprints are; the same images may be in several places.

    Raises:
        DataError: the cache cannot be written to.
    """
    note, place = _note(train_digest, split_digest), located(source)
    with written_to(note.parent):
        note.parent.mkdir(parents=True, exist_ok=True)
        places = [place, *(other for other in _places(note) if other != place)]
        note.write_text("\n".join(places), encoding="utf-8")


def remembered_source(train_digest: str, split_digest: str) -> str | None:
    """Return where the images of these fingerprints are, or were when they were last trained on; None if unknown."""
    places = _places(_note(train_digest, split_digest))
    return next((place for place in places if Path(place).exists()), places[0] if places else None)


def _places(note: Path) -> list[str]:
    return note.read_text(encoding="utf-8").splitlines() if note.exists() else []


def _note(train_digest: str, split_digest: str) -> Path:
    return cache_folder() / "sources" / digest([train_digest, split_digest])
