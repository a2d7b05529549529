"""Families of networks, each a function of a few numbers over building blocks that timm and torchvision keep.

Strides are for images of 32 pixels or so; `in_channels` and `num_classes` come from the data.
"""

from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchvision.models import ConvNeXt, EfficientNet
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import Conv2dNormActivation


def mobilenet_v2(
    num_classes: int, in_channels: int, width: list[int], depth: list[int], expansion: list[int]
) -> nn.Module:
    """MobileNetV2 (Sandler et al., CVPR 2018): inverted bottlenecks of these widths and depths."""
    layers: list[nn.Module] = [Conv2dNormActivation(in_channels, 16, activation_layer=nn.ReLU6)]
    w_in = 16
    for stage, (w, d, t) in enumerate(zip(width, depth, expansion, strict=True)):
        for block in range(d):
            layers.append(InvertedResidual(w_in, w, stride=2 if block == 0 and stage else 1, expand_ratio=t))
            w_in = w
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(w_in, num_classes))


def efficientnet(num_classes: int, width: float, depth: float, expansion: list[int], kernel: list[int]) -> nn.Module:
    """EfficientNet (Tan and Le, ICML 2019): its widths and depths scaled, expansions and kernels of one's own."""
    base = [(16, 1, 1), (24, 2, 2), (40, 2, 2), (80, 3, 1), (112, 3, 1)]
    w_in, rows = 32, []
    for (w, n, stride), t, k in zip(base, expansion, kernel, strict=True):
        rows.append(MBConvConfig(t, k, stride, w_in, w, n, width_mult=width, depth_mult=depth))
        w_in = w
    return _gentle(EfficientNet(rows, dropout=0.0, stochastic_depth_prob=0.0, num_classes=num_classes))


def convnext(num_classes: int, width: list[int], depth: list[int]) -> nn.Module:
    """ConvNeXt (Liu et al., CVPR 2022) of these widths and depths."""
    after = [*width[1:], None]
    rows = [CNBlockConfig(w, following, n) for w, following, n in zip(width, after, depth, strict=True)]
    return ConvNeXt(rows, stochastic_depth_prob=0.0, num_classes=num_classes)


def vit(num_classes: int, in_channels: int, patch: int, heads: int, head_width: int, depth: int) -> nn.Module:
    """A vision transformer (Dosovitskiy et al., ICLR 2021) for images of 32 pixels."""
    return VisionTransformer(
        img_size=32,
        patch_size=patch,
        in_chans=in_channels,
        num_classes=num_classes,
        embed_dim=heads * head_width,
        depth=depth,
        num_heads=heads,
    )


def _gentle(model: nn.Module) -> nn.Module:
    """Let the first convolution keep the resolution, as networks for small images do."""
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    first.stride = (1, 1)
    return model
