"""AnyNet: a stem, a body of stages and a head, built from a configuration (RegNet paper, figure 3)."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import overload

import torch
from torch import Tensor, nn

from netspace.arch.built import BuiltConfig, NetworkConfig
from netspace.arch.code import Code
from netspace.arch.config import AnyNetConfig, Stage, Stem
from netspace.arch.regnet import RegNetConfig
from netspace.checks import check_number
from netspace.code.loading import load
from netspace.errors import ConfigError
from netspace.models.backbone import Backbone
from netspace.models.blocks import ACTIVATIONS, RESIDUAL_BLOCKS, ConvNorm, Residual, make_block
from netspace.models.built import BuiltNet, build_by_function, random_from


class AnyNet(Backbone):
    """The network that a configuration describes. Its parameters come from `build`.

    Attributes:
        config: the configuration.
        stem: the layers before the body.
        stages: the body, one `BodyStage` each.
        head: the layers after the body.

    What else it has, `Backbone` says.
    """

    config: AnyNetConfig

    def __init__(self, config: AnyNetConfig, *, drop_path: float = 0.0) -> None:
        super().__init__(config)
        self.stem: nn.Sequential = _stem(config.stem, config.in_channels, config.activation)
        rates = _drop_path_rates(drop_path, config)
        stages, w_in = [], config.stem.width
        for stage in config.stages:
            stages.append(BodyStage(config, stage, w_in, [next(rates) for _ in range(stage.depth)]))
            w_in = stage.width
        self.stages: nn.Sequential = nn.Sequential(*stages)
        self.head: nn.Sequential = _head(config, w_in)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Args:
            x: images, float (n, in_channels, height, width), channels_last or not.

        Returns:
            Logits, float (n, num_classes); without a classifier, features.
        """
        return self.forward_head(self.forward_features(x))

    def set_head_activation(self, present: bool) -> None:
        """Put an activation before the pooling, or take it away: see `Template.head_activation`.

        Raises:
            ConfigError: it is not for this network to choose.
        """
        if present == self.config.head_activation:
            return
        self.config: AnyNetConfig = self.config.changed(head_activation=present)
        with torch.device("meta"):
            head = _head(self.config, self.config.stages[-1].width)
        head.fc = self.head.fc
        self.head = head


