"""Tables of encoded images: `datasets` finds and reads the files, what it made of them is mapped from disk."""

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from netspace.errors import DataError, NetspaceError, first_line, raise_unknown, short
from netspace.training.images.folders import SPLIT_NAMES, shown

HUB_SECONDS = 10.0
"""How long the hub may take to say whether it has a data set."""

_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_ENDINGS = {".parquet": "parquet", ".tar": "webdataset"}


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

    def named_files(self) -> Iterator[tuple[int, Any]]:
        """Yield the row and the path of each cell that holds no image but the path of one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for start, chunk in zip(self._ends, self._chunks, strict=False):
            if pa.types.is_struct(chunk.type) and {"bytes", "path"} <= {field.name for field in chunk.type}:
                named = pc.and_(pc.is_null(chunk.field("bytes")), pc.is_valid(chunk.field("path")))
                for row in np.flatnonzero(named.to_numpy(zero_copy_only=False)):
                    yield int(start + row), chunk.field("path")[int(row)].as_py()


def is_image_folder(source: str) -> bool:
    """Return whether a source is a folder that holds neither Parquet files nor shards, at its top or in `data`."""
    path = Path(source)
    return path.is_dir() and not any(
        file.suffix.lower() in _ENDINGS
        for folder in (path, path / "data")
        if folder.is_dir()
        for file in folder.iterdir()
    )


def write_paths(folder: Path, paths: Sequence[str]) -> ArrowColumn:
    """Write the paths of images as a table that `datasets` might have made, and return its column.

    Its name follows from the paths: a file that is there already, perhaps in use, is left as it is.
    """
    import pyarrow as pa

    encoded = [os.fsencode(path) for path in paths]
    name = hashlib.sha256(b"\0".join(encoded)).hexdigest()[:16]
    file = folder / f"{name}.arrow"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        schema = pa.schema({"image": pa.struct({"bytes": pa.binary(), "path": pa.binary()})})
        scratch = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with pa.OSFile(str(scratch), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
            for start in range(0, len(encoded), 1000):
                cells = [{"bytes": None, "path": path} for path in encoded[start : start + 1000]]
                writer.write_batch(pa.record_batch([pa.array(cells, schema.field("image").type)], schema=schema))
        scratch.rename(file)
    return ArrowColumn([str(file)], "image")


def open_tables(source: str, folder: Path) -> Any:
    """Return the splits of `source` as `datasets` tables, images left as bytes or paths.

    Args:
        source: the path, without `~`, of a Parquet file, of a WebDataset shard, of a folder of them, or a name on the
            hub. What looks like a path and is not there is not looked for on the hub.
        folder: where local files are turned into Arrow tables; those of the hub stay in the cache of `datasets`.

    Raises:
        DataError: it is missing, or cannot be read as images.
    """
    import datasets

    path = Path(source)
    local: dict[str, Any] = {"cache_dir": str(folder), "keep_in_memory": False}
    quiet = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        if not path.exists():
            with _asked_of_the_hub(source):
                return datasets.load_dataset(source, keep_in_memory=False)
        # `datasets` takes a path for a pattern; the link's name is none
        with tempfile.TemporaryDirectory(prefix="netspace-") as links:
            link = Path(links) / f"source{path.suffix.lower() if path.suffix.lower() in _ENDINGS else ''}"
            link.symlink_to(path.resolve(), target_is_directory=path.is_dir())
            if path.is_file():
                builder = _ENDINGS.get(path.suffix.lower())
                if builder is None:
                    valid = "valid: a .parquet or .tar file, a folder, or a name on the hub"
                    raise DataError(f"{shown(source)}: neither a Parquet file nor a WebDataset shard; {valid}")
                return datasets.load_dataset(builder, data_files={"train": str(link)}, **local)
            if shards := _shards(link):
                return datasets.load_dataset("webdataset", data_files=shards, **local)
            return datasets.load_dataset(str(link), **local)
    except NetspaceError:
        raise
    except Exception as error:  # of `datasets`, pyarrow or tarfile, which a damaged file can break anywhere
        reason = first_line(error)
        tried = "cannot be read as images" if path.exists() else "not found locally or on the Hugging Face Hub"
        raise DataError(f"{shown(source)}: {tried} ({reason})") from None
    finally:
        if quiet:
            datasets.utils.logging.enable_progress_bar()


@contextmanager
def _asked_of_the_hub(name: str) -> Iterator[None]:
    """Let `datasets` load what the hub has; if it cannot be reached, only what is in the cache of `datasets`.

    Raises:
        DataError: the name looks like a path, or the hub has no data set of this name.
    """
    import datasets
    import huggingface_hub

    if not _ON_THE_HUB.fullmatch(name) or name.lower().endswith(tuple(_ENDINGS)):
        raise DataError(f"{shown(name)}: no such file or folder")
    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=HUB_SECONDS)
    except huggingface_hub.errors.RepositoryNotFoundError:
        raise DataError(f"{name}: no such file or folder here, and no such data set on the hub") from None
    except Exception:  # whichever error the client's transport has: `datasets` would ask again for half a minute
        offline = [(huggingface_hub.constants, "HF_HUB_OFFLINE"), (datasets.config, "HF_HUB_OFFLINE")]
    else:
        offline = []
    before = [(module, name, getattr(module, name)) for module, name in offline]
    try:
        for module, flag in offline:
            setattr(module, flag, True)
        yield
    finally:
        for module, flag, value in before:
            setattr(module, flag, value)


def arrow_column(table: Any, name: str, source: str) -> ArrowColumn:
    """Return the column of images of a table that `open_tables` gave for `source`.

    Raises:
        DataError: a row names a file of this machine instead of holding an image: whoever made the table could have any
            file read. Files below the table's own folder, and in the cache of what came from the hub, may be named.
    """
    import datasets
    import huggingface_hub

    column = ArrowColumn([file["filename"] for file in table.cache_files], name)
    caches = (datasets.config.HF_CACHE_HOME, huggingface_hub.constants.HF_HUB_CACHE)
    place = Path(source).resolve()
    allowed = [Path(folder).resolve() for folder in caches]
    allowed += [place if place.is_dir() else place.parent] if place.exists() else []
    for row, path in column.named_files():
        if not any(Path(os.fsdecode(path)).resolve().is_relative_to(folder) for folder in allowed):
            raise DataError(f"{shown(source)}, row {row}: names a file instead of holding an image: {short(path)}")
    return column


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
        raise DataError(
            f"{where}, row {row}: label {short(found[row])} is not one of the training images': {_listed(classes)}"
        )
    return np.array([position[value] for value in found], dtype=np.int64), classes


def _listed(names: Sequence[Any], most: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def _shards(folder: Path) -> dict[str, list[str]]:
    """Return the .tar files of a folder by split, those of no split in `train`; empty if it holds none."""
    shards: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.tar")):
        aliases = [alias for names in SPLIT_NAMES.values() for alias in names if file.name.startswith(alias)]
        shards.setdefault(aliases[0] if aliases else "train", []).append(str(file))
    return shards


def _holds_images(feature: Any) -> bool:
    """Return whether a column is of images, or of what a file without the hub's own metadata has instead: bytes."""
    import datasets

    if isinstance(feature, dict):
        return "bytes" in feature
    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", None) in ("binary", "large_binary")
