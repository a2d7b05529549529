"""Checkpoints: all that a training needs to go on as if it had never stopped, in one file that is whole or absent."""

import json
import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.optim.swa_utils import AveragedModel

from netspace.documents import digest
from netspace.errors import TrainingError
from netspace.train.data import ImageData
from netspace.train.recipe import Recipe
from netspace.train.result import Epoch

_LAYOUT = 1  # of a checkpoint; another one is refused


@dataclass(kw_only=True)
class State:
    """A training between two epochs: everything that changes while it runs.

    Attributes:
        model, optimizer, average, scaler: with all they hold; `average` is None without a moving average.
        generator: of the order of the images and their augmentation.
        curve: the epochs so far.
    """

    model: nn.Module
    optimizer: optim.Optimizer
    average: AveragedModel | None
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    curve: list[Epoch] = field(default_factory=list)

    @property
    def judged(self) -> nn.Module:
        """The network that is evaluated and kept: the moving average where there is one."""
        return self.model if self.average is None else self.average.module


def identity(model: nn.Module, recipe: Recipe, data: ImageData, seed: int) -> dict[str, Any]:
    """Return what a training is a training of, as plain values: a checkpoint goes on with the same alone."""
    config = getattr(model, "config", None)
    shapes = [[name, list(value.shape)] for name, value in model.state_dict().items()]
    about = {
        "network": config.digest if config is not None else digest(shapes),
        "recipe": recipe.resolved(),
        "data": {
            "training images": len(data.train_labels),
            "resolution": data.resolution,
            "statistics": digest([*data.mean, *data.std]),
            "validation split": data.split_digest,
        },
        "seed": seed,
    }
    plain: dict[str, Any] = json.loads(json.dumps(about))
    return plain


def save(path: Path, state: State, about: dict[str, Any]) -> None:
    """Write a checkpoint; whoever reads `path` finds the one before or this one, whenever the process dies.

    Args:
        path: the file; its folder exists.
        state: the training after an epoch.
        about: its `identity`.

    Raises:
        TrainingError: the file cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    content = {
        "layout": _LAYOUT,
        "identity": json.dumps(about),
        "curve": [asdict(epoch) for epoch in state.curve],
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
        "scaler": state.scaler.state_dict(),
        "generator": state.generator.get_state(),
    }
    try:
        with scratch.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise TrainingError(f"{path}: the checkpoint cannot be written ({error.strerror})") from None


def load(path: Path, state: State, about: dict[str, Any]) -> None:
    """Bring `state` to where the checkpoint at `path` was taken.

    Raises:
        TrainingError: the file is damaged, or belongs to another network, recipe, data or seed; the message names the
            first difference.
    """
    content = _read(path)
    before = json.loads(content["identity"])
    if difference := _difference(before, about):
        raise TrainingError(
            f"{path}: is a checkpoint of another training: {difference}; "
            f"give what it was started with, or another folder"
        )
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    if state.average is not None:
        state.average.load_state_dict(content["average"])
    state.scaler.load_state_dict(content["scaler"])
    state.generator.set_state(content["generator"])
    state.curve[:] = [Epoch(**epoch) for epoch in content["curve"]]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TrainingError(f"{path}: is not a readable checkpoint ({reason})") from None
    if not isinstance(content, dict) or content.get("layout") != _LAYOUT:
        raise TrainingError(f"{path}: is not a checkpoint of this version of netspace")
    return content


def _difference(before: Any, now: Any, key: str = "") -> str | None:
    """Return the first difference of two plain documents as 'key = old, now new', or None."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [*before, *(name for name in now if name not in before)]
        found = (_difference(before.get(name), now.get(name), f"{key}.{name}" if key else str(name)) for name in names)
        return next((difference for difference in found if difference), None)
    return None if before == now else f"{key} = {before!r}, now {now!r}"
