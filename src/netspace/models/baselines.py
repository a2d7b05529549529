"""The networks that the RegNet paper compares with, built by timm and torchvision: none of them is our own."""

import torch
from torch import nn

from netspace.arch.compared import Baseline
from netspace.arch.complexity import Complexity
from netspace.errors import UnknownNameError
from netspace.models.counting import count_by_hooks


def build_baseline(baseline: Baseline, *, num_classes: int = 1000) -> nn.Module:
    """Return the network as its library builds and initialises it, to be trained by the same recipe as ours.

    Raises:
        UnknownNameError: no library ships it.
    """
    if baseline.builder is None:
        raise UnknownNameError(f"{baseline.name}: {baseline.note}")
    # either import takes seconds, and the table needs neither
    model: nn.Module
    if baseline.library == "timm":
        import timm

        model = timm.create_model(baseline.builder, num_classes=num_classes)
    else:
        from torchvision import models

        model = models.get_model(baseline.builder, weights=None, num_classes=num_classes)
    return model


def measure(baseline: Baseline, resolution: int | None = None) -> Complexity | None:
    """Return what a baseline costs in our counting, by hooks, or None if no library ships it.

    Args:
        baseline: which.
        resolution: height and width of the image, pixels; the baseline's own when left out.
    """
    if baseline.builder is None:
        return None
    with torch.device("meta"):
        model = build_baseline(baseline)
    return count_by_hooks(model, resolution or baseline.resolution)
