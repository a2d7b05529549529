"""The design spaces of the RegNet paper (Radosavovic et al., CVPR 2020), each a few lines over a shared base.

Every function takes the number of `stages` and changes of what all networks share, such as `AnyNetXA(num_classes=10)`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from netspace.arch import Template
from netspace.errors import raise_unknown
from netspace.space.constraints import fix, ordered, restrict, shared, tied, where
from netspace.space.definition import changed_network
from netspace.space.design_space import DesignSpace
from netspace.space.distributions import fixed, log_uniform, power_of_two, uniform

STAGE_PARAMETERS = {
    "depth": log_uniform(1, 16),
    "width": log_uniform(8, 1024, 8),
    "bottleneck_ratio": power_of_two(1, 4),
    "group_width": power_of_two(1, 32),
}
"""Section 3.2 and table 1."""

REGNET_PARAMETERS = {
    "depth": uniform(1, 63),
    "w_0": log_uniform(8, 248, 8),
    "w_a": log_uniform(8.0, 255.9, 0.1),
    "w_m": log_uniform(1.5, 3.0, 0.001),
    "group_width": power_of_two(1, 32),
    "bottleneck_ratio": power_of_two(1, 4),
}
"""Section 3.3: d < 64, w_0 and w_a < 256, 1.5 <= w_m <= 3, "b and g as above"; the laws, the steps and the least w_a
are those of pycls (`sweep/config.py`)."""


def AnyNetXA(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.2: the unconstrained space of X blocks."""
    return DesignSpace(
        name="AnyNetXA",
        description="unconstrained, X blocks (section 3.2)",
        kind="anynet",
        stages=stages,
        parameters=STAGE_PARAMETERS,
        network=Template(**network),
    )


