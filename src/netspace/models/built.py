"""Networks that a function of someone else's builds, with what the rest of netspace asks of a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch
from torch import Tensor, nn

from netspace.arch.built import BuiltConfig
from netspace.code.complexity import network_arguments
from netspace.code.loading import load
from netspace.errors import ConfigError
from netspace.models.backbone import Described

DROP_PATH = ("drop_path", "drop_path_rate")
"""What a builder may call the probability of dropping a residual branch."""


class BuiltNet(Described):
    """A network that a function builds.

    Attributes:
        config: the function and its arguments.
        net: what it built.
    """

    config: BuiltConfig

    def __init__(self, config: BuiltConfig, net: nn.Module) -> None:
        super().__init__(config)
        self.config = config
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, float (n, num_classes), of images, float (n, in_channels, height, width)."""
        out: Tensor = self.net(x)
        return out

    def set_pool(self, global_pool: str) -> None:
        """Do nothing, for `avg` stands for whatever the network does.

        Raises:
            ConfigError: another pooling is asked for.
        """
        if global_pool != self.global_pool:
            _refuse(self.config, "pools as it was written to")

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:  # noqa: ARG002 (timm's)
        """Refuse: nothing says which of the network's layers is its classifier.

        Raises:
            ConfigError: always.
        """
        _refuse(self.config, "has no classifier that is known")


def build_by_function(
    config: BuiltConfig, *, seed: int | torch.Generator | None, zero_init_last: bool, drop_path: float
) -> BuiltNet:
    """Return the network of a configuration as its function initialises it, on the CPU. See `build`.

    Raises:
        ConfigError: the function raises, returns no module, or does not know what is asked for.
    """
    maker = load(config.builder)
    arguments = network_arguments(maker, config)
    if zero_init_last:
        raise ConfigError(f"zero_init_last is for networks of netspace's own blocks, got {config.builder}")
    if drop_path:
        name = next((name for name in DROP_PATH if name in maker.names), None)
        if name is None:
            raise ConfigError(f"drop_path must be 0 for {config.builder}: it has no parameter {' or '.join(DROP_PATH)}")
        arguments[name] = drop_path
    with random_from(seed):
        return BuiltNet(config, maker(**arguments))


@contextmanager
def random_from(seed: int | torch.Generator | None) -> Iterator[None]:
    """Have what is drawn from the global random state inside the `with` block depend on a seed alone.

    The state is the same afterwards as before; None lets it be used.
    """
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        own = seed if isinstance(seed, int) else int(torch.randint(2**62, (), generator=seed))
        torch.default_generator.manual_seed(own)
        yield


def _refuse(config: BuiltConfig, why: str) -> NoReturn:
    raise ConfigError(f"the network of {config.builder} {why}")
