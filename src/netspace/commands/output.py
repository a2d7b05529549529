"""How commands print: tables that are never cut, JSON, and folders that are made where they are missing."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from netspace.errors import ConfigError

_UNBOUNDED = 100_000  # characters


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({error.strerror})") from None


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def print_records(records: Sequence[dict[Any, Any]], as_json: bool) -> None:
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
    if value is None:
        return "-"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