def AnyNetXB(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.2: a shared bottleneck ratio."""
    return AnyNetXA(stages, **network).refine(
        shared("bottleneck_ratio"), name="AnyNetXB", description="A with a shared bottleneck ratio (section 3.2)"
    )


def AnyNetXC(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.2: a shared group width too."""
    return AnyNetXB(stages, **network).refine(
        shared("group_width"), name="AnyNetXC", description="B with a shared group width (section 3.2)"
    )


def AnyNetXD(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.2: widths that do not decrease."""
    return AnyNetXC(stages, **network).refine(
        ordered("width", "non_decreasing"), name="AnyNetXD", description="C with increasing widths (section 3.2)"
    )


def AnyNetXE(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.2: depths that do not decrease, either."""
    return AnyNetXD(stages, **network).refine(
        ordered("depth", "non_decreasing"), name="AnyNetXE", description="D with increasing depths (section 3.2)"
    )


def AnyNetXConstantWidth(stages: int = 4, **network: Any) -> DesignSpace:
    """Figure 7, left: C with the same width in all stages."""
    return AnyNetXC(stages, **network).refine(
        ordered("width", "constant"), name="AnyNetXConstantWidth", description="C with constant widths (figure 7)"
    )


def AnyNetXDecreasingWidth(stages: int = 4, **network: Any) -> DesignSpace:
    """Figure 7, left: C with widths that do not increase."""
    return AnyNetXC(stages, **network).refine(
        ordered("width", "non_increasing"),
        name="AnyNetXDecreasingWidth",
        description="C with decreasing widths (figure 7)",
    )


def AnyNetXConstantDepth(stages: int = 4, **network: Any) -> DesignSpace:
    """Figure 7, right: D with the same depth in all stages."""
    return AnyNetXD(stages, **network).refine(
        ordered("depth", "constant"), name="AnyNetXConstantDepth", description="D with constant depths (figure 7)"
    )


def AnyNetXDecreasingDepth(stages: int = 4, **network: Any) -> DesignSpace:
    """Figure 7, right: D with depths that do not increase."""
    return AnyNetXD(stages, **network).refine(
        ordered("depth", "non_increasing"),
        name="AnyNetXDecreasingDepth",
        description="D with decreasing depths (figure 7)",
    )


def RegNetX(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.3: stages by the quantized linear rule, X blocks."""
    return DesignSpace(
        name="RegNetX",
        description="quantized linear widths, X blocks (section 3.3)",
        kind="regnet",
        stages=stages,
        parameters=REGNET_PARAMETERS,
        network=Template(**network),
        paper_size=64**4 * 18,
    )


def RegNetY(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 5: RegNetX with squeeze-and-excitation."""
    return RegNetX(stages, **{"se_ratio": 0.25, **network}).refine(
        name="RegNetY", description="RegNetX with squeeze-and-excitation (section 5)"
    )


def RegNetZ(stages: int = 4, **network: Any) -> DesignSpace:
    """Dollár et al., CVPR 2021, as timm builds it: linear bottlenecks inverted by 4, squeeze-and-excitation, SiLU."""
    z = {"block": "linear_bottleneck", "se_ratio": 0.25, "activation": "silu", **network}
    return (
        RegNetX(stages, **z)
        .with_parameters(bottleneck_ratio=fixed(0.25))
        .refine(name="RegNetZ", description="RegNetY with inverted linear bottlenecks, b = 1/4, and SiLU (CVPR 2021)")
    )


def RegNetXDoubling(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.3: w_m = 2, each stage twice as wide as the one before."""
    return RegNetX(stages, **network).refine(
        fix("w_m", 2), name="RegNetXDoubling", description="RegNetX with w_m = 2 (section 3.3)"
    )


def RegNetXFastWidening(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 4: w_m >= 2."""
    return RegNetX(stages, **network).refine(
        restrict("w_m", low=2), name="RegNetXFastWidening", description="RegNetX with w_m >= 2 (section 4)"
    )


def RegNetXTied(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.3: w_0 = w_a, so that u_j = w_a (j + 1)."""
    return RegNetX(stages, **network).refine(
        tied("w_a", to="w_0"), name="RegNetXTied", description="RegNetX with w_0 = w_a (section 3.3)"
    )


def RegNetXConstrained(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 4: b = 1, d <= 40, w_m >= 2, and limits on params and activations (the rule of pycls, F in GF)."""
    return RegNetX(stages, **network).refine(
        fix("bottleneck_ratio", 1),
        restrict("depth", high=40),
        restrict("w_m", low=2),
        where("params < 3e6 + 5.5e6 * flops / 1e9 and activations < 6.5e6 * sqrt(flops / 1e9)"),
        name="RegNetXConstrained",
        description="RegNetX with b = 1, d <= 40, w_m >= 2, limited params and activations (section 4)",
    )


def AnyNetRA(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: A with R blocks."""
    return _other_block(AnyNetXA(stages, **network), "r", name="AnyNetRA", description="A with R blocks (section 3.4)")


def AnyNetRE(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: E with R blocks."""
    return _other_block(AnyNetXE(stages, **network), "r", name="AnyNetRE", description="E with R blocks (section 3.4)")


def RegNetR(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: RegNet with R blocks."""
    return _other_block(
        RegNetX(stages, **network), "r", name="RegNetR", description="RegNet with R blocks (section 3.4)"
    )


def AnyNetVA(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: A with V blocks."""
    return _other_block(AnyNetXA(stages, **network), "v", name="AnyNetVA", description="A with V blocks (section 3.4)")


def AnyNetVE(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: E with V blocks."""
    return _other_block(AnyNetXE(stages, **network), "v", name="AnyNetVE", description="E with V blocks (section 3.4)")


def RegNetV(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: RegNet with V blocks."""
    return _other_block(
        RegNetX(stages, **network), "v", name="RegNetV", description="RegNet with V blocks (section 3.4)"
    )


def AnyNetVRA(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: A with VR blocks."""
    return _other_block(
        AnyNetXA(stages, **network), "vr", name="AnyNetVRA", description="A with VR blocks (section 3.4)"
    )


def AnyNetVRE(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: E with VR blocks."""
    return _other_block(
        AnyNetXE(stages, **network), "vr", name="AnyNetVRE", description="E with VR blocks (section 3.4)"
    )


def RegNetVR(stages: int = 4, **network: Any) -> DesignSpace:
    """Section 3.4: RegNet with VR blocks."""
    return _other_block(
        RegNetX(stages, **network), "vr", name="RegNetVR", description="RegNet with VR blocks (section 3.4)"
    )


def get(name: str, **options: Any) -> DesignSpace:
    """Return the catalogue space called `name`; case, spaces, `-` and `_` do not matter.

    Args:
        name: such as "AnyNetXA" or "anynetx_a".
        options: `stages` and changes of what all networks share, for the space's function.

    Raises:
        UnknownNameError: no space has this name; the message lists them and the nearest.
        ConfigError: an option is not valid.
    """
    function = _BY_FOLDED_NAME.get(_folded(name))
    if function is None:
        raise_unknown("design space", name, CATALOG)
    return function(**options)


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


def _other_block(space: DesignSpace, block: Literal["r", "v", "vr"], *, name: str, description: str) -> DesignSpace:
    """Return `space` with another block, without the parameters that the block does not have."""
    absent = {"group_width"} if block == "r" else {"group_width", "bottleneck_ratio"}
    return replace(
        space,
        name=name,
        description=description,
        parameters={key: law for key, law in space.parameters.items() if key not in absent},
        constraints=tuple(c for c in space.constraints if getattr(c, "parameter", None) not in absent),
        # R is X without groups, not a block of its own
        network=space.network if block == "r" else changed_network(space.network, {"block": block}),
        paper_size=None,
    )


CATALOG: dict[str, Callable[..., DesignSpace]] = {
    function.__name__: function
    for function in (
        AnyNetXA,
        AnyNetXB,
        AnyNetXC,
        AnyNetXD,
        AnyNetXE,
        AnyNetXConstantWidth,
        AnyNetXDecreasingWidth,
        AnyNetXConstantDepth,
        AnyNetXDecreasingDepth,
        RegNetX,
        RegNetY,
        RegNetZ,
        RegNetXDoubling,
        RegNetXFastWidening,
        RegNetXTied,
        RegNetXConstrained,
        AnyNetRA,
        AnyNetRE,
        RegNetR,
        AnyNetVA,
        AnyNetVE,
        RegNetV,
        AnyNetVRA,
        AnyNetVRE,
        RegNetVR,
    )
}
"""Every space of the catalogue, by name."""

_BY_FOLDED_NAME = {_folded(name): function for name, function in CATALOG.items()}
