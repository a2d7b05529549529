"""From an image file, or a picture in memory, to what a network takes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from netspace.errors import DataError, first_line
from netspace.models.package import Preparation
from netspace.pixels import eight_bit, prepared, read_image


class Transform:
    """Prepares images as the network's training prepared its validation images, to the bit.

    Args:
        preparation: how.
    """

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation

    def __call__(self, image: Image.Image | NDArray[np.uint8] | Path | str) -> Tensor:
        """Return an image as float32 (channels, resolution, resolution).

        Args:
            image: a PIL image, uint8 (height, width) or (height, width, channels), or the path of an image file.

        Raises:
            DataError: the file cannot be read as an image, or it is in colour and the network takes grey ones.
        """
        return self.normalised(torch.from_numpy(self.pixels(image)[None]))[0]

    def pixels(self, image: Image.Image | NDArray[np.uint8] | Path | str) -> NDArray[np.uint8]:
        """Return an image resized and cropped, uint8 (resolution, resolution, channels).

        Raises:
            DataError: the file cannot be read as an image, or it is in colour and the network takes grey ones.
        """
        name = f"{image}: " if isinstance(image, Path | str) else ""
        if isinstance(image, Path | str):
            image = _opened(image, self.preparation.background)
        elif isinstance(image, np.ndarray):
            image = Image.fromarray(image.squeeze(-1) if image.ndim == 3 and image.shape[-1] == 1 else image)
        # a copy: PIL's arrays cannot be written to, and torch warns of that
        preparation = self.preparation
        image = eight_bit(image, preparation.background)
        if preparation.channels == 1 and not preparation.to_grey and image.mode != "L":
            raise DataError(f"{name}the image is in colour ({image.mode}), but the network takes grey ones")
        return np.array(prepared(image, preparation.resolution, preparation.channels, preparation.background))

    def normalised(self, pixels: Tensor) -> Tensor:
        """Return uint8 images (n, height, width, channels) as float32 (n, channels, height, width)."""
        mean, std = (
            torch.tensor([255 * value for value in values], dtype=torch.float32, device=pixels.device)
            for values in (self.preparation.mean, self.preparation.std)
        )
        return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)

    def __repr__(self) -> str:
        settings: dict[str, Any] = self.preparation.model_dump()
        return f"Transform({', '.join(f'{key}={value}' for key, value in settings.items())})"


def _opened(path: Path | str, background: int) -> Image.Image:
    try:
        return read_image(Path(path).read_bytes(), background).image
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, DataError) as error:
        raise DataError(f"{path}: could not be read as an image ({first_line(error)})") from None
