"""L3: networks as PyTorch modules, their weights, and what they exchange with other libraries."""

from netspace.models.anynet import AnyNet, build, initialise
from netspace.models.built import BuiltNet
from netspace.models.convert import from_netspace, to_netspace
from netspace.models.counting import count_by_hooks
from netspace.models.pretrained import create_model
from netspace.models.weights import load_weights, recognise
from netspace.models.weights_file import read_weights

__all__ = [
    "AnyNet",
    "BuiltNet",
    "build",
    "count_by_hooks",
    "create_model",
    "from_netspace",
    "initialise",
    "load_weights",
    "read_weights",
    "recognise",
    "to_netspace",
]