class BodyStage(nn.Module):
    """The `depth` blocks of a stage; the first takes the stage's stride and the change of width."""

    def __init__(self, config: AnyNetConfig, stage: Stage, w_in: int, drop_paths: list[float]) -> None:
        super().__init__()
        blocks = [make_block(config, stage, w_in, stage.stride, drop_paths[0])]
        blocks += [make_block(config, stage, stage.width, 1, rate) for rate in drop_paths[1:]]
        self.blocks: nn.Sequential = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, w_in, h, w) to (n, width, h', w')."""
        out: Tensor = self.blocks(x)
        return out


@overload
def build(
    config: AnyNetConfig | RegNetConfig,
    *,
    seed: int | torch.Generator | None = None,
    zero_init_last: bool = False,
    drop_path: float = 0.0,
) -> AnyNet: ...


@overload
def build(
    config: BuiltConfig,
    *,
    seed: int | torch.Generator | None = None,
    zero_init_last: bool = False,
    drop_path: float = 0.0,
) -> BuiltNet: ...


@overload
def build(
    config: NetworkConfig,
    *,
    seed: int | torch.Generator | None = None,
    zero_init_last: bool = False,
    drop_path: float = 0.0,
) -> AnyNet | BuiltNet: ...


def build(
    config: NetworkConfig | RegNetConfig,
    *,
    seed: int | torch.Generator | None = None,
    zero_init_last: bool = False,
    drop_path: float = 0.0,
) -> AnyNet | BuiltNet:
    """Return the network of a configuration, freshly initialised, on the CPU, in float32.

    Args:
        config: the network.
        seed: what the weights depend on; the global random state is neither read nor changed. None takes them from
            the global state, as torch's own modules do.
        zero_init_last: start with scale 0 in the last normalisation of every residual branch, so that each residual
            block is the identity at first.
        drop_path: probability of dropping the last residual branch in training; rises linearly from 0 at the first
            block (Huang et al., "Deep Networks with Stochastic Depth", section 3). In [0, 1). A block of one's own is
            given it as `drop_path`, a function that builds networks as `drop_path` or `drop_path_rate`.

    Of a block of one's own, what is neither convolution, fully connected layer nor batch normalisation keeps its own
    initialisation; a network that a function builds keeps all of it.

    Raises:
        ConfigError: drop path is out of range, the block has no shortcut to drop to, or code of one's own raises.
    """
    if isinstance(config, RegNetConfig):
        config = config.to_anynet()
    check_number(drop_path, "drop_path", least=0, below=1)
    if isinstance(config, BuiltConfig):
        return build_by_function(config, seed=seed, zero_init_last=zero_init_last, drop_path=drop_path)
    if isinstance(config.block, Code):
        return _with_own_block(config, config.block, seed, zero_init_last=zero_init_last, drop_path=drop_path)
    for name, wanted in (("drop_path", drop_path), ("zero_init_last", zero_init_last)):
        if wanted and config.block not in RESIDUAL_BLOCKS:
            raise ConfigError(
                f"{name} needs a block with a shortcut, got block '{config.block}'; "
                f"valid: {', '.join(sorted(RESIDUAL_BLOCKS))}"
            )
    # on "meta" the modules' own initialisation is skipped: it would draw from the global random state
    with torch.device("meta"):
        model = AnyNet(config, drop_path=drop_path)
    model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    initialise(model, generator, zero_init_last=zero_init_last)
    return model


def _with_own_block(
    config: AnyNetConfig, block: Code, seed: int | torch.Generator | None, *, zero_init_last: bool, drop_path: float
) -> AnyNet:
    for name, wanted in (("drop_path", drop_path), ("zero_init_last", zero_init_last)):
        if wanted and (name == "zero_init_last" or name not in load(block).names):
            raise ConfigError(f"{name} is not supported by the block {block}")
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    with random_from(generator):
        model = AnyNet(config, drop_path=drop_path)
    initialise(model, generator)
    return model


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator | None = None, *, zero_init_last: bool = False) -> None:
    """Set every parameter and buffer as pycls does (`models/blocks.py`, `init_weights`).

    Convolutions ~ N(0, sqrt(2 / (k k c_out))), whatever their groups; classifier ~ N(0, 0.01); normalisation scale 1,
    shift 0. Biases are 0, also those of squeeze-and-excitation, which pycls leaves at torch's default.

    Args:
        model: any part of an AnyNet, on the CPU; changed in place.
        generator: where the random numbers come from; None for the global state.
        zero_init_last: scale 0 in the last normalisation of every residual branch.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels
            module.weight.normal_(0, math.sqrt(2 / fan_out), generator=generator)
        elif isinstance(module, nn.Linear):
            module.weight.normal_(0, 0.01, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.weight.fill_(1)
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d) and module.bias is not None:
            module.bias.zero_()
    if zero_init_last:
        for module in model.modules():
            if isinstance(module, Residual):
                last = module.branch[-1]
                assert isinstance(last, ConvNorm)
                last.get_submodule("norm").get_parameter("weight").zero_()


def _stem(stem: Stem, in_channels: int, activation: str) -> nn.Sequential:
    kernel, stride = {"simple": (3, 2), "res_in": (7, 2), "cifar": (3, 1)}[stem.kind]
    layers = ConvNorm(in_channels, stem.width, kernel, stride=stride, activation=activation)
    if stem.kind == "res_in":
        layers.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
    return layers


def _head(config: AnyNetConfig, w_in: int) -> nn.Sequential:
    layers = OrderedDict[str, nn.Module]()
    if config.head_width:
        layers["conv"] = ConvNorm(w_in, config.head_width, 1, activation=config.activation)
        w_in = config.head_width
    elif config.ends_linearly and config.head_activation:
        layers["act"] = ACTIVATIONS[config.activation]()
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(w_in, config.num_classes)
    return nn.Sequential(layers)


def _drop_path_rates(last: float, config: AnyNetConfig) -> Iterator[float]:
    steps = max(1, config.total_depth - 1)
    return (last * j / steps for j in range(config.total_depth))
