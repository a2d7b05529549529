"""The networks that the RegNet paper compares with, as data: timm and torchvision ship them, or nothing does.

The figures are the paper's ("Designing Network Design Spaces", tables 2 to 4; the errors of the mobile regime are those
that the networks' authors report). If no library ships a network, the table says so. ResNet and ResNeXt are in
`netspace.arch.zoo`.
"""

from dataclasses import dataclass
from typing import Literal

from netspace.errors import raise_unknown


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A network of the comparison.

    Attributes:
        name: as the paper writes it.
        library, builder: what ships it, and what it is called there; None if nothing does.
        note: why not, or what differs.
        resolution: of the images that the paper's figures are for, pixels.
        error: top-1 on ImageNet as the paper reports it, %.
        flops: multiply-adds as the paper reports them, 1e9.
        params: 1e6; None if the paper gives none. So is `activations`.
        mobile: in the mobile regime, where the errors come from each network's own training; the others were trained
            by the paper in the setup of the RegNets.
    """

    name: str
    library: Literal["timm", "torchvision"] | None
    builder: str | None
    note: str = ""
    resolution: int = 224
    error: float
    flops: float
    params: float | None = None
    activations: float | None = None
    mobile: bool = False


def _mobile(
    name: str,
    error: float,
    flops: float,
    params: float | None,
    library: Literal["timm", "torchvision"],
    builder: str,
    note: str = "",
) -> Baseline:
    return Baseline(
        name=name,
        library=library,
        builder=builder,
        note=note,
        error=error,
        flops=flops,
        params=params,
        mobile=True,
    )


def _absent(name: str, error: float, flops: float, params: float | None, note: str) -> Baseline:
    return Baseline(
        name=name, library=None, builder=None, note=note, error=error, flops=flops, params=params, mobile=True
    )


def _efficientnet(
    number: int, resolution: int, flops: float, params: float, activations: float, error: float
) -> Baseline:
    return Baseline(
        name=f"EfficientNet-B{number}",
        library="timm",
        builder=f"efficientnet_b{number}",
        resolution=resolution,
        error=error,
        flops=flops,
        params=params,
        activations=activations,
    )


_NO_LIBRARY = "no library ships it"
_ONLY_LARGE = "no library ships it: timm has the large one only"

BASELINES: tuple[Baseline, ...] = (
    _mobile("MobileNet", 29.4, 0.57, 4.2, "timm", "mobilenetv1_100"),
    _mobile("MobileNetV2", 25.3, 0.59, 6.9, "timm", "mobilenetv2_140", "timm and torchvision count 6.1 M parameters"),
    _absent("ShuffleNet", 26.3, 0.52, None, _NO_LIBRARY),
    _mobile("ShuffleNetV2", 25.1, 0.59, None, "torchvision", "shufflenet_v2_x2_0"),
    _absent("NASNet-A", 26.0, 0.56, 5.3, _ONLY_LARGE),
    _absent("AmoebaNet-C", 24.3, 0.57, 6.4, _NO_LIBRARY),
    _absent("PNASNet-5", 25.8, 0.59, 5.1, _ONLY_LARGE),
    _absent("DARTS", 26.7, 0.57, 4.7, _NO_LIBRARY),
    _efficientnet(0, 224, 0.4, 5.3, 6.7, 24.9),
    _efficientnet(1, 240, 0.7, 7.8, 10.9, 24.1),
    _efficientnet(2, 260, 1.0, 9.2, 13.8, 23.4),
    _efficientnet(3, 300, 1.8, 12.0, 23.8, 22.5),
    _efficientnet(4, 380, 4.2, 19.0, 48.5, 21.2),
    _efficientnet(5, 456, 9.9, 30.0, 98.9, 21.5),
)
"""Every network of the comparison but the ResNets and RegNets, in the paper's order."""


def known(name: str) -> Baseline | None:
    """Return the baseline called `name`, in any case; None if there is none."""
    return next((one for one in BASELINES if one.name.lower() == name.lower()), None)


def find(name: str) -> Baseline:
    """Return the baseline called `name`, in any case.

    Raises:
        UnknownNameError: there is none; the message lists them.
    """
    found = known(name)
    if found is None:
        raise_unknown("baseline", name, (baseline.name for baseline in BASELINES))
    return found
