"""RegNet: the quantized linear rule that turns a few numbers into the stages of a network (RegNet paper, section 3.3).

The rules work on arrays, one row a network; `RegNetConfig` is a batch of one.
"""

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from netspace.arch.config import BOTTLENECK_BLOCKS, TEMPLATE_KEYS, AnyNetConfig, Positive, Ratio, Template
from netspace.documents import parse, read_yaml
from netspace.errors import ConfigError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

QUANTUM = 8
"""Widths are rounded to multiples of this, after the power (pycls `models/regnet.py`)."""


def quantized_linear(
    depth: ArrayLike, w_0: ArrayLike, w_a: ArrayLike, w_m: ArrayLike, *, quantum: int = QUANTUM
) -> tuple[IntArray, IntArray]:
    """Return every block's width by the quantized linear rule.

    u_j = w_0 + w_a j; k_j = round(log(u_j / w_0) / log w_m); w_j = w_0 w_m^k_j, rounded to a multiple of `quantum`.
    All rounding is half-to-even, all arithmetic float64, as in pycls (timm computes in float32, which can differ).

    Args:
        depth: blocks, int (n,).
        w_0: initial width, > 0 (n,).
        w_a: slope, >= 0 (n,).
        w_m: width multiplier, > 1 (n,).
        quantum: what widths are a multiple of.

    Returns:
        Widths and levels k_j, both int64 (n, max depth); blocks past a network's depth hold width 0 and level -1.
    """
    d, start, slope, multiplier = (
        np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (depth, w_0, w_a, w_m)
    )
    j = np.arange(int(d.max(initial=0)), dtype=np.float64)
    linear = start[:, None] + slope[:, None] * j
    levels = np.round(np.log(linear / start[:, None]) / np.log(multiplier)[:, None])
    widths = np.round(start[:, None] * np.power(multiplier[:, None], levels) / quantum) * quantum
    inside = j < d[:, None]
    return np.where(inside, widths, 0).astype(np.int64), np.where(inside, levels, -1).astype(np.int64)


