"""The pictures of one training: its curve, and which classes the trained network takes for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from netspace.report.style import COLOURS, COLUMN_WIDTH, PAGE_WIDTH, shown, styled

_NUMBERED = 20  # classes; cells of a larger matrix are too small for a number


def curve_figure(
    epochs: Sequence[int], losses: Sequence[float], errors: Sequence[float | None], *, width: float = COLUMN_WIDTH
) -> Figure:
    """Draw a training's loss (left scale) and validation error (right scale) over its epochs.

    Args:
        epochs: from 1.
        losses: mean training loss of each.
        errors: validation error of each, %; None if it was not measured.
        width: of the figure, in inches.
    """
    with styled():
        figure = Figure(figsize=(width, 0.62 * width), layout="constrained")
        left = figure.subplots()
        left.plot(epochs, losses, color=COLOURS[0], marker="o", markersize=2)
        left.set(xlabel="epoch")
        left.set_ylabel("training loss", color=COLOURS[0])
        left.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        right = left.twinx()
        measured = [(epoch, error) for epoch, error in zip(epochs, errors, strict=True) if error is not None]
        if measured:
            right.plot(*zip(*measured, strict=True), color=COLOURS[1], linestyle="--", marker="s", markersize=2)
        right.set_ylabel("validation error (%)", color=COLOURS[1])
        right.spines["right"].set_visible(True)
        right.grid(visible=False)
    return figure


def confusion_figure(confusion: NDArray[np.int64], class_names: Sequence[str], *, width: float = PAGE_WIDTH) -> Figure:
    """Draw which share of each class's images was called what.

    Args:
        confusion: (classes, classes); entry [i, j] counts images of class i that were called j.
        class_names: of the classes.
        width: of the figure, in inches.
    """
    counts = confusion.sum(axis=1, keepdims=True)
    shares = 100.0 * confusion / np.maximum(counts, 1)
    names = [shown(name, 14) for name in class_names]
    with styled():
        figure = Figure(figsize=(width, 0.82 * width), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        axes.grid(visible=False)
        axes.set(xlabel="called", ylabel="class")
        ticks = np.arange(0, len(names), max(1, len(names) // 40))
        axes.set_xticks(ticks, [names[i] for i in ticks], rotation=90)
        axes.set_yticks(ticks, [names[i] for i in ticks])
        if len(names) <= _NUMBERED:
            for (row, column), share in np.ndenumerate(shares):
                colour = "white" if share > 50 else "black"
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=6)
        figure.colorbar(image, ax=axes, label="share of the class's images (%)")
    return figure
