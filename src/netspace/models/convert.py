"""Weights between our layout and those of pycls, torchvision and timm, and back.

The networks are the same; only the names of their tensors differ, and pycls reads images as BGR. A `Layout` says, as
data, what each of our modules is called elsewhere; converting is renaming, in both directions.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netspace.arch.config import AnyNetConfig
from netspace.errors import WeightsError, raise_unknown
from netspace.models.anynet import AnyNet

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What another code base calls the modules of an AnyNet.

    Attributes:
        name: of the code base.
        ends: our modules outside the body, and theirs.
        block: prefix of a block: a format of `stage` and `block`, counted from 1, and `block0`, counted from 0.
        inside: our modules inside a block, and theirs.
        bgr: whether the first convolution expects blue before green before red.
        head_activation: `AnyNetConfig.head_activation` of its networks that end linearly; None if either can be.
    """

    name: str
    ends: Mapping[str, str]
    block: str
    inside: Mapping[str, str]
    bgr: bool = False
    head_activation: bool | None = None

    def key(self, ours: str) -> str:
        """Return what this layout calls our tensor, such as `stages.0.blocks.1.branch.a.conv.weight`.

        Raises:
            WeightsError: the layout has no such module.
        """
        module, tensor = ours.rsplit(".", 1)
        found = _IN_BODY.fullmatch(module)
        try:
            if found is None:
                return f"{self.ends[module]}.{tensor}"
            stage, block = int(found["stage"]), int(found["block"])
            prefix = self.block.format(stage=stage + 1, block=block + 1, block0=block)
            return f"{prefix}.{self.inside[found['module']]}.{tensor}"
        except KeyError:
            raise WeightsError(f"the layout '{self.name}' has no place for '{module}'") from None


_IN_BODY = re.compile(r"stages\.(?P<stage>\d+)\.blocks\.(?P<block>\d+)\.(?P<module>.+)")


def _both(ours: str, conv: str, norm: str) -> dict[str, str]:
    return {f"{ours}.conv": conv, f"{ours}.norm": norm}


_PYCLS_ENDS = {
    "stem.conv": "stem.conv",
    "stem.norm": "stem.bn",
    **_both("head.conv", "head.conv", "head.bn"),
    "head.fc": "head.fc",
}

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="pycls",
        ends=_PYCLS_ENDS,
        block="s{stage}.b{block}",
        inside={
            **_both("branch.a", "f.a", "f.a_bn"),
            **_both("branch.b", "f.b", "f.b_bn"),
            "branch.se.squeeze": "f.se.f_ex.0",
            "branch.se.excite": "f.se.f_ex.2",
            **_both("branch.c", "f.c", "f.c_bn"),
            **_both("shortcut", "proj", "bn"),
        },
        bgr=True,
        head_activation=False,
    ),
    Layout(
        name="pycls vanilla",
        ends=_PYCLS_ENDS,
        block="s{stage}.b{block}",
        inside={**_both("branch.a", "a", "a_bn"), **_both("branch.b", "b", "b_bn")},
        bgr=True,
    ),
    Layout(
        name="torchvision",
        ends={"stem.conv": "stem.0", "stem.norm": "stem.1", "head.fc": "fc"},
        block="trunk_output.block{stage}.block{stage}-{block0}",
        inside={
            **_both("branch.a", "f.a.0", "f.a.1"),
            **_both("branch.b", "f.b.0", "f.b.1"),
            "branch.se.squeeze": "f.se.fc1",
            "branch.se.excite": "f.se.fc2",
            **_both("branch.c", "f.c.0", "f.c.1"),
            **_both("shortcut", "proj.0", "proj.1"),
        },
    ),
    Layout(
        name="timm",
        ends={
            "stem.conv": "stem.conv",
            "stem.norm": "stem.bn",
            **_both("head.conv", "final_conv.conv", "final_conv.bn"),
            "head.fc": "head.fc",
        },
        block="s{stage}.b{block}",
        inside={
            **_both("branch.a", "conv1.conv", "conv1.bn"),
            **_both("branch.b", "conv2.conv", "conv2.bn"),
            "branch.se.squeeze": "se.fc1",
            "branch.se.excite": "se.fc2",
            **_both("branch.c", "conv3.conv", "conv3.bn"),
            **_both("shortcut", "downsample.conv", "downsample.bn"),
        },
        head_activation=True,
    ),
    Layout(
        name="resnet",  # of torchvision and of timm
        ends={"stem.conv": "conv1", "stem.norm": "bn1", "head.fc": "fc"},
        block="layer{stage}.{block0}",
        inside={
            **_both("branch.a", "conv1", "bn1"),
            **_both("branch.b", "conv2", "bn2"),
            **_both("branch.c", "conv3", "bn3"),
            **_both("shortcut", "downsample.0", "downsample.1"),
        },
    ),
)
"""Every layout but our own."""


