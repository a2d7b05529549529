"""The cache folder: what is worth keeping between processes, each entry whole or absent."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs

from netspace.errors import DataError, first_line

CACHE_VARIABLE = "NETSPACE_CACHE"
"""Environment variable that moves the cache folder."""

LIMIT_VARIABLE = "NETSPACE_PREPARED_LIMIT"
"""Environment variable: how many bytes of decoded images one data set may take; larger ones are streamed."""

_SCRATCH = ".scratch-"
"""What the names of folders that are being filled begin with."""


def cache_folder() -> Path:
    """Return where prepared images are kept: $NETSPACE_CACHE, or the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("netspace"))


def prepared_limit() -> int:
    """Return how many bytes the decoded images of one data set may take.

    That is $NETSPACE_PREPARED_LIMIT, or half of the disk space that is free for the cache folder.

    Raises:
        DataError: the variable holds no number of bytes, or there can be no cache folder.
    """
    given = os.environ.get(LIMIT_VARIABLE)
    if given is None:
        with written_to(cache_folder()):
            cache_folder().mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(cache_folder()).free // 2
    if not given.isdecimal():
        raise DataError(f"{LIMIT_VARIABLE}: must be a whole number of bytes, got '{given}'")
    return int(given)


@contextmanager
def written_to(place: Path) -> Iterator[None]:
    """Report in one line that a place in the cache cannot be written to, whatever fails inside the `with` block.

    Raises:
        DataError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = first_line(error)
        raise DataError(
            f"{place}: cannot write to the cache ({reason}); set ${CACHE_VARIABLE} to another folder"
        ) from None


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder in `parent`, on a disk with room for much; what is left in it is deleted.

    What processes that were killed have left there is deleted first.

    Raises:
        DataError: it cannot be made.
    """
    with ExitStack() as stack:
        with written_to(parent):
            parent.mkdir(parents=True, exist_ok=True)
            with _locked(parent, fcntl.LOCK_EX):  # one that is made now has no lock yet, and is not to be deleted
                _clear_up_after_the_dead(parent)
                scratch = Path(tempfile.mkdtemp(dir=parent, prefix=_SCRATCH))
                stack.callback(shutil.rmtree, scratch, ignore_errors=True)
                stack.enter_context(_locked(scratch, fcntl.LOCK_EX))
        yield scratch


def _clear_up_after_the_dead(parent: Path) -> None:
    """Delete the scratch folders that nobody holds any more."""
    for folder in parent.glob(f"{_SCRATCH}*"):
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    """Hold a folder's lock as long as this process lives and the block lasts; yield whether it could be had.

    Some shared file systems know no locks: there nothing is held, and nothing is deleted.
    """
    with ExitStack() as stack:
        held = False
        with suppress(OSError):  # or it has gone meanwhile
            place = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, place)
            fcntl.flock(place, how)
            held = True
        yield held


@contextmanager
def one_at_a_time(key: str) -> Iterator[None]:
    """Wait while another process of this machine does the same, so that much work is done only once.

    Raises:
        DataError: the cache cannot be written to.
    """
    locks = cache_folder() / "locks"
    with ExitStack() as stack:
        with written_to(locks):
            locks.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((locks / key).open("w"))
        # some shared file systems know no locks: then the work is done twice, and one result is dropped
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def new_entry(entry: Path) -> Iterator[Path]:
    """Yield a folder to fill, which then becomes `entry`, whole or not at all, even if other processes make it too.

    Raises:
        DataError: the disk is full, or cannot be written to.
    """
    with written_to(entry), scratch_folder(entry.parent) as scratch:
        yield scratch
        publish(scratch, entry)


def publish(scratch: Path, entry: Path) -> None:
    """Rename `scratch` to `entry`, unless another process was faster: both made the same.

    Raises:
        DataError: it cannot be renamed.
    """
    with written_to(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.rename(entry)
        except OSError:
            if not entry.exists():
                raise
