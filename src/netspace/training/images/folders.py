"""Folders of images, walked by one rule: folders are splits or classes, and every image is kept or named as skipped.

The top-level folders are splits if they are called so, else classes; below a split come its classes; whatever lies
beneath a class belongs to it. Links are followed, hidden files and folders are skipped, and no name is a pattern.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netspace.errors import DataError, first_line
from netspace.training.images.label_tables import TABLE_ENDINGS, Labels, read_labels

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
"""What each split is called in the wild, in any case."""

_OF_THE_SYSTEM = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
"""Folders that file systems and archives leave behind: taken for hidden."""

_NOT_OF_PILLOW = {".heic", ".heif", ".jxl", ".svg", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".raw"}
"""Endings of images that Pillow cannot read: they are images all the same, so none may vanish in silence."""

_LISTED = 12

_Split = tuple[str, dict[str, str]]
"""A split that was found: its folder, and the class of each image by its path."""


@dataclass(frozen=True, kw_only=True)
class FolderSplit:
    """The images of one split.

    Attributes:
        folder: the split's folder; empty if the images are not divided into splits.
        paths: of the images, sorted.
        labels: int64 (n,), theirs.
    """

    folder: str
    paths: tuple[str, ...]
    labels: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """What a folder of images holds.

    Attributes:
        splits: by name: `train` and perhaps `validation` and `test`.
        class_names: sorted; in Unicode's composed form, bytes that are no UTF-8 as backslash escapes.
        skipped: what was left out, by reason: paths below the folder.
        hint: if there is one class alone, which has folders of images: that they may be meant instead; else empty.
    """

    splits: dict[str, FolderSplit]
    class_names: tuple[str, ...]
    skipped: dict[str, tuple[str, ...]]
    hint: str = ""


_Id = tuple[int, int]
"""Device and number of a folder, the same by whichever link it is reached."""


@dataclass(frozen=True, kw_only=True)
class _Walked:
    """Everything below a folder, as paths from it: images, folders, tables, those that were read, what is skipped."""

    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: str) -> None:
        self.skipped.setdefault(reason, []).append(path)


def split_called(name: str) -> str | None:
    """Return which split a folder of this name is, or None."""
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def shown(path: str | bytes | Path) -> str:
    """Return a path or name as text that can be printed: composed Unicode, other bytes as backslash escapes."""
    return unicodedata.normalize("NFC", os.fsencode(path).decode("utf-8", "backslashreplace"))


def files_below(folder: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield the paths of all regular files below a folder, links followed, hidden ones left out, in order.

    Yields:
        The path and what the file system says of it: None for a link to nothing.
    """
    for entry in _entries(str(folder)):
        if not entry.is_folder and not entry.hidden:
            yield entry.path, entry.status


def read_folder(folder: Path, *, image_column: str | None = None, label_column: str | None = None) -> ImageFolder:
    """Return the images of a folder, each with its class, by split.

    Args:
        folder: the folder; its splits and classes are its folders. Where images lie in no class folder, a table (see
            `read_labels`) beside them says the class of each.
        image_column, label_column: of such a table, if its header does not show them.

    Raises:
        DataError: there is no image, a class without any, no training split, or no telling what is meant; one line
            that says what to do.
        UnknownNameError: a column that is named is not in the table.
    """
    walked = _walk(str(folder))
    if not walked.images:
        skipped = [f"{len(paths):,} {reason}" for reason, paths in walked.skipped.items()]
        raise DataError(f"{shown(folder)}: holds no image" + (f" ({', '.join(skipped)})" if skipped else ""))
    columns = {"image": image_column, "label": label_column}
    tops = sorted({path.split("/", 1)[0] for path in walked.folders})
    divided = _split_folders(folder, tops, walked)
    if divided:
        found = _read_splits(folder, divided, walked, columns)
    elif _needs_a_table(walked):
        found = _read_table(folder, walked, columns)
    else:
        found = {"train": ("", _classes_of(folder, "", walked))}
    for table in walked.tables:
        if table not in walked.read:
            walked.skip("tables that are not needed", table)
    return _image_folder(folder, found, walked)


def _needs_a_table(walked: _Walked) -> bool:
    """Return whether no image lies in a class folder: all beside one another, or in one folder beside a table."""
    holding = {path.split("/", 1)[0] for path in walked.images if "/" in path}
    return not holding or (len(holding) == 1 and any("/" not in table for table in walked.tables))


