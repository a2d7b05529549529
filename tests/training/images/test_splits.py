"""Splits are drawn by class and looked at: what each class got, copies across them, classes of very different sizes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from netspace.errors import DataError
from netspace.training import DataSpec, ImageData, load_data
from netspace.training.images.splits import draw, shares

RNG = np.random.default_rng(0)


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(path: Path, images: list[np.ndarray], labels: list[object]) -> str:
    cells = [{"bytes": png(image), "path": None} for image in images]
    pd.DataFrame({"image": cells, "label": labels}).to_parquet(path)
    return str(path)


def noise(n: int) -> list[np.ndarray]:
    return list(RNG.integers(0, 256, (n, 6, 6), dtype=np.uint8))


def test_each_class_gets_its_share_rounded_by_the_largest_remainders():
    assert shares(np.array([50, 30, 20]), 10, np.array([50, 30, 20])).tolist() == [5, 3, 2]
    assert shares(np.array([50, 30, 20]), 9, np.array([50, 30, 20])).tolist() == [4, 3, 2]
    assert shares(np.array([990, 10]), 50, np.array([989, 9])).tolist() == [49, 1]
    assert shares(np.array([4, 4, 4]), 4, np.array([3, 3, 3])).tolist() == [2, 1, 1]


@pytest.mark.parametrize("seed", range(30))
def test_shares_add_up_and_keep_to_their_bounds(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 40, rng.integers(2, 20))
    room = np.maximum(counts - rng.integers(1, 20, len(counts)), 1)
    total = int(rng.integers(len(counts), room.sum() + 1))
    found = shares(counts, total, room)
    assert found.sum() == total
    assert (found >= 1).all()
    assert (found <= room).all()
    # none is further than one image from its share, unless a bound holds it or pushes others
    if (room >= np.ceil(total * counts / counts.sum())).all() and (total * counts >= counts.sum()).all():
        assert (np.abs(found - total * counts / counts.sum()) < 1).all()


def drawn(labels: np.ndarray, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    names = [str(name) for name in range(labels.max() + 1)]
    options = {"train": None, "validation": None, "seed": 0, "how": "stratified"} | settings
    return draw(labels, names, "source", **options)


def test_a_draw_is_a_part_of_a_larger_one_and_its_validation_images_are_the_same():
    labels = RNG.integers(0, 5, 400)
    some, held_out = drawn(labels, train=60, validation=50)
    more, again = drawn(labels, train=200, validation=50)
    assert np.array_equal(held_out, again)
    assert set(some) < set(more)
    assert not set(more) & set(held_out)
    other, _ = drawn(labels, train=60, validation=50, seed=1)
    assert not np.array_equal(some, other)


def test_all_that_is_left_is_trained_on_and_a_tenth_validates():
    labels = np.repeat(np.arange(3), [100, 60, 40])
    rows, held_out = drawn(labels)
    assert np.bincount(labels[held_out]).tolist() == [10, 6, 4]
    assert sorted([*rows, *held_out]) == list(range(200))


def test_many_classes_of_two_images_each_have_one_of_either():
    labels = np.repeat(np.arange(60), 2)
    rows, held_out = drawn(labels)
    assert np.bincount(labels[held_out]).tolist() == np.bincount(labels[rows]).tolist() == [1] * 60


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_class_is_in_both_parts(tmp_path, seed):
    source = table(tmp_path / "rare.parquet", noise(1000), [0] * 990 + [1] * 10)
    data = load_data(DataSpec(source=source, train=200, validation=50, seed=seed))
    assert np.bincount(data.validation_labels).tolist() == [49, 1]
    assert np.bincount(data.train_labels).tolist() == [198, 2]
    assert data.warnings == (
        "the classes are very unequal: 198 training images of '0', 2 of '1'; look at the balanced error beside the "
        "top-1 error, or set the recipe's class_weights: balanced",
    )


def test_a_class_without_validation_images_is_refused_with_its_count_unless_nobody_is_to_look(tmp_path):
    source = table(tmp_path / "rare.parquet", noise(200), ["cat"] * 190 + ["dog"] * 10)
    spec = {"source": source, "train": 100, "validation": 10, "seed": 0}
    with pytest.raises(DataError, match=r"class 'dog' has 0 of the 10 validation images, and \d+ training images"):
        load_data(DataSpec(**spec, split="random"))
    assert np.bincount(load_data(DataSpec(**spec, split="unchecked")).validation_labels).tolist() == [10]
    with pytest.raises(
        DataError, match="validation=1 images cannot hold one of each of the 2 classes; valid: 2 or mor"
    ):
        load_data(DataSpec(source=source, validation=1))


def test_a_class_without_images_in_the_source_s_own_validation_split_is_refused(tmp_path):
    table(tmp_path / "train.parquet", noise(8), ["cat", "dog"] * 4)
    table(tmp_path / "validation.parquet", noise(3), ["cat"] * 3)
    with pytest.raises(DataError, match=r"class 'dog' has 0 of the 3 validation images, and 4 training images: add"):
        load_data(DataSpec(source=str(tmp_path)))


def copies(tmp_path: Path, **settings: object) -> ImageData:
    images = noise(12)
    own = [*noise(2), images[3], images[8]]
    (tmp_path / "data").mkdir(exist_ok=True)
    table(tmp_path / "data" / "train.parquet", images, ["a", "b"] * 6)
    table(tmp_path / "data" / "validation.parquet", own, ["a", "b", "b", "a"])
    table(tmp_path / "data" / "test.parquet", [images[0], *noise(1)], ["a", "b"])
    return load_data(DataSpec(source=str(tmp_path / "data"), **settings))


def test_exact_copies_across_the_splits_are_counted(tmp_path):
    assert copies(tmp_path).warnings == (
        "2 of 12 training images are exact copies of validation images at this size; duplicates: drop leaves them out "
        "of the training",
        "1 of 12 training images are exact copies of test images at this size",
    )


@pytest.mark.parametrize("storage", ["prepared", "streamed"])
def test_copies_can_be_dropped_from_the_training(tmp_path, storage):
    data = copies(tmp_path, duplicates="drop", storage=storage)
    held_out = {bytes(image) for image in np.asarray(data.validation_images)}
    assert len(data.train_labels) == 10
    assert not any(bytes(image) in held_out for image in np.asarray(data.train_images))
    assert "  dropped: 2 training images, exact copies of validation images" in data.summary
    assert len(data.validation_labels) == 4


@pytest.mark.parametrize(
    ("images", "warning"),
    [
        ([np.full((6, 6), 9, np.uint8)] * 20, "all pixels of all training images are the same: there is nothing to"),
        (
            [np.eye(6, dtype=np.uint8) * 200 if i % 2 else RNG.integers(0, 256, (6, 6), np.uint8) for i in range(20)],
            "all training images of 'b' are identical",
        ),
    ],
    ids=["flat", "one class"],
)
def test_images_without_a_difference_are_pointed_out(tmp_path, images, warning):
    data = load_data(DataSpec(source=table(tmp_path / "t.parquet", images, ["a", "b"] * 10)))
    assert data.warnings[0].startswith(warning)


def test_sound_images_give_no_warning():
    assert load_data(DataSpec(train=500, validation=200)).warnings == ()


def test_deep_and_transparent_images_keep_what_tells_their_classes_apart(tmp_path):
    for name, size in (("dot", 2), ("square", 8)):
        folder = tmp_path / name
        folder.mkdir()
        icon = np.zeros((16, 16, 4), np.uint8)
        icon[4 : 4 + size, 4 : 4 + size, 3] = 255
        for i in range(6):
            Image.fromarray(icon, "RGBA").save(folder / f"{i}.png")
    white, black = (load_data(DataSpec(source=str(tmp_path), background=level)) for level in (255, 0))
    assert np.unique(white.train_images).tolist() == [0, 255]
    assert "  12 images have transparent pixels, which show the background: " in "\n".join(white.summary)
    assert black.warnings[0].startswith("all pixels of all training images are the same")
