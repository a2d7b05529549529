"""A table beside images that says the class of each: CSV, TSV or JSON lines with a column of files, one of labels."""

import csv
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath

from netspace.errors import DataError, raise_unknown

TABLE_ENDINGS = {".csv", ".tsv", ".jsonl"}
"""Endings of the files that may be such a table, in lower case."""

_FILES = (
    *("file", "file_name", "filename", "image", "image_name", "path", "file_path", "filepath", "image_path"),
    *("img", "image_id", "id", "name", "photo"),
)
_LABELS = ("label", "labels", "class", "class_name", "classname", "category", "target", "cls", "y")
_SPLITS = ("split", "subset", "partition", "set")
_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a table says of images.

    Attributes:
        classes: of the images, by their paths.
        splits: of the images, by their paths, in the table's words; empty if it has no such column.
    """

    classes: dict[str, str]
    splits: dict[str, str]


def read_labels(
    folder: Path, table: str, images: Iterable[str], *, image: str | None = None, label: str | None = None
) -> Labels:
    """Return the classes that a table gives to the images of a folder.

    A file is found by its path, from the table or from the folder, or by its name alone if one image has it, with or
    without the ending.

    Args:
        folder: of the table and the images.
        table: its path from the folder.
        images: their paths from the folder.
        image, label: the columns; None to go by their names.

    Raises:
        DataError: the table cannot be read, a row has no label or names no image, or an image has two labels.
        UnknownNameError: a column that is given is not there.
    """
    where = str(folder / table)
    known = _Images(images, str(PurePosixPath(table).parent))
    header, rows = _read(folder / table, known)
    files = _column(where, "image", image, header, _FILES, [])
    labels = _column(where, "label", label, header, _LABELS, [files, *_positions(header, _SPLITS)])
    split = next(iter(_positions(header, _SPLITS)), None)
    classes: dict[str, str] = {}
    splits: dict[str, str] = {}
    for number, row in rows:
        cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        if not any(cells):
            continue
        path = known.find(cells[files])
        if path is None:
            raise DataError(f"{where}, line {number}: no image is called '{cells[files][:_SHOWN]}'")
        if not cells[labels]:
            raise DataError(f"{where}, line {number}: has no label")
        name = unicodedata.normalize("NFC", cells[labels])
        if classes.setdefault(path, name) != name:
            raise DataError(f"{where}, line {number}: '{path}' has the label '{name}', and above '{classes[path]}'")
        if split is not None and cells[split]:
            splits[path] = cells[split]
    if not classes:
        raise DataError(f"{where}: has no row")
    return Labels(classes=classes, splits=splits)


class _Images:
    """Finds images by what tables call them."""

    def __init__(self, images: Iterable[str], beside: str) -> None:
        self._beside = "" if beside == "." else f"{beside}/"
        self._paths: dict[str, str] = {}
        self._names: dict[str, set[str]] = defaultdict(set)
        for path in images:
            self._paths[_composed(path)] = path
            name = _composed(path).rpartition("/")[2]
            for key in (name, name.rpartition(".")[0]):
                self._names[key].add(path)

    def find(self, called: str) -> str | None:
        path = _composed(called).replace("\\", "/").removeprefix("./")
        exact = self._paths.get(f"{self._beside}{path}") or self._paths.get(path)
        named = self._names.get(path.rpartition("/")[2], set())
        return exact or (next(iter(named)) if len(named) == 1 else None)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _read(path: Path, known: _Images) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the rows with the numbers of their lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None
    if path.suffix.lower() == ".jsonl":
        return _json_lines(path, text)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:10_000], ",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if path.suffix.lower() == ".tsv" else csv.excel
    reader = csv.reader(StringIO(text, newline=""), dialect)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: cannot be read ({error})") from None
    if not rows:
        raise DataError(f"{path}: has no row")
    first = rows[0][1]
    if any(known.find(cell) for cell in first) and not _positions([cell.lower() for cell in first], _FILES):
        found = next(i for i, cell in enumerate(first) if known.find(cell))
        header = [f"column {i + 1}" for i in range(len(first))]
        header[found] = _FILES[0]
        return header, rows
    return [cell.strip() for cell in first], rows[1:]


def _json_lines(path: Path, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: is not a JSON object")
        records.append((number, record))
    header = list(dict.fromkeys(key for _, record in records for key in record))
    rows = [
        (number, ["" if record.get(key) is None else str(record[key]) for key in header]) for number, record in records
    ]
    return header, rows


def _positions(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return where columns of some names are, in the order of the names."""
    lower = [name.lower().replace(" ", "_") for name in header]
    return [lower.index(name) for name in names if name in lower]


def _column(
    where: str, kind: str, given: str | None, header: Sequence[str], usual: Sequence[str], taken: Sequence[int]
) -> int:
    """Return where a column is: the one that is given, one that is called as usual, or the only one that is left."""
    if given is not None:
        if given not in header:
            raise_unknown(f"{kind} column of {where}", given, header)
        return list(header).index(given)
    left = [i for i in range(len(header)) if i not in taken]
    called = [i for i in _positions(header, usual) if i in left]
    if called:
        return called[0]
    if taken and len(left) == 1:
        return left[0]
    raise DataError(f"{where}: {kind}_column must be named; columns: {', '.join(header)}")
