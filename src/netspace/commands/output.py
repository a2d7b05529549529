"""How commands print and write: tables that are never cut, JSON, and files whose folders are made if missing."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspace.errors import ConfigError, first_line
from netspace.files import whole_file, write_whole

if TYPE_CHECKING:
    import pandas as pd

    from netspace.training import ImageData

_WRITERS = {".csv": "to_csv", ".parquet": "to_parquet", ".jsonl": "to_json"}

TABLES = tuple(_WRITERS)
"""Endings of the table files that can be read and written."""

_UNBOUNDED = 100_000  # characters


def print_images(images: "ImageData") -> None:
    """Print what was understood of the images, and what is strange about them, to standard error, as progress is."""
    lines = [*images.summary, *(f"  warning: {warning}" for warning in images.warnings)]
    print("\n".join(lines), file=sys.stderr, flush=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot create the folder ({first_line(error)})") from None


def check_table_name(path: Path) -> None:
    """Raise unless the file's ending is one of `TABLES`; checked before the work is done."""
    if path.suffix not in TABLES:
        raise ConfigError(f"{path}: the file name must end in one of {', '.join(TABLES)}")


def write_table(frame: "pd.DataFrame", path: Path) -> None:
    """Write the columns of `frame`, without its index, in the format of the file's ending, with all digits.

    Raises:
        ConfigError: the ending is not in `TABLES`, or the file cannot be written.
    """
    from pyarrow import ArrowException

    check_table_name(path)
    make_folder(path.parent)
    # pandas rounds numbers in JSON to 10 decimals by default; 15 is the most that it accepts
    as_lines = {"orient": "records", "lines": True, "double_precision": 15}
    options = as_lines if path.suffix == ".jsonl" else {"index": False}
    if path.suffix == ".csv":
        frame = _without_formulas(frame)
    try:
        with whole_file(path) as draft:
            getattr(frame, _WRITERS[path.suffix])(draft, **options)
    except OSError as error:
        raise _unwritable(path, error) from None
    except ArrowException as error:
        reason = first_line(error)
        raise ConfigError(f"{path}: cannot write these columns as Parquet ({reason}); use .csv instead") from None


def _without_formulas(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table none of whose texts, names included, a spreadsheet takes for a formula; `read_table` undoes it."""
    from netspace.results.tables import FORMULA_STARTS

    def text(cell: Any) -> Any:
        return f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA_STARTS else cell

    told = frame.copy(deep=False)
    for name in frame.select_dtypes(include=["object", "string"]):
        told[name] = frame[name].map(text)
    return told.rename(columns=text)


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        ConfigError: it cannot be written.
    """
    make_folder(path.parent)
    try:
        write_whole(path, text)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: cannot write the file ({first_line(error)})")


def print_json(value: Any) -> None:
    """Print a value as JSON, with null for what is not a number."""
    from netspace.documents import plain

    print(json.dumps(plain(value), indent=2))


def print_records(records: Sequence[dict[Any, Any]], as_json: bool) -> None:
    """Print rows as JSON or as a table, whose columns are the keys of the first row."""
    if as_json:
        print_json(records)
    else:
        print_table(list(records[0]) if records else [], (list(record.values()) for record in records))


def print_table(columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table whose cells are never cut: on a narrow terminal or in a pipe it is as wide as it needs to be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(str(column), no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    width = Console(width=_UNBOUNDED).measure(table).maximum
    Console(width=max(Console().width, width)).print(table)


def _cell(value: Any) -> str:
    if value is None or value != value:  # nan, of whatever type, is the one value that differs from itself
        return "-"
    if isinstance(value, int | float) and abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def amount(value: float) -> str:
    """Return a quantity, such as hours, with three significant digits, or whole from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def print_notes(notes: Iterable[str]) -> None:
    """Print what was understood that a user may want to check, beside the results."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
