"""Streamed images are those that are prepared, to the bit, whatever is done with them."""

import dataclasses
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from netspace.errors import DataError
from netspace.store import Store
from netspace.study import Study, StudySpec
from netspace.training import Augment, DataSpec, ImageData, Recipe, evaluate, load_data, train
from netspace.training.cache import LIMIT_VARIABLE, cache_folder
from netspace.training.images import streaming
from netspace.training.images.decoding import Format, decode_to
from netspace.training.images.streaming import StreamedImages, in_order, read_ahead

CLASSES = 3
N = 90


def png(seed: int, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> bytes:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(60 * (seed % CLASSES), 60 * (seed % CLASSES) + 100, (size[1], size[0], 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def parquet(folder: Path, n: int = N, *, broken: tuple[int, ...] = ()) -> str:
    """A folder of Parquet files with n training and 20 test images."""
    folder.mkdir(exist_ok=True)
    for split, first, count in (("train", 0, n), ("test", 10_000, 20)):
        images = [png(first + i) for i in range(count)]
        if split == "train":
            images = [image[:50] if i in broken else image for i, image in enumerate(images)]
        frame = pd.DataFrame(
            {
                "image": [{"bytes": image, "path": None} for image in images],
                "label": [(first + i) % CLASSES for i in range(count)],
            }
        )
        frame.to_parquet(folder / f"{split}.parquet", row_group_size=25)
    return str(folder)


def image_folder(folder: Path) -> str:
    for i in range(N):
        path = folder / "train" / f"class {i % CLASSES}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(i, mode="L" if i % 4 else "RGB"))
    return str(folder)


def shards(folder: Path) -> str:
    folder.mkdir()
    for shard in range(3):
        with tarfile.open(folder / f"train-{shard}.tar", "w") as archive:
            for i in range(shard, N, 3):
                for suffix, content in ((".png", png(i)), (".cls", str(i % CLASSES).encode())):
                    entry = tarfile.TarInfo(f"{i:04d}{suffix}")
                    entry.size = len(content)
                    archive.addfile(entry, BytesIO(content))
    return str(folder)


def both_ways(source: str, resolution: int = 8, **settings: object) -> tuple[ImageData, ImageData]:
    prepared, streamed = (
        load_data(DataSpec(source=source, storage=storage, **settings), resolution)
        for storage in ("prepared", "streamed")
    )
    assert isinstance(prepared.train_images, np.ndarray)
    assert isinstance(streamed.train_images, StreamedImages)
    return prepared, streamed


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    return parquet(tmp_path_factory.mktemp("tables"))


def same(first: ImageData, second: ImageData) -> bool:
    """Whether everything that a training could see of the two is equal."""
    values = ((getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in values)


@pytest.mark.parametrize("make", [parquet, image_folder, shards])
def test_the_images_are_those_that_are_prepared(make: Callable[[Path], str], tmp_path):
    prepared, streamed = both_ways(make(tmp_path / "images"), train=50, validation=20)
    assert len(streamed.train_labels) == 50
    assert same(prepared, streamed)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )


def test_a_training_ends_the_same_to_the_bit(tables):
    recipe = Recipe(
        epochs=3,
        batch_size=16,
        ema_decay=0.9,
        precise_bn=40,
        augment=Augment(flip=True, shift=2, color_noise=0.1, crop=(0.5, 1.0), mixup=0.2),
    )
    trained = []
    for data in both_ways(tables):
        model = network()
        result = train(model, data, recipe, seed=1)
        found = evaluate(model, data.test_images, data.test_labels, data, recipe)
        weights = torch.cat([value.flatten().double() for value in model.state_dict().values()])
        curve = [(epoch.train_loss, epoch.val_error) for epoch in result.curve]
        trained.append((curve, weights.tolist(), found.confusion.tolist(), found.top5_error))
    assert trained[0] == trained[1]


@pytest.mark.parametrize(
    "index", [np.array([3, 0, 3, -1]), np.arange(0), np.arange(40), [5, 2], 7, -1, np.int64(4)], ids=str
)
def test_an_index_gives_what_it_gives_of_an_array(tables, index):
    prepared, streamed = both_ways(tables)
    found, expected = streamed.train_images[index], prepared.train_images[index]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(found, expected)


def test_an_index_that_is_out_of_range_is_refused_and_ends_an_iteration(tables):
    _, streamed = both_ways(tables)
    with pytest.raises(IndexError):
        streamed.train_images[len(streamed.train_images)]
    assert sum(1 for _ in streamed.test_images) == len(streamed.test_images) == 20


@pytest.mark.parametrize("rows", [slice(5), slice(4, 60, 7), slice(None, None, -1)], ids=str)
def test_a_slice_is_a_view_that_nothing_is_decoded_for(tables, rows, monkeypatch):
    prepared, streamed = both_ways(tables)
    with monkeypatch.context() as patched:
        patched.setattr("netspace.training.images.streaming.decode_to", None)
        view = streamed.train_images[rows]
        assert isinstance(view, StreamedImages)
        assert view.shape == prepared.train_images[rows].shape
    assert np.array_equal(view, prepared.train_images[rows])


def test_batches_are_decoded_ahead_and_left_when_nobody_wants_them(tables, monkeypatch):
    _, streamed = both_ways(tables)
    decoded, go_on, pool = [], threading.Event(), ThreadPoolExecutor(1)

    def observed(form: Format, cell: object, row: int, *rest: object) -> np.ndarray:
        decoded.append(row)
        # the first batch is decoded at once; whatever comes after it begins and waits
        if len(decoded) > 10:
            go_on.wait()
        return decode_to(form, cell, row, *rest)

    monkeypatch.setattr(streaming, "decode_to", observed)
    monkeypatch.setattr(streaming, "_pool", lambda: pool)
    batches = read_ahead(streamed.train_images, in_order(80, 10))
    assert next(batches).shape == (10, 8, 8, 3)
    while len(decoded) < 11:
        time.sleep(0.01)
    batches.close()
    go_on.set()
    pool.shutdown(wait=True)
    assert len(decoded) == 20


@pytest.mark.slow
def test_a_study_finds_the_same_errors(tables, tmp_path):
    """In workers of their own, which open the images themselves."""
    errors = []
    for storage in ("prepared", "streamed"):
        spec = StudySpec(
            name="study",
            spaces=("RegNetX",),
            n=2,
            flops="20K:150K",
            resolution=20,
            data=DataSpec(source=tables, storage=storage, validation=20),
            network={"stem": {"kind": "simple", "width": 8}},
            recipe={"base": "quick", "epochs": 2, "batch_size": 16},
        )
        study = Study(spec=spec)
        with Store.open(tmp_path / f"{storage}.db") as store:
            study.run(store, workers=1, device="cpu")
            errors.append(store.errors(study.open(store).id))
    assert errors[0] == errors[1]
    assert [len(found) for found in errors[0].values()] == [2]


def test_nothing_decoded_is_kept_and_a_table_is_shared_by_all_who_draw_from_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPACE_CACHE", str(tmp_path / "cache"))
    source = parquet(tmp_path / "images")
    for seed in (0, 1):
        load_data(DataSpec(source=source, storage="streamed", seed=seed), 8)
    assert not list((tmp_path / "cache").rglob("*_images.npy"))
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 2
    assert len(list((tmp_path / "cache" / "tables").iterdir())) == 1


def test_an_image_folder_is_indexed_not_copied(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPACE_CACHE", str(tmp_path / "cache"))
    source = image_folder(tmp_path / "images")
    pixels = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "train" / "class 0" / "large.png")
    load_data(DataSpec(source=source, storage="streamed"), 8)
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()) < 100_000


def test_a_table_that_was_deleted_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPACE_CACHE", str(tmp_path / "cache"))
    spec = DataSpec(source=parquet(tmp_path / "images"), storage="streamed")
    before = np.asarray(load_data(spec, 8).train_images)
    shutil.rmtree(tmp_path / "cache" / "tables")
    assert np.array_equal(load_data(spec, 8).train_images, before)


def test_a_data_set_of_the_hub_is_read_where_the_library_keeps_it(tables, monkeypatch):
    import datasets

    found = datasets.load_dataset(tables)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, **_: {"someone/images": found}[name])
    prepared, streamed = both_ways("someone/images")
    assert same(prepared, streamed)
    assert str(streamed.train_images.cells.files[0]) == found["train"].cache_files[0]["filename"]


def test_what_exceeds_the_limit_is_streamed(tmp_path, monkeypatch):
    source = parquet(tmp_path / "images")
    needed = (N + 20) * 8 * 8 * 3
    monkeypatch.setenv(LIMIT_VARIABLE, str(needed - 1))
    assert load_data(DataSpec(source=source), 8).streamed
    assert not load_data(DataSpec(source=source, storage="prepared"), 8).streamed
    monkeypatch.setenv(LIMIT_VARIABLE, str(needed))
    assert not load_data(DataSpec(source=source, seed=1), 8).streamed


def test_without_a_limit_half_of_the_free_disk_is_used(tmp_path, monkeypatch):
    source = parquet(tmp_path / "images")
    usage = shutil.disk_usage(tmp_path)
    needed = (N + 20) * 8 * 8 * 3
    for free, streamed, seed in ((2 * needed - 1, True, 0), (2 * needed, False, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert load_data(DataSpec(source=source, seed=seed), 8).streamed is streamed


@pytest.mark.parametrize("limit", ["", "20G", "-1", "1.5"])
def test_a_limit_that_is_no_number_of_bytes_is_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setenv(LIMIT_VARIABLE, limit)
    with pytest.raises(DataError, match=f"{LIMIT_VARIABLE}: must be a whole number of bytes, got '{limit}'"):
        load_data(DataSpec(source=parquet(tmp_path / "images")), 8)


def test_images_that_come_as_arrays_are_held_to_the_limit_too(monkeypatch):
    prepared, streamed = both_ways("mnist-5k", 40, train=77, validation=50)
    assert same(prepared, streamed)
    assert streamed.train_images.cells.shape == (77, 28, 28, 1)
    monkeypatch.setenv(LIMIT_VARIABLE, str(127 * 40 * 40 - 1))
    assert load_data(DataSpec(train=77, validation=50, seed=1), 40).streamed
    monkeypatch.setenv(LIMIT_VARIABLE, str(127 * 40 * 40))
    assert not load_data(DataSpec(train=77, validation=50, seed=2), 40).streamed


def test_ray_gets_prepared_images_and_leaves_streamed_ones_to_its_workers(tables):
    from netspace.study.executors.ray import _shared

    prepared, streamed = both_ways(tables)
    assert type(_shared(prepared).train_images) is np.ndarray
    assert _shared(streamed) is None


def test_a_broken_image_is_named_before_anything_is_trained(tmp_path):
    source = parquet(tmp_path / "images", broken=(41,))
    with pytest.raises(DataError, match=r"split 'train': broken image row 41 "):
        load_data(DataSpec(source=source, storage="streamed"), 8)
    assert not [entry for entry in (cache_folder() / "images").iterdir() if entry.name.startswith(".")]


def test_broken_images_are_skipped_alike(tmp_path):
    prepared, streamed = both_ways(parquet(tmp_path / "images", broken=(0, 41, 43)), validation=20, broken="skip")
    assert same(prepared, streamed)
    assert (streamed.skipped, len(streamed.train_labels)) == (3, N - 3 - 20)


def test_an_image_that_breaks_in_the_middle_of_a_training_is_named(tmp_path):
    source = image_folder(tmp_path / "images")
    data = load_data(DataSpec(source=source, storage="streamed", validation=9), 8)
    row = int(data.train_images.rows[-1])
    broken = Path(os.fsdecode(data.train_images.cells[row]["path"]))
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(DataError, match=rf"broken image .*/{broken.name} "):
        train(network(), data, Recipe(epochs=1, batch_size=9, augment=Augment(flip=False)))
