"""A block of one's own: the ghost bottleneck (Han et al., "GhostNet", CVPR 2020), without squeeze-and-excitation."""

from typing import Any

import torch
from torch import Tensor, nn

from netspace.arch.complexity import Complexity, conv, norm


class Ghost(nn.Module):
    """Makes w_out channels: 1 / ratio of them by a 1x1 convolution, the others from these by a depthwise 3x3 one."""

    def __init__(self, w_in: int, w_out: int, ratio: int, *, relu: bool) -> None:
        super().__init__()
        few = -(-w_out // ratio)
        self.primary = _conv_norm(w_in, few, 1, relu=relu)
        self.cheap = _conv_norm(few, few * (ratio - 1), 3, groups=few, relu=relu)
        self.w_out = w_out

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w_in, h, w) to (n, w_out, h, w)."""
        few = self.primary(x)
        return torch.cat([few, self.cheap(few)], dim=1)[:, : self.w_out]


class GhostBottleneck(nn.Module):
    """Widens by `expansion` and narrows again, both by ghost modules; a depthwise convolution has the stride."""

    def __init__(self, w_in: int, w_out: int, stride: int, expansion: int, ratio: int = 2) -> None:
        super().__init__()
        inner = expansion * w_out
        self.widen = Ghost(w_in, inner, ratio, relu=True)
        self.stride = _conv_norm(inner, inner, 3, stride=2, groups=inner) if stride == 2 else nn.Identity()
        self.narrow = Ghost(inner, w_out, ratio, relu=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2 or w_in != w_out:
            self.shortcut = nn.Sequential(
                _conv_norm(w_in, w_in, 3, stride=stride, groups=w_in), _conv_norm(w_in, w_out, 1)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w_in, h, w) to (n, w_out, h / stride, w / stride)."""
        return self.narrow(self.stride(self.widen(x))) + self.shortcut(x)

    @staticmethod
    def complexity(w_in: Any, w_out: Any, stride: Any, size: Any, expansion: Any, ratio: Any = 2) -> Complexity:
        """Count many blocks at once, arrays (n,): without it each is built and counted, a hundred times slower."""
        inner, out = expansion * w_out, (size - 1) // stride + 1
        branch = _ghost(w_in, inner, ratio, size) + _ghost(inner, w_out, ratio, out)
        strided = conv(inner, inner, 3, out, groups=inner) + norm(inner)
        shortcut = conv(w_in, w_in, 3, out, groups=w_in) + norm(w_in) + conv(w_in, w_out, 1, out) + norm(w_out)
        return branch + strided.times(stride == 2) + shortcut.times((stride == 2) | (w_in != w_out))


def _ghost(w_in: Any, w_out: Any, ratio: Any, size: Any) -> Complexity:
    few = -(-w_out // ratio)
    more = few * (ratio - 1)
    return conv(w_in, few, 1, size) + norm(few) + conv(few, more, 3, size, groups=few) + norm(more)


def _conv_norm(
    w_in: int, w_out: int, kernel: int, *, stride: int = 1, groups: int = 1, relu: bool = False
) -> nn.Sequential:
    conv = nn.Conv2d(w_in, w_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(w_out), *([nn.ReLU(inplace=True)] if relu else []))
