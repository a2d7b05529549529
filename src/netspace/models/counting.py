"""Counting what a model costs by watching it run: the measurement beside the formulas of `netspace.arch`.

It serves any torch model, ours and the baselines of timm and torchvision.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from netspace.arch.complexity import Complexity


def count_by_hooks(model: nn.Module, resolution: int = 224) -> Complexity:
    """Return what a model costs on one square image, by hooks on its layers.

    Counted as `netspace.arch.complexity` counts (pycls): multiply-adds of convolutions and fully connected layers,
    every parameter, and the output elements of those layers and of max-pools. The run is on shapes alone: no memory,
    no arithmetic, and the model is left as it was.

    Args:
        model: any module whose first convolution takes the image.
        resolution: height and width of the image, pixels.

    Raises:
        ValueError: the model has no convolution from which to read the number of image channels.
    """
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        raise ValueError(f"{type(model).__name__} has no convolution that shows its number of input channels")
    flops = activations = 0

    def count(module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal flops, activations
        activations += output.numel()
        if isinstance(module, nn.Conv2d):
            flops += output.numel() * math.prod(module.kernel_size) * (module.in_channels // module.groups)
        elif isinstance(module, nn.Linear):
            flops += output.numel() * module.in_features
        if getattr(module, "bias", None) is not None:
            flops += output.numel()

    counted = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d)]
    handles = [module.register_forward_hook(count) for module in counted]
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    shapes = {name: torch.empty_like(value, device="meta") for name, value in tensors.items()}
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            image = torch.empty(1, first.in_channels, resolution, resolution, device="meta", dtype=first.weight.dtype)
            functional_call(model, shapes, (image,))
    finally:
        for module, mode in modes:
            module.training = mode
        for handle in handles:
            handle.remove()
    return Complexity(flops, sum(parameter.numel() for parameter in model.parameters()), activations)
