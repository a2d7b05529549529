"""Figures of the search: the best of m networks, training curves, and evidence pair by pair."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netspace.errors import StatisticsError
from netspace.report.axes import draw_band, evenly, legend_below, legend_height, logarithmic
from netspace.report.style import ALARM, COLUMN_WIDTH, MUTED, colours, dashes, markers, shown, styled

FEW = 2
"""Comparisons whose classical intervals are drawn too."""
_SIDES = {1: "better", -1: "worse"}


def efficiency_figure(efficiency: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the best error among m random networks, with the interval of its median (RegNet paper, figure 9).

    Args:
        efficiency: see `efficiency_table`.
        width: of the figure, in inches.

    Raises:
        StatisticsError: the table is empty.
    """
    if efficiency.empty:
        raise StatisticsError("no network ended, so there is no best of m to draw")
    spaces = list(dict.fromkeys(efficiency["space"]))
    colour, dash, mark = colours(spaces), dashes(spaces), markers(spaces)
    with styled():
        figure, axes = _single(width, spaces)
        for place, space in enumerate(spaces):
            part = efficiency[efficiency["space"] == space]
            axes.plot(part["m"], part["median"], ls=dash[space], marker=mark[space], ms=2.5, color=colour[space])
            known = part.dropna(subset=["low"])
            draw_band(axes, known["m"], known["low"], known["high"], colour=colour[space], place=place, of=len(spaces))
        logarithmic(axes, ticks=10)
        axes.set(xlabel="networks drawn at random, m", ylabel="best error of m (%): median")
        legend_below(
            figure,
            {
                shown(space): {"color": colour[space], "ls": dash[space], "marker": mark[space], "ms": 2.5}
                for space in spaces
            },
            2,
        )
    return figure


