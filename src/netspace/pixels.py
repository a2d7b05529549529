"""One image brought to what a network takes: training, prediction and packages all prepare images by this."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def prepared(image: Image.Image, resolution: int, channels: int) -> NDArray[np.uint8]:
    """Return the pixels of an image, uint8 (resolution, resolution, channels).

    Args:
        image: decoded, of any mode and size.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
    """
    pixels = fit(image.convert("L" if channels == 1 else "RGB"), resolution)
    return pixels.reshape(resolution, resolution, channels)


def fit(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Return the image size x size: its shorter side resized (bicubic), the centre cropped."""
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)
