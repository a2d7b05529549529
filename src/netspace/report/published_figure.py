"""Published networks side by side: error against flops, params and activations (RegNet paper, figures 17, 18)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netspace.arch import MEASURES
from netspace.report.axes import legend_below, legend_height, panels, scale_axis
from netspace.report.style import PAGE_WIDTH, colours, shown, styled
from netspace.results.runs import label, unit

MARKS = "osD^v<>p*hX"


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
            axes.yaxis.set_major_locator(MaxNLocator(6))
            axes.tick_params(labelleft=place == 0)
            if place == 0:
                axes.set_ylabel("published top-1 error (%)")
        legend_below(figure, entries, columns)
    return figure
