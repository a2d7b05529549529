"""The published networks, as data; `netspace.arch.zoo` finds them by name.

RegNetX and RegNetY by their parameters (pycls `configs/dds_baselines`), RegNetZ and the largest RegNetY as timm
defines them (`models/regnet.py`), ResNets stage by stage. Three networks exist twice: torchvision rounds the widths
that groups must divide by another rule (never below 0.9 of the width), and its own are called `-tv` here as in timm.

`ABSENT` lists the RegNets and ResNets of timm that `AnyNetConfig` cannot express, and why.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from netspace.arch.config import AnyNetConfig
from netspace.arch.regnet import RegNetConfig


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network of the zoo and what was published about it.

    Attributes:
        name: as the paper writes it.
        network: its configuration.
        resolution: height and width of the images it is meant for, pixels.
        top1_error, top5_error: on ImageNet validation (CIFAR-10 test for the networks of 10 classes), %, one centre
            crop of `resolution` unless the source names another size; None if nothing was published.
        source: where the errors come from; empty without errors.
        timm, torchvision: what those libraries call the same network; None if they do not have it.
    """

    name: str
    network: AnyNetConfig | RegNetConfig
    resolution: int = 224
    top1_error: float | None = None
    top5_error: float | None = None
    source: str = ""
    timm: str | None = None
    torchvision: str | None = None

    @property
    def config(self) -> AnyNetConfig:
        """The network, stage by stage."""
        return self.network if isinstance(self.network, AnyNetConfig) else self.network.to_anynet()


_PYCLS = "pycls dev/model_error.json"
_TORCHVISION = "torchvision IMAGENET1K_V1"

_Parameters = tuple[int, int, float, float, int]
"""depth, w_0, w_a, w_m, group width."""


def _regnetx(
    name: str,
    parameters: _Parameters,
    top1: float | None,
    top5: float | None,
    timm: str,
    torchvision: str | None = None,
    source: str = _PYCLS,
    **template: Any,
) -> Published:
    depth, w_0, w_a, w_m, group_width = parameters
    network = RegNetConfig(depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=group_width, **template)
    return Published(
        name=name,
        network=network,
        top1_error=top1,
        top5_error=top5,
        source="" if top1 is None else source,
        timm=timm,
        torchvision=torchvision,
    )


_regnety = partial(_regnetx, se_ratio=0.25)
_regnetz = partial(_regnetx, block="linear_bottleneck", bottleneck_ratio=0.25, activation="silu", se_ratio=0.25)


def _as_torchvision(
    name: str,
    depths: list[int],
    widths: list[int],
    group_width: int,
    top1: float,
    top5: float,
    timm: str,
    torchvision: str,
    se_ratio: float,
) -> Published:
    stages = {"depths": depths, "widths": widths, "group_widths": [group_width] * len(depths)}
    return Published(
        name=name,
        network=AnyNetConfig(stages=stages, se_ratio=se_ratio),
        top1_error=top1,
        top5_error=top5,
        source=_TORCHVISION,
        timm=timm,
        torchvision=torchvision,
    )


