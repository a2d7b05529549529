"""Weights from files: read safely, recognised, checked against the network, loaded."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from netspace.arch import zoo
from netspace.arch.config import AnyNetConfig
from netspace.arch.published import Published
from netspace.errors import WeightsError
from netspace.models.anynet import AnyNet, build
from netspace.models.convert import Layout, State, detect_layout, tensor_shapes, to_netspace

STEM = ("stem.conv.weight",)
HEAD = ("head.fc.weight", "head.fc.bias")

_CONTAINERS = ("model_state", "state_dict", "model_state_dict", "model")
_SHOWN = 5


def load_weights(
    network: AnyNet | AnyNetConfig | str,
    path: Path | str,
    *,
    reinit_head: bool = False,
    reinit_stem: bool = False,
    seed: int | None = None,
) -> AnyNet:
    """Load weights of pycls, torchvision, timm or our own from a file into a network.

    Args:
        network: a built network, changed in place; or a configuration or a name of the zoo, which is built first. By
            name, weights with torchvision's widths (`-tv` in the zoo) are recognised and the network built as such.
        path: a `.safetensors` file, or a checkpoint that `torch.load` reads with `weights_only=True`.
        reinit_head: keep the network's own classifier instead of the file's, as for another number of classes.
        reinit_stem: keep the network's own first convolution, as for another number of image channels.
        seed: what the tensors that the file does not give depend on, where the network is built here.

    Returns:
        The network.

    Raises:
        WeightsError: the file is missing, damaged, holds code, or its weights are not this network's.
        UnknownNameError: the zoo has no such name.
    """
    return load_state(
        network, read_weights(path), str(path), reinit_head=reinit_head, reinit_stem=reinit_stem, seed=seed
    )


def load_state(
    network: AnyNet | AnyNetConfig | str,
    state: Mapping[str, Tensor],
    where: str,
    *,
    reinit_head: bool = False,
    reinit_stem: bool = False,
    seed: int | None = None,
) -> AnyNet:
    """Load a state dict of any known layout, as `load_weights` loads a file; `where` begins the error messages."""
    try:
        source = detect_layout(state)
    except WeightsError as error:
        raise WeightsError(f"{where}: {error}") from None
    if isinstance(network, str):
        network = _named_network(network, state, source)
    model = network if isinstance(network, AnyNet) else build(network, seed=seed)
    own = (HEAD if reinit_head else ()) + (STEM if reinit_stem else ())
    _check(model.config, state, source, own, where)
    converted = to_netspace(state, model.config, source)
    # files of old torch versions lack the counters of batch normalisation; the network's own, 0, will do
    model.load_state_dict({**model.state_dict(), **{key: converted[key] for key in converted if key not in own}})
    return model


def read_weights(path: Path | str) -> State:
    """Return the tensors of a file, out of whatever a training code wrapped them in.

    Raises:
        WeightsError: the file is missing, damaged, holds code or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):  # a name outside torch's list of what tensors need
            raise WeightsError(
                f"{path}: holds Python objects beside tensors, which loading would run as code; refused. "
                "Save the state dict alone, with torch.save(model.state_dict(), ...) or safetensors"
            ) from None
        raise _damaged(path) from None
    except Exception:  # a damaged file can break its reader anywhere: struct.error, EOFError, IndexError, ...
        raise _damaged(path) from None
    return _unwrapped(content, path)


def recognise(state: Mapping[str, Tensor]) -> Published | None:
    """Return the zoo's network whose tensors have these shapes, whatever the classes and image channels."""
    source = detect_layout(state)
    for entry in zoo.ZOO:
        try:
            if not _problems(entry.config, state, source, STEM + HEAD):
                return entry
        except WeightsError:  # the layout has no place for this kind of block
            continue
    return None


def _damaged(path: Path) -> WeightsError:
    return WeightsError(f"{path}: cannot be read as weights: truncated, or neither a torch nor a safetensors file")


def _unwrapped(content: Any, path: Path) -> State:
    for container in _CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(container), dict):
            content = content[container]
            break
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)} if _is_state(content) else {}
    if not tensors:
        raise WeightsError(f"{path}: holds no weights; expected a state dict, or one under {', '.join(_CONTAINERS)}")
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _is_state(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(key, str) for key in content)


def _named_network(name: str, state: Mapping[str, Tensor], source: Layout) -> AnyNetConfig:
    entry = zoo.find(name)
    variant = next((other for other in zoo.ZOO if other.name == f"{entry.name}-tv"), None)
    if variant is not None and not _problems(variant.config, state, source, STEM + HEAD):
        return variant.config
    return entry.config


def _problems(
    config: AnyNetConfig, state: Mapping[str, Tensor], source: Layout, ignored: tuple[str, ...]
) -> dict[str, str]:
    """Say what is wrong with each tensor, by our name (by the file's, if we have none)."""
    problems, unused = {}, set(state)
    for ours, shape in tensor_shapes(config).items():
        theirs = source.key(ours)
        unused.discard(theirs)
        if ours in ignored:
            continue
        if theirs not in state:
            if not ours.endswith("num_batches_tracked"):
                problems[ours] = f"{theirs} is missing"
        elif state[theirs].shape != shape:
            problems[ours] = f"{theirs} is {tuple(state[theirs].shape)} in the file, {tuple(shape)} in the network"
    return problems | {theirs: f"{theirs} is not in the network" for theirs in sorted(unused)}


def _check(config: AnyNetConfig, state: Mapping[str, Tensor], source: Layout, own: tuple[str, ...], where: str) -> None:
    problems = _problems(config, state, source, own)
    if not problems:
        return
    remedies = []
    if problems.keys() & set(HEAD):
        remedies.append("reinit_head=True keeps the network's own classifier")
    if problems.keys() & set(STEM):
        remedies.append("reinit_stem=True keeps the network's own first convolution")
    if not problems.keys() <= set(HEAD + STEM):
        remedies = []
        if (known := recognise(state)) is not None:
            remedies = [f"they have the shapes of {known.name}"]
    first = "; ".join(list(problems.values())[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    hint = f" ({', '.join(remedies)})" if remedies else ""
    raise WeightsError(f"{where}: the {source.name} weights are not this network's: {first}{more}{hint}")
