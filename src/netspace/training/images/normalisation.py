"""Mean and standard deviation of the channels: counted over images in any number of pieces, or known by name."""

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from netspace.documents import Document, parse
from netspace.errors import DataError, raise_unknown

COMPUTED = "computed"
"""Instead of a name: the statistics of the training images themselves."""

_Share = Annotated[float, Field(ge=0, le=1)]
_Spread = Annotated[float, Field(gt=0)]


class Statistics(Document):
    """Mean and standard deviation of each channel, of pixels in [0, 1]; the channels of colour are RGB.

    Attributes:
        mean, std: one value (grey) or three (colour).
    """

    mean: Annotated[tuple[_Share, ...], Field(min_length=1, max_length=3)]
    std: Annotated[tuple[_Spread, ...], Field(min_length=1, max_length=3)]

    @model_validator(mode="after")
    def _same_channels(self) -> Self:
        if len(self.mean) != len(self.std) or len(self.mean) == 2:
            raise ValueError(f"mean and std need 1 value each, or 3, got {len(self.mean)} and {len(self.std)}")
        return self


NAMED = {
    # torchvision's published weights, timm/data/constants.py; pycls/datasets/imagenet.py has the same in BGR order, and
    # `netspace.models` turns pycls' weights to RGB: these are right for them too
    "imagenet": Statistics(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    # timm/data/constants.py, IMAGENET_INCEPTION_*: pixels in [-1, 1]
    "inception": Statistics(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    # timm/data/constants.py, OPENAI_CLIP_*
    "clip": Statistics(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)),
    # pycls/datasets/cifar10.py
    "cifar10": Statistics(mean=(125.3 / 255, 123.0 / 255, 113.9 / 255), std=(63.0 / 255, 62.1 / 255, 66.7 / 255)),
    # pytorch/examples, mnist/main.py
    "mnist": Statistics(mean=(0.1307,), std=(0.3081,)),
}
"""Statistics by name."""


def _known(value: Any) -> Any:
    if isinstance(value, str) and value != COMPUTED and value not in NAMED:
        raise_unknown("statistics", value, [COMPUTED, *NAMED])
    return parse(Statistics, value, "mean and std") if not isinstance(value, str | Statistics) else value


Normalise = Annotated[str | Statistics, BeforeValidator(_known)]
"""What images are normalised by, as a document says it: `computed`, a name, or a mean and a std."""


def chosen(
    normalise: str | Statistics, computed: tuple[list[float], list[float]], channels: int, where: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation that `normalise` asks for, in [0, 255].

    Args:
        normalise: see `Normalise`.
        computed: those of the training images, in [0, 255].
        channels: of the images.
        where: the images' source, for the message.

    Raises:
        DataError: the statistics are for another number of channels.
    """
    if normalise == COMPUTED:
        return tuple(computed[0]), tuple(computed[1])
    statistics = NAMED[normalise] if isinstance(normalise, str) else normalise
    if len(statistics.mean) != channels:
        fitting = [COMPUTED, *(name for name, known in NAMED.items() if len(known.mean) == channels)]
        called = f"'{normalise}'" if isinstance(normalise, str) else "mean and std"
        raise DataError(
            f"{where}: normalise: {called} are of {len(statistics.mean)} channels, the images have {channels}; "
            f"valid: {', '.join(fitting)}, or a mean and a std"
        )
    return tuple(255 * value for value in statistics.mean), tuple(255 * value for value in statistics.std)


class ChannelCounts:
    """How often each channel has each value: exact, and the same however the images are divided into pieces."""

    def __init__(self, channels: int) -> None:
        self._counts = np.zeros((channels, 256), dtype=np.int64)

    def add(self, images: NDArray[np.uint8]) -> None:
        """Count the pixels of some images, uint8 (n, height, width, channels)."""
        for channel, counts in enumerate(self._counts):
            counts += np.bincount(images[..., channel].ravel(), minlength=256)

    @property
    def is_flat(self) -> bool:
        """Whether each channel has one value alone."""
        return bool(((self._counts > 0).sum(axis=1) <= 1).all())

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """Return each channel's mean and standard deviation in [0, 255]; the latter is at least 1."""
        values, total = np.arange(256), self._counts.sum(axis=1)
        mean = self._counts @ values / total
        variance = (self._counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
        return mean.tolist(), np.maximum(np.sqrt(variance), 1.0).tolist()
