"""The zoo as a table: what each network costs, and that it computes what its publishers' code computes.

`python -m netspace.models.zoo_table docs/zoo.md` writes the page.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from netspace.arch import zoo
from netspace.arch.compared import BASELINES, Baseline
from netspace.arch.complexity import Complexity, complexity
from netspace.arch.published import ABSENT, Published
from netspace.models.anynet import AnyNet
from netspace.models.convert import to_netspace
from netspace.models.pretrained import Library, peer

TOLERANCE = 1e-5
"""Largest relative difference of float64 logits at which two networks count as the same."""

COMPARE_UP_TO = 33e9
"""Flops up to which logits are compared: the three larger networks need too much memory for every machine."""

LIBRARIES: tuple[Library, ...] = get_args(Library)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network of the zoo, measured.

    Attributes:
        entry: the network.
        complexity: at the entry's resolution.
        differences: largest relative difference of the logits from each library that has the network.
    """

    entry: Published
    complexity: Complexity
    differences: dict[Library, float]


def logit_difference(entry: Published, library: Library, *, resolution: int = 64, batch: int = 2) -> float:
    """Return how far our logits are from another library's, with the same random weights, relative to the largest.

    The weights are the library's own initial ones; scales, shifts and statistics of every normalisation are random.
    Both compute in float64 on the same random images.

    Args:
        entry: the network.
        library: whose network to convert.
        resolution: height and width of the images, pixels.
        batch: how many images.

    Raises:
        WeightsError: the library does not have the network.
    """
    theirs = peer(entry, library).double().eval()
    generator = torch.Generator().manual_seed(0)
    randomise_norms(theirs, generator)
    with torch.device("meta"):
        ours = AnyNet(entry.config)
    # assigned, not copied: the largest networks fill the memory once
    ours.load_state_dict(to_netspace(theirs.state_dict(), entry.config), assign=True)
    images = torch.randn(batch, entry.config.in_channels, resolution, resolution, generator=generator).double()
    with torch.inference_mode():
        expected, got = theirs(images), ours.eval()(images)
    return float((got - expected).abs().max() / expected.abs().max())


@torch.no_grad()
def randomise_norms(model: nn.Module, generator: torch.Generator) -> None:
    """Set every batch normalisation to random scales and variances in [0.5, 1.5] and small random shifts and means."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            for positive in (module.weight, module.running_var):
                positive.copy_(torch.rand(positive.shape, generator=generator) + 0.5)
            for centred in (module.bias, module.running_mean):
                centred.copy_(0.1 * torch.randn(centred.shape, generator=generator))


def measure(compare_up_to: float = COMPARE_UP_TO) -> Iterator[Row]:
    """Yield a row for each network of the zoo, the logits of those up to `compare_up_to` flops compared."""
    for entry in zoo.ZOO:
        cost = complexity(entry.config, entry.resolution)
        libraries = [library for library in LIBRARIES if getattr(entry, library) and cost.flops <= compare_up_to]
        differences = {library: logit_difference(entry, library) for library in libraries}
        yield Row(entry=entry, complexity=cost, differences=differences)


def page(rows: Sequence[Row]) -> str:
    """Return the page `docs/zoo.md`, in Markdown."""
    reasons: dict[str, list[str]] = {}
    for pattern, reason in ABSENT.items():
        reasons.setdefault(reason, []).append(f"`{pattern}`")
    absent = "\n".join(f"| {', '.join(patterns)} | {reason} |" for reason, patterns in reasons.items())
    compared = "\n".join(_line_of_compared(one) for one in BASELINES)
    lines = "\n".join(_line(row) for row in rows)
    return _PAGE.format(tolerance=TOLERANCE, rows=lines, compared=compared, absent=absent)


def _line_of_compared(one: Baseline) -> str:
    built_by = f"`{one.library}:{one.builder}`" if one.builder else f"cannot be trained: {one.note}"
    return f"| {one.name} | {built_by} | {one.resolution} |"


def _line(row: Row) -> str:
    entry, cost = row.entry, row.complexity
    stages = entry.config.stages
    shape = " \\| ".join(",".join(str(getattr(stage, name)) for stage in stages) for name in ("depth", "width"))
    error = "" if entry.top1_error is None else f"{entry.top1_error:.2f}"
    equal = ", ".join(
        f"{library} `{getattr(entry, library)}`" for library, gap in row.differences.items() if gap < TOLERANCE
    )
    largest = f"{max(row.differences.values()):.1g}" if row.differences else ""
    figures = f"{cost.flops / 1e6:,.1f} | {cost.params / 1e6:.3f} | {cost.activations / 1e6:.3f}"
    return f"| {entry.name} | {shape} | {figures} | {error} | {entry.source} | {equal} | {largest} |"


_PAGE = """\
# The zoo

Written by `python -m netspace.models.zoo_table docs/zoo.md`; a test holds it against the code.

Stages are depths | widths. Flops (multiply-adds, millions), parameters and activations (millions) are of one image of
224 x 224 pixels, 32 x 32 for the CIFAR networks (ResNet-20, -56, -110, Vanilla). Errors are top-1, %, as published:
ImageNet validation, or CIFAR-10 test for the CIFAR networks. "Logits equal" names the libraries whose network, with
random weights and random normalisation statistics, converted, gives the same logits in float64 on random images (to
{tolerance:g} of the largest logit); the last column is the largest relative difference seen. The networks above 33 GF
are not compared here for their memory; a test holds their tensors against timm's.

| network | stages | flops M | params M | activations M | error % | source of the error | logits equal | difference |
|---|---|---|---|---|---|---|---|---|
{rows}

## The networks of the comparison

Those that the paper sets its own beside, by the names that `train`, `bench`, `complexity` and the key `networks` of a
study take. They are trained by the recipe and at the resolution of whoever trains them; that of the paper's figures
stands here. ResNets and ResNeXts are in the table above.

| network | built by | resolution |
|---|---|---|
{compared}

## What is not here

These RegNets and ResNets of timm have parts that `AnyNetConfig` does not describe; the first pattern that fits a name
counts.

| in timm | has |
|---|---|
{absent}
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Measure the zoo and write its table.")
    parser.add_argument("path", type=Path, help="the Markdown file to write")
    path: Path = parser.parse_args().path
    path.write_text(page(list(measure())), encoding="utf-8")


if __name__ == "__main__":
    main()
