"""L3: networks as PyTorch modules, their weights, and what they exchange with other libraries."""

from netspace.models.anynet import AnyNet, build, initialise
from netspace.models.counting import count_by_hooks

__all__ = ["AnyNet", "build", "count_by_hooks", "initialise"]
