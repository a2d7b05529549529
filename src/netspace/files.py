"""Files that are whole or not there: written beside their place, and moved into it at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_file(path: Path) -> bool:
    """Return whether there is such a file; of a name that no file can have, False."""
    try:
        return path.is_file()
    except OSError:
        return False


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a file to write, which takes the place of `path` if nothing goes wrong.

    A disk that fills, or an interruption, leaves what was at `path` before. What is no regular file, such as
    `/dev/stdout`, is written directly.

    Args:
        path: the file; its folder exists. The file to write has the same ending.

    Raises:
        OSError: the file cannot be moved to its place.
    """
    place = path.resolve()  # of a link, the file that it leads to is replaced, not the link
    if place.exists() and not place.is_file():
        yield path
        return
    draft = place.with_name(f".{place.stem[:100]}.{os.getpid()}{place.suffix}")
    try:
        yield draft
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8 with the line ends that it has, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
