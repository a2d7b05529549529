"""Decoding an image to an array of the format that all images of a data set share, so that a broken one is named."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from netspace.errors import DataError, first_line
from netspace.pixels import prepared

_LOOKED_AT = 64  # images that decide whether the others are grey or colour
_GREY_MODES = {"1", "L", "LA", "I;16"}  # of PIL


class BrokenImageError(DataError):
    """An image that cannot be decoded."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """What every image of a data set is brought to.

    Attributes:
        resolution: height and width in pixels.
        channels: 1 or 3; grey images among colour ones become colour.
        to_grey: with 1 channel, turn colour images to grey instead of refusing them.
    """

    resolution: int
    channels: int
    to_grey: bool = False


def decide_format(
    cells: Sequence[Any], where: str, *, resolution: int | None, channels: int | None, skip_broken: bool
) -> Format:
    """Return the format of a data set, what is left open decided by its images.

    Args:
        cells: encoded images.
        where: they are from.
        resolution: None for that of the first image, which must be square.
        channels: None for 3 where one of 64 images spread evenly over the data set is in colour, else 1.
        skip_broken: pass over images that cannot be decoded, instead of raising.

    Raises:
        DataError: there is no (sound) image, or the first one is not square and no resolution was given.
    """
    spread = np.linspace(0, len(cells) - 1, min(len(cells), _LOOKED_AT)).astype(int).tolist()

    def sound(rows: Iterable[int]) -> Iterator[Image.Image]:
        for row in rows:
            try:
                yield decode(cells[row], row, where)
            except BrokenImageError:
                if not skip_broken:
                    raise

    # where all that are spread are broken, any sound one will do
    first = next(chain(sound(spread), sound(range(len(cells)))), None)
    if first is None:
        raise DataError(f"{where}: holds no image")
    if resolution is None and first.width != first.height:
        raise DataError(f"{where}: images are not square ({first.width} x {first.height}): give a resolution")
    if channels is None:
        in_colour = any(image.mode not in _GREY_MODES for image in chain([first], sound(spread)))
        return Format(resolution=resolution or first.width, channels=3 if in_colour else 1)
    return Format(resolution=resolution or first.width, channels=channels, to_grey=channels == 1)


def decode(cell: Any, row: int, where: str) -> Image.Image:
    """Return the image of a cell: its bytes, or a dict with `bytes` or `path`.

    Raises:
        BrokenImageError: it cannot be decoded; the message names its file or row.
    """
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    try:
        # read whole: an image that opens its own file leaves it open when it turns out to be broken
        image = Image.open(io.BytesIO(content or (Path(path).read_bytes() if path else b"")))
        image.load()
    except (
        OSError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
        SyntaxError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise BrokenImageError(f"{where}: broken image {path or f'row {row}'} ({first_line(error)})") from None
    return image


def decode_to(form: Format, cell: Any, row: int, where: str) -> NDArray[np.uint8]:
    """Return the image of a cell in the data set's format, uint8 (resolution, resolution, channels).

    Raises:
        BrokenImageError: as for `decode`.
        DataError: the image is in colour, and the data set is grey.
    """
    image = decode(cell, row, where)
    if form.channels == 1 and not form.to_grey and image.mode not in _GREY_MODES:
        name = (cell.get("path") if isinstance(cell, dict) else None) or f"row {row}"
        raise DataError(f"{where}: image {name} is in colour ({image.mode}), others are grey: set channels to 1 or 3")
    return prepared(image, form.resolution, form.channels)
