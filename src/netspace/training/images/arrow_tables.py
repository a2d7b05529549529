"""Tables of encoded images: `datasets` finds and reads the files, what it made of them is mapped from disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from netspace.errors import DataError, first_line, raise_unknown

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test",),
}
"""What each split is called in the wild."""


class ArrowColumn(Sequence[Any]):
    """A column of Arrow files one after the other; a cell is read from disk when it is asked for.

    Args:
        files: paths of files in Arrow's streaming format.
        name: the column.
    """

    def __init__(self, files: Sequence[str], name: str) -> None:
        import pyarrow as pa

        self.files: tuple[str, ...] = tuple(files)
        self.name = name
        tables = [pa.ipc.open_stream(pa.memory_map(file)).read_all() for file in files]
        self._chunks = [chunk for table in tables for chunk in table.column(name).chunks]
        self._ends = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        chunk = int(np.searchsorted(self._ends, row, side="right")) - 1
        return self._chunks[chunk][row - int(self._ends[chunk])].as_py()


def open_tables(source: str, folder: Path) -> Any:
    """Return the splits of `source` as `datasets` tables, images left as bytes or paths.

    Args:
        source: the path, without `~`, of a Parquet file, of a WebDataset shard, of a folder, or a name on the hub.
        folder: where local files are turned into Arrow tables; those of the hub stay in the cache of `datasets`.

    Raises:
        DataError: there is nothing, or it cannot be read as images.
    """
    import datasets

    path = Path(source)
    if path.is_dir():
        _no_empty_class(path)
    if not path.exists() and (path.is_absolute() or source.startswith((".", "~"))):
        raise DataError(f"{source}: no such file or folder")
    quiet = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    local: dict[str, Any] = {"cache_dir": str(folder), "keep_in_memory": False}
    try:
        if path.is_file():
            builder = {".parquet": "parquet", ".tar": "webdataset"}.get(path.suffix)
            if builder is None:
                valid = "valid: a .parquet or .tar file, a folder, or a name on the hub"
                raise DataError(f"{source}: neither a Parquet file nor a WebDataset shard; {valid}")
            return datasets.load_dataset(builder, data_files={"train": str(path)}, **local)
        if path.is_dir() and (shards := _shards(path)):
            return datasets.load_dataset("webdataset", data_files=shards, **local)
        if path.is_dir():
            return datasets.load_dataset(str(path), **local)
        return datasets.load_dataset(source, keep_in_memory=False)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        if isinstance(error, DataError):
            raise
        reason = first_line(error)
        tried = "it cannot be read as images" if path.exists() else "no such path here, and the hub did not give it"
        raise DataError(f"{source}: {tried} ({reason})") from None
    finally:
        if quiet:
            datasets.utils.logging.enable_progress_bar()


def arrow_column(table: Any, name: str) -> ArrowColumn:
    """Return a column of a table that `open_tables` gave."""
    return ArrowColumn([file["filename"] for file in table.cache_files], name)


def find_columns(features: Any, source: str, image: str | None, label: str | None) -> tuple[str, str]:
    """Return the image and label columns: those named, or the only ones whose type can hold them.

    Raises:
        UnknownNameError: a column that is named is not there.
        DataError: none or several qualify.
    """
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


def find_labels(
    table: Any, column: str, where: str, known: Sequence[Any] | None
) -> tuple[NDArray[np.int64], Sequence[Any]]:
    """Return the labels of a split, in [0, classes), and the classes: their names, or the values that mean them.

    Args:
        table: as `open_tables` gave it.
        column: of the labels.
        where: the split, for messages.
        known: the classes of the splits before this one; None for the first, which decides them.

    Raises:
        DataError: a label is out of range, or of a class that the first split does not have.
    """
    import datasets

    found = list(table[column][:])
    if (row := next((row for row, value in enumerate(found) if value is None), None)) is not None:
        raise DataError(f"{where}, row {row}: has no label")
    feature = table.features[column]
    if isinstance(feature, datasets.ClassLabel):
        classes: Sequence[Any] = feature.names
        if known is not None and list(known) != list(classes):
            raise DataError(f"{where}: has the classes {_listed(classes)}, not {_listed(known)}")
        labels = np.array(found, dtype=np.int64)
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
            row = int(np.flatnonzero((labels < 0) | (labels >= len(classes)))[0])
            raise DataError(f"{where}, row {row}: label {labels[row]} is not in 0 .. {len(classes) - 1}")
        return labels, classes
    classes = sorted(set(found)) if known is None else known
    position = {value: i for i, value in enumerate(classes)}
    if (row := next((row for row, value in enumerate(found) if value not in position), None)) is not None:
        raise DataError(f"{where}, row {row}: label {found[row]!r} is none of the training images': {_listed(classes)}")
    return np.array([position[value] for value in found], dtype=np.int64), classes


def _listed(names: Sequence[Any], most: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


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


def _holds_images(feature: Any) -> bool:
    """Return whether a column is of images, or of what a file without the hub's own metadata has instead: bytes."""
    import datasets

    if isinstance(feature, dict):
        return "bytes" in feature
    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", None) in ("binary", "large_binary")
