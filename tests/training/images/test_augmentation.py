"""Batch augmentation held against moving and mirroring one image at a time."""

import dataclasses

import numpy as np
import pytest
import torch

from netspace.training import Augment, ImageData
from netspace.training.images.augmentation import Augmenter, normalise, shift_and_flip


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


def data(channels: int = 3) -> ImageData:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8, channels), dtype=np.uint8)
    labels = np.arange(64) % 4
    flat = pixels.reshape(-1, channels)
    return ImageData(
        train_images=pixels,
        train_labels=labels,
        validation_images=pixels,
        validation_labels=labels,
        test_images=None,
        test_labels=None,
        class_names=tuple("abcd"),
        mean=tuple(flat.mean(0)),
        std=tuple(flat.std(0)),
        split_digest="",
        train_digest="",
    )


def augmented(augment: Augment, seed: int = 0, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    source = data(channels)
    augmenter = Augmenter(augment, source, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    pixels = augmenter.pixels(torch.from_numpy(source.train_images), generator)
    return augmenter.inputs(pixels, torch.from_numpy(source.train_labels), generator)


EVERYTHING = [
    Augment(crop=(0.3, 1.0)),
    Augment(policy="randaugment"),
    Augment(policy="trivialaugment"),
    Augment(erasing=1.0),
    Augment(color_noise=0.1),
    Augment(mixup=0.5),
    Augment(cutmix=1.0),
    Augment(mixup=0.2, cutmix=1.0),
]


@pytest.mark.parametrize("augment", EVERYTHING, ids=lambda augment: str(augment.model_dump(exclude_defaults=True)))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_augmentation_follows_its_generator_alone_and_keeps_the_shape(augment, channels):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    (first, labels), (again, _), (other, _) = (augmented(augment, seed, channels) for seed in (3, 3, 4))
    assert first.shape == (64, channels, 8, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(labels) == 64
    assert torch.equal(torch.random.get_rng_state(), state)


def test_mixup_mixes_images_and_labels_in_the_same_proportion():
    plain, labels = augmented(Augment(flip=False))
    mixed, targets = augmented(Augment(flip=False, mixup=0.5))
    assert torch.allclose(targets.sum(1), torch.ones(64))
    share = targets[0, labels[0]].item()
    assert torch.allclose(mixed, share * plain + (1 - share) * plain.roll(1, 0), atol=1e-5)


def test_cutmix_takes_the_labels_by_the_area_of_the_patch():
    plain, labels = augmented(Augment(flip=False))
    cut, targets = augmented(Augment(flip=False, cutmix=1.0), seed=2)
    kept = (cut == plain).all(dim=1).float().mean((1, 2))
    assert 0 < kept[0] < 1
    assert torch.allclose(kept, targets[torch.arange(64), labels], atol=1e-6)


def test_erasing_fills_a_rectangle_with_the_mean():
    plain, _ = augmented(Augment(flip=False))
    erased, _ = augmented(Augment(flip=False, erasing=1.0))
    changed = (erased != plain).any(dim=1)
    assert changed.any((1, 2)).all()
    assert erased.movedim(1, -1)[changed].abs().max() < 0.02


def test_color_noise_moves_every_pixel_of_an_image_alike_with_the_deviation_asked_for():
    source = data()
    plain, _ = augmented(Augment(flip=False))
    std = torch.tensor(source.std)
    moves = []
    for seed in range(40):
        noisy, _ = augmented(Augment(flip=False, color_noise=0.1), seed)
        move = (noisy - plain) * std[:, None, None]
        assert torch.allclose(move, move[:, :, :1, :1].expand_as(move), atol=1e-3)
        moves.append(move[:, :, 0, 0])
    covariance = np.cov(source.train_images.reshape(-1, 3), rowvar=False)
    assert np.cov(torch.cat(moves).double().numpy(), rowvar=False) == pytest.approx(0.01 * covariance, rel=0.15, abs=3)


def test_random_crops_show_a_part_of_the_image():
    ramp = data()
    columns = np.broadcast_to(np.arange(0, 256, 32, dtype=np.uint8)[None, None, :, None], (64, 8, 8, 3))
    ramp = dataclasses.replace(ramp, train_images=columns.copy())
    out = Augmenter(Augment(flip=False, crop=(0.2, 0.3)), ramp, torch.device("cpu")).pixels(
        torch.from_numpy(ramp.train_images), torch.Generator().manual_seed(0)
    )
    spans = out[:, 0, -1, 0].int() - out[:, 0, 0, 0].int()
    # a fifth to a third of the area, of proportions up to 3:4 and 4:3, shows a third to two thirds of the ramp
    assert spans.max() < 224 * 0.8
    assert spans.float().std() > 5
