"""Figures of what networks look like: widths per block, linear fits, and maps of two parameters."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netspace.arch.regnet import quantized_linear
from netspace.errors import StatisticsError
from netspace.report.axes import (
    evenly,
    heading,
    legend_below,
    legend_height,
    logarithmic,
    panels,
    scale_axis,
    visible_errors,
)
from netspace.report.style import ALARM, COLOURS, COLUMN_WIDTH, INK, PAGE_WIDTH, colours, markers, shown, styled
from netspace.report.text import percent
from netspace.results.figure_tables import block_widths
from netspace.results.properties import label, unit

RANKS = "cividis"
"""Colours of error ranks: readable for colour-blind readers and in grey; the best are dark."""
RULE = (0, (3, 2))
"""The dashes of a fitted rule."""


def networks_figure(
    best: Sequence[tuple[float, Mapping[str, Any]]],
    worst: Sequence[tuple[float, Mapping[str, Any]]],
    *,
    title: str = "",
    columns: int = 6,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the best and the worst networks as width per block (RegNet paper, figure 6).

    Args:
        best, worst: pairs of error in % and network as plain data.
        title: the space's name.
        columns: networks side by side.
        width: of the figure, in inches.

    Raises:
        StatisticsError: there are no networks to draw.
    """
    if not best and not worst:
        raise StatisticsError(f"{title or 'this space'}: no network has an error, so none can be drawn")
    groups = [("best", best, COLOURS[0]), ("worst", worst, ALARM)]
    rows = [ceil(len(networks) / columns) for _, networks, _ in groups]
    everything = [block_widths(config) for _, networks, _ in groups for _, config in networks]
    deepest, widest = max(map(len, everything)), max(map(max, everything))
    height = 0.45 + 0.82 * sum(rows)
    with styled():
        figure = Figure(figsize=(width, height))
        heading(figure, title)
        grid = panels(figure, sum(rows), columns, above=0.36, below=0.3, gaps=(0.1, 0.45))
        first_row = 0
        for (group, networks, colour), used in zip(groups, rows, strict=True):
            for place, (error, config) in enumerate(networks):
                row, column = first_row + place // columns, place % columns
                axes = figure.add_subplot(grid[row, column])
                widths = block_widths(config)
                axes.fill_between(np.arange(len(widths) + 1), [*widths, widths[-1]], step="post", color=colour, lw=0)
                axes.set(xlim=(0, deepest), ylim=(0, widest * 1.02))
                axes.set_title(f"{group} {place + 1}: {percent(error)} %", loc="left", pad=2, fontsize=6)
                axes.xaxis.set_major_locator(evenly(3, whole=True, prune="upper"))
                axes.yaxis.set_major_locator(evenly(2))
                last = row == sum(rows) - 1
                axes.tick_params(labelleft=column == 0, labelbottom=last)
                if column == 0:
                    axes.set_ylabel("width", fontsize=6)
                if last:
                    axes.set_xlabel("block", fontsize=6, labelpad=1)
            first_row += used
    return figure


