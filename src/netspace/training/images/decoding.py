"""Decoding an image to an array of the format that all images of a data set share, so that a broken one is named."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netspace.errors import DataError, first_line
from netspace.pixels import BACKGROUND, fit, read_image
from netspace.training.images.folders import shown

_LOOKED_AT = 64  # images that decide whether the others are grey or colour


class BrokenImageError(DataError):
    """An image that cannot be decoded."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """What every image of a data set is brought to.

    Attributes:
        resolution: height and width in pixels.
        channels: 1 or 3; grey images among colour ones become colour.
        to_grey: with 1 channel, turn colour images to grey instead of refusing them.
        background: the grey that shows through transparent pixels, 0 .. 255.
    """

    resolution: int
    channels: int
    to_grey: bool = False
    background: int = BACKGROUND


class Remarks:
    """What was remarked of images while they were decoded, by whichever threads: see `netspace.pixels.ReadImage`."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)
        self._lock = Lock()

    def add(self, remarks: Iterable[str], name: str) -> None:
        """Remember what holds of an image."""
        for remark in remarks:
            with self._lock:
                self._names[remark].add(name)

    def found(self) -> dict[str, list[str]]:
        """Return the names of the images by remark, both sorted."""
        return {remark: sorted(self._names[remark]) for remark in sorted(self._names)}


def decide_format(
    cells: Sequence[Any],
    where: str,
    *,
    resolution: int | None,
    channels: int | None,
    skip_broken: bool,
    background: int = BACKGROUND,
) -> Format:
    """Return the format of a data set, what is left open decided by its images.

    Args:
        cells: encoded images.
        where: they are from.
        resolution: None for that of the first image, which must be square.
        channels: None for 3 if one of 64 images spread evenly over the data set is in colour, else 1.
        skip_broken: pass over images that cannot be decoded, instead of raising.
        background: see `Format`.

    Raises:
        DataError: there is no (sound) image, or the first one is not square and no resolution was given.
    """
    spread = np.linspace(0, len(cells) - 1, min(len(cells), _LOOKED_AT)).astype(int).tolist()

    def sound(rows: Iterable[int]) -> Iterator[Image.Image]:
        for row in rows:
            try:
                yield decode(cells[row], row, where, background)
            except BrokenImageError:
                if not skip_broken:
                    raise

    # if all of these are broken, any sound one will do
    first = next(chain(sound(spread), sound(range(len(cells)))), None)
    if first is None:
        raise DataError(f"{where}: holds no image")
    if resolution is None and first.width != first.height:
        raise DataError(f"{where}: images are not square ({first.width} x {first.height}): set a resolution")
    form = Format(
        resolution=resolution or first.width, channels=channels or 1, to_grey=channels == 1, background=background
    )
    if channels is None and any(image.mode != "L" for image in chain([first], sound(spread))):
        return replace(form, channels=3)
    return form


def decode(
    cell: Any, row: int, where: str, background: int = BACKGROUND, remarks: Remarks | None = None
) -> Image.Image:
    """Return the image of a cell, upright, of mode L or RGB.

    Args:
        cell: the bytes of an encoded image, a dict with `bytes` or `path`, or pixels, uint8 (height, width, channels).
        row: the cell's, for the message.
        where: its table, for the message.
        background: see `Format`.
        remarks: collects what is noteworthy about the image.

    Raises:
        BrokenImageError: it cannot be decoded; the message names its file or row.
    """
    if isinstance(cell, np.ndarray):
        return Image.fromarray(cell.squeeze(-1) if cell.shape[-1] == 1 else cell)
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    try:
        # read whole: an image that opens its own file leaves it open when it turns out to be broken
        read = read_image(content or (Path(os.fsdecode(path)).read_bytes() if path else b""), background)
    except (OSError, TypeError, DataError) as error:
        raise BrokenImageError(f"{where}: broken image {cell_name(cell, row)} ({first_line(error)})") from None
    if remarks is not None:
        remarks.add(read.remarks, cell_name(cell, row))
    return read.image


def decode_to(form: Format, cell: Any, row: int, where: str, remarks: Remarks | None = None) -> NDArray[np.uint8]:
    """Return the image of a cell in the data set's format, uint8 (resolution, resolution, channels).

    Args: as for `decode`.

    Raises:
        BrokenImageError: as for `decode`.
        DataError: the image is in colour, and the data set is grey.
    """
    shape = (form.resolution, form.resolution, form.channels)
    if isinstance(cell, np.ndarray) and cell.shape == shape:
        return cell
    image = decode(cell, row, where, form.background, remarks)
    if form.channels == 1 and not form.to_grey and image.mode != "L":
        name = cell_name(cell, row)
        raise DataError(
            f"{where}: image {name} is in colour ({image.mode}), but others are grey: set channels to 1 or 3"
        )
    try:
        return fit(image.convert("L" if form.channels == 1 else "RGB"), form.resolution).reshape(shape)
    except DataError as error:
        raise BrokenImageError(f"{where}: broken image {cell_name(cell, row)} ({error})") from None


def cell_name(cell: Any, row: int) -> str:
    """Return what messages call the image of a cell: its file, or its row."""
    path = cell.get("path") if isinstance(cell, dict) else None
    return shown(path) if path else f"row {row}"
