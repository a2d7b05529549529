"""The two figures of every comparison: error distributions, and properties of networks against error."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from netspace.errors import StatisticsError
from netspace.report.axes import (
    HATCHES,
    Band,
    band_panels,
    draw_band,
    evenly,
    heading,
    panels,
    panels_height,
    scale_axis,
    visible_errors,
)
from netspace.report.style import (
    ALARM,
    COLOURS,
    COLUMN_WIDTH,
    INK,
    MUTED,
    PAGE_WIDTH,
    SHADE,
    colours,
    dashes,
    shown,
    styled,
)
from netspace.report.text import counted, percent
from netspace.results.properties import label, unit
from netspace.stats.p_values import p_is


def edf_figure(
    edf: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    bands: bool = True,
    width: float = COLUMN_WIDTH,
    single: pd.DataFrame | None = None,
) -> Figure:
    """Draw the error distributions of populations, with n, failures, least and mean error of each below.

    The bands of more than three spaces would hide each other: each is drawn in a small panel of its own, over the other
    spaces' curves in grey.

    Args:
        edf: see `StudyTables.edf`.
        summary: see `StudyTables.summary`; its order is that of the legend.
        bands: whether to draw the simultaneous 95 % bands.
        width: of the figure, in inches.
        single: single networks, see `StudyTables.marks`: each is a line at its error, with the interval of its mean;
            one beyond the right edge is named there.
    """
    spaces = list(summary.index)
    colour, dash = colours(spaces), dashes(spaces)
    alone = [] if single is None else single.drop_duplicates("network").to_dict("records")
    low, high, _ = visible_errors(np.array([*edf["error"], *(row["error"] for row in alone)], dtype=np.float64))
    beyond = int((edf["error"] > high).sum())
    drawn = {}
    for space, part in edf.groupby("space", sort=False):
        x = np.concatenate([[low], part["error"], [high]])
        heights = (_to_ends(part[name].to_numpy(np.float64)) for name in ("share", "lower", "upper"))
        drawn[str(space)] = Band(x, *heights)
    apart = bands and len(drawn) > len(HATCHES)
    plot_height, row_height, foot = 0.62 * min(width, 1.5 * COLUMN_WIDTH), 0.135, 0.5
    table_height = row_height * (len(spaces) + 1) + 0.12
    between = panels_height(len(drawn), width) if apart else 0.0
    height = plot_height + foot + between + table_height
    with styled():
        figure = Figure(figsize=(width, height))
        left, right = 0.42 / width, 1 - 0.08 / width
        bottom = (height - plot_height) / height
        axes = figure.add_axes((left, bottom, right - left, 1 - bottom - 0.06 / height))
        for place, space in enumerate(name for name in spaces if name in drawn):
            x, share, lower, upper = drawn[space]
            if bands and not apart:
                look: dict[str, Any] = {"colour": colour[space], "place": place, "of": len(drawn)}
                draw_band(axes, x, lower, upper, step="post", **look)
            axes.plot(x, share, drawstyle="steps-post", color=colour[space], linestyle=dash[space])
        _draw_marks(axes, alone, low, high)
        axes.set(xlim=(low, high), ylim=(0, 1.005), ylabel="share of models with error < e")
        outside = f"; {counted(beyond, 'model')} beyond the right edge" if beyond else ""
        axes.set_xlabel(f"error e (%){outside}")
        axes.xaxis.set_major_locator(evenly(6))
        if apart:
            band_panels(axes, table_height + between + 0.1, drawn, colour)
        _legend(figure, summary, table_height / height, row_height / height, colour, dash)
    return figure


def _draw_marks(axes: Axes, marks: Sequence[Mapping[Any, Any]], low: float, high: float) -> None:
    """Draw each single network as a line at its error, its interval and its name one below the other at the top.

    One whose error lies beyond the right edge, `high`, is an arrow at the edge, with its error in words.
    """
    for place, row in enumerate(marks):
        y = 0.94 - 0.07 * place
        error, name, marker = row["error"], str(row["network"]), "D"
        if error > high:
            error, name, marker = high, f"{name}, {error:.1f} %", ">"
        else:
            axes.axvline(error, color=INK, lw=0.6, ls=(0, (1, 2)))
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [y, y], color=INK, lw=0.9)
        axes.plot(error, y, marker, ms=2.8, mew=0, color=INK, clip_on=False)
        left = error > (low + high) / 2
        axes.annotate(
            name,
            (error, y),
            (-4 if left else 4, 2),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=5.5,
        )


def _to_ends(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heights of a step function with those to the left of its first and at the right edge added."""
    return np.concatenate([values[:1], values, values[-1:]])


