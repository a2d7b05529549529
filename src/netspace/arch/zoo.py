"""The zoo: the published networks, as data.

RegNetX and RegNetY by their parameters (pycls `configs/dds_baselines`), with the ImageNet errors that pycls publishes
for its weights (`dev/model_error.json`): top-1 and top-5, in %, single 224 x 224 centre crop.
"""

import re
from dataclasses import dataclass

from netspace.arch.config import AnyNetConfig
from netspace.arch.regnet import RegNetConfig
from netspace.errors import raise_unknown


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network of the zoo and what was published about it.

    Attributes:
        name: as the paper writes it.
        network: its configuration.
        top1_error, top5_error: on ImageNet validation, %.
        source: where the errors come from.
    """

    name: str
    network: RegNetConfig
    top1_error: float
    top5_error: float
    source: str

    @property
    def config(self) -> AnyNetConfig:
        """The network, stage by stage."""
        return self.network.to_anynet()


def get(name: str) -> AnyNetConfig:
    """Return the network called `name`, leniently spelled: RegNetX-400MF, regnetx_400mf, x400mf.

    Raises:
        UnknownNameError: no network of the zoo has this name; the message lists them and the nearest.
    """
    return find(name).config


def find(name: str) -> Published:
    """Return the zoo's entry called `name`, spelled as leniently as for `get`.

    Raises:
        UnknownNameError: no network of the zoo has this name; the message lists them and the nearest.
    """
    found = _BY_FOLDED_NAME.get(_folded(name))
    if found is None:
        raise_unknown("network", name, (entry.name for entry in ZOO))
    return found


def _folded(name: str) -> str:
    """Return what lenient spellings have in common: 'RegNetX-4.0GF', 'regnet_x_4gf' and 'x4gf' give 'x4gf'."""
    plain = re.sub(r"[\s_-]", "", name.lower()).removeprefix("regnet")
    return re.sub(r"\.0(?=[mg]f)", "", plain)


_Parameters = tuple[int, int, float, float, int]
"""depth, w_0, w_a, w_m, group width."""

_PYCLS = "pycls dev/model_error.json"


def _regnetx(name: str, parameters: _Parameters, top1: float, top5: float, se_ratio: float = 0.0) -> Published:
    depth, w_0, w_a, w_m, group_width = parameters
    network = RegNetConfig(depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=group_width, se_ratio=se_ratio)
    return Published(name=name, network=network, top1_error=top1, top5_error=top5, source=_PYCLS)


def _regnety(name: str, parameters: _Parameters, top1: float, top5: float) -> Published:
    return _regnetx(name, parameters, top1, top5, se_ratio=0.25)


ZOO: tuple[Published, ...] = (
    _regnetx("RegNetX-200MF", (13, 24, 36.44, 2.49, 8), 31.088, 11.342),
    _regnetx("RegNetX-400MF", (22, 24, 24.48, 2.54, 16), 27.382, 9.076),
    _regnetx("RegNetX-600MF", (16, 48, 36.97, 2.24, 24), 25.864, 8.198),
    _regnetx("RegNetX-800MF", (16, 56, 35.73, 2.28, 16), 24.846, 7.592),
    _regnetx("RegNetX-1.6GF", (18, 80, 34.01, 2.25, 24), 23.038, 6.484),
    _regnetx("RegNetX-3.2GF", (25, 88, 26.31, 2.25, 48), 21.736, 5.862),
    _regnetx("RegNetX-4.0GF", (23, 96, 38.65, 2.43, 40), 21.356, 5.736),
    _regnetx("RegNetX-6.4GF", (17, 184, 60.83, 2.07, 56), 20.844, 5.434),
    _regnetx("RegNetX-8.0GF", (23, 80, 49.56, 2.88, 120), 20.728, 5.42),
    _regnetx("RegNetX-12GF", (19, 168, 73.36, 2.37, 112), 20.288, 5.284),
    _regnetx("RegNetX-16GF", (22, 216, 55.59, 2.1, 128), 19.956, 5.022),
    _regnetx("RegNetX-32GF", (23, 320, 69.86, 2.0, 168), 19.498, 4.878),
    _regnety("RegNetY-200MF", (13, 24, 36.44, 2.49, 8), 29.658, 10.378),
    _regnety("RegNetY-400MF", (16, 48, 27.89, 2.09, 8), 25.898, 8.07),
    _regnety("RegNetY-600MF", (15, 48, 32.54, 2.32, 16), 24.54, 7.28),
    _regnety("RegNetY-800MF", (14, 56, 38.84, 2.4, 16), 23.684, 6.846),
    _regnety("RegNetY-1.6GF", (27, 48, 20.71, 2.65, 24), 22.066, 6.134),
    _regnety("RegNetY-3.2GF", (21, 80, 42.63, 2.66, 24), 21.074, 5.454),
    _regnety("RegNetY-4.0GF", (22, 96, 31.41, 2.24, 64), 20.64, 5.336),
    _regnety("RegNetY-6.4GF", (25, 112, 33.22, 2.27, 72), 20.11, 5.1),
    _regnety("RegNetY-8.0GF", (17, 192, 76.82, 2.19, 56), 20.052, 5.06),
    _regnety("RegNetY-12GF", (19, 168, 73.36, 2.37, 112), 19.67, 4.856),
    _regnety("RegNetY-16GF", (18, 200, 106.23, 2.48, 112), 19.608, 4.944),
    _regnety("RegNetY-32GF", (20, 232, 115.89, 2.53, 232), 19.066, 4.568),
)
"""Every network of the zoo, in the paper's order."""

_BY_FOLDED_NAME = {_folded(entry.name): entry for entry in ZOO}
