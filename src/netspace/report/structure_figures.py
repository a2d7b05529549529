"""Figures of what networks look like: widths per block, linear fits, and maps of two parameters."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netspace.arch.regnet import quantized_linear
from netspace.errors import StatisticsError
from netspace.report.axes import heading, legend_below, legend_height, logarithmic, panels, scale_axis, visible_errors
from netspace.report.style import ALARM, COLOURS, INK, PAGE_WIDTH, colours, shown, styled
from netspace.results.figure_tables import block_widths
from netspace.results.properties import label, unit

RANKS = "cividis"
"""Colours of error ranks: readable for colour-blind readers and in grey; the best are dark."""


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
                axes.set_title(f"{group} {place + 1}: {error:.2f} %", loc="left", pad=2, fontsize=6)
                axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, prune="upper"))
                axes.yaxis.set_major_locator(MaxNLocator(2))
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
        lines: networks in the left panel.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no network was fitted.
    """
    if fits.empty:
        raise StatisticsError("no network has an error, so there is no e_fit to draw")
    spaces = list(dict.fromkeys(fits["space"]))
    colour = colours(spaces)
    columns = 2
    below = legend_height(spaces, columns)
    height = 2.35 + below
    bottom, tall = (0.36 + below) / height, 1.8 / height
    with styled():
        figure = Figure(figsize=(width, height))
        left = figure.add_axes((0.42 / width, bottom, 0.42, tall))
        best = fits.sort_values("error").head(lines)
        for row in best.to_dict("records"):
            widths = block_widths(configs[row["run_id"]])
            blocks = np.arange(len(widths))
            fitted, _ = quantized_linear(len(widths), row["w_0"], row["w_a"], row["w_m"], quantum=1)
            left.plot(blocks, widths, color=colour[row["space"]], alpha=0.6, lw=1, drawstyle="steps-mid")
            left.plot(blocks, fitted[0], color=INK, alpha=0.5, lw=0.7, ls=(0, (3, 2)), drawstyle="steps-mid")
        logarithmic(left, vertical=True, ticks=8)
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.set(xlabel="block", ylabel="width")
        left.set_title(f"best {len(best)} networks, quantized linear fits dashed", loc="left")
        right = figure.add_axes((0.5 + 0.42 / width, bottom, 0.5 - 0.5 / width, tall))
        low, high, _ = visible_errors(fits["error"].to_numpy(np.float64))
        entries = {}
        for space in spaces:
            part = fits[fits["space"] == space]
            near = part[part["error"] <= high]
            right.plot(near["error"], near["e_fit"], "o", ms=2.8, mew=0, alpha=0.7, color=colour[space])
            entries[f"{shown(space)}: mean e_fit {part['e_fit'].mean():.3f} of {len(part)} networks"] = {
                "color": colour[space]
            }
        right.set(xlabel="error (%)", ylabel="e_fit", xlim=(low, high), ylim=(0, None))
        right.set_title("distance from the quantized linear rule", loc="left")
        legend_below(figure, entries, columns)
    return figure


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
