"""The blocks of AnyNet: what a stage repeats (RegNet paper, figure 4 and appendix A; pycls `models/blocks.py`).

A block is a *branch* of convolutions, with or without a shortcut around it. The names a, b, se and c of the
convolutions are those of pycls, so that its weights map one to one.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from netspace.arch.code import Code
from netspace.arch.complexity import se_width
from netspace.arch.config import AnyNetConfig, Stage
from netspace.code.complexity import block_arguments
from netspace.code.loading import load
from netspace.documents import whole_if_whole

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "silu": lambda: nn.SiLU(inplace=True),
    "gelu": nn.GELU,
}
"""A fresh module of each activation that a configuration may name."""

RESIDUAL_BLOCKS = frozenset({"bottleneck", "linear_bottleneck", "basic", "vr"})
"""The blocks with a shortcut: the ones that drop path and a zero-initialised last normalisation make sense for."""


class ConvNorm(nn.Sequential):
    """A k x k convolution without bias, batch normalisation and, if named, an activation.

    The padding is k // 2, so that an image of height h leaves with height (h - 1) // stride + 1.
    """

    def __init__(
        self, w_in: int, w_out: int, kernel: int, *, stride: int = 1, groups: int = 1, activation: str | None = None
    ) -> None:
        conv = nn.Conv2d(w_in, w_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
        layers = OrderedDict[str, nn.Module](conv=conv, norm=nn.BatchNorm2d(w_out, eps=1e-5, momentum=0.1))
        if activation is not None:
            layers["act"] = ACTIVATIONS[activation]()
        super().__init__(layers)


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation: scales the w channels of its input by a gate computed from their means."""

    def __init__(self, w: int, w_squeezed: int, activation: str) -> None:
        super().__init__()
        self.pool: nn.AdaptiveAvgPool2d = nn.AdaptiveAvgPool2d(1)
        self.squeeze: nn.Conv2d = nn.Conv2d(w, w_squeezed, 1)
        self.act: nn.Module = ACTIVATIONS[activation]()
        self.excite: nn.Conv2d = nn.Conv2d(w_squeezed, w, 1)
        self.gate: nn.Sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w, h, w) to the same shape."""
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(self.pool(x)))))
        return x * gate


class DropPath(nn.Module):
    """Stochastic depth: in training, drops the branch of each image with probability `rate`, keeping its mean."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = torch.empty((len(x), 1, 1, 1), dtype=x.dtype, device=x.device).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        """Show the rate in the printed model."""
        return f"rate={self.rate:g}"


class Plain(nn.Module):
    """A block without a shortcut."""

    def __init__(self, branch: nn.Sequential) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w_in, h, w) to (n, width, h', w')."""
        out: Tensor = self.branch(x)
        return out


class Residual(nn.Module):
    """The sum of a branch and a shortcut, then an activation (the identity in linear blocks)."""

    def __init__(self, branch: nn.Sequential, shortcut: nn.Module, act: nn.Module, drop_path: float) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.drop_path: DropPath = DropPath(drop_path)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w_in, h, w) to (n, width, h', w')."""
        out: Tensor = self.act(self.shortcut(x) + self.drop_path(self.branch(x)))
        return out


def make_block(config: AnyNetConfig, stage: Stage, w_in: int, stride: int, drop_path: float) -> nn.Module:
    """Return one block of a stage.

    Args:
        config: the network; it names the block, the activation and the squeeze-and-excitation ratio.
        stage: the stage; it gives the widths.
        w_in: channels that enter the block.
        stride: of the block's one strided 3x3 convolution (in a bottleneck the stride is there, not on the 1x1).
        drop_path: probability of dropping the branch, [0, 1); without effect if there is no shortcut.
    """
    if isinstance(config.block, Code):
        return _own(config, config.block, stage, w_in, stride, drop_path)
    same_shape = w_in == stage.width and stride == 1
    branch = _BRANCHES[config.block](config, stage, w_in, stride)
    if config.block not in RESIDUAL_BLOCKS:
        return Plain(branch)
    if config.block == "linear_bottleneck":
        return Residual(branch, nn.Identity(), nn.Identity(), drop_path) if same_shape else Plain(branch)
    shortcut = nn.Identity() if same_shape else ConvNorm(w_in, stage.width, 1, stride=stride)
    return Residual(branch, shortcut, ACTIVATIONS[config.activation](), drop_path)


def _own(config: AnyNetConfig, code: Code, stage: Stage, w_in: int, stride: int, drop_path: float) -> nn.Module:
    """Return a block of someone's own.

    Raises:
        ConfigError: it cannot be made.
    """
    maker = load(code)
    given = {"bottleneck_ratio": stage.bottleneck_ratio, "group_width": stage.group_width, **stage.own}
    given = {name: whole_if_whole(value) for name, value in given.items()}
    arguments = block_arguments(maker, config, w_in, stage.width, stride, given)
    if "drop_path" in maker.names:
        arguments["drop_path"] = drop_path
    block: nn.Module = maker(**arguments)
    return block


def _named(names: Sequence[str], layers: Sequence[nn.Module | None]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((n, layer) for n, layer in zip(names, layers, strict=True) if layer is not None))


def _bottleneck(config: AnyNetConfig, stage: Stage, w_in: int, stride: int) -> nn.Sequential:
    """1x1, 3x3 in groups, squeeze-and-excitation if any, 1x1; no activation at the end."""
    inner, activation = stage.bottleneck_width, config.activation
    groups = inner // stage.group_width
    squeezed = int(se_width(w_in, config.se_ratio))
    layers = (
        ConvNorm(w_in, inner, 1, activation=activation),
        ConvNorm(inner, inner, 3, stride=stride, groups=groups, activation=activation),
        SqueezeExcite(inner, squeezed, activation) if config.se_ratio else None,
        ConvNorm(inner, stage.width, 1),
    )
    return _named(("a", "b", "se", "c"), layers)


def _two_3x3(config: AnyNetConfig, stage: Stage, w_in: int, stride: int) -> nn.Sequential:
    last = None if config.block in RESIDUAL_BLOCKS else config.activation
    layers = (
        ConvNorm(w_in, stage.width, 3, stride=stride, activation=config.activation),
        ConvNorm(stage.width, stage.width, 3, activation=last),
    )
    return _named(("a", "b"), layers)


def _one_3x3(config: AnyNetConfig, stage: Stage, w_in: int, stride: int) -> nn.Sequential:
    last = None if config.block in RESIDUAL_BLOCKS else config.activation
    return _named(("a",), (ConvNorm(w_in, stage.width, 3, stride=stride, activation=last),))


_BRANCHES: dict[str, Callable[[AnyNetConfig, Stage, int, int], nn.Sequential]] = {
    "bottleneck": _bottleneck,
    "linear_bottleneck": _bottleneck,
    "basic": _two_3x3,
    "vanilla": _two_3x3,
    "v": _one_3x3,
    "vr": _one_3x3,
}
