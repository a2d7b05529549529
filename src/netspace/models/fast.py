"""The same convolutions, computed faster on a CPU: what training and timing wrap a network in.

Nothing here changes what is computed beyond rounding, nor a parameter's name or shape: while a network is
`accelerated`, its convolutions take another way through the same numbers. Which way was chosen by measurement
(docs/log.md); it is a rule, not a measurement at run time, so that the same run sums in the same order on every day.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

MERGED_WIDTH = 16
"""Groups narrower than this are merged up to this width: a group then fills a vector register."""

_TINY = 4  # pixels; on images this small even depthwise convolutions in bfloat16 gain by merging


class FastConv2d(nn.Conv2d):
    """A convolution that merges narrow groups and, in bfloat16, multiplies matrices where the kernel is 1x1."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, h, w) as the convolution does."""
        if x.device.type != "cpu":
            return super().forward(x)
        low = torch.is_autocast_enabled("cpu") or x.dtype == torch.bfloat16
        if self.kernel_size == (1, 1) and self.groups == 1 and self.padding == (0, 0) and low:
            rows = x[:, :, :: self.stride[0], :: self.stride[1]].permute(0, 2, 3, 1)
            return F.linear(rows, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        factor = self._merged_groups(low, x.shape[2] * x.shape[3])
        if factor == 1:
            return super().forward(x)
        return F.conv2d(
            x,
            merge_groups(self.weight, self.groups, factor),
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups // factor,
        )

    def _merged_groups(self, low: bool, pixels: int) -> int:
        """Return how many groups are computed as one."""
        width = self.in_channels // self.groups
        if self.groups == 1 or self.in_channels != self.out_channels:
            return 1
        if width == 1 and not (low and pixels <= _TINY):
            return 1
        return max(r for r in range(1, max(1, MERGED_WIDTH // width) + 1) if self.groups % r == 0)


def merge_groups(weight: Tensor, groups: int, factor: int) -> Tensor:
    """Return the weight of a convolution with `groups / factor` groups that computes what `weight` does.

    Each new group holds `factor` old ones on its diagonal and zeros elsewhere; the zeros have no gradient.

    Args:
        weight: (channels, width, k, k) of a convolution with `groups` groups of `width` input and output channels.
        groups: its groups.
        factor: how many groups become one; divides `groups`.

    Returns:
        (channels, factor * width, k, k).
    """
    channels, width, *kernel = weight.shape
    blocks = weight.view(groups // factor, factor, channels // groups, width, -1).permute(0, 2, 3, 4, 1)
    return torch.diag_embed(blocks, dim1=1, dim2=3).reshape(channels, factor * width, *kernel)


@contextmanager
def accelerated(model: nn.Module) -> Iterator[nn.Module]:
    """Let the plain convolutions of `model` take the faster way inside the `with` block.

    The modules stay the same objects with the same parameters; only their class changes, and changes back.
    """
    plain = [module for module in model.modules() if type(module) is nn.Conv2d and module.padding_mode == "zeros"]
    for module in plain:
        module.__class__ = FastConv2d
    try:
        yield model
    finally:
        for module in plain:
            module.__class__ = nn.Conv2d
