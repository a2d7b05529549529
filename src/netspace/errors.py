"""The exception tree. Every message names what was wrong, where, and what would be valid.

The command line prints the message of a `NetspaceError` as one line and exits with code 2; anything else that escapes
is a bug of ours and keeps its traceback.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from operator import length_hint
from typing import NoReturn, Self

LONGEST_LINE = 400
"""Characters of another library's error that a message of ours quotes at most."""


class NetspaceError(Exception):
    """Base of every error that a user can cause and fix."""

    def at(self, where: str) -> Self:
        """Return the same error with a place, such as a file, at the beginning of its message."""
        return type(self)(f"{where}: {self}")


class ConfigError(NetspaceError, ValueError):
    """A network, recipe, space or study description breaks a rule (wrong key, type, range or combination)."""


class UnknownNameError(NetspaceError, LookupError):
    """A name that no registry holds: a space, network, block, recipe, executor, column, ..."""


class WindowError(NetspaceError, ValueError):
    """Sampling met fewer models inside a complexity window than were asked for."""


class DataError(NetspaceError, ValueError):
    """Images or labels that are missing, broken or out of range."""


class StatisticsError(NetspaceError, ValueError):
    """A statistic that these values cannot support (too few models, all equal, not a number)."""


class StoreError(NetspaceError, RuntimeError):
    """The result store cannot be opened, is of another version, or refuses a write."""


class StoreUnreachableError(StoreError):
    """The store's server does not answer or ended the connection, or its file is locked: the call may succeed later."""


class StudyError(NetspaceError, ValueError):
    """A study that cannot start or go on as described (for example, its file changed after it was started)."""


class TrainingError(NetspaceError, RuntimeError):
    """Training cannot go on: out of memory, a checkpoint of another configuration, an unusable device."""


class DivergedError(TrainingError):
    """A training whose loss left the finite numbers."""


class WeightsError(NetspaceError, ValueError):
    """Weights that do not belong to the network, or a file that cannot be read as weights."""


class MissingExtraError(NetspaceError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}': uv sync --extra {extra}, or pip install 'netspace[{extra}]'"
        )
        self.extra, self.what = extra, what

    def at(self, where: str) -> Self:
        """Return the same error with a place at the beginning of its message."""
        return type(self)(self.extra, f"{where}: {self.what}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.extra, self.what)  # so that a worker may raise it in another process


def first_line(error: BaseException | str, otherwise: str = "no reason given") -> str:
    """Return what an error of another library says, in one line that fits into a message of ours.

    Args:
        error: the error, or what a program printed.
        otherwise: what a text without a word stands for; an error without one is named by its class.

    Returns:
        The first line that is not blank, of at most `LONGEST_LINE` characters. Of a file's error the system's reason
        alone: the message that quotes it names the file.
    """
    if isinstance(error, OSError) and error.strerror:
        error = error.strerror
    said = str(error)[: 100 * LONGEST_LINE].strip()
    line = next(iter(said.splitlines()), otherwise if isinstance(error, str) else type(error).__name__)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def one_line(text: str, limit: int = 2000) -> str:
    """Return a text as one line of at most `limit` characters that a terminal shows as it is written.

    Line ends become blanks. Control characters and such as change the direction of writing are written as escapes.
    """
    line = " ".join(text[: 4 * limit].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in line)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def short(value: object, limit: int = 60) -> str:
    """Return a value as a message shows it: as Python writes it, cut to `limit` characters.

    No more of it is written than is shown, so that length and time are bounded whatever a user's file holds.
    """
    text = ""
    for piece in _written(value, limit):
        text += piece
        if len(text) > limit:
            return f"{text[: limit - 1]}…"
    return text


def _written(value: object, limit: int) -> Iterator[str]:
    """Yield a value piece by piece as Python writes it, of each text or number as much as is worth showing."""
    if isinstance(value, str | bytes):
        yield repr(value[: limit + 1])
    elif isinstance(value, int) and value.bit_length() > 4 * limit:
        yield f"a whole number of {value.bit_length()} bits"
    elif isinstance(value, Mapping):
        yield "{"
        for i, (key, item) in enumerate(value.items()):
            yield ", " * (i > 0)
            yield from _written(key, limit)
            yield ": "
            yield from _written(item, limit)
        yield "}"
    elif isinstance(value, list | tuple | set | frozenset):
        opened, closed = ("[", "]") if isinstance(value, list) else ("{", "}")
        if isinstance(value, tuple):
            opened, closed = "(", ",)" if len(value) == 1 else ")"
        yield opened
        for i, item in enumerate(value):
            yield ", " * (i > 0)
            yield from _written(item, limit)
        yield closed
    elif (length := length_hint(value)) > limit:
        yield f"{type(value).__name__} of length {length}"
    else:
        yield repr(value)


def raise_unknown(kind: str, name: str, valid: Iterable[str]) -> NoReturn:
    """Raise `UnknownNameError` that lists the `valid` names of a `kind` and the nearest one to `name`.

    Args:
        kind: what the name should be, in the singular: "design space", "block", ...
        name: what was given.
        valid: every name that would have been accepted.

    Raises:
        UnknownNameError: always.
    """
    names = sorted(valid)
    folded = {known.lower(): known for known in names}
    near = get_close_matches(name[:LONGEST_LINE].lower(), list(folded), n=1)
    hint = f" (did you mean '{folded[near[0]]}'?)" if near else ""
    raise UnknownNameError(f"unknown {kind} {short(name, 120)}{hint}; valid: {', '.join(names)}")
