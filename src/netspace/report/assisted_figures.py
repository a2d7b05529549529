"""Figures of assisted statistics: distributions, predictions against observations, samples against pools."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netspace.report.axes import (
    HATCHES,
    Band,
    band_panels,
    draw_band,
    legend_below,
    legend_height,
    panels_height,
    visible_errors,
)
from netspace.report.style import ALARM, COLUMN_WIDTH, INK, MUTED, colours, dashes, markers, shown, styled


def assisted_edf_figure(assisted: pd.DataFrame, edf: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the assisted error distributions with their bands over the classical steps.

    Those of more than three spaces would hide each other: band and classical steps are drawn in a small panel for each.

    Args:
        assisted: see `assisted_edf_table`; not empty.
        edf: see `StudyTables.edf`.
        width: of the figure, in inches.
    """
    spaces = list(dict.fromkeys(assisted["space"]))
    colour, dash = colours(spaces), dashes(spaces)
    bands = {}
    for space in spaces:
        part = assisted[assisted["space"] == space]
        bands[space] = Band(*(part[name].to_numpy(np.float64) for name in ("error", "share", "lower", "upper")))
    apart = len(spaces) > len(HATCHES)
    with styled():
        below = panels_height(len(spaces), width) if apart else 0.0
        figure, axes = _single(width, 0.7 * width, spaces, below=below)
        low, high, _ = visible_errors(edf["error"].to_numpy(np.float64))
        axes.set(xlim=(low, high), ylim=(0, 1.005), xlabel="error e (%)", ylabel="share of networks with error < e")
        if apart:
            small = band_panels(axes, legend_height(spaces, 2) + below + 0.1, bands, colour)
        for place, space in enumerate(spaces):
            steps = edf[edf["space"] == space]
            thin: dict[str, Any] = (
                {"lw": 0.6, "color": INK} if apart else {"lw": 0.8, "color": colour[space], "alpha": 0.8}
            )
            (small[space] if apart else axes).step(steps["error"], steps["share"], where="post", **thin)
            band = bands[space]
            if not apart:
                look: dict[str, Any] = {"colour": colour[space], "place": place, "of": len(spaces)}
                draw_band(axes, band.x, band.low, band.high, step="post", **look)
            axes.step(band.x, band.y, where="post", color=colour[space], ls=dash[space], lw=1.4)
        legend_below(figure, {shown(space): {"color": colour[space], "ls": dash[space]} for space in spaces}, 2)
    return figure


def prediction_figure(predictions: pd.DataFrame, r2: float, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the observed error of each model against the rank that was expected of it, by space.

    An honest predictor has the lines, means of neighbouring models, rise alike in all spaces; a useless one has them
    flat. Failed models lie at the upper edge.

    Args:
        predictions: see `prediction_table`; not empty.
        r2: of the predictor on held-out networks.
        width: of the figure, in inches.
    """
    spaces = list(dict.fromkeys(predictions["space"]))
    colour, dash, mark = colours(spaces), dashes(spaces), markers(spaces)
    with styled():
        figure, axes = _single(width, 0.7 * width, spaces)
        low, high, _ = visible_errors(predictions["error"].to_numpy(np.float64))
        for space in spaces:
            part = predictions[predictions["space"] == space].sort_values("expected")
            points = part["error"].clip(upper=high)
            axes.plot(part["expected"], points, mark[space], ms=2.5, mew=0, color=colour[space], alpha=0.6)
            trained = part[np.isfinite(part["error"])]
            window = max(5, len(trained) // 5)
            smooth = trained[["expected", "error"]].rolling(window, center=True).mean().dropna()
            axes.plot(smooth["expected"], smooth["error"], color=colour[space], ls=dash[space], lw=1.2)
        axes.set(ylim=(low, high), xlabel="models expected to be better (%)", ylabel="error observed (%)")
        axes.set_title(f"R² {r2:.2f} on held-out networks", fontsize="medium", loc="left")
        looks = {
            shown(space): {"color": colour[space], "ls": dash[space], "marker": mark[space], "ms": 2.5, "mew": 0}
            for space in spaces
        }
        legend_below(figure, looks, 2)
    return figure


def pool_check_figure(checked: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw by how many standard errors each feature's mean in a doubtful sample is off that of its pool.

    Args:
        checked: see `pool_check_table`; not empty.
        width: of the figure, in inches.
    """
    spaces = list(dict.fromkeys(checked["space"]))
    features = list(dict.fromkeys(checked["feature"]))
    colour = colours(spaces)
    with styled():
        figure, axes = _single(width, 0.12 * len(features) + 0.5, spaces, left=1.2)
        for place, space in enumerate(spaces):
            part = checked[checked["space"] == space].set_index("feature")["z"].reindex(features)
            height = 0.8 / len(spaces)
            axes.barh(np.arange(len(features)) + place * height, part, height, color=colour[space])
        for limit in (-3, 3):
            axes.axvline(limit, color=ALARM, lw=0.6, ls="--")
        axes.axvline(0, color=MUTED, lw=0.6)
        axes.set_yticks(np.arange(len(features)) + 0.4 - 0.4 / len(spaces), features)
        axes.invert_yaxis()
        axes.set_xlabel("sample off its pool (standard errors)")
        legend_below(figure, {shown(space): {"color": colour[space]} for space in spaces}, 2)
    return figure


def _single(
    width: float, height: float, spaces: list[str], left: float = 0.42, below: float = 0.0
) -> tuple[Figure, Axes]:
    """Return a figure of one panel of that height (inches), with room below it and for a legend of the spaces."""
    below, above = 0.4 + below + legend_height(spaces, 2), 0.2
    figure = Figure(figsize=(width, height + below + above))
    total = figure.get_figheight()
    return figure, figure.add_axes((left / width, below / total, 1 - (left + 0.08) / width, height / total))
