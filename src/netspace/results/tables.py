"""Tables of results as people have them, read by what is in them rather than by their name's ending.

Comma, semicolon, tab or bar between columns; a decimal point or comma; UTF-8, UTF-16 or Windows' code page; comment
lines; JSON lines or a JSON list of objects; Parquet. Names and texts are stripped.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from netspace.documents import json_value
from netspace.errors import DataError, first_line

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})
"""What stands for a missing number, in any case; in a column of texts only an empty cell is missing."""

FORMULA_STARTS = frozenset("=+-@\t\r")
"""What a spreadsheet takes for the beginning of a formula; an apostrophe before it says that the cell is text."""

_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 200
"""Lines that decide the dialect."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_NOT_TABLES = {b"PK\x03\x04": "an Excel workbook or another archive", b"\x1f\x8b": "compressed", b"%PDF": "a PDF"}


def read_table(path: Path, texts: Collection[str] = ("space",)) -> pd.DataFrame:
    """Return a table of models, one row each.

    Args:
        path: the file.
        texts: columns that stay as they are written, such as names that look like numbers.

    Returns:
        Columns of numbers where every cell is a number or missing; of texts otherwise.

    Raises:
        DataError: the file is missing, is no table, or its rows do not fit its header.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({first_line(error)})") from None
    if content.startswith(b"PAR1"):
        return _parquet(path)
    for start, what in _NOT_TABLES.items():
        if content.startswith(start):
            raise DataError(f"{path}: is {what}, not a table; valid: CSV, TSV, JSON lines, Parquet")
    text = _decoded(content, path).strip("\n\r")
    if not text.strip():
        raise DataError(f"{path}: the table is empty")
    if text.lstrip()[0] in "[{":
        return _of_records(_records(text, path), path)
    lines = _without_comments(text, path)
    delimiter = _delimiter([line for line in lines if line.strip()][:_LOOKED_AT])
    # between columns that commas separate, a comma inside a number would be one of thousands
    return _of_cells(_rows(lines, delimiter, path), texts, path, decimal_comma=delimiter != ",")


def _parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # whatever pandas and pyarrow meet in a damaged file; they have no common base
        raise DataError(f"{path}: cannot be read as a Parquet table ({first_line(error)})") from None
    return _stripped(frame, path)


def _decoded(content: bytes, path: Path) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content[1:200:2].count(0) > len(content[1:200:2]) // 2:
        encoding = "utf-16-le"
    elif content[0:200:2].count(0) > len(content[0:200:2]) // 2:
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise DataError(f"{path}: cannot be read as a table (it is not text); valid: CSV, TSV, JSON lines, Parquet")
    return text


def _records(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        found = (
            json_value(text) if text.lstrip()[0] == "[" else [json_value(line) for line in text.splitlines() if line]
        )
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as JSON lines ({first_line(error)})") from None
    if not all(isinstance(record, dict) for record in found):
        raise DataError(f"{path}: every line, or every entry of the list, must be a JSON object")
    return found


def _of_records(records: Sequence[dict[str, Any]], path: Path) -> pd.DataFrame:
    return _stripped(pd.DataFrame.from_records(list(records)), path)


def _stripped(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table whose columns have types already, with its names and texts stripped."""
    frame = frame.rename(columns=lambda name: str(name).strip())
    _check_unique(list(frame.columns), path)
    for column in frame.select_dtypes(include=["object", "string"]).columns:
        frame[column] = frame[column].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return frame


def _rows(lines: Sequence[str], delimiter: str, path: Path) -> list[list[str]]:
    """Return the cells of delimited lines, the header first."""
    try:
        rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table ({first_line(error)})") from None
    return [[_text_of(cell.strip()) for cell in row] for row in rows]


def _text_of(cell: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA_STARTS else cell


def _without_comments(text: str, path: Path) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    comments = [line for line in lines if line.lstrip().startswith("#")]
    kept = [line for line in lines if not line.lstrip().startswith("#")]
    first = next((line for line in kept if line.strip()), None)
    if comments and (first is None or _is_number(re.split(r"[,;\t|]", first)[0])):
        kept.insert(0, comments[-1].lstrip().lstrip("#"))  # numpy writes its header as a comment
    if not any(map(str.strip, kept)):
        raise DataError(f"{path}: the table is empty")
    return kept


def _delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that most lines agree on; of several, that which makes the most columns."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in _DELIMITERS:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        columns, agreeing = counts.most_common(1)[0]
        if columns > 1:
            scores[delimiter] = (agreeing / counts.total(), columns)
    return max(scores, key=lambda delimiter: scores[delimiter], default=",")


def _of_cells(
    rows: Sequence[Sequence[str]], texts: Collection[str], path: Path, *, decimal_comma: bool
) -> pd.DataFrame:
    if not rows:
        raise DataError(f"{path}: the table is empty")
    header, *body = rows
    names = list(header)
    if body and all(len(row) == len(names) + 1 for row in body):
        names = ["", *names]  # R writes no name above the names of its rows
    for number, row in enumerate(body, start=1):
        if len(row) != len(names):
            raise DataError(f"{path}: row {number} has {len(row)} cells, but the header has {len(names)}")
    _check_unique([name for name in names if name], path)
    columns: dict[str, Any] = {}
    for position, name in enumerate(names):
        cells = [row[position] for row in body]
        if not name:
            if position == 0:
                continue  # the numbers or names of the rows
            raise DataError(f"{path}: column {position + 1} has no name")
        columns[name] = _texts(cells) if name in texts else _typed(cells, decimal_comma=decimal_comma)
    return pd.DataFrame(columns)


def _check_unique(names: Sequence[str], path: Path) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(f"{path}: the column '{twice[0]}' appears {names.count(twice[0])} times")


def _texts(cells: Sequence[str]) -> pd.Series:
    return pd.Series([cell or None for cell in cells], dtype=object)


def _typed(cells: Sequence[str], *, decimal_comma: bool) -> pd.Series:
    """Return cells as whole numbers, numbers, truth values or texts, whichever all of them are."""
    given = [cell for cell in cells if cell.lower() not in MISSING]
    complete = len(given) == len(cells)
    if not given:
        return _texts(cells)
    if complete and {cell.lower() for cell in given} <= {"true", "false"}:
        return pd.Series([cell.lower() == "true" for cell in cells], dtype=bool)
    numbers = [cell.removesuffix("%").rstrip() for cell in given]
    if decimal_comma and not any("." in cell for cell in numbers):
        numbers = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in numbers]
    if not all(map(_is_number, numbers)):
        return _texts(cells)
    # a float would lose the last digits of a seed
    if complete and all(re.fullmatch(r"[+-]?\d{1,19}", cell) and abs(int(cell)) < 2**63 for cell in numbers):
        return pd.Series([int(cell) for cell in numbers], dtype="int64")
    values = iter(numbers)
    return pd.Series([math.nan if cell.lower() in MISSING else float(next(values)) for cell in cells], dtype=float)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