def _resnet(
    name: str,
    depths: list[int],
    top1: float | None,
    top5: float | None,
    timm: str | None,
    torchvision: str | None,
    *,
    bottleneck_ratio: float = 4,
    groups: int = 1,
    basic: bool = False,
    source: str = _PYCLS,
) -> Published:
    """A ResNet of version 1.5: the stride is on the 3x3 convolution, as in pycls, timm and torchvision."""
    widths = [64, 128, 256, 512] if basic else [256, 512, 1024, 2048]
    stages: dict[str, Any] = {"depths": depths, "widths": widths, "strides": [1, 2, 2, 2]}
    if not basic:
        stages["bottleneck_ratios"] = [bottleneck_ratio] * 4
        stages["group_widths"] = [round(width / bottleneck_ratio) // groups for width in widths]
    return Published(
        name=name,
        network=AnyNetConfig(
            block="basic" if basic else "bottleneck", stem={"kind": "res_in", "width": 64}, stages=stages
        ),
        top1_error=top1,
        top5_error=top5,
        source="" if top1 is None else source,
        timm=timm,
        torchvision=torchvision,
    )


_resnext = partial(_resnet, bottleneck_ratio=2, groups=32)


def _cifar(name: str, block: str, depth: int, top1: float | None = None, source: str = "") -> Published:
    network = AnyNetConfig(
        block=block,
        stem={"kind": "cifar", "width": 16},
        stages={"depths": [depth] * 3, "widths": [16, 32, 64], "strides": [1, 2, 2]},
        num_classes=10,
    )
    return Published(name=name, network=network, resolution=32, top1_error=top1, source=source)


REGNETX = (
    _regnetx("RegNetX-200MF", (13, 24, 36.44, 2.49, 8), 31.088, 11.342, "regnetx_002"),
    _regnetx("RegNetX-400MF", (22, 24, 24.48, 2.54, 16), 27.382, 9.076, "regnetx_004"),
    _regnetx("RegNetX-600MF", (16, 48, 36.97, 2.24, 24), 25.864, 8.198, "regnetx_006"),
    _regnetx("RegNetX-800MF", (16, 56, 35.73, 2.28, 16), 24.846, 7.592, "regnetx_008", "regnet_x_800mf"),
    _regnetx("RegNetX-1.6GF", (18, 80, 34.01, 2.25, 24), 23.038, 6.484, "regnetx_016", "regnet_x_1_6gf"),
    _regnetx("RegNetX-3.2GF", (25, 88, 26.31, 2.25, 48), 21.736, 5.862, "regnetx_032", "regnet_x_3_2gf"),
    _regnetx("RegNetX-4.0GF", (23, 96, 38.65, 2.43, 40), 21.356, 5.736, "regnetx_040"),
    _regnetx("RegNetX-6.4GF", (17, 184, 60.83, 2.07, 56), 20.844, 5.434, "regnetx_064"),
    _regnetx("RegNetX-8.0GF", (23, 80, 49.56, 2.88, 120), 20.728, 5.42, "regnetx_080", "regnet_x_8gf"),
    _regnetx("RegNetX-12GF", (19, 168, 73.36, 2.37, 112), 20.288, 5.284, "regnetx_120"),
    _regnetx("RegNetX-16GF", (22, 216, 55.59, 2.1, 128), 19.956, 5.022, "regnetx_160", "regnet_x_16gf"),
    _regnetx("RegNetX-32GF", (23, 320, 69.86, 2.0, 168), 19.498, 4.878, "regnetx_320", "regnet_x_32gf"),
)

REGNETY = (
    _regnety("RegNetY-200MF", (13, 24, 36.44, 2.49, 8), 29.658, 10.378, "regnety_002"),
    _regnety("RegNetY-400MF", (16, 48, 27.89, 2.09, 8), 25.898, 8.07, "regnety_004", "regnet_y_400mf"),
    _regnety("RegNetY-600MF", (15, 48, 32.54, 2.32, 16), 24.54, 7.28, "regnety_006"),
    _regnety("RegNetY-800MF", (14, 56, 38.84, 2.4, 16), 23.684, 6.846, "regnety_008"),
    _regnety("RegNetY-1.6GF", (27, 48, 20.71, 2.65, 24), 22.066, 6.134, "regnety_016", "regnet_y_1_6gf"),
    _regnety("RegNetY-3.2GF", (21, 80, 42.63, 2.66, 24), 21.074, 5.454, "regnety_032", "regnet_y_3_2gf"),
    _regnety("RegNetY-4.0GF", (22, 96, 31.41, 2.24, 64), 20.64, 5.336, "regnety_040"),
    _regnety("RegNetY-6.4GF", (25, 112, 33.22, 2.27, 72), 20.11, 5.1, "regnety_064"),
    _regnety("RegNetY-8.0GF", (17, 192, 76.82, 2.19, 56), 20.052, 5.06, "regnety_080"),
    _regnety("RegNetY-12GF", (19, 168, 73.36, 2.37, 112), 19.67, 4.856, "regnety_120"),
    _regnety("RegNetY-16GF", (18, 200, 106.23, 2.48, 112), 19.608, 4.944, "regnety_160", "regnet_y_16gf"),
    _regnety("RegNetY-32GF", (20, 232, 115.89, 2.53, 232), 19.066, 4.568, "regnety_320", "regnet_y_32gf"),
    # fine-tuned from SEER (384 px) and, 128 GF, a linear classifier on SWAG (224 px): trained on more than ImageNet
    _regnety(
        "RegNetY-64GF",
        (20, 352, 147.48, 2.4, 328),
        16.092,
        3.078,
        "regnety_640",
        source="timm results-imagenet.csv, regnety_640.seer_ft_in1k at 384 px",
    ),
    _regnety(
        "RegNetY-128GF",
        (27, 456, 160.83, 2.52, 264),
        13.932,
        2.156,
        "regnety_1280",
        "regnet_y_128gf",
        source="torchvision IMAGENET1K_SWAG_LINEAR_V1",
    ),
    _regnety(
        "RegNetY-256GF",
        (27, 640, 230.83, 2.53, 373),
        14.848,
        2.564,
        "regnety_2560",
        source="timm results-imagenet.csv, regnety_2560.seer_ft_in1k at 384 px",
    ),
)

TORCHVISION_WIDTHS = (
    _as_torchvision(
        name="RegNetX-400MF-tv",
        depths=[1, 2, 7, 12],
        widths=[32, 64, 160, 400],
        group_width=16,
        se_ratio=0.0,
        top1=27.166,
        top5=9.05,
        timm="regnetx_004_tv",
        torchvision="regnet_x_400mf",
    ),
    _as_torchvision(
        name="RegNetY-800MF-tv",
        depths=[1, 3, 8, 2],
        widths=[64, 144, 320, 784],
        group_width=16,
        se_ratio=0.25,
        top1=23.58,
        top5=6.864,
        timm="regnety_008_tv",
        torchvision="regnet_y_800mf",
    ),
    _as_torchvision(
        name="RegNetY-8.0GF-tv",
        depths=[2, 4, 10, 1],
        widths=[224, 448, 896, 2016],
        group_width=56,
        se_ratio=0.25,
        top1=19.968,
        top5=4.952,
        timm="regnety_080_tv",
        torchvision="regnet_y_8gf",
    ),
)

REGNETZ = (
    _regnetz("RegNetZ-500MF", (21, 16, 10.7, 2.51, 4), None, None, "regnetz_005", head_width=1024),
    _regnetz(
        "RegNetZ-4.0GF",
        (28, 48, 14.5, 2.226, 8),
        15.76,
        3.068,
        "regnetz_040",
        head_width=0,
        source="timm results-imagenet.csv, regnetz_040.ra3_in1k at 320 px",
    ),
    _regnetz(
        "RegNetZ-4.0GF-h",
        (28, 48, 14.5, 2.226, 8),
        15.508,
        2.99,
        "regnetz_040_h",
        head_width=1536,
        source="timm results-imagenet.csv, regnetz_040_h.ra3_in1k at 320 px",
    ),
)
"""RegNetZ (Fast and Accurate Model Scaling, section 6) with timm's parameters; 4.0GF is its flops at 256 px."""

RESNETS = (
    _resnet("ResNet-18", [2, 2, 2, 2], 30.242, 10.922, "resnet18", "resnet18", basic=True, source=_TORCHVISION),
    _resnet("ResNet-26", [2, 2, 2, 2], None, None, "resnet26", None),
    _resnet("ResNet-34", [3, 4, 6, 3], 26.686, 8.58, "resnet34", "resnet34", basic=True, source=_TORCHVISION),
    _resnet("ResNet-50", [3, 4, 6, 3], 23.19, 6.63, "resnet50", "resnet50"),
    _resnet("ResNet-101", [3, 4, 23, 3], 21.414, 5.792, "resnet101", "resnet101"),
    _resnet("ResNet-152", [3, 8, 36, 3], 20.87, 5.44, "resnet152", "resnet152"),
    _resnet("ResNet-200", [3, 24, 36, 3], None, None, "resnet200", None),
    _resnet(
        "WideResNet-50-2",
        [3, 4, 6, 3],
        21.532,
        5.914,
        "wide_resnet50_2",
        "wide_resnet50_2",
        bottleneck_ratio=2,
        source=_TORCHVISION,
    ),
    _resnet(
        "WideResNet-101-2",
        [3, 4, 23, 3],
        21.152,
        5.716,
        "wide_resnet101_2",
        "wide_resnet101_2",
        bottleneck_ratio=2,
        source=_TORCHVISION,
    ),
    _resnext("ResNeXt-50", [3, 4, 6, 3], 21.884, 6.062, "resnext50_32x4d", "resnext50_32x4d"),
    _resnext("ResNeXt-101", [3, 4, 23, 3], 20.664, 5.392, "resnext101_32x4d", None),
    _resnext("ResNeXt-152", [3, 8, 36, 3], 20.386, 5.318, None, None),
    _resnet(
        "ResNeXt-101-32x8d",
        [3, 4, 23, 3],
        20.688,
        5.474,
        "resnext101_32x8d",
        "resnext101_32x8d",
        bottleneck_ratio=1,
        groups=32,
        source=_TORCHVISION,
    ),
    _resnet(
        "ResNeXt-101-64x4d",
        [3, 4, 23, 3],
        16.754,
        3.546,
        "resnext101_64x4d",
        "resnext101_64x4d",
        bottleneck_ratio=1,
        groups=64,
        source=_TORCHVISION,
    ),
    _resnet(
        "ResNeXt-101-32x16d", [3, 4, 23, 3], None, None, "resnext101_32x16d", None, bottleneck_ratio=0.5, groups=32
    ),
    _resnet(
        "ResNeXt-101-32x32d", [3, 4, 23, 3], None, None, "resnext101_32x32d", None, bottleneck_ratio=0.25, groups=32
    ),
    _cifar("ResNet-20", "basic", 3, 8.75, "He et al., Deep Residual Learning, table 6"),
    _cifar("ResNet-56", "basic", 9, 6.97, "He et al., Deep Residual Learning, table 6"),
    _cifar("ResNet-110", "basic", 18, 6.43, "He et al., Deep Residual Learning, table 6, best of 5 runs"),
    _cifar("Vanilla-56", "vanilla", 9),
    _cifar("Vanilla-110", "vanilla", 18),
)

_DEEP_STEM = "a stem of several convolutions"
_AVERAGED_SHORTCUT = f"{_DEEP_STEM}, and shortcuts that average before they project"
_LATE_SE = "squeeze-and-excitation after the block's last convolution"
_EARLY_NORM = "normalisation before each convolution"
_OTHER_NORM = "another normalisation than batch norm"
_BLUR = "blurred pooling in place of strides"

ABSENT: dict[str, str] = {
    "regnetv_*": _EARLY_NORM,
    "regnety_040_sgn": _OTHER_NORM,
    "regnetz_[bcde]*": "bottlenecks that are a multiple of the block's input; some have a stem of several convolutions",
    "haloregnetz_b": "attention in place of some convolutions",
    "nf_regnet_b*": "no normalisation but standardised weights",
    "resnetv2_*": _EARLY_NORM,
    "resnetaa*": _BLUR,
    "resnetblur*": _BLUR,
    "resnetrs*": f"{_DEEP_STEM}, and {_LATE_SE}",
    "resnet*_clip*": f"{_DEEP_STEM}, and a pooling by attention or a projection before the classifier",
    "resnet50_gn": _OTHER_NORM,
    "resnet50_mlp": f"{_DEEP_STEM}, and a hidden layer before the classifier",
    "resnet*[csq]": _DEEP_STEM,
    "resnext26ts": _DEEP_STEM,
    "resnet*[dt]": _AVERAGED_SHORTCUT,
    "resnext50d_32x4d": _AVERAGED_SHORTCUT,
    "senet154": _LATE_SE,
    "seresne*": _LATE_SE,
    "ecaresne*": "channel attention by a one-dimensional convolution",
    "test_resnet": _AVERAGED_SHORTCUT,
}
"""The RegNets and ResNets of timm that are not in the zoo, as patterns of their names, and why; the first one counts.

ResNeSt, SKNet, Res2Net and other families with blocks of their own are not meant."""
