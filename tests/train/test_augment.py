"""Batch augmentation held against moving and mirroring one image at a time."""

import numpy as np
import torch

from netspace.train import Augment
from netspace.train.augment import normalise, shift_and_flip


def images(n: int = 64) -> torch.Tensor:
    return torch.randint(1, 256, (n, 7, 9, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move one image the slow way."""
    out = np.zeros_like(image)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if 0 <= row - down < image.shape[0] and 0 <= column - right < image.shape[1]:
                out[row, column] = image[row - down, column - right]
    return out


def test_every_image_is_one_of_its_shifted_or_mirrored_versions_and_all_occur():
    batch = images()
    out = shift_and_flip(batch, Augment(flip=True, shift=1), torch.Generator().manual_seed(1))
    seen = set()
    for before, after in zip(batch.numpy(), out.numpy(), strict=True):
        found = [
            (mirror, down, right)
            for mirror in (False, True)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(after, shifted(before[:, ::-1] if mirror else before, down, right))
        ]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 18


def test_the_same_generator_gives_the_same_batch_and_the_input_stays_as_it_was():
    batch = images()
    copy = batch.clone()
    first, second = (shift_and_flip(batch, Augment(shift=2), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(batch, copy)
    assert first.dtype == torch.uint8


def test_no_augmentation_changes_nothing():
    batch = images()
    assert torch.equal(shift_and_flip(batch, Augment(flip=False), torch.Generator()), batch)


def test_normalised_images_have_mean_0_and_deviation_1_and_lie_in_channels_last_memory():
    batch = images(256)
    flat = batch.float().reshape(-1, 3)
    out = normalise(batch, flat.mean(0), flat.std(0))
    assert out.shape == (256, 3, 7, 9)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(3), atol=1e-3)
