"""What the figures' axes share: scales with few plain numbers, ends that outliers do not move, legends below."""

from collections.abc import Mapping, Sized
from math import ceil, floor
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from netspace.report.style import COLUMN_WIDTH, DASHES, MUTED, shown
from netspace.results.properties import is_logarithmic, unit

_FENCE = 3.0
"""Errors above the third quartile by more than this many interquartile ranges are far out (Tukey 1977)."""
HATCHES = ("////", "\\\\\\\\", "||||")
"""A direction for the band of each space; more than these on top of each other cannot be told apart."""
LEGEND_ROW = 0.14
"""Height of a legend's row, in inches."""


def scale_axis(axes: Axes, name: str, values: NDArray[np.float64], *, vertical: bool = False) -> None:
    """Put a property on its axis: logarithmic where it is sampled so and spans a factor of 3, else linear."""
    axis = axes.yaxis if vertical else axes.xaxis
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if is_logarithmic(name) and low > 0 and high / low > 3:
        logarithmic(axes, vertical=vertical, powers_of_two=unit(name) == 1 and low >= 1)
    else:
        axis.set_major_locator(evenly(4))


def logarithmic(axes: Axes, *, vertical: bool = False, ticks: int = 5, powers_of_two: bool = True) -> None:
    """Make an axis logarithmic, with at most so many plain numbers on it: see `log_ticks`."""
    axis = axes.yaxis if vertical else axes.xaxis
    if vertical:
        axes.set_yscale("log", base=2)
    else:
        axes.set_xscale("log", base=2)
    axis.set_major_locator(_PlainLogLocator(ticks, powers_of_two=powers_of_two))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def log_ticks(low: float, high: float, count: int, *, powers_of_two: bool) -> list[float]:
    """Return at most `count` numbers of few digits between `low` and `high` (positive) for a logarithmic axis.

    Powers of two where asked for, else 1, 2, 5, 10, 20; every other, third, ... of them, or the powers of ten alone,
    where there would be more. A range that holds fewer than two of them has evenly spaced numbers.
    """
    ladders: list[list[float]] = []
    if powers_of_two:
        first, last = ceil(np.log2(low) - 1e-9), floor(np.log2(high) + 1e-9)
        ladders += [[2.0**k for k in range(first, last + 1) if k % step == 0] for step in range(1, max(last, 2))]
    decades = range(floor(np.log10(low)), ceil(np.log10(high)) + 1)
    for digits, step in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), step) for step in range(1, len(decades)))):
        ladders.append([float(f"{digit}e{k}") for k in decades if k % step == 0 for digit in digits])
    for ladder in ladders:
        inside = [value for value in ladder if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if 2 <= len(inside) <= count:
            return inside
    even = evenly(max(count - 1, 1)).tick_values(low, high)
    return [float(value) for value in even if low <= value <= high]


class _PlainLogLocator(Locator):
    """Ticks of `log_ticks` between the ends that an axis shows."""

    def __init__(self, count: int, *, powers_of_two: bool) -> None:
        self._count = count
        self._powers_of_two = powers_of_two

    def __call__(self) -> list[float]:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        return log_ticks(vmin, vmax, self._count, powers_of_two=self._powers_of_two)


def evenly(count: int, *, whole: bool = False, prune: Literal["upper"] | None = None) -> MaxNLocator:
    """Return a locator of about `count` ticks that readers count in: steps of 1, 2 or 5; `whole` numbers if need be."""
    return MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole, prune=prune)


