"""The published networks by name, under the name that the zoo has at the root: see `netspace.arch.zoo`."""

from netspace.arch.zoo import ZOO, Published, find, get

__all__ = ["ZOO", "Published", "find", "get"]
