"""Checkpoints: all that a training needs to go on as if it had never stopped, in one file that is whole or absent."""

import copy
import json
import os
import pickle
import socket
import time
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.optim.swa_utils import AveragedModel

from netspace.documents import differences, digest, plain
from netspace.errors import TrainingError, first_line
from netspace.training.distributed import first_alone, rank
from netspace.training.images.data import ImageData
from netspace.training.recipe import Recipe
from netspace.training.result import Epoch

_LAYOUT = 3  # of a checkpoint; another one is refused


@dataclass(kw_only=True)
class State:
    """A training between two epochs: everything that changes while it runs.

    Attributes:
        model, optimizer, average, scaler: with all they hold; `average` is None without a moving average.
        generator: of the order of the images and their augmentation.
        accumulate: parts that a batch is computed in: the recipe's, or more if memory ran out.
        threads: of the CPU: in which order sums are made, and so their last bits, depends on it.
        curve: the epochs so far.
    """

    model: nn.Module
    optimizer: optim.Optimizer
    average: AveragedModel | None
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    accumulate: int
    threads: int
    curve: list[Epoch] = field(default_factory=list)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept: the moving average if there is one."""
        return self.model if self.average is None else self.average.module


def identity(model: nn.Module, recipe: Recipe, data: ImageData, seed: int) -> dict[str, Any]:
    """Return what identifies a training, as plain values: a checkpoint goes on only with the same.

    The recipe is that which was given: in how many parts a batch is computed in the end is part of the state.
    """
    config = getattr(model, "config", None)
    shapes = [[name, list(value.shape)] for name, value in model.state_dict().items()]
    about = {
        "network": config.digest if config is not None else digest(shapes),
        "recipe": recipe.resolved(),
        "data": {
            "training images": len(data.train_labels),
            "resolution": data.resolution,
            "statistics": digest([*data.mean, *data.std]),
            "training split": data.train_digest,
            "validation split": data.split_digest,
        },
        "seed": seed,
    }
    found: dict[str, Any] = plain(about)
    return found


def save(path: Path, state: State, about: dict[str, Any]) -> None:
    """Write a checkpoint; `path` always holds the one before or this one, whenever the process dies.

    Args:
        path: the file; its folder exists.
        state: the training after an epoch.
        about: its `identity`.

    Raises:
        TrainingError: the file cannot be written.
    """
    # processes of several hosts may write one run's file: one that was given up for dead, and its successor
    scratch = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    content = {"layout": _LAYOUT, "identity": json.dumps(about), **_content(state)}
    try:
        with scratch.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps what the disk says while it writes
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise TrainingError(f"{path}: cannot write the checkpoint ({first_line(error)})") from None


def load(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Return what the checkpoint at `path` holds.

    Raises:
        TrainingError: the file is damaged, or belongs to another network, recipe, data or seed; the message names the
            first difference.
    """
    content = _read(path)
    before = json.loads(content["identity"])
    # of a training that began when there were fewer settings: what they are by default changes nothing
    before["recipe"] = plain(Recipe().resolved()) | before["recipe"]
    if difference := next(differences(before, about), None):
        raise TrainingError(
            f"{path}: the checkpoint belongs to another training: {difference}; "
            f"give what it was started with, or another folder"
        )
    return content


def apply(path: Path, content: dict[str, Any], state: State) -> None:
    """Restore `state` from the checkpoint that `load` read at `path`, or leave it as it is and raise.

    Raises:
        TrainingError: the file does not hold all of it.
    """
    untouched = copy.deepcopy(_content(state))
    try:
        _apply(content, state)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        _apply(untouched, state)
        raise TrainingError(f"{path}: cannot read the checkpoint ({first_line(error)})") from None


class Keeper:
    """The checkpoint of one training: restored when it starts, written while it runs.

    Args:
        path: the file, in a folder that exists; None to keep none.
        seconds: what must have passed since the start, or since the last one, before another is written; 0 for one
            after every epoch.
        needed: False if the training can do without. A file that cannot be used is then removed and the training
            starts from zero; one that cannot be written is left out.

    Attributes:
        accumulate: parts that a batch is computed in, of the checkpoint that was last restored or written; 1 before.
    """

    def __init__(self, path: Path | None, *, seconds: float = 0.0, needed: bool = True) -> None:
        self._path = path
        self._seconds = seconds
        self._needed = needed
        self.accumulate: int = 1
        self._since = time.monotonic()

    def restore(self, state: State, about: dict[str, Any]) -> None:
        """Restore `state` from its checkpoint, if there is one; under torchrun the first process looks.

        One whose batches were computed in fewer parts than `state.accumulate` is of an attempt for which memory did not
        suffice: it is left alone, and the next one takes its place.

        Raises:
            TrainingError: a checkpoint that is needed is damaged or of another training.
        """
        path = self._path
        if path is None:
            return
        try:
            content = first_alone(lambda: load(path, about) if path.exists() else None)
            if content is not None and content["accumulate"] >= state.accumulate:
                apply(path, content, state)
                self.accumulate = state.accumulate
        except TrainingError:
            if self._needed:
                raise
            if rank() == 0:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def keep(self, state: State, about: dict[str, Any]) -> None:
        """Write a checkpoint after an epoch, if it is time for one.

        Raises:
            TrainingError: a checkpoint that is needed cannot be written.
        """
        if self._path is None or time.monotonic() - self._since < self._seconds:
            return
        try:
            save(self._path, state, about)
            self.accumulate = state.accumulate
        except TrainingError:
            if self._needed:
                raise
        self._since = time.monotonic()


def _content(state: State) -> dict[str, Any]:
    return {
        "curve": [asdict(epoch) for epoch in state.curve],
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
        "scaler": state.scaler.state_dict(),
        "generator": state.generator.get_state(),
        "accumulate": state.accumulate,
        "threads": state.threads,
    }


def _apply(content: dict[str, Any], state: State) -> None:
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    if state.average is not None:
        state.average.load_state_dict(content["average"])
    state.scaler.load_state_dict(content["scaler"])
    state.generator.set_state(content["generator"])
    state.accumulate = content["accumulate"]
    state.threads = content.get("threads", state.threads)  # earlier versions kept no number
    state.curve[:] = [Epoch(**epoch) for epoch in content["curve"]]


def _read(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            # torch writes checksums and does not look at them
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: cannot read the checkpoint ({first_line(error)})") from None
    if not isinstance(content, dict) or content.get("layout") != _LAYOUT:
        raise TrainingError(f"{path}: the checkpoint is not of this version of netspace")
    return content
