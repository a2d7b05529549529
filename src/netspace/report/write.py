"""Write a study's report into a folder, in every format asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from netspace.errors import StudyError, raise_unknown
from netspace.report.data import StudyTables, network_file, study_tables
from netspace.report.figures import edf_figure, property_figure
from netspace.report.page import page
from netspace.report.style import IMAGE_FORMATS, save
from netspace.report.text import markdown
from netspace.store import Store

FORMATS = ("html", "md", *IMAGE_FORMATS)
"""What a report can be written as: the page, the text, and pictures."""


def write_report(
    store: Store, study_name: str, folder: Path | str, formats: Sequence[str] = ("html", "png", "svg")
) -> list[Path]:
    """Write the report of a study, whether or not all its runs ended.

    `report.html` is the page and `report.md` the text; pictures lie beside them, and `networks/` holds the YAML of the
    best networks. What is already there under these names is overwritten.

    Args:
        store: where the study lies.
        study_name: its name there.
        folder: made if need be.
        formats: of `FORMATS`.

    Returns:
        The files written, the page first.

    Raises:
        UnknownNameError: an unknown format, or the store holds no study of this name.
        StudyError: no run of it has ended, or the folder cannot be written.
    """
    for format_ in formats:
        if format_ not in FORMATS:
            raise_unknown("report format", format_, FORMATS)
    tables = study_tables(store, study_name)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(tables, folder, formats)
    except OSError as error:
        where = error.filename or folder
        raise StudyError(f"{where}: the report cannot be written there ({error.strerror or error})") from error


def _write(tables: StudyTables, folder: Path, formats: Sequence[str]) -> list[Path]:
    images = [format_ for format_ in IMAGE_FORMATS if format_ in formats]
    pictures = []
    for name, figure in figures(tables):
        pictures += save(figure, folder / name, images) if images else []
    texts = []
    if "html" in formats:
        texts.append(_text(folder / "report.html", page(tables)))
    if "md" in formats:
        shown = [path.relative_to(folder) for path in pictures if path.suffix == f".{images[0]}"] if images else []
        texts.append(_text(folder / "report.md", markdown(tables, shown)))
    networks = [_text(folder / network_file(row["digest"]), row["yaml"]) for row in tables.best.to_dict("records")]
    return texts + pictures + networks


def figures(tables: StudyTables) -> Iterator[tuple[str, Figure]]:
    """Yield every figure of a study's report with its file name, drawn when asked for."""
    yield "edf", edf_figure(tables.edf, tables.summary)
    for number, (space, properties) in enumerate(tables.properties.items(), start=1):
        if properties:
            runs = tables.runs[(tables.runs["space"] == space) & tables.runs["score"].notna()]
            ranges = tables.ranges[tables.ranges["space"] == space]
            yield f"properties-{number}-{_file_name(space)}", property_figure(runs, ranges, properties, title=space)


def _file_name(name: str) -> str:
    """Return a name as part of a file's: letters, digits and hyphens, short."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name).strip("-")
    return "-".join(filter(None, kept.split("-")))[:40] or "space"


def _text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
