"""One look for every figure: small type, colours that colour-blind readers can distinguish, safe names."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from netspace.errors import raise_unknown
from netspace.files import whole_file

COLUMN_WIDTH = 3.3
"""Width of a figure for one column of a two-column page, in inches."""
PAGE_WIDTH = 6.9
"""Width of a figure across both columns, in inches."""
IMAGE_FORMATS = ("png", "svg", "pdf")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#4D4D4D", "#A6761D")
"""Okabe & Ito's palette for colour-blind readers; its yellow, too pale for lines, is left out."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)), (0, (3, 1)), (0, (2, 1.5)))
"""A second way to distinguish curves, for readers of grey prints; one more than there are colours, so that the first 72
spaces of a study have curves of their own."""
MARKERS = "os^Dv<>pP"
"""Another one for points, as many as there are dashes."""
INK, MUTED, GRID, SHADE, ALARM = "#1a1a1a", "#666666", "#dddddd", "#56B4E9", "#D55E00"

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.linewidth": 0.6,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.35,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "netspace",
    "pdf.fonttype": 42,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


_LABELS: ContextVar[Mapping[str, str]] = ContextVar("labels of spaces", default={})  # noqa: B039  # never changed


@contextmanager
def labelled(labels: Mapping[str, str]) -> Iterator[None]:
    """Have `shown` write spaces inside by these labels instead of their names."""
    token = _LABELS.set(labels)
    try:
        yield
    finally:
        _LABELS.reset(token)


@contextmanager
def styled() -> Iterator[None]:
    """Apply the look to what is created inside, and to nothing else."""
    with mpl.rc_context(_RC):  # type: ignore[arg-type]  # the stubs want every key as a literal
        yield


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return each space's colour, the same in every figure of a study."""
    return dict(zip(names, cycle(COLOURS), strict=False))


def dashes(names: Sequence[str]) -> dict[str, Any]:
    """Return each space's line style."""
    return dict(zip(names, islice(cycle(DASHES), len(names)), strict=True))


def markers(names: Sequence[str]) -> dict[str, str]:
    """Return each space's marker, the same in every figure of a study."""
    return dict(zip(names, cycle(MARKERS), strict=False))


def shown(name: str, limit: int = 28) -> str:
    """Return a name, or its label, as figures print it: a line of signs that the font has, shortened in the middle."""
    glyphs = _glyphs()
    name = _LABELS.get().get(name, name)
    text = "".join(
        " " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c if ord(c) in glyphs else "□" for c in str(name)
    )
    if len(text) > limit:
        tail = limit // 3
        text = f"{text[: limit - tail - 1]}…{text[-tail:]}"
    return text


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def save(
    figure: Figure, path_without_suffix: Path | str, formats: Sequence[str] = ("png", "svg"), *, paper: bool = False
) -> list[Path]:
    """Write a figure in each format and return the paths: the given one with ".png", ".svg" or ".pdf" added.

    A PDF holds its fonts (Type 42), an SVG names them; for a `paper` the SVG has outlines in their place, and the PNG
    300 dots an inch instead of 200.

    Raises:
        UnknownNameError: another format.
    """
    base = Path(path_without_suffix)
    base.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for format_ in formats:
        if format_ not in IMAGE_FORMATS:
            raise_unknown("figure format", format_, IMAGE_FORMATS)
        path = base.with_name(f"{base.name}.{format_}")
        # without its date a figure of the same data is the same file
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format_)
        with styled(), mpl.rc_context({"svg.fonttype": "path" if paper else "none"}), whole_file(path) as draft:
            figure.savefig(draft, dpi=300 if paper else 200, metadata=metadata)
        paths.append(path)
    return paths


def png(figure: Figure, dpi: int = 160) -> bytes:
    """Return a figure as PNG without a ground, for a page that is light or dark."""
    target = BytesIO()
    with styled():
        figure.savefig(target, format="png", dpi=dpi, transparent=True)
    return target.getvalue()
