"""Figures of cost: trends over flops, growth of params and activations, and error against complexity."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netspace.arch import MEASURES
from netspace.errors import StatisticsError
from netspace.report.axes import evenly, heading, legend_below, legend_height, panels, scale_axis, visible_errors
from netspace.report.style import COLOURS, INK, MUTED, PAGE_WIDTH, SHADE, colours, markers, shown, styled
from netspace.results.figure_tables import ComplexityFit
from netspace.results.properties import label, unit

MARKS = "osD^v<>p*hX"
"""A marker for each family of published networks."""


def trends_figure(trends: pd.DataFrame, *, title: str = "", columns: int = 4, width: float = PAGE_WIDTH) -> Figure:
    """Draw the best value of each property, with its range, over flop regimes (RegNet paper, figure 11).

    Args:
        trends: see `trend_table`.
        title: the space's name.
        columns: panels side by side.
        width: of the figure, in inches.

    Raises:
        StatisticsError: the table is empty: too few networks for two regimes.
    """
    if trends.empty:
        raise StatisticsError(f"{title or 'this space'}: trends over flops need 16 networks that ended")
    names = list(dict.fromkeys(trends["property"]))
    columns = min(columns, len(names))
    rows = ceil(len(names) / columns)
    panel = width / max(columns, 3) * 0.62
    height = rows * panel + 0.4
    with styled():
        figure = Figure(figsize=(width, height))
        heading(figure, title)
        grid = panels(figure, rows, columns, above=0.38, below=0.36, gaps=(0.24, 0.6))
        for place, name in enumerate(names):
            axes = figure.add_subplot(grid[place // columns, place % columns])
            part = trends[trends["property"] == name].sort_values("flops")
            flops = part["flops"].to_numpy(np.float64) / unit("flops")
            low, median, high = (part[key].to_numpy(np.float64) / unit(name) for key in ("low", "median", "high"))
            axes.fill_between(flops, low, high, color=SHADE, alpha=0.3, lw=0)
            axes.plot(flops, median, "o-", ms=3, color=COLOURS[0])
            axes.set_title(label(name), loc="left", pad=3)
            scale_axis(axes, "flops", flops)
            axes.yaxis.set_major_locator(evenly(4))
            if place + columns >= len(names):
                axes.set_xlabel(label("flops"))
    return figure


def complexity_figure(runs: pd.DataFrame, fits: Sequence[ComplexityFit], *, width: float = PAGE_WIDTH) -> Figure:
    """Draw params and activations against flops with the laws fitted to the best networks (RegNet paper, figure 12).

    Args:
        runs: see `runs_table`; networks without an error are left out.
        fits: see `complexity_fits`.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no network has an error.
    """
    done = runs[runs["status"] == "done"].sort_values("error", ascending=False)
    if done.empty:
        raise StatisticsError("no network has an error, so there is no complexity to draw")
    by_measure = {fit.measure: fit for fit in fits}
    flops = done["flops"].to_numpy(np.float64)
    height = 2.3
    with styled():
        figure = Figure(figsize=(width, height))
        grid = panels(figure, 1, 2, above=0.24, below=0.36, gaps=(0.2, 0))
        for place, measure in enumerate(("params", "activations")):
            axes = figure.add_subplot(grid[0, place])
            y = done[measure].to_numpy(np.float64) / unit(measure)
            rank = done["error"].rank(pct=True)
            axes.scatter(flops / unit("flops"), y, c=rank, cmap="cividis", s=6, lw=0, rasterized=True)
            title = label(measure)
            if fit := by_measure.get(measure):
                line = np.linspace(flops.min(), flops.max(), 100)
                axes.plot(line / unit("flops"), fit(line) / unit(measure), color=COLOURS[1], lw=1.2)
                title += f"; best quarter: {_law(fit)}"
            axes.set_title(title, loc="left")
            axes.set_xlabel(label("flops") + "; blue: low error, yellow: high")
            axes.xaxis.set_major_locator(evenly(5))
            axes.yaxis.set_major_locator(evenly(5))
            axes.set_ylim(0, None)
    return figure


def _law(fit: ComplexityFit) -> str:
    if fit.measure == "activations":
        return f"{fit.b * np.sqrt(unit('flops')) / unit(fit.measure):.3g} sqrt(MF), R² = {fit.r_squared:.2f}"
    slope = fit.b * unit("flops") / unit(fit.measure)
    sign = "-" if slope < 0 else "+"
    return f"{fit.a / unit(fit.measure):.3g} {sign} {abs(slope):.3g} MF, R² = {fit.r_squared:.2f}"


def front_figure(
    front: pd.DataFrame,
    baselines: pd.DataFrame | None = None,
    *,
    spaces: Sequence[str] | None = None,
    width: float = PAGE_WIDTH,
    single: pd.DataFrame | None = None,
) -> Figure:
    """Draw error against the known ones of flops, params and activations, with the networks that no other one beats.

    Args:
        front: see `front_table`.
        baselines: see `baseline_table`: published networks beside ours; None for none.
        spaces: the order that decides their colours; None for that of the table.
        width: of the figure, in inches.
        single: single networks, see `StudyTables.marks`, drawn with the intervals of their errors; one above
            the upper edge is drawn at it, with its error in words; None for none.

    Raises:
        StatisticsError: there is neither a network with an error nor a baseline.
    """
    measures = [measure for measure in MEASURES if front.empty or measure in set(front["measure"])]
    published = pd.DataFrame({"family": [], "error": []}) if baselines is None else baselines
    if front.empty and published.empty:
        raise StatisticsError("no network has an error, so there is no front to draw")
    order = list(dict.fromkeys(front["space"])) if spaces is None else list(spaces)
    colour, mark = colours(order), markers(order)
    size = 2.8 if len(front) <= 1000 else 1.6
    marks = dict(zip(dict.fromkeys(published["family"]), "sD^v<>p*", strict=False))
    entries: dict[str, dict[str, Any]] = {
        shown(space): {"color": colour[space], "marker": mark[space], "ms": 2.8, "ls": "none"} for space in order
    }
    entries["best at its cost"] = {"color": INK, "marker": "o", "ms": 3, "mfc": "none", "lw": 0.9}
    alone = [] if single is None else single.drop_duplicates("network").to_dict("records")
    looks: list[dict[str, Any]] = [
        {"marker": "PXdh8H"[place % 6], "ms": 4, "mew": 0, "ls": "none", "color": INK} for place in range(len(alone))
    ]
    entries |= {str(row["network"]): look for row, look in zip(alone, looks, strict=True)}
    entries |= {f"{shown(name)} (published)": _published_look(sign) for name, sign in marks.items()}
    columns = 4
    below = legend_height(entries, columns)
    reached = [row["error"] for row in alone]
    low, high, _ = visible_errors(np.concatenate([front["error"], published["error"], reached]).astype(np.float64))
    above = 0.2 if any(error > high for error in reached) else 0.08
    height = 2.37 + above + below
    with styled():
        figure = Figure(figsize=(width, height))
        grid = panels(figure, 1, len(measures), above=above, below=0.36 + below, gaps=(0.08, 0))
        for place, measure in enumerate(measures):
            axes = figure.add_subplot(grid[0, place])
            part = front[(front["measure"] == measure) & (front["error"] <= high)]
            for space in order:
                ours = part[part["space"] == space]
                x = ours["value"] / unit(measure)
                many = len(front) > 3000  # of which a vector picture would have tens of MB
                look: dict[str, Any] = {"ms": size, "mew": 0, "alpha": 0.6, "color": colour[space], "rasterized": many}
                axes.plot(x, ours["error"], mark[space], **look)
            best = part[part["on_front"]]
            x = best["value"] / unit(measure)
            axes.plot(x, best["error"], "o-", ms=3, lw=0.9, color=INK, mfc="none", mew=0.8, drawstyle="steps-post")
            for family, sign in marks.items():
                theirs = published[published["family"] == family].sort_values(measure)
                axes.plot(theirs[measure] / unit(measure), theirs["error"], **_published_look(sign))
            for row, look in zip(alone, looks, strict=True):
                x = row[measure] / unit(measure)
                axes.plot(x, min(row["error"], high), clip_on=False, **look)
                if row["error"] <= high:
                    axes.plot([x, x], [row["low"], row["high"]], color=INK, lw=0.7)
                else:
                    words: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 5.5}
                    axes.annotate(f"at {row['error']:.1f} %", (x, high), (0, 4), annotation_clip=False, **words)
            values = np.concatenate(
                [part["value"], published[measure] if marks else [], [row[measure] for row in alone]]
            )
            scale_axis(axes, measure, values.astype(np.float64) / unit(measure))
            axes.set(ylim=(low, high), xlabel=label(measure))
            axes.yaxis.set_major_locator(evenly(5))
            axes.tick_params(labelleft=place == 0)
            if place == 0:
                axes.set_ylabel("error (%)")
        legend_below(figure, entries, columns)
    return figure


def _published_look(mark: str) -> dict[str, Any]:
    return {"marker": mark, "ls": "-", "ms": 2.5, "lw": 0.6, "color": MUTED, "alpha": 0.8}


def published_figure(networks: pd.DataFrame, *, width: float = PAGE_WIDTH) -> Figure:
    """Draw published errors against each measure of complexity, a line for each family of networks.

    Args:
        networks: columns `family`, `error` (top-1, %), `flops`, `params`, `activations`; NaN where none is known.
        width: of the figure, in inches.
    """
    families = list(dict.fromkeys(networks["family"]))
    colour = colours(families)
    looks: dict[str, dict[str, Any]] = {
        family: {"color": colour[family], "marker": MARKS[i % len(MARKS)], "ms": 3, "lw": 0.9, "mew": 0}
        for i, family in enumerate(families)
    }
    entries = {shown(family): look for family, look in looks.items()}
    columns = 5
    below = legend_height(entries, columns)
    height = 2.6 + below
    with styled():
        figure = Figure(figsize=(width, height))
        grid = panels(figure, 1, len(MEASURES), above=0.08, below=0.4 + below, gaps=(0.08, 0))
        for place, measure in enumerate(MEASURES):
            axes = figure.add_subplot(grid[0, place])
            for family in families:
                members = networks[networks["family"] == family].dropna(subset=[measure]).sort_values(measure)
                axes.plot(members[measure] / unit(measure), members["error"], **looks[family])
            scale_axis(axes, measure, networks[measure].dropna().to_numpy(np.float64) / unit(measure))
            axes.set_xlabel(label(measure))
            axes.yaxis.set_major_locator(evenly(6))
            axes.tick_params(labelleft=place == 0)
            if place == 0:
                axes.set_ylabel("published top-1 error (%)")
        legend_below(figure, entries, columns)
    return figure