class _Ours(Layout):
    """Our own layout, where every name is itself."""

    def key(self, ours: str) -> str:
        return ours


OURS = _Ours(name="netspace", ends={}, block="", inside={})

_FIRST = "stages.0.blocks.0.branch.a.conv.weight"

ANCHORS: tuple[str, ...] = tuple(known.key(_FIRST) for known in (*LAYOUTS, OURS))
"""What each layout calls the first convolution of the body, which every network has."""


def layout(name: str) -> Layout:
    """Return the layout called `name`.

    Raises:
        UnknownNameError: there is none.
    """
    known = {known.name: known for known in (*LAYOUTS, OURS)}
    return known.get(name) or raise_unknown("weights layout", name, known)


def detect_layout(keys: Iterable[str]) -> Layout:
    """Return the layout that a state dict with these keys is in, recognised by the first convolution of the body.

    Raises:
        WeightsError: no layout calls it so.
    """
    keys = set(keys)
    for known, anchor in zip((*LAYOUTS, OURS), ANCHORS, strict=True):
        if anchor in keys:
            return known
    shown = ", ".join(sorted(keys)[:5]) or "none"
    names = ", ".join(known.name for known in (*LAYOUTS, OURS))
    raise WeightsError(f"weights of an unknown source: the first keys are {shown}; known layouts: {names}")


def to_netspace(state: Mapping[str, Tensor], config: AnyNetConfig, source: Layout | None = None) -> State:
    """Return the tensors of another layout under our names; the inverse of `from_netspace`.

    What the file lacks is left out and what no module of the network is called is dropped: `load_weights` reports both.

    Args:
        state: a state dict.
        config: the network it is for.
        source: its layout; found from the keys when left out.

    Raises:
        WeightsError: the layout is unknown, or has no place for a module of the network.
    """
    source = source or detect_layout(state)
    names = {ours: source.key(ours) for ours in tensor_shapes(config)}
    return _rgb({ours: state[theirs] for ours, theirs in names.items() if theirs in state}, "stem.conv.weight", source)


def from_netspace(network: AnyNet | Mapping[str, Tensor], target: str | Layout) -> State:
    """Return our tensors under the names of another layout, ready for that code base's `load_state_dict`.

    Args:
        network: an `AnyNet`, or its state dict.
        target: a layout or its name: pycls, pycls vanilla, torchvision, timm, resnet.

    Raises:
        UnknownNameError: there is no such layout.
        WeightsError: the layout has no place for a module of the network, or its code base ends such networks
            otherwise. A state dict that is not fresh from `state_dict()` does not say how its network ends.
    """
    target = layout(target) if isinstance(target, str) else target
    state = network.state_dict() if isinstance(network, AnyNet) else network
    _check_end(network, target)
    renamed = {target.key(ours): tensor for ours, tensor in state.items()}
    return _rgb(renamed, target.key("stem.conv.weight"), target)


def _check_end(network: AnyNet | Mapping[str, Tensor], target: Layout) -> None:
    if isinstance(network, AnyNet):
        config = network.config
        wrong = config.ends_linearly and target.head_activation not in (None, config.head_activation)
    else:
        # torch notes every module of a state dict there, those without tensors too
        wrong = "head.act" in getattr(network, "_metadata", {}) and target.head_activation is False
    if wrong:
        raise WeightsError(
            f"'{target.name}' networks have {'an' if target.head_activation else 'no'} activation before the "
            f"pooling, unlike this one, and would give other outputs; head_activation="
            f"{str(target.head_activation).lower()} in the configuration builds such a network"
        )


def tensor_shapes(config: AnyNetConfig) -> dict[str, torch.Size]:
    """Return the name and shape of every tensor in the state dict of a network, without building it in memory."""
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in AnyNet(config).state_dict().items()}


def _rgb(state: State, stem: str, other: Layout) -> State:
    """Turn the first convolution between BGR and RGB, which is its own inverse, where the other layout is BGR."""
    if other.bgr and stem in state and state[stem].shape[1] == 3:
        state[stem] = state[stem].flip(1)
    return state