def _legend(
    figure: Figure,
    summary: pd.DataFrame,
    top: float,
    row: float,
    colour: dict[str, str],
    dash: dict[str, object],
) -> None:
    """Write the legend as a table: one line a space, numbers in columns."""
    columns = {"n": 0.6, "failed": 0.72, "min %": 0.85, "mean %": 0.99}
    for name, x in columns.items():
        figure.text(x, top, name, ha="right", va="center", color=MUTED, fontsize=6)
    for number, (space, values) in enumerate(summary.iterrows(), start=1):
        y = top - number * row
        name = str(space)
        figure.add_artist(Line2D([0.02, 0.09], [y, y], color=colour[name], linestyle=dash[name]))  # type: ignore[arg-type]
        figure.text(0.105, y, shown(name), ha="left", va="center", fontsize=6.5)
        cells = {
            "n": f"{values['n']:.0f}",
            "failed": f"{values['failures']:.0f}",
            "min %": percent(values["min"]),
            "mean %": percent(values["mean"]),
        }
        for column, text in cells.items():
            bad = column == "failed" and values["failures"] > 0
            figure.text(columns[column], y, text, ha="right", va="center", fontsize=6.5, color=ALARM if bad else None)


def property_figure(
    runs: pd.DataFrame,
    ranges: pd.DataFrame,
    properties: tuple[str, ...],
    *,
    title: str = "",
    columns: int = 4,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw error against each property of the networks of one space, the paper's best range shaded.

    Failed networks are marked along the upper edge.

    Args:
        runs: rows of `runs_table` that ended, of one space.
        ranges: rows of `StudyTables.ranges` of that space; a property without one is drawn without.
        properties: columns of `runs`, one panel each.
        title: the space's name.
        columns: panels side by side.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no properties are given: all networks are alike.
    """
    if not properties:
        raise StatisticsError(f"{title or 'this space'}: no property varies, so none can be drawn against the error")
    columns = min(columns, len(properties))
    rows = ceil(len(properties) / columns)
    panel = width / max(columns, 3) * 0.66
    height = rows * panel + 0.38
    with styled():
        figure = Figure(figsize=(width, height))
        heading(figure, title)
        grid = panels(figure, rows, columns, above=0.38, below=0.34, gaps=(0.12, 0.62))
        limits = visible_errors(runs["score"].to_numpy(np.float64))
        found = {row["property"]: row for _, row in ranges.iterrows()}
        for place, name in enumerate(properties):
            axes = figure.add_subplot(grid[place // columns, place % columns])
            _property_panel(axes, runs, name, limits)
            if name in found:
                _shade_range(axes, found[name], name)
            if place % columns:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel("error (%)")
    return figure


def _property_panel(axes: Axes, runs: pd.DataFrame, name: str, limits: tuple[float, float, int]) -> None:
    low, high, _ = limits
    x = runs[name].to_numpy(np.float64) / unit(name)
    score = runs["score"].to_numpy(np.float64)
    failed = np.isinf(score)
    far = ~failed & (score > high)
    inside = ~failed & ~far
    # markers of one path draw many times faster than a scatter, and SVG holds them as a picture
    size, alpha = (4, 0.7) if len(x) <= 100 else (3, 0.45)
    axes.plot(x[inside], score[inside], ".", markersize=size, alpha=alpha, color=COLOURS[0], mew=0, rasterized=True)
    axes.plot(x[far], np.full(far.sum(), high), "^", markersize=2.5, color=MUTED, mew=0, clip_on=False)
    axes.plot(x[failed], np.full(failed.sum(), high), "x", markersize=3, color=ALARM, mew=0.7, clip_on=False)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(evenly(4))
    axes.set_title(label(name), loc="left", pad=3)
    scale_axis(axes, name, x)


def _shade_range(axes: Axes, found: "pd.Series[Any]", name: str) -> None:
    low, median, high = (found[column] / unit(name) for column in ("low", "median", "high"))
    axes.axvspan(low, high, color=SHADE, alpha=0.25, linewidth=0, zorder=0)
    axes.axvline(median, color=COLOURS[0], linewidth=0.8, linestyle="--")
    text = f"{low:.3g} to {high:.3g}, {p_is(found['width_p_value'])}"
    axes.set_xlabel(text, color=MUTED, fontsize=6, labelpad=1)
