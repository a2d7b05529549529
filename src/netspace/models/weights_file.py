"""Weights out of a file: read without running code, and found in whatever a training code wrapped them in."""

import argparse
import logging
import pathlib
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from netspace.errors import WeightsError, raise_unknown
from netspace.models.convert import ANCHORS, State

_HARMLESS = (argparse.Namespace, pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)
"""What training scripts put beside the weights (their arguments); rebuilding it runs nothing."""

_DEEPEST = 3
"""Dictionaries inside dictionaries in which weights are looked for."""

_AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|avg|averaged?)(?:$|[._])")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One set of weights of a file.

    Attributes:
        key: where it was: the keys of the dictionaries around it and the prefix of its tensors, joined by dots; empty
            where the file holds nothing but the tensors.
        state: the tensors, without the prefix.
    """

    key: str
    state: State

    @property
    def averaged(self) -> bool:
        return _AVERAGED.search(self.key.lower()) is not None


def read_weights(path: Path | str, key: str | None = None) -> State:
    """Return the tensors of a file, out of whatever a training code wrapped them in.

    Wrappers' prefixes (`module.`, `_orig_mod.`, `model.`, nested or others) are taken off. If a file holds raw
    weights and their average, the average is taken, as timm does, and logged.

    Args:
        path: a `.safetensors` file, or a checkpoint that `torch.load` reads with `weights_only=True`; a training
            script's arguments (`argparse.Namespace`, paths) may be in it.
        key: which weights, where the file holds several: `state_dict_ema`, say.

    Raises:
        WeightsError: the file is missing, damaged, holds code, no tensors, or several sets of weights to choose from.
        UnknownNameError: no weights are under `key`.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    content = _content(path)
    found = list(_search(content, ()))
    if not found:
        return _unknown(content, path)
    return _chosen(found, path, key).state


def _content(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        with torch.serialization.safe_globals(list(_HARMLESS)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):  # a name outside torch's list of what tensors need, and ours
            raise WeightsError(
                f"{path}: contains Python objects besides tensors, which would run as code; refused. "
                "Save only the state dict, with torch.save(model.state_dict(), ...) or safetensors"
            ) from None
        raise _damaged(path) from None
    except Exception:  # a damaged file can break its reader anywhere: struct.error, EOFError, IndexError, ...
        raise _damaged(path) from None


def _damaged(path: Path) -> WeightsError:
    return WeightsError(f"{path}: cannot be read as weights: truncated, or neither a torch nor a safetensors file")


def _search(content: Any, keys: tuple[str, ...]) -> Iterator[_Found]:
    """Yield every set of weights of a known layout in nested dictionaries."""
    if not isinstance(content, dict):
        return
    tensors = _tensors(content)
    for prefix in _prefixes(tensors):
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        yield _Found(key=".".join([*keys, *([prefix[:-1]] if prefix else [])]), state=state)
    if len(keys) < _DEEPEST:
        for key, value in content.items():
            yield from _search(value, (*keys, str(key)))


def _tensors(content: Mapping[Any, Any]) -> State:
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _prefixes(tensors: State) -> list[str]:
    """Return what stands before the names that a layout has, such as `module.`; each once, in the file's order."""
    found = {
        key.removesuffix(anchor): None
        for key in tensors
        for anchor in ANCHORS
        if key == anchor or key.endswith(f".{anchor}")
    }
    return list(found)


def _chosen(found: list[_Found], path: Path, key: str | None) -> _Found:
    names = [one.key for one in found]
    shown = ", ".join(f"'{name}'" for name in names)
    if key is not None:
        fitting = [one for one in found if one.key == key] or [one for one in found if one.key.startswith(f"{key}.")]
        if not fitting:
            raise_unknown(f"weights key of {path}", key, [name for name in names if name])
        if len(fitting) == 1:
            return fitting[0]
        names = [one.key for one in fitting]
        raise WeightsError(f"{path}: holds several sets of weights under '{key}': {', '.join(names)}; name one of them")
    first, *others = found
    if all(_same(first.state, other.state) for other in others):
        return first
    averaged = [one for one in found if one.averaged]
    if len(found) == 2 and len(averaged) == 1:
        _log.warning(
            "%s: took the averaged weights '%s'; the raw ones are '%s' (key, --weights-key)",
            path,
            averaged[0].key,
            next(one.key for one in found if not one.averaged),
        )
        return averaged[0]
    raise WeightsError(
        f"{path}: holds {len(found)} different sets of weights: {shown}; choose one by its key "
        "(key='...', --weights-key)"
    )


def _same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def _unknown(content: Any, path: Path) -> State:
    """Return the tensors of a file in which no layout is recognised, for the message of whoever wants one."""
    if isinstance(content, dict):
        for inner in (content, *content.values()):
            if isinstance(inner, dict) and (tensors := _tensors(inner)):
                return tensors
    raise WeightsError(f"{path}: holds no weights; expected a state dict, or one inside a dictionary")
