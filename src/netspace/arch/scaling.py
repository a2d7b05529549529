"""Scaling a network to another amount of flops (Dollár et al., "Fast and Accurate Model Scaling"; pycls `scaler.py`).

A strategy says how the factor s is shared: depth d, width w, group width g and resolution r grow by powers of s such
that d w^2 r^2 = s. Its name is either letters, `dwr` sharing equally among them, or weights, `d1_w8_g8_r1`.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from netspace.arch.complexity import Complexity, complexity
from netspace.arch.config import BOTTLENECK_BLOCKS, AnyNetConfig
from netspace.arch.regnet import QUANTUM, RegNetConfig, adjust_compatibility, is_whole_ratio
from netspace.checks import check_number
from netspace.errors import ConfigError

FAST = "d1_w8_g8_r1"
"""Fast compound scaling, the paper's best: mostly width, so that activations grow only as about s^0.6."""


@dataclass(frozen=True, kw_only=True)
class Factors:
    """By what each dimension grows: exactly, before rounding."""

    depth: float
    width: float
    group_width: float
    resolution: float


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """A scaled network.

    Attributes:
        config: the network, rounded.
        resolution: the images it is meant for, pixels, a multiple of 4.
        complexity: at that resolution.
    """

    config: AnyNetConfig
    resolution: int
    complexity: Complexity


def factors(factor: float, strategy: str = FAST) -> Factors:
    """Return by what a strategy multiplies depth, width, group width and resolution.

    Depth and resolution get the share of their weight, d = s^(d / sum) and r = s^(r / 2 sum), the sum over d, w and r;
    width and group width likewise, w = s^(w / 2 sum). Group width adds no flops where it follows the width.

    Args:
        factor: s, > 0; below 1 shrinks.
        strategy: letters of d, w, g, r, or weights such as d1_w8_g8_r1.

    Raises:
        ConfigError: the factor is not positive, or the strategy has another form or gives d, w and r no weight.
    """
    check_number(factor, "factor", above=0)
    weight = _weights(strategy)
    total = weight["d"] + weight["w"] + weight["r"]
    return Factors(
        depth=factor ** (weight["d"] / total),
        width=factor ** (weight["w"] / total / 2),
        group_width=factor ** (weight["g"] / total / 2),
        resolution=factor ** (weight["r"] / total / 2),
    )


def scale(
    network: AnyNetConfig | RegNetConfig, factor: float, strategy: str = FAST, *, resolution: int = 224
) -> Scaled:
    """Return a network scaled to about `factor` times the flops.

    Rounded as pycls rounds: depths to at least 1, widths to multiples of 8, group widths to 1, 2, 4 or a multiple of
    8, then the compatibility rule of groups and widths; resolution to a multiple of 4. Stem and head stay, and so does
    a network without groups (a ResNet), whatever the weight of g.

    Args:
        network: what to scale.
        factor: s, > 0.
        strategy: see `factors`.
        resolution: of the images before scaling, pixels.

    Raises:
        ConfigError: see `factors`; or a bottleneck ratio is neither whole nor 1 / whole.
    """
    config = network.to_anynet() if isinstance(network, RegNetConfig) else network
    by = factors(factor, strategy)
    widths = np.array([max(1, round(stage.width * by.width / QUANTUM)) * QUANTUM for stage in config.stages])
    stages: dict[str, Any] = {
        "depths": [max(1, round(stage.depth * by.depth)) for stage in config.stages],
        "strides": [stage.stride for stage in config.stages],
    }
    if config.block in BOTTLENECK_BLOCKS:
        ratios = [stage.bottleneck_ratio for stage in config.stages]
        for number, ratio in enumerate(ratios, start=1):
            if not is_whole_ratio(ratio):
                raise ConfigError(
                    "a network can be scaled only if every bottleneck ratio is whole or 1 / whole, "
                    f"got {ratio:g} in stage {number}"
                )
        groups = [_rounded_group(stage.group_width * by.group_width) for stage in config.stages]
        if all(stage.group_width == stage.bottleneck_width for stage in config.stages):
            groups = [int(widths.max() / min(ratios))] * len(groups)  # wider than any bottleneck: one group stays one
        widths, group_widths = adjust_compatibility(widths, ratios, groups)
        stages |= {"bottleneck_ratios": ratios, "group_widths": group_widths.tolist()}
    stages["widths"] = widths.tolist()
    scaled = config.changed(stages=stages)
    size = max(4, round(resolution * by.resolution / 4) * 4)
    return Scaled(config=scaled, resolution=size, complexity=complexity(scaled, size))


def _weights(strategy: str) -> dict[str, float]:
    none = dict.fromkeys("dwgr", 0.0)
    if re.fullmatch("[dwgr]+", strategy):
        named = dict.fromkeys(strategy, 1.0)
        letters = list(strategy)
    else:
        parts = [re.fullmatch(r"([dwgr])(\d+(?:\.\d+)?)", part) for part in strategy.split("_")]
        found = [part for part in parts if part]
        named = {part[1]: float(part[2]) for part in found}
        letters = [part[1] for part in found] if len(found) == len(parts) else []
    weights = none | named
    if not letters or len(set(letters)) != len(letters) or weights["d"] + weights["w"] + weights["r"] == 0:
        raise ConfigError(
            f"unknown scaling strategy '{strategy}'; valid: letters of d, w, g, r, each once, such as dwr, or weights, "
            f"such as {FAST}, with at least one of d, w, r"
        )
    return weights


def _rounded_group(width: float) -> int:
    whole = max(1, round(width))
    if whole <= 2:
        return whole
    return 4 if whole <= 5 else round(whole / 8) * 8
