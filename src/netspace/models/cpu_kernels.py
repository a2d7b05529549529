"""The same convolutions, computed faster on a CPU: what training and timing wrap a network in.

Nothing here changes what is computed beyond rounding, nor a parameter's name or shape: while a network is
`accelerated`, its convolutions take another way through the same numbers. Which way was chosen by measurement (the
project's log has the figures); it is a rule, not a measurement at run time, so that a run sums in the same order on
every day.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

MERGED_WIDTH = 16
"""Narrow groups are merged up to this width: a group then fills a vector register."""

_NARROW, _NARROW_LOW = 2, 4  # widest groups that gain by merging, in float32 and in bfloat16


class FastConv2d(nn.Conv2d):
    """A convolution that multiplies matrices if that is all there is to do, and merges narrow groups.

    On images of one pixel only the centre of a kernel meets the image; networks of 32 times less resolution at the end
    spend half of their blocks there when the images are small.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, h, w) as the convolution does."""
        if x.device.type != "cpu" or not self._same_padding():
            return super().forward(x)
        if x.shape[2:] == (1, 1):
            return self._one_pixel(x)
        low = torch.is_autocast_enabled("cpu") or x.dtype == torch.bfloat16
        if low and self.kernel_size == (1, 1) and self.groups == 1:
            rows = x[:, :, :: self.stride[0], :: self.stride[1]].permute(0, 2, 3, 1)
            return F.linear(rows, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        factor = self._merged_groups(low)
        if factor == 1:
            return super().forward(x)
        weight = merge_groups(self.weight, self.groups, factor)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, groups=self.groups // factor)

    def _same_padding(self) -> bool:
        """Return whether the kernel is odd, undilated and centred on each pixel, as in every network of ours."""
        return (
            self.dilation == (1, 1)
            and self.padding_mode == "zeros"
            and all(k % 2 == 1 and p == k // 2 for k, p in zip(self.kernel_size, self.padding, strict=True))
        )

    def _one_pixel(self, x: Tensor) -> Tensor:
        centre = self.weight[:, :, self.kernel_size[0] // 2, self.kernel_size[1] // 2]
        if self.groups == 1:
            return F.linear(x.flatten(1), centre, self.bias)[:, :, None, None]
        groups, n = self.groups, len(x)
        inputs = x.reshape(n, groups, -1).transpose(0, 1)
        outputs = torch.bmm(inputs, centre.view(groups, -1, centre.shape[1]).transpose(1, 2))
        out = outputs.transpose(0, 1).reshape(n, -1, 1, 1)
        return out if self.bias is None else out + self.bias[:, None, None]

    def _merged_groups(self, low: bool) -> int:
        """Return how many groups are computed as one."""
        width = self.in_channels // self.groups
        if self.in_channels != self.out_channels or not 2 <= width <= (_NARROW_LOW if low else _NARROW):
            return 1
        return max(r for r in range(1, MERGED_WIDTH // width + 1) if self.groups % r == 0)


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
    blocks = weight.reshape(groups // factor, factor, channels // groups, width, -1).permute(0, 2, 3, 4, 1)
    return torch.diag_embed(blocks, dim1=1, dim2=3).reshape(channels, factor * width, *kernel)


@contextmanager
def accelerated(model: nn.Module) -> Iterator[nn.Module]:
    """Let the plain convolutions of `model` take the faster way inside the `with` block.

    The modules stay the same objects with the same parameters; only their class changes, and changes back.
    """
    plain = [module for module in model.modules() if type(module) is nn.Conv2d]
    for module in plain:
        module.__class__ = FastConv2d
    try:
        yield model
    finally:
        for module in plain:
            module.__class__ = nn.Conv2d
