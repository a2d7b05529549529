"""Weights out of a file: read without running code, and found in whatever a training code wrapped them in."""

import argparse
import hashlib
import logging
import pathlib
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from netspace.errors import WeightsError, raise_unknown
from netspace.files import whole_file
from netspace.models.convert import ANCHORS, State

_HARMLESS = (argparse.Namespace, pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)
"""What training scripts put beside the weights (their arguments); rebuilding it runs nothing."""

_DEEPEST = 3
"""Dictionaries inside dictionaries in which weights are looked for."""

_AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|avg|averaged?)(?:$|[._])")

_DIGEST = "netspace_sha256"
"""The key of the digest in the metadata of our own safetensors files."""

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
            return _safetensors(path)
        if _zip_is_damaged(path):
            raise _damaged(path)
        with torch.serialization.safe_globals(list(_HARMLESS)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):  # a name outside torch's list of what tensors need, and ours
            raise WeightsError(
                f"{path}: contains Python objects besides tensors, which would run as code; refused. "
                "Save only the state dict, with torch.save(model.state_dict(), ...) or safetensors"
            ) from None
        raise _damaged(path) from None
    except Exception:  # a damaged file can break its reader anywhere: struct.error, EOFError, IndexError, ...
        raise _damaged(path) from None


def _safetensors(path: Path) -> State:
    """Return the tensors of a safetensors file, compared with their digest if `save_weights` has written one."""
    with safetensors.safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
        told = (file.metadata() or {}).get(_DIGEST)
    if told not in (None, digest_of(state)):
        raise WeightsError(f"{path}: is damaged: its weights are not those that were written (SHA-256 differs)")
    return state


def save_weights(state: State, path: Path) -> None:
    """Write tensors as a safetensors file, with a digest by which `read_weights` notices damage.

    Args:
        state: dense tensors on any device.
        path: where to; what is there is replaced once the new file is whole.
    """
    # safetensors stores dense tensors only, and a channels_last one is not dense in its sense
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with whole_file(path) as draft:
        safetensors.torch.save_file(tensors, draft, metadata={"format": "pt", _DIGEST: digest_of(tensors)})


def digest_of(state: State) -> str:
    """Return the SHA-256 of tensors with their names, types and shapes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        # NumPy lacks some of torch's types: the bytes themselves
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _zip_is_damaged(path: Path) -> bool:
    """Return whether a checkpoint's entries differ from their checksums, which torch writes and does not look at.

    Without any checksum (torch can be told to write none) there is nothing to compare.
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(entry.CRC for entry in archive.infolist()) and archive.testzip() is not None


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