def plain_number(value: float) -> str:
    """Return a tick's number without an exponent: 0.03, 128, 16k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k" if abs(value) < 1e6 else f"{value / 1e6:.3g}M"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw_band(
    axes: Axes,
    x: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    colour: str,
    place: int,
    of: int,
    step: Literal["pre", "post", "mid"] | None = None,
) -> None:
    """Draw what lies between two curves without filling it, so that bands that overlap do not blend into a new colour.

    Up to three bands are hatched and framed; of more only the edges are drawn, in the space's dashes.

    Args:
        axes: where.
        x, low, high: (n,) each.
        colour: of the space.
        place: of the space among those drawn, which decides how its band is hatched.
        of: bands that are drawn.
        step: how values hold between points, see `Axes.fill_between`; None for straight lines.
    """
    if of <= len(HATCHES):
        edge = to_rgba(colour, 0.55)
        look: dict[str, Any] = {"facecolor": "none", "edgecolor": edge, "hatch": HATCHES[place], "lw": 0.3}
        axes.fill_between(x, low, high, step=step, zorder=1, **look)
        return
    for end in (low, high):
        line: dict[str, Any] = {
            "color": colour,
            "alpha": 0.55,
            "lw": 0.6,
            "ls": DASHES[place % len(DASHES)],
            "zorder": 1,
        }
        axes.plot(x, end, drawstyle="default" if step is None else f"steps-{step}", **line)


class Band(NamedTuple):
    """A step function with its band: heights from each `x` on, all (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def panels_height(count: int, width: float) -> float:
    """Return the height of `band_panels` in inches, with the titles."""
    columns = _columns(width)
    return ceil(count / columns) * (0.62 * width / columns + _TITLE)


def band_panels(axes: Axes, top: float, bands: Mapping[str, Band], colour: Mapping[str, str]) -> dict[str, Axes]:
    """Draw each space's curve with its band in a small panel of its own, over the others' curves in grey.

    Args:
        axes: the large panel, whose ends these have, and under which they stand.
        top: of the first row with its title, in inches from the figure's lower edge.
        bands: by space.
        colour: of each space.

    Returns:
        The panels by space.
    """
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    width, height = figure.get_size_inches()
    columns, place = _columns(width), axes.get_position()
    rows = ceil(len(bands) / columns)
    grid = figure.add_gridspec(
        rows,
        columns,
        left=place.x0,
        right=place.x1,
        top=(top - _TITLE) / height,
        bottom=(top - panels_height(len(bands), width)) / height,
        wspace=0.1,
        hspace=_TITLE / (0.62 * width / columns),
    )
    found = {}
    for number, (space, band) in enumerate(bands.items()):
        panel = found[space] = figure.add_subplot(grid[number // columns, number % columns], sharex=axes, sharey=axes)
        for other in bands:
            if other != space:
                look: dict[str, Any] = {"color": MUTED, "lw": 0.4, "alpha": 0.6}
                panel.plot(bands[other].x, bands[other].y, drawstyle="steps-post", **look)
        panel.fill_between(band.x, band.low, band.high, step="post", color=colour[space], alpha=0.3, lw=0)
        panel.plot(band.x, band.y, drawstyle="steps-post", color=colour[space], lw=1)
        panel.set_title(shown(space, 15), loc="left", pad=2, fontsize=6)
        panel.tick_params(labelbottom=False, labelleft=False, length=0)
    return found


_TITLE = 0.17
"""Room above a small panel, in inches."""


def _columns(width: float) -> int:
    return 3 if width <= COLUMN_WIDTH else 6


def visible_errors(errors: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return the ends of an error axis that a few very bad models do not squeeze, and how many lie beyond it."""
    finite = errors[np.isfinite(errors)]
    if not finite.size:
        return 0.0, 100.0, 0
    quarter, three_quarters = np.quantile(finite, [0.25, 0.75])
    fence = three_quarters + _FENCE * max(three_quarters - quarter, 0.5)
    high = float(finite[finite <= fence].max())
    low = float(finite.min())
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin, int((finite > high + margin).sum())


def panels(
    figure: Figure, rows: int, columns: int, *, above: float, below: float, gaps: tuple[float, float]
) -> GridSpec:
    """Return the places of panels side by side, with room for the numbers of the leftmost ones.

    Args:
        figure: where they are put.
        rows, columns: of panels.
        above, below: room for titles and for numbers and legends, in inches.
        gaps: between columns and between rows, in panels.
    """
    width, height = figure.get_size_inches()
    return figure.add_gridspec(
        rows,
        columns,
        left=0.42 / width,
        right=1 - 0.07 / width,
        top=1 - above / height,
        bottom=below / height,
        wspace=gaps[0],
        hspace=gaps[1],
    )


def heading(figure: Figure, title: str) -> None:
    """Write the figure's title into its upper left corner."""
    y = 1 - 0.09 / figure.get_figheight()
    figure.text(0.06, y, shown(title, 80), ha="left", va="center", fontsize=8, fontweight="bold")


def legend_below(figure: Figure, entries: Mapping[str, Mapping[str, Any]], columns: int = 1) -> None:
    """Write a legend along the lower edge, in rows of `columns`; `legend_height` is the room it needs.

    Args:
        figure: whose axes leave that room.
        entries: by name, the look of its line (arguments of `Line2D`).
        columns: entries side by side.
    """
    height = figure.get_figheight()
    for place, (name, look) in enumerate(entries.items()):
        left = 0.02 + place % columns / columns
        y = (legend_height(entries, columns) - 0.09 - LEGEND_ROW * (place // columns)) / height
        right = left + 0.06 / columns**0.5
        x = [(left + right) / 2] if look.get("ls") == "none" else [left, (left + right) / 2, right]
        figure.add_artist(Line2D(x, [y] * len(x), markevery=[len(x) // 2], **look))
        figure.text(left + 0.08 / columns**0.5, y, name, ha="left", va="center", fontsize=6.5)


def legend_height(entries: Sized, columns: int = 1) -> float:
    """Return the height of a legend below, in inches."""
    return 0.05 + LEGEND_ROW * ceil(len(entries) / columns)
