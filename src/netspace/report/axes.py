"""What the figures' axes share: scales with few plain numbers, ends that outliers do not move, legends below."""

from collections.abc import Mapping, Sized
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from netspace.report.style import shown
from netspace.results.properties import is_logarithmic

_FENCE = 3.0
"""Errors above the third quartile by more than this many interquartile ranges are far out (Tukey 1977)."""
LEGEND_ROW = 0.14
"""Height of a legend's row, in inches."""


def scale_axis(axes: Axes, name: str, values: NDArray[np.float64], *, vertical: bool = False) -> None:
    """Put a property on its axis: logarithmic where it is sampled so and spans a factor of 3, else linear."""
    axis = axes.yaxis if vertical else axes.xaxis
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if is_logarithmic(name) and low > 0 and high / low > 3:
        logarithmic(axes, vertical=vertical)
    else:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def logarithmic(axes: Axes, *, vertical: bool = False, ticks: int = 6) -> None:
    """Make an axis logarithmic to base 2, with about so many plain numbers on it."""
    axis = axes.yaxis if vertical else axes.xaxis
    if vertical:
        axes.set_yscale("log", base=2)
    else:
        axes.set_xscale("log", base=2)
    axis.set_major_locator(LogLocator(base=2, numticks=ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """Return a tick's number without an exponent: 0.03, 128, 16k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k" if abs(value) < 1e6 else f"{value / 1e6:.3g}M"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def visible_errors(errors: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return the ends of an error axis that a few very bad models do not squeeze, and how many lie beyond it."""
    finite = errors[np.isfinite(errors)]
    if not finite.size:
        return 0.0, 100.0, 0
    quarter, three_quarters = np.quantile(finite, [0.25, 0.75])
    fence = three_quarters + _FENCE * max(three_quarters - quarter, 0.5)
    high = min(float(finite.max()), float(fence))
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
        figure.add_artist(Line2D([left, left + 0.06 / columns**0.5], [y, y], **look))
        figure.text(left + 0.08 / columns**0.5, y, name, ha="left", va="center", fontsize=6.5)


def legend_height(entries: Sized, columns: int = 1) -> float:
    """Return the height of a legend below, in inches."""
    return 0.05 + LEGEND_ROW * ceil(len(entries) / columns)
