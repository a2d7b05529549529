"""Images as a training takes them: arrays, or encoded images that are decoded when a batch needs them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netspace.training.images.arrow_tables import ArrowColumn
from netspace.training.images.decoding import BrokenImageError, Format, Remarks, decode_to

_AHEAD = 2  # batches that are decoded while the one before them is trained on
_PIECE = 16  # images that a thread decodes at a time


class Images(Protocol):
    """What all parts of a training ask of images, uint8 (n, resolution, resolution, channels).

    NumPy's arrays, mapped from a file or not, are such; so are `StreamedImages`. A slice is a view, an array of indices
    gives an array. `np.asarray` of images that are streamed decodes all of them: take batches by `read_ahead`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, resolution, resolution, channels)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always uint8."""

    def __len__(self) -> int: ...

    # Any: a view of its own kind for a slice, an array for indices; NumPy's own annotations cannot be written here
    def __getitem__(self, rows: Any, /) -> Any: ...


class StreamedImages:
    """Images that are decoded when they are asked for, by a pool of threads; nothing decoded is kept.

    Args:
        cells: all the encoded images of a table, or pixels: uint8 (n, height, width, channels).
        rows: int64 (n,), which of them these images are, in order.
        form: what they are brought to.
        where: the table, for messages.
        remarks: collects what is noteworthy about the images when they are decoded.
    """

    def __init__(
        self,
        cells: ArrowColumn | NDArray[np.uint8],
        rows: NDArray[np.int64],
        form: Format,
        where: str,
        remarks: Remarks | None = None,
    ) -> None:
        self.cells = cells
        self.rows = rows
        self.form = form
        self.where = where
        self.remarks = remarks

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, resolution, resolution, channels)."""
        return len(self.rows), self.form.resolution, self.form.resolution, self.form.channels

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Always uint8."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any, /) -> Any:
        """Return a view for a slice, else what NumPy would: decoded images for indices, one image for one index.

        Raises:
            DataError: an image cannot be decoded; the message names it.
        """
        if isinstance(rows, slice):
            return self.at(rows)
        if np.ndim(rows) == 0:
            return self._decoded(int(self.rows[rows]))
        return self.start(rows).result()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Decode all of them."""
        if copy is False:
            raise ValueError("streamed images have no array that could be shared")
        return np.asarray(self.start(np.arange(len(self))).result(), dtype=dtype)

    def at(self, rows: slice | NDArray[np.int64]) -> "StreamedImages":
        """Return some of the images, undecoded."""
        return StreamedImages(self.cells, self.rows[rows], self.form, self.where, self.remarks)

    def start(self, rows: NDArray[np.int64]) -> "Decoding":
        """Let the pool begin to decode some of the images."""
        wanted = self.rows[rows]
        pixels = np.empty((len(wanted), *self.shape[1:]), dtype=np.uint8)

        def fill(start: int) -> None:
            for i, row in enumerate(wanted[start : start + _PIECE].tolist(), start):
                pixels[i] = self._decoded(row)

        return Decoding(pixels, [_pool().submit(fill, start) for start in range(0, len(wanted), _PIECE)])

    def _decoded(self, row: int) -> NDArray[np.uint8]:
        return decode_to(self.form, self.cells[row], row, self.where, self.remarks)


class Decoding:
    """Images that are being decoded."""

    def __init__(self, pixels: NDArray[np.uint8], pieces: list[Future[None]]) -> None:
        self._pixels = pixels
        self._pieces = pieces

    def result(self) -> NDArray[np.uint8]:
        """Wait for the images.

        Raises:
            DataError: one cannot be decoded; of several, the first is named.
        """
        try:
            for piece in self._pieces:
                piece.result()
        finally:
            self.cancel()
        return self._pixels

    def cancel(self) -> None:
        """Let what has not begun be."""
        for piece in self._pieces:
            piece.cancel()


def read_ahead(images: Images, batches: Iterable[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of each batch; those that are streamed are decoded while earlier batches are in use.

    Args:
        images: where from.
        batches: indices of the images of each batch.

    Raises:
        DataError: an image cannot be decoded; the message names it.
    """
    if not isinstance(images, StreamedImages):
        yield from (images[rows] for rows in batches)
        return
    begun: deque[Decoding] = deque()
    try:
        for rows in batches:
            begun.append(images.start(rows))
            if len(begun) > _AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for decoding in begun:
            decoding.cancel()


def in_order(n: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the indices 0 .. n - 1 in batches of `size`, the last one perhaps smaller."""
    return (np.arange(start, min(start + size, n)) for start in range(0, n, size))


def sound_rows(cells: Sequence[Any], form: Format, where: str) -> NDArray[np.int64]:
    """Return the rows of the images that can be brought to a format: all of them are, once."""

    def sound(start: int) -> list[int]:
        found = []
        for row in range(start, min(start + _PIECE, len(cells))):
            with suppress(BrokenImageError):
                decode_to(form, cells[row], row, where)
                found.append(row)
        return found

    pieces = _pool().map(sound, range(0, len(cells), _PIECE))
    return np.array([row for piece in pieces for row in piece], dtype=np.int64)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that decode for the whole process; what decodes an image lets other threads run meanwhile."""
    return ThreadPoolExecutor(thread_name_prefix="netspace-decode")