def curves_figure(curves: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the validation error of chosen runs over epochs: thick the best, thin the median, dotted the worst.

    Args:
        curves: see `chosen_curves`.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no run recorded a validation error.
    """
    if curves.empty:
        raise StatisticsError("no run recorded a validation error during training, so there is no curve to draw")
    spaces = list(dict.fromkeys(curves["space"]))
    colour = colours(spaces)
    looks: dict[str, tuple[float, str]] = {"best": (1.6, "-"), "median": (0.9, "-"), "worst": (0.9, ":")}
    with styled():
        figure, axes = _single(width, spaces)
        for role, (line_width, dash) in looks.items():
            for space in spaces:
                part = curves[(curves["space"] == space) & (curves["role"] == role)]
                axes.plot(
                    part["epoch"],
                    part["val_error"],
                    lw=line_width,
                    ls=dash,
                    marker="o" if part["epoch"].nunique() == 1 else None,
                    ms=2.5,
                    color=colour[space],
                )
        axes.set_xlim(0, float(curves["epoch"].max()) * 1.03)
        axes.xaxis.set_major_locator(evenly(8, whole=True))
        axes.set(xlabel="epoch (thick: best, thin: median, dotted: worst network)", ylabel="validation error (%)")
        legend_below(figure, {shown(space): {"color": colour[space]} for space in spaces}, 2)
    return figure


def e_process_figure(evidence: pd.DataFrame, thresholds: Mapping[str, float], *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the e-process of each comparison over pairs in launch order, with the e-values that decide.

    Above the upper threshold a space is better than the one before it; the mirrored lower half holds the evidence that
    it is worse; 0 is evidence for neither.

    Args:
        evidence: see `e_process_table`.
        thresholds: log10 of the deciding e-values by name, see `thresholds`.
        width: of the figure, in inches.

    Raises:
        StatisticsError: no pair of networks is complete.
    """
    if evidence.empty:
        raise StatisticsError("no pair of networks is complete, so there is no evidence to draw")
    pairs = list(dict.fromkeys(zip(evidence["against"], evidence["space"], strict=True)))
    names = [f"{shown(second, 20)} against {shown(first, 20)}" for first, second in pairs]
    colour, dash = colours(names), dashes(names)
    with styled():
        figure, axes = _single(width, names, 1)
        for name, (first, second) in zip(names, pairs, strict=True):
            part = evidence[(evidence["against"] == first) & (evidence["space"] == second)]
            stronger = part["better"].clip(lower=0) - part["worse"].clip(lower=0)
            axes.plot(part["pair"], stronger, color=colour[name], ls=dash[name], lw=1)
        for place, (name, height) in enumerate(thresholds.items()):
            for sign in (1, -1):
                axes.axhline(sign * height, color=ALARM, lw=0.7, ls=("--", ":")[place % 2])
            axes.annotate(
                name,
                (1, height),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=5.5,
                color=MUTED,
            )
        largest = max([*(abs(height) for height in thresholds.values()), 1.0])
        ends = {sign: min(max(evidence[side].max(), 1.35 * largest), 4 * largest) for sign, side in _SIDES.items()}
        axes.set_ylim(-ends[-1], ends[1])
        axes.set(xlabel="pairs of networks, in launch order", ylabel="log10 E: better (up), worse (down)")
        axes.xaxis.set_major_locator(evenly(8, whole=True))
        legend_below(figure, {name: {"color": colour[name], "ls": dash[name]} for name in names})
    return figure


def sequence_figure(sequence: pd.DataFrame, margin: float | None = None, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the confidence sequence of theta of each comparison at its looks; the last one has a dot and bars.

    Args:
        sequence: see `sequence_table`.
        margin: theta within 1/2 +- margin counts as equivalent; None if that was not asked.
        width: of the figure, in inches.

    Raises:
        StatisticsError: nothing was looked at yet.
    """
    if sequence.empty:
        raise StatisticsError("the confidence sequence has not been computed yet, so there is none to draw")
    with styled():
        figure, axes = _thetas(sequence, width)
        for end in () if margin is None else (0.5 - margin, 0.5 + margin):
            axes.axhline(end, color=MUTED, lw=0.7, ls="--")
        axes.axhline(0.5, color=MUTED, lw=0.7)
        for line, (_, part) in zip(axes.lines, sequence.groupby(["against", "space"], sort=False), strict=False):
            last = part.iloc[-1]
            reach = [[last["theta"] - last["low"]], [last["high"] - last["theta"]]]
            axes.errorbar([last["n"]], [last["theta"]], reach, fmt="o", ms=3, lw=1.2, capsize=2, color=line.get_color())
        axes.set(ylabel="θ and its confidence sequence", xlabel="pairs of networks, in launch order")
    return figure


def _thetas(table: pd.DataFrame, width: float) -> tuple[Figure, Axes]:
    """Draw theta with the band of its interval over n, for each comparison of a table, on a panel of its own."""
    pairs = list(dict.fromkeys(zip(table["against"], table["space"], strict=True)))
    names = [f"{shown(second, 20)} against {shown(first, 20)}" for first, second in pairs]
    colour, dash = colours(names), dashes(names)
    figure, axes = _single(width, names, 1)
    for name, (first, second) in zip(names, pairs, strict=True):
        part = table[(table["against"] == first) & (table["space"] == second)]
        axes.plot(part["n"], part["theta"], color=colour[name], ls=dash[name], lw=1.2)
        for side in ("classical_low", "classical_high") if "classical_low" in part and len(pairs) <= FEW else ():
            axes.plot(part["n"], part[side], color=colour[name], ls=":", lw=0.8)
    for place, (name, (first, second)) in enumerate(zip(names, pairs, strict=True)):
        part = table[(table["against"] == first) & (table["space"] == second)]
        draw_band(axes, part["n"], part["low"], part["high"], colour=colour[name], place=place, of=len(pairs))
    logarithmic(axes)
    axes.set(ylim=(0, 1))
    legend_below(figure, {name: {"color": colour[name], "ls": dash[name]} for name in names})
    return figure, axes


def narrowing_figure(narrowing: pd.DataFrame, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw how the interval of theta narrowed as models came in: assisted as a band, classical dotted.

    Classical intervals of more than two comparisons would hide each other, and are left out.

    Args:
        narrowing: see `narrowing_table`.
        width: of the figure, in inches.

    Raises:
        StatisticsError: the table is empty.
    """
    if narrowing.empty:
        raise StatisticsError("no comparison is assisted, so there is no interval to draw")
    with styled():
        figure, axes = _thetas(narrowing, width)
        axes.axhline(0.5, color=MUTED, lw=0.6)
        axes.set(xlabel="first models of each space", ylabel="θ and its 95 % interval")
    return figure


def _single(width: float, names: Sequence[str], columns: int = 2) -> tuple[Figure, Axes]:
    """Return a figure of one plot with room for a legend of `names` below, in so many columns."""
    below = legend_height(names, columns)
    height = 0.68 * width + below
    figure = Figure(figsize=(width, height))
    bottom = (0.36 + below) / height
    return figure, figure.add_axes((0.5 / width, bottom, 1 - 0.58 / width, 1 - bottom - 0.08 / height))
