"""Augmentation and normalisation of batches of uint8 images, with an explicit random generator.

What can be done on a whole batch at once is done here; what torchvision does image by image is left to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

from netspace.training.device import to_device
from netspace.training.images.data import ImageData
from netspace.training.recipe import Augment

_COLOR_SAMPLE = 10_000  # images; more do not change three principal axes


class Augmenter:
    """Turns uint8 images and labels into what the network and the loss take.

    Args:
        augment: what to do.
        data: whose statistics normalise, colour and fill; whose number of classes mixing needs.
        device: where `inputs` works.
    """

    def __init__(self, augment: Augment, data: ImageData, device: torch.device) -> None:
        self._augment = augment
        self._device = device
        self._classes = data.num_classes
        self._mean, self._std = statistics(data, device)
        self._colors = principal_colors(data).to(device) if augment.color_noise else None
        self._each = _image_by_image(augment, data)

    def pixels(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Move, mirror, crop, recolour and erase.

        Args:
            images: uint8 (n, height, width, channels), on the CPU.
            generator: where the randomness comes from.

        Returns:
            uint8, of the same shape; on the device already, unless torchvision has worked on each image.
        """
        if not self._each:
            return shift_and_flip(to_device(images, self._device), self._augment, generator)
        images = shift_and_flip(images, self._augment, generator)
        with drawn_from(generator):
            for transform in self._each:
                images = torch.stack([transform(image.permute(2, 0, 1)).permute(1, 2, 0) for image in images])
        return images

    def inputs(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Normalise, add colour noise and mix.

        Args:
            images: uint8 (n, height, width, channels), on the device.
            labels: int64 (n,), on the device.
            generator: where the randomness comes from, on the CPU.

        Returns:
            float32 (n, channels, height, width), and the labels: int64 (n,), or float32 (n, classes) if mixed.
        """
        pixels = normalise(images, self._mean, self._std)
        if self._colors is not None:
            strength = torch.randn(len(images), len(self._colors), generator=generator) * self._augment.color_noise
            noise = strength.to(pixels.device) @ self._colors / self._std
            pixels = pixels + noise[:, :, None, None]
        return self._mixed(pixels, labels, generator)

    def _mixed(self, pixels: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        from torchvision.transforms import v2

        choices = [
            (transform, alpha)
            for transform, alpha in ((v2.MixUp, self._augment.mixup), (v2.CutMix, self._augment.cutmix))
            if alpha
        ]
        if not choices:
            return pixels, labels
        chosen = int(torch.randint(len(choices), (), generator=generator)) if len(choices) > 1 else 0
        transform, alpha = choices[chosen]
        with drawn_from(generator):
            mixed: tuple[Tensor, Tensor] = transform(alpha=alpha, num_classes=self._classes)(pixels, labels)
        return mixed


def shift_and_flip(images: Tensor, augment: Augment, generator: torch.Generator) -> Tensor:
    """Return the batch with each image moved and mirrored at random, in one gather.

    Args:
        images: uint8 (n, height, width, channels).
        augment: how far to shift, whether to flip.
        generator: where the randomness comes from (on the CPU, so that every device draws the same).

    Returns:
        uint8 (n, height, width, channels); pixels from outside the image are 0.
    """
    n, height, width, _ = images.shape
    s = augment.shift
    if not s and not augment.flip:
        return images
    rows = torch.arange(height).expand(n, height)
    columns = torch.arange(width).expand(n, width)
    if augment.flip:
        mirrored = torch.rand(n, generator=generator) < 0.5
        columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    if s:
        offsets = torch.randint(0, 2 * s + 1, (2, n, 1), generator=generator)
        rows, columns = rows + offsets[0], columns + offsets[1]
        images = F.pad(images, (0, 0, s, s, s, s))
    device = images.device
    return images[
        torch.arange(n, device=device)[:, None, None], rows.to(device)[:, :, None], columns.to(device)[:, None, :]
    ]


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return images as the network takes them.

    Args:
        images: uint8 (n, height, width, channels).
        mean, std: float32 (channels,), of the training images, in [0, 255].

    Returns:
        float32 (n, channels, height, width), in channels_last memory (no copy is made for it).
    """
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def statistics(data: ImageData, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the data's channels, float32 (channels,), in [0, 255]."""
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (data.mean, data.std))
    return mean, std


def principal_colors(data: ImageData) -> Tensor:
    """Return the principal axes of the training pixels' colours, each as long as the deviation along it.

    Returns:
        float32 (channels, channels), one axis a row, in [0, 255].
    """
    step = max(1, len(data.train_images) // _COLOR_SAMPLE)
    pixels = np.asarray(data.train_images[::step]).reshape(-1, data.channels).astype(np.float64)
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(pixels, rowvar=False)))
    return torch.from_numpy((axes * np.sqrt(np.maximum(variances, 0))).T.astype(np.float32))


@contextmanager
def drawn_from(generator: torch.Generator) -> Iterator[None]:
    """Let code that knows only the global random state of the CPU draw from `generator`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield


def _image_by_image(augment: Augment, data: ImageData) -> list[Any]:
    """Return torchvision's transforms of single uint8 (channels, height, width) images."""
    if not (augment.crop or augment.policy or augment.erasing):
        return []
    from torchvision.transforms import v2

    transforms: list[Any] = []
    if augment.crop:
        transforms.append(v2.RandomResizedCrop(data.resolution, scale=augment.crop, antialias=True))
    if augment.policy == "randaugment":
        transforms.append(v2.RandAugment(augment.operations, augment.magnitude))
    elif augment.policy == "trivialaugment":
        transforms.append(v2.TrivialAugmentWide())
    if augment.erasing:
        transforms.append(v2.RandomErasing(augment.erasing, value=[round(mean) for mean in data.mean]))
    return transforms