def _split_folders(folder: Path, tops: Sequence[str], walked: _Walked) -> dict[str, str]:
    """Return the folder of each split; empty if the top-level folders are classes.

    A folder that is called as a split is, is one if it holds folders of images, or if no other folder beside it holds
    images: a class of trains beside one of buses is a class.
    """
    called = {top: split for top in tops if (split := split_called(top))}
    if not called:
        return {}
    holding = {path.split("/", 1)[0] for path in walked.images if "/" in path}
    deep = {path.split("/", 1)[0] for path in walked.images if path.count("/") >= 2}
    others = [top for top in tops if top not in called and top in holding]
    if others and not deep & set(called):
        return {}
    if others:
        raise DataError(
            f"{shown(folder)}: '{next(iter(called))}' is named like a split, but {_named(others)} beside it "
            f"{'is' if len(others) == 1 else 'are'} not: move the classes into split folders (train, validation, "
            f"test), or rename '{next(iter(called))}'"
        )
    divided: dict[str, str] = {}
    for top, split in called.items():
        if split in divided:
            raise DataError(
                f"{shown(folder)}: both {_named([divided[split], top])} are named like the {split} split; "
                f"rename one of them"
            )
        if top not in holding:
            raise DataError(f"{shown(folder / top)}: holds no image; remove the folder, or fill it")
        divided[split] = top
    return divided


def _read_splits(
    folder: Path, divided: dict[str, str], walked: _Walked, columns: dict[str, str | None]
) -> dict[str, _Split]:
    found = {}
    for split in SPLIT_NAMES:
        top = divided.get(split)
        if top is None:
            continue
        inside = [path for path in walked.images if path.startswith(f"{top}/")]
        if any(path.count("/") >= 2 for path in inside):
            found[split] = (top, _classes_of(folder, f"{top}/", walked))
            continue
        table = _table_for(walked, top, split)
        if table is not None:
            found[split] = (top, _labels(folder, table, inside, walked, columns).classes)
        elif split == "test":
            for path in inside:
                walked.skip("of a test split without class folders", path)
        else:
            raise _flat(folder / top, len(inside))
    for path in [path for path in walked.images if "/" not in path]:
        walked.skip("beside the split folders", path)
    if "train" not in found:
        raise DataError(
            f"{shown(folder)}: has no training split, only {_named(list(divided.values()))}; "
            f"one folder must be called train"
        )
    _classes_must_agree(folder, found)
    return found


def _classes_of(folder: Path, above: str, walked: _Walked) -> dict[str, str]:
    """Return the class of each image: the folder below `above` ("" or "SPLIT/") that it lies in."""
    depth = above.count("/")
    classes = {path.split("/")[depth] for path in walked.folders if path.startswith(above) and path.count("/") >= depth}
    labels = {}
    for path in walked.images:
        parts = path.split("/")
        if not path.startswith(above):
            continue
        if len(parts) == depth + 1:
            walked.skip("in no class folder", path)
        else:
            labels[path] = shown(parts[depth])
    filled = {path.split("/")[depth] for path in labels}
    if empty := sorted(classes - filled):
        raise DataError(f"{shown(folder / above / empty[0])}: holds no image; remove the folder, or fill it")
    return labels


def _classes_must_agree(folder: Path, found: dict[str, _Split]) -> None:
    top, labels = found["train"]
    classes = set(labels.values())
    for other, others in found.values():
        if different := sorted(classes ^ set(others.values())):
            name = different[0]
            has, lacks = (top, other) if name in classes else (other, top)
            more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
            raise DataError(
                f"{shown(folder)}: the splits must have the same classes, but '{shown(has)}' has '{name}'{more} "
                f"and '{shown(lacks)}' does not"
            )


def _read_table(folder: Path, walked: _Walked, columns: dict[str, str | None]) -> dict[str, _Split]:
    """Return splits and classes from a table; all are training images if it has no column of splits."""
    table = _table_for(walked, "", "train")
    if table is None:
        raise _flat(folder, len(walked.images))
    labels = _labels(folder, table, walked.images, walked, columns)
    found: dict[str, _Split] = {}
    for path, name in labels.classes.items():
        called = labels.splits.get(path, "train")
        split = split_called(called)
        if split is None:
            raise DataError(f"{shown(folder / table)}: '{path}' is of the split '{called}'; valid: {_valid_splits()}")
        found.setdefault(split, ("", {}))[1][path] = name
    if "train" not in found:
        raise DataError(f"{shown(folder / table)}: has no training images; valid splits: {_valid_splits()}")
    return found


def _labels(folder: Path, table: str, images: Sequence[str], walked: _Walked, columns: dict[str, str | None]) -> Labels:
    """Return the splits and classes that a table gives some of the images; those it does not name are skipped."""
    walked.read.add(table)
    found = read_labels(folder, table, walked.images, **columns)
    for path in images:
        if path not in found.classes:
            walked.skip(f"not in {shown(table)}", path)
    wanted = set(images)
    return Labels(
        classes={path: name for path, name in found.classes.items() if path in wanted},
        splits={path: name for path, name in found.splits.items() if path in wanted},
    )


