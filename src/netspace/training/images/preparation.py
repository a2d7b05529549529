"""Cache entries: images decoded into arrays, or the index of those that are decoded in every epoch.

Both are made in one pass over the images, a few at a time, that finds broken ones and counts pixels.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from netspace.training.images.arrow_tables import ArrowColumn
from netspace.training.images.decoding import Format
from netspace.training.images.normalisation import ChannelCounts
from netspace.training.images.streaming import Images, StreamedImages, in_order, read_ahead

PARTS = ("train", "validation", "test")
"""What an entry may hold."""

_INDEX = "index.json"
_PIECE = 8 * 2**20  # bytes of pixels that are decoded at a time; bounds the memory that a preparation takes


@dataclass(frozen=True, kw_only=True)
class Part:
    """Images that were drawn of a split.

    Attributes:
        images: those of the whole split.
        rows: int64 (n,), which of them were drawn.
        labels: int64 (n,), theirs.
    """

    images: StreamedImages
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, resolution, resolution, channels)."""
        return len(self.rows), *self.images.shape[1:]

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded images."""
        return int(np.prod(self.shape, dtype=np.int64))

    def pieces(self) -> Iterator[NDArray[np.uint8]]:
        """Decode the images in order, a few megabytes at a time."""
        size = max(1, _PIECE * len(self.rows) // self.nbytes)
        return read_ahead(self.images, (self.rows[piece] for piece in in_order(len(self.rows), size)))


class Census:
    """What one pass over the images finds, the same however they are divided into pieces."""

    def __init__(self, channels: int) -> None:
        self.counts: ChannelCounts = ChannelCounts(channels)
        self._pixels = hashlib.sha256()
        self._each: dict[str, list[NDArray[np.uint64]]] = {}

    def add(self, part: str, images: NDArray[np.uint8]) -> None:
        """Take in the next images of a part, uint8 (n, height, width, channels)."""
        self._each.setdefault(part, []).append(fingerprints(images))
        if part == "train":
            self.counts.add(images)
            self._pixels.update(np.ascontiguousarray(images).data)

    @property
    def pixels(self) -> str:
        """SHA-256 of all the training images' bytes, in order."""
        return self._pixels.hexdigest()

    def each(self, part: str) -> NDArray[np.uint64]:
        """Return the fingerprints of a part's images, uint64 (n,)."""
        return np.concatenate(self._each.get(part, [np.zeros(0, np.uint64)]))


def fingerprints(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return what distinguishes each image from others, to the bit.

    Of a million images two different ones agree by chance with a probability of about 3e-8.
    """
    each = (hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(each), dtype=np.uint64)


def without_copies(part: Part, of: Part) -> Part:
    """Return the images of a part that are no exact copies of images of another; both are decoded for it."""
    others = np.concatenate([fingerprints(images) for images in of.pieces()])
    kept = ~np.isin(np.concatenate([fingerprints(images) for images in part.pieces()]), others)
    return Part(images=part.images, rows=part.rows[kept], labels=part.labels[kept])


def write_arrays(folder: Path, parts: dict[str, Part]) -> Census:
    """Write each part's images and labels as .npy files; return what the images are.

    Raises:
        DataError: an image cannot be decoded; the message names it.
    """
    census = Census(parts["train"].shape[-1])
    for name, part in parts.items():
        np.save(folder / f"{name}_labels.npy", part.labels)
        # written, not mapped: pages of a mapped file would count as memory of this process
        with (folder / f"{name}_images.npy").open("wb") as file:
            _begin_array(file, part.shape)
            for images in part.pieces():
                images.tofile(file)
                census.add(name, images)
    return census


def write_index(folder: Path, parts: dict[str, Part], tables: Path) -> Census:
    """Write where each part's images are, and its labels; return what the images are.

    Images that come as arrays are written as they come, not resized.

    Args:
        folder: where to.
        parts: what was drawn.
        tables: the folder of their tables; the index does not depend on where it is.

    Raises:
        DataError: an image cannot be decoded; the message names it.
    """
    census = Census(parts["train"].shape[-1])
    index: dict[str, Any] = {}
    for name, part in parts.items():
        drawn = part.images.at(part.rows)
        np.save(folder / f"{name}_labels.npy", part.labels)
        index[name] = {"where": drawn.where, "format": asdict(drawn.form)}
        if isinstance(drawn.cells, ArrowColumn):
            np.save(folder / f"{name}_rows.npy", drawn.rows)
            index[name] |= {"files": [_below(tables, file) for file in drawn.cells.files], "column": drawn.cells.name}
        else:
            with (folder / f"{name}_cells.npy").open("wb") as file:
                _begin_array(file, (len(drawn.rows), *drawn.cells.shape[1:]))
                for rows in in_order(len(drawn.rows), max(1, _PIECE // drawn.cells[0].nbytes)):
                    drawn.cells[drawn.rows[rows]].tofile(file)
        for images in part.pieces():
            census.add(name, images)
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    return census


def is_whole(entry: Path, tables: Path) -> bool:
    """Return whether an entry is there and, if it is an index, the tables that it refers to."""
    index = _index(entry)
    return entry.exists() and all((tables / file).exists() for part in index.values() for file in part.get("files", []))


def read_part(entry: Path, name: str, tables: Path) -> tuple[Images, NDArray[np.int64]] | None:
    """Return images and labels of one of the `PARTS`, or None if the entry does not have it."""
    if not (entry / f"{name}_labels.npy").exists():
        return None
    labels = np.load(entry / f"{name}_labels.npy")
    if (found := _index(entry).get(name)) is None:
        return np.load(entry / f"{name}_images.npy", mmap_mode="r"), labels
    form = Format(**found["format"])
    if "files" not in found:
        pixels = np.load(entry / f"{name}_cells.npy", mmap_mode="r")
        return StreamedImages(pixels, np.arange(len(pixels)), form, found["where"]), labels
    cells = ArrowColumn([str(tables / file) for file in found["files"]], found["column"])
    return StreamedImages(cells, np.load(entry / f"{name}_rows.npy"), form, found["where"]), labels


def _begin_array(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Begin a .npy file of uint8, whose values follow in order."""
    npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _index(entry: Path) -> dict[str, Any]:
    path = entry / _INDEX
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _below(folder: Path, file: str) -> str:
    """Return the path of `file` from `folder`, if it is in there, else its absolute path."""
    path = Path(file).resolve()
    return str(path.relative_to(folder.resolve()) if path.is_relative_to(folder.resolve()) else path)
