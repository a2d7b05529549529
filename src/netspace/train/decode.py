"""Decoding images to arrays of one size, so that a broken one is named, or skipped and counted."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from netspace.errors import DataError

_DECODED_AHEAD = 4096  # cells; bounds what is held besides the result


class Decoder:
    """Decodes the images of a split; the first sound one decides what was left open.

    Attributes:
        resolution, channels: of the decoded images; None until an image has decided.
    """

    def __init__(self, resolution: int | None, channels: int | None, where: str, *, skip_broken: bool) -> None:
        self.resolution = resolution
        self.channels = channels
        self._where = where
        self._skip_broken = skip_broken

    def decode(self, table: Any, column: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the sound images of a column as one array, and their rows."""
        import datasets

        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
        cells = table[column]
        found = ((row, self._image(cells[row], row)) for row in range(len(table)))
        first = next((image for _, image in found if image is not None), None)
        if first is None:
            raise DataError(f"{self._where}: holds no image")
        resolution, channels = self._decide(first)
        pixels = np.empty((len(table), resolution, resolution, channels), dtype=np.uint8)
        sound: list[int] = []
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(table), _DECODED_AHEAD):
                batch = cells[start : start + _DECODED_AHEAD]
                rows = range(start, start + len(batch))
                for row, image in zip(rows, pool.map(self._fitted, batch, rows), strict=True):
                    if image is not None:
                        pixels[len(sound)] = image
                        sound.append(row)
        return pixels[: len(sound)], np.array(sound, dtype=np.int64)

    def _decide(self, first: Image.Image) -> tuple[int, int]:
        self.channels = self.channels or (1 if first.mode in {"1", "L", "LA", "I;16"} else 3)
        if self.resolution is None:
            if first.width != first.height:
                size = f"{first.width} x {first.height}"
                raise DataError(f"{self._where}: images are not square ({size}): give a resolution")
            self.resolution = first.width
        return self.resolution, self.channels

    def _fitted(self, cell: Any, row: int) -> NDArray[np.uint8] | None:
        image = self._image(cell, row)
        if image is None or self.resolution is None:
            return None
        pixels = fit(image.convert("L" if self.channels == 1 else "RGB"), self.resolution)
        return pixels.reshape(self.resolution, self.resolution, -1)

    def _image(self, cell: Any, row: int) -> Image.Image | None:
        """Return a cell's image, or None for a broken one that is to be skipped."""
        try:
            return _image(cell, row, self._where)
        except DataError:
            if self._skip_broken:
                return None
            raise


def _image(cell: Any, row: int, where: str) -> Image.Image:
    """Return the decoded image of a cell; whatever is wrong with it is told with its file or row."""
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    name = path or f"row {row}"
    try:
        # read whole: an image that opens its own file leaves it open when it turns out to be broken
        image = Image.open(io.BytesIO(content or (Path(path).read_bytes() if path else b"")))
        image.load()
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: broken image {name} ({error})") from None
    return image


def fit(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Return the image size x size: its shorter side resized, the centre cropped."""
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)