def _table_for(walked: _Walked, top: str, split: str) -> str | None:
    """Return the table of a split's images: in its folder, or beside it: the one called as it is, or the only one."""
    inside = [table for table in walked.tables if table.rpartition("/")[0] == top]
    beside = [table for table in walked.tables if "/" not in table]
    called = [table for table in beside if split_called(table.rpartition(".")[0])]
    own = [table for table in called if split_called(table.rpartition(".")[0]) == split]
    for candidates in (inside, own, [] if called else beside):
        if len(candidates) == 1:
            return candidates[0]
    return None


def _flat(folder: Path, images: int) -> DataError:
    return DataError(
        f"{shown(folder)}: its {images:,} images are not in class folders; make a folder for each class, or put a "
        f"table beside them, labels.csv, with the columns file and label"
    )


def _image_folder(folder: Path, found: dict[str, _Split], walked: _Walked) -> ImageFolder:
    names = sorted(set(found["train"][1].values()))
    if walked.read and all(name.isdecimal() for name in names):
        names.sort(key=int)  # the numbers of a table are numbers; folders keep the order of torchvision
    position = {name: i for i, name in enumerate(names)}
    splits = {}
    for split, (top, labels) in found.items():
        if unknown := next((path for path, name in labels.items() if name not in position), None):
            raise DataError(
                f"{shown(folder / unknown)}: its class '{labels[unknown]}' is not one of the training images': "
                f"{_named(names)}"
            )
        paths = sorted(labels)
        splits[split] = FolderSplit(
            folder=shown(top),
            paths=tuple(f"{folder}/{path}" for path in paths),
            labels=np.array([position[labels[path]] for path in paths], dtype=np.int64),
        )
    skipped = {reason: tuple(sorted(map(shown, paths))) for reason, paths in walked.skipped.items()}
    return ImageFolder(
        splits=splits, class_names=tuple(names), skipped=skipped, hint=_hint(folder, found) if len(names) == 1 else ""
    )


def _hint(folder: Path, found: dict[str, _Split]) -> str:
    """Return which folder may be meant instead of one that holds a single class."""
    top, labels = found["train"]
    parts = [path.split("/") for path in labels]
    depth = 1 if top else 0
    below = sorted({part[depth + 1] for part in parts if len(part) > depth + 2})
    only = "/".join(parts[0][: depth + 1])
    return f"; its folders {_named(below)} are meant if {shown(folder / only)} is given" if below else ""


def _walk(folder: str) -> _Walked:
    """Return everything below a folder, sorted out by name alone: no image is opened."""
    walked = _Walked()
    endings = {*Image.registered_extensions(), *_NOT_OF_PILLOW}
    for entry in _entries(folder):
        ending = Path(entry.name).suffix.lower()
        if entry.hidden:
            if not entry.is_folder and ending in endings:
                walked.skip("hidden", entry.name)
        elif entry.is_folder:
            walked.folders.append(entry.name)
        elif ending in endings:
            walked.images.append(entry.name)
        elif ending in TABLE_ENDINGS:
            walked.tables.append(entry.name)
        else:
            walked.skip("no image by its ending", entry.name)
    # by whole paths, as `datasets` sorts them: studies rely on the order
    walked.images.sort()
    return walked


class _Entry(NamedTuple):
    """A file or folder: its path from the one that is walked, and the whole; what is known of it; whether it counts."""

    name: str
    path: str
    status: os.stat_result | None
    is_folder: bool
    hidden: bool


def _entries(folder: str, above: str = "", hidden: bool = False, around: tuple[_Id, ...] = ()) -> Iterator[_Entry]:
    """Yield everything below a folder in order; a link is what it leads to, unless that is a folder around it."""
    try:
        here = Path(folder).stat()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if hidden:
            return
        raise DataError(f"{shown(folder)}: cannot be read ({first_line(error)})") from None
    inside = (*around, (here.st_dev, here.st_ino))
    for entry in entries:
        try:
            status = entry.stat()
        except OSError:
            status = None
        is_folder = status is not None and stat.S_ISDIR(status.st_mode)
        if status is not None and (
            (status.st_dev, status.st_ino) in inside if is_folder else not stat.S_ISREG(status.st_mode)
        ):
            continue
        below = _Entry(above + entry.name, entry.path, status, is_folder, hidden or _is_hidden(entry.name))
        yield below
        if is_folder:
            yield from _entries(entry.path, f"{below.name}/", below.hidden, inside)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _OF_THE_SYSTEM


def _named(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
    return ", ".join(f"'{shown(name)}'" for name in names[:_LISTED]) + more


def _valid_splits() -> str:
    return ", ".join(name for names in SPLIT_NAMES.values() for name in names)
