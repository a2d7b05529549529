"""Counting what a module costs by running it on tensors without memory: no arithmetic is done and nothing is stored."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netspace.arch.complexity import Complexity
from netspace.errors import ConfigError, first_line

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What one run of a module costs, and the shape that it gives.

    Attributes:
        cost: for one image.
        shape: of the output, with the batch of 1.
    """

    cost: Complexity
    shape: tuple[int, ...]


def made_without_memory(make: Callable[[], "nn.Module"]) -> "nn.Module":
    """Return a module made on the meta device, or, where its maker reads numbers out of tensors, on the CPU.

    The global random state stays as it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return make()
        except ConfigError:
            # some read their settings out of tensors, which those without memory do not have
            return make()


def count(module: "nn.Module", shape: tuple[int, ...], what: str) -> Counted:
    """Return what a module costs on one image, and what it gives; the module is spoilt for anything else.

    Counted as `netspace.arch.complexity` counts (pycls): multiply-adds of convolutions, fully connected layers and
    matrix products (those of attention), the biases of layers, every parameter, and the output elements of
    convolutions, fully connected layers and max-pools.

    Args:
        module: any, made for this alone.
        shape: of one image or feature map, with the batch of 1.
        what: begins messages.

    Raises:
        ConfigError: it does not run on this shape, or gives something else than one tensor.
    """
    import torch
    from torch import Tensor
    from torch.utils.flop_counter import FlopCounterMode

    params = sum(math.prod(parameter.shape) for parameter in module.parameters())
    tally = _Tally()
    # the counter knows what layers leave: products outside of them. It counts a multiplication and an addition as two
    counter = FlopCounterMode(display=False)
    try:
        module.to("meta").eval()
        tally.watch(module)
        with torch.no_grad(), counter:
            output = module(torch.empty(shape, device="meta"))
    except Exception as error:  # whatever someone else's code raises
        raise ConfigError(
            f"{what} does not take an input of shape {shape}: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not isinstance(output, Tensor):
        raise ConfigError(f"{what} must give one tensor, got {type(output).__name__}")
    flops = tally.flops + counter.get_total_flops() // 2
    return Counted(cost=Complexity(flops, params, tally.activations), shape=tuple(output.shape))


class _Tally:
    """Counts the layers of a module while it runs.

    PyTorch finds the shapes of a convolution without memory in a millisecond, of a batch normalisation in several: what
    the usual layers do to a shape is known, so here they do that and no more, and a block is counted ten times faster.
    """

    def __init__(self) -> None:
        self.flops = 0
        self.activations = 0

    def watch(self, module: "nn.Module") -> None:
        """Count each layer of a module when it is called."""
        from torch import nn

        unchanging = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Dropout, nn.LayerNorm, nn.GELU)
        for layer in module.modules():
            plain = layer.forward.__func__ if hasattr(layer.forward, "__func__") else None
            if plain is nn.Conv2d.forward and not isinstance(layer.padding, str):
                layer.forward = self._conv(layer)
            elif plain is nn.Linear.forward:
                layer.forward = self._linear(layer)
            elif any(plain is kind.forward for kind in unchanging):
                layer.forward = _unchanged
            elif isinstance(layer, nn.modules.conv._ConvNd | nn.Linear | nn.MaxPool2d):
                layer.register_forward_hook(self._by_the_counter)

    def _by_the_counter(self, layer: "nn.Module", _inputs: tuple[Any, ...], output: "Tensor") -> None:
        self.activations += output.numel()
        if getattr(layer, "bias", None) is not None:
            self.flops += output.numel()

    def _conv(self, layer: Any) -> Callable[["Tensor"], "Tensor"]:
        def forward(x: "Tensor") -> "Tensor":
            if x.dim() != 4 or x.shape[1] != layer.in_channels:
                raise ValueError(f"a convolution expects {layer.in_channels} channels, got the shape {tuple(x.shape)}")
            sizes = [
                (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
                for size, padding, dilation, kernel, stride in zip(
                    x.shape[2:], layer.padding, layer.dilation, layer.kernel_size, layer.stride, strict=True
                )
            ]
            if min(sizes) < 1:
                raise ValueError(f"nothing is left of the shape {tuple(x.shape)} after a convolution")
            out = x.new_empty((x.shape[0], layer.out_channels, *sizes))
            products = math.prod(layer.kernel_size) * (layer.in_channels // layer.groups)
            self.flops += out.numel() * (products + (layer.bias is not None))
            self.activations += out.numel()
            return out

        return forward

    def _linear(self, layer: Any) -> Callable[["Tensor"], "Tensor"]:
        def forward(x: "Tensor") -> "Tensor":
            if x.shape[-1] != layer.in_features:
                raise ValueError(
                    f"a fully connected layer expects {layer.in_features} features, got the shape {tuple(x.shape)}"
                )
            out = x.new_empty((*x.shape[:-1], layer.out_features))
            self.flops += out.numel() * (layer.in_features + (layer.bias is not None))
            self.activations += out.numel()
            return out

        return forward


def _unchanged(x: "Tensor") -> "Tensor":
    return x
