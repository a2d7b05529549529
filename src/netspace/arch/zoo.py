"""The zoo: the published networks, found by name."""

import re

from netspace.arch.config import AnyNetConfig
from netspace.arch.published import REGNETX, REGNETY, REGNETZ, RESNETS, TORCHVISION_WIDTHS, Published
from netspace.errors import raise_unknown

__all__ = ["ZOO", "Published", "find", "get"]

ZOO: tuple[Published, ...] = REGNETX + REGNETY + TORCHVISION_WIDTHS + REGNETZ + RESNETS
"""Every network of the zoo, family by family, in the paper's order."""


def get(name: str) -> AnyNetConfig:
    """Return the network called `name`, leniently spelled: RegNetX-400MF, regnetx_400mf, x400mf.

    Raises:
        UnknownNameError: no network of the zoo has this name; the message lists them and the nearest.
    """
    return find(name).config


def find(name: str) -> Published:
    """Return the zoo's entry called `name`, spelled as leniently as for `get`, or by its name in timm.

    Raises:
        UnknownNameError: no network of the zoo has this name; the message lists them and the nearest.
    """
    found = _BY_FOLDED_NAME.get(_folded(name))
    if found is None:
        raise_unknown("network", name, (entry.name for entry in ZOO))
    return found


def _folded(name: str) -> str:
    """Return what lenient spellings share: 'RegNetX-1.6GF', 'regnet_x_1_6gf' and 'x1.6gf' all give 'x1.6gf'."""
    decimal = re.sub(r"(?<=\d)_(?=\d+[mg]f)", ".", name.lower())
    plain = re.sub(r"[\s_-]", "", decimal).removeprefix("regnet")
    return re.sub(r"\.0(?=[mg]f)", "", plain)


_BY_FOLDED_NAME = {_folded(entry.timm): entry for entry in ZOO if entry.timm} | {
    _folded(entry.name): entry for entry in ZOO
}
