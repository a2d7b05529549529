"""Networks as the original code configures them (pycls `core/config.py`, `models/anynet.py`, `models/regnet.py`).

A configuration is the mapping that its YAML files and sweeps hold. What a block does not use there (bottlenecks,
groups and squeeze-and-excitation of basic and vanilla blocks) is read as that code reads it: not at all.
"""

from collections.abc import Mapping
from typing import Any

from netspace.arch.config import BOTTLENECK_BLOCKS, AnyNetConfig
from netspace.arch.regnet import RegNetConfig
from netspace.checks import is_number
from netspace.errors import ConfigError

_BLOCKS = {
    "res_bottleneck_block": "bottleneck",
    "res_basic_block": "basic",
    "vanilla_block": "vanilla",
    "res_bottleneck_linear_block": "linear_bottleneck",
}
_STEMS = {"simple_stem_in": "simple", "simple_stem": "simple", "res_stem_in": "res_in", "res_stem_cifar": "cifar"}
_ACTIVATIONS = {"relu": "relu", "silu": "silu", "swish": "silu", "gelu": "gelu"}
_REGNET = {
    "depth": "DEPTH",
    "w_0": "W0",
    "w_a": "WA",
    "w_m": "WM",
    "group_width": "GROUP_W",
}


def network_of(cfg: Mapping[str, Any]) -> AnyNetConfig | None:
    """Return the network of a pycls configuration, or None if it is of another family than ours."""
    kind, net = _part(cfg)
    model = cfg.get("MODEL", {})
    block, stem = _BLOCKS.get(str(net.get("BLOCK_TYPE", ""))), _STEMS.get(str(net.get("STEM_TYPE", "")))
    activation = _ACTIVATIONS.get(str(model.get("ACTIVATION_FUN", "relu")).lower())
    if block is None or stem is None or activation is None:
        return None
    try:
        grouped, head_width = block in BOTTLENECK_BLOCKS, net.get("HEAD_W", 0)
        return AnyNetConfig(
            block=block,
            stem={"kind": stem, "width": net["STEM_W"]},
            stages=_regnet_stages(cfg, grouped) if kind == "REGNET" else _anynet_stages(net, grouped),
            se_ratio=net.get("SE_R", 0.25) if net.get("SE_ON") and grouped else 0.0,
            head_width=head_width,
            activation=activation,
            num_classes=model.get("NUM_CLASSES", 1000),
            head_activation=block != "linear_bottleneck" or head_width > 0,
        )
    except (ConfigError, LookupError, TypeError, ValueError, ArithmeticError):
        return None


def regnet_parameters(cfg: Mapping[str, Any]) -> dict[str, float]:
    """Return the parameters of a RegNet under our names, as `RegNetConfig` has them; none for other families."""
    kind, net = _part(cfg)
    if kind != "REGNET" or not {*_REGNET.values()} <= net.keys():
        return {}
    numbers = {name: net[key] for name, key in _REGNET.items()} | {"BOT_MUL": net.get("BOT_MUL") or 1}
    if not all(map(is_number, numbers.values())):
        return {}
    multiplier = numbers.pop("BOT_MUL")
    return numbers | {"bottleneck_ratio": 1 / multiplier}


def _part(cfg: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return which family a configuration is of, and its keys; no keys if it is none of ours."""
    kind = str(cfg.get("MODEL", {}).get("TYPE", "")).upper()
    return kind, cfg.get(kind, {}) if kind in ("ANYNET", "REGNET") else {}


def _anynet_stages(net: Mapping[str, Any], grouped: bool) -> dict[str, Any]:
    widths = net["WIDTHS"]
    stages = {"depths": net["DEPTHS"], "widths": widths}
    if net.get("STRIDES"):
        stages["strides"] = net["STRIDES"]
    if grouped and net.get("BOT_MULS") and net.get("GROUP_WS"):
        # that code rounds the bottleneck, and the number of its groups down
        inner = [round(width * multiplier) for width, multiplier in zip(widths, net["BOT_MULS"], strict=True)]
        stages["bottleneck_ratios"] = [width / v for width, v in zip(widths, inner, strict=True)]
        stages["group_widths"] = [v // max(1, v // group) for v, group in zip(inner, net["GROUP_WS"], strict=True)]
    return stages


def _regnet_stages(cfg: Mapping[str, Any], grouped: bool) -> dict[str, Any]:
    # widths are made compatible with groups there even if the block has none
    stages: dict[str, Any] = RegNetConfig(**regnet_parameters(cfg)).to_anynet().to_dict()["stages"]
    stages["strides"] = [cfg["REGNET"].get("STRIDE", 2)] * len(stages["depths"])
    return stages if grouped else {column: stages[column] for column in ("depths", "widths", "strides")}