def e_fit_figure(
    fits: pd.DataFrame, configs: Mapping[int, Mapping[str, Any]], *, lines: int = 6, width: float = PAGE_WIDTH
) -> Figure:
    """Draw the widths of the best networks with their linear fits, and e_fit against error (RegNet paper, figure 8).

    Args:
        fits: see `e_fit_table`.
        configs: networks by run id.
        lines: networks on the left, a small panel each: lines of several would hide each other.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no network was fitted.
    """
    if fits.empty:
        raise StatisticsError("no network has an error, so there is no e_fit to draw")
    spaces = list(dict.fromkeys(fits["space"]))
    colour, mark = colours(spaces), markers(spaces)
    columns = 2 if width > COLUMN_WIDTH else 1
    best = fits.sort_values("error").head(lines)
    widths = [block_widths(configs[run_id]) for run_id in best["run_id"]]
    entries: dict[str, dict[str, Any]] = {}
    for space in spaces:
        part = fits[fits["space"] == space]
        look = {"color": colour[space], "marker": mark[space], "ms": 2.8, "mew": 0}
        entries[f"{shown(space)}: mean e_fit {part['e_fit'].mean():.3f} of {len(part)} networks"] = look
    entries["quantized linear rule fitted to the widths"] = {"color": INK, "ls": RULE, "lw": 0.9}
    below = legend_height(entries, columns)
    height = 2.5 + below if columns == 2 else 4.6 + below
    tall = 1.86 / height
    bottom = (0.4 + below) / height
    with styled():
        figure = Figure(figsize=(width, height))
        half = 0.5 if columns == 2 else 1.0
        grid = figure.add_gridspec(
            2,
            3,
            left=0.46 / width,
            right=half - 0.12 / width,
            bottom=bottom if columns == 2 else bottom + 2.35 / height,
            top=bottom + tall if columns == 2 else 1 - 0.3 / height,
            wspace=0.12,
            hspace=0.42,
        )
        low, high = min(map(min, widths)) / 1.2, max(map(max, widths)) * 1.2
        for place, (row, blocks) in enumerate(zip(best.to_dict("records"), widths, strict=True)):
            axes = figure.add_subplot(grid[place // 3, place % 3])
            fitted, _ = quantized_linear(len(blocks), row["w_0"], row["w_a"], row["w_m"], quantum=1)
            _block_steps(axes, blocks, color=colour[row["space"]], lw=1.4)
            _block_steps(axes, fitted[0].tolist(), color=INK, lw=0.9, ls=RULE)
            logarithmic(axes, vertical=True, ticks=5)
            axes.xaxis.set_major_locator(evenly(3, whole=True, prune="upper"))
            axes.set(xlim=(0, max(map(len, widths))), ylim=(low, high))
            axes.set_title(f"{percent(row['error'])} %: e_fit {row['e_fit']:.2f}", loc="left", pad=2, fontsize=6)
            axes.tick_params(labelleft=place % 3 == 0, labelbottom=place + 3 >= len(best))
            if place % 3 == 0:
                axes.set_ylabel("width")
            if place + 3 >= len(best):
                axes.set_xlabel("block", labelpad=1)
        figure.text(0.4 / width, 1 - 0.09 / height, f"the best {len(best)} networks", va="center")
        left = 0.5 if columns == 2 else 0.0
        right = figure.add_axes((left + 0.42 / width, bottom, half - 0.5 / width, tall))
        low, high, _ = visible_errors(fits["error"].to_numpy(np.float64))
        for space in spaces:
            near = fits[(fits["space"] == space) & (fits["error"] <= high)]
            right.plot(near["error"], near["e_fit"], mark[space], ms=2.8, mew=0, alpha=0.7, color=colour[space])
        right.set(xlabel="error (%)", ylabel="e_fit", xlim=(low, high), ylim=(0, None))
        right.xaxis.set_major_locator(evenly(5))
        right.set_title("distance from the quantized linear rule", loc="left")
        legend_below(figure, entries, columns)
    return figure


def _block_steps(axes: Axes, widths: Sequence[float], **look: Any) -> None:
    """Draw the width of each block as a step from one block's edge to the next."""
    axes.step(np.arange(len(widths) + 1), [*widths, widths[-1]], where="post", **look)


def pairwise_figure(
    runs: pd.DataFrame, properties: Sequence[str], *, title: str = "", width: float = PAGE_WIDTH
) -> Figure:
    """Draw maps of every two properties, each network coloured by the rank of its error, the best on top.

    Args:
        runs: rows of `runs_table` that ended, of one space.
        properties: at least two columns of `runs`; with more than six, the first six.
        title: the space's name.
        width: of the figure, in inches.

    Raises:
        StatisticsError: fewer than two properties are given.
    """
    names = list(properties)[:6]
    if len(names) < 2:
        raise StatisticsError(f"{title or 'this space'}: a map needs two properties that vary, got {len(names)}")
    ordered = runs.sort_values("score", ascending=False)
    rank = ordered["score"].rank(method="average", pct=True)
    size = len(names) - 1
    side = (width - 0.5) / max(size, 3)
    height = size * side + 0.75
    with styled():
        figure = Figure(figsize=(width, height))
        heading(figure, title)
        grid = panels(figure, size, max(size, 3), above=0.3, below=0.38, gaps=(0.14, 0.14))
        points = None
        for column, row in combinations(range(len(names)), 2):
            axes = figure.add_subplot(grid[row - 1, column])
            x, y = (ordered[names[place]].to_numpy(np.float64) / unit(names[place]) for place in (column, row))
            points = axes.scatter(x, y, c=rank, cmap=RANKS, s=5, lw=0, vmin=0, vmax=1, rasterized=True)
            scale_axis(axes, names[column], x)
            scale_axis(axes, names[row], y, vertical=True)
            axes.tick_params(labelbottom=row == size, labelleft=column == 0)
            if row == size:
                axes.set_xlabel(label(names[column]))
            if column == 0:
                axes.set_ylabel(label(names[row]))
        bar_axes = figure.add_axes((1 - 1.9 / width, 1 - 0.36 / height, 1.7 / width, 0.09 / height))
        assert points is not None
        bar = figure.colorbar(points, cax=bar_axes, orientation="horizontal", ticks=[0, 0.5, 1])
        bar.ax.set_xticklabels(["best", "error rank", "worst"])
        bar.outline.set_visible(False)
    return figure
