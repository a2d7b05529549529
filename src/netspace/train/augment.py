"""Augmentation and normalisation of whole batches of uint8 images, with an explicit random generator."""

import torch
from torch import Tensor

from netspace.train.recipe import Augment


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
        images = torch.nn.functional.pad(images, (0, 0, s, s, s, s))
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