def group_into_stages(widths: IntArray, levels: IntArray, num_stages: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Return the runs of equal width as stages, for the networks that have exactly `num_stages` of them.

    Args:
        widths: int64 (n, max depth), 0 past the end, as `quantized_linear` gives them.
        levels: int64 (n, max depth), -1 past the end.
        num_stages: how many stages are wanted.

    Returns:
        Depths and widths of the stages, int64 (n, num_stages), meaningful where the third is true: bool (n,), whether
        the network has `num_stages` distinct widths and no level was skipped or merged into another by the rounding
        (pycls counts distinct widths against the highest level + 1 and rejects a difference).
    """
    inside = widths > 0
    new_stage = inside.copy()
    new_stage[:, 1:] &= widths[:, 1:] != widths[:, :-1]
    stage = np.cumsum(new_stage, axis=1) - 1
    count = stage[:, -1] + 1 if widths.shape[1] else np.zeros(len(widths), dtype=np.int64)
    fits = (count == num_stages) & (levels.max(axis=1, initial=-1) + 1 == num_stages)
    depths = np.empty((len(widths), num_stages), dtype=np.int64)
    stage_widths = np.empty_like(depths)
    for i in range(num_stages):
        members = inside & (stage == i)
        depths[:, i] = members.sum(axis=1)
        stage_widths[:, i] = (widths * members).max(axis=1, initial=0)
    return depths, stage_widths, fits


def is_whole_ratio(bottleneck_ratios: ArrayLike) -> BoolArray:
    """Return which b are whole or 1 / whole, as `adjust_compatibility` needs them: bool, of their shape."""
    b = np.asarray(bottleneck_ratios, dtype=np.float64)
    larger = np.maximum(b, 1 / np.where(b > 0, b, 1))
    return (b > 0) & np.isclose(larger, np.rint(larger), rtol=1e-6)


def adjust_compatibility(
    widths: ArrayLike, bottleneck_ratios: ArrayLike, group_widths: ArrayLike
) -> tuple[IntArray, IntArray]:
    """Return widths and group widths changed as little as needed for the groups to divide the bottleneck.

    On the bottleneck width v = w / b: where g > v, g = v; else v becomes the nearest multiple of g (of lcm(g, 1/b)
    where b < 1, so that v b stays whole), at least one; then w = v b. The width changes by at most a third (RegNet
    paper, appendix D; pycls `adjust_block_compatibility`, whose ratio is the inverse of b).

    Args:
        widths: int, any shape.
        bottleneck_ratios: b; whole where b >= 1, 1 / whole where b < 1. Broadcast with `widths`, as is
        group_widths: g, int.

    Returns:
        Widths and group widths, int64, of the common shape.
    """
    w = np.asarray(widths, dtype=np.int64)
    b = np.asarray(bottleneck_ratios, dtype=np.float64)
    w, b, g = np.broadcast_arrays(w, b, np.asarray(group_widths, dtype=np.int64))
    expansion = np.maximum(1, np.rint(1 / b)).astype(np.int64)
    shrink = np.maximum(1, np.rint(b)).astype(np.int64)
    v = np.maximum(1, w * expansion // shrink)
    g = np.minimum(g, v)
    multiple = np.where(expansion > 1, np.lcm(g, expansion), g)
    v = np.maximum(multiple, np.rint(v / multiple).astype(np.int64) * multiple)
    return v * shrink // expansion, g


class RegNetConfig(Template):
    """A network of the RegNet space, by its parameters (RegNet paper, section 3.3 and table 5).

    Attributes:
        depth: blocks in all, d.
        w_0: initial width, a multiple of 8.
        w_a: slope, >= 0.
        w_m: width multiplier, > 1.
        group_width: g, the same in every stage, before the compatibility rule.
        bottleneck_ratio: b, the same in every stage; whole, or 1 / whole when below 1.

    Raises:
        ConfigError: a rule is broken; the message names the key and the values received.
    """

    depth: Positive
    w_0: Annotated[int, Field(ge=QUANTUM, multiple_of=QUANTUM)]
    w_a: Annotated[float, Field(ge=0)]
    w_m: Annotated[float, Field(gt=1)]
    group_width: Positive
    bottleneck_ratio: Ratio = 1.0

    @property
    def block_widths(self) -> tuple[int, ...]:
        """Every block's width by the quantized linear rule, before the compatibility rule."""
        widths, _ = quantized_linear(self.depth, self.w_0, self.w_a, self.w_m)
        return tuple(map(int, widths[0]))

    def to_anynet(self) -> AnyNetConfig:
        """Return the network: runs of equal width become stages of stride 2, however many there are.

        Raises:
            ConfigError: the bottleneck ratio is neither whole nor 1 / whole.
        """
        ratio = self.bottleneck_ratio
        if not is_whole_ratio(ratio):
            raise ConfigError(f"RegNetConfig: bottleneck_ratio must be whole or 1 / whole, got {ratio:g}")
        quantized, depths = np.unique(self.block_widths, return_counts=True)
        if self.block in BOTTLENECK_BLOCKS:
            widths, group_widths = adjust_compatibility(quantized, ratio, self.group_width)
        else:
            widths = group_widths = quantized
        return AnyNetConfig(
            **{key: getattr(self, key) for key in TEMPLATE_KEYS},
            stages={
                "depths": depths.tolist(),
                "widths": widths.tolist(),
                "strides": [2] * len(depths),
                "bottleneck_ratios": [ratio] * len(depths),
                "group_widths": group_widths.tolist(),
            },
        )

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """Read the parameters from a YAML or JSON file.

        Raises:
            ConfigError: the file cannot be read, or what it holds breaks a rule; the message names file and key.
        """
        return parse(cls, read_yaml(path), str(path))
