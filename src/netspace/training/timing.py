"""How long a network takes on this device: inference and training step, measured and kept."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

from netspace.arch.built import NetworkConfig
from netspace.documents import Document, digest
from netspace.errors import TrainingError
from netspace.files import write_whole
from netspace.models import build
from netspace.models.cpu_kernels import accelerated
from netspace.training.cache import cache_folder, written_to
from netspace.training.device import is_out_of_memory, usable_device
from netspace.training.evaluation import autocast
from netspace.training.optim import make_optimizer
from netspace.training.recipe import Recipe
from netspace.training.result import environment

Positive = Annotated[int, Field(ge=1)]
Action = Literal["inference", "training_step"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class Conditions(Document):
    """The conditions under which a network is timed.

    Attributes:
        batch_size: images at a time.
        resolution: of the images, in pixels.
        precision: `float32`, or mixed precision.
        channels_last: memory layout of images and weights.
        fast: whether convolutions are computed as in training, see `netspace.models.cpu_kernels`.
        warmup: runs before the measured ones.
        repeats: measured runs.
    """

    batch_size: Positive = 64
    resolution: Positive = 224
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    fast: bool = True
    warmup: Annotated[int, Field(ge=0)] = 3
    repeats: Annotated[int, Field(ge=2)] = 10


def time_network(
    config: NetworkConfig, conditions: Conditions, device: str = "cpu", actions: Sequence[Action] = ACTIONS
) -> dict[str, Any]:
    """Return the times of a network with random weights.

    Args:
        config: the network.
        conditions: what is varied.
        device: where to run.
        actions: what is timed.

    Returns:
        Plain values: for each of the `actions`, `median`, `low`, `high` (quartiles) and `least` in seconds per batch
        and `images_per_second`; the conditions; the environment; the number of CPU threads.

    Raises:
        TrainingError: the device cannot be used, its memory does not suffice for the batch, or the batch is too small
            to be trained on.
    """
    if "training_step" in actions and not can_train_on(config, conditions):
        raise TrainingError(
            f"a training step needs a batch of more than one image of {conditions.resolution} pixels: "
            f"the network reduces each to one pixel, so batch norm has nothing to normalise by"
        )
    place = usable_device(device)
    model = build(config, seed=0).to(place)
    size = conditions.resolution
    images = torch.randn(
        conditions.batch_size, config.in_channels, size, size, generator=torch.Generator().manual_seed(0)
    ).to(place)
    if conditions.channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    labels = torch.arange(conditions.batch_size, device=place) % config.num_classes
    recipe = Recipe(precision=conditions.precision)
    try:
        with accelerated(model) if conditions.fast else nullcontext():
            times = _times(model, images, labels, recipe, conditions, actions)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory on {device} with {conditions.batch_size} images of {size} pixels per batch"
        ) from None
    return {
        "network": config.digest,
        **times,
        "conditions": conditions.model_dump(),
        "threads": torch.get_num_threads(),
        "environment": environment(place),
    }


def can_train_on(config: NetworkConfig, conditions: Conditions) -> bool:
    """Return whether a batch has statistics to normalise by: one image that ends as one pixel has none."""
    return conditions.batch_size > 1 or conditions.resolution > config.total_stride


def keep_timing(timing: dict[str, Any]) -> Path:
    """Write a timing where `kept_timing` finds it, beside what was kept of other actions, and return the file.

    Raises:
        DataError: the cache cannot be written to.
    """
    path = _path(timing["network"], timing["conditions"], timing["environment"], timing["threads"])
    with written_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({**_read(path), **timing}, indent=2) + "\n")
    return path


def kept_timing(
    config: NetworkConfig, conditions: Conditions, device: str = "cpu", actions: Sequence[Action] = ACTIONS
) -> dict[str, Any] | None:
    """Return the timing kept for a network under these conditions, or None if one of the actions is missing.

    Timings are kept separately by machine, device, versions and number of CPU threads.

    Raises:
        TrainingError: the device cannot be used.
    """
    here = environment(usable_device(device))
    timing = _read(_path(config.digest, conditions.model_dump(), here, torch.get_num_threads()))
    return timing if all(action in timing for action in actions) else None


def _path(network: str, conditions: dict[str, Any], where: dict[str, str], threads: int) -> Path:
    return cache_folder() / "timings" / f"{network}-{digest([conditions, where, threads])}.json"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    timing: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return timing


def _times(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    conditions: Conditions,
    actions: Sequence[Action],
) -> dict[str, dict[str, float]]:
    device = images.device
    optimizer = make_optimizer(model, recipe)

    def infer() -> None:
        with torch.no_grad(), autocast(recipe, device):
            model(images)

    def step() -> None:
        with autocast(recipe, device):
            loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimizer.step()

    found: dict[str, dict[str, float]] = {}
    for action in actions:
        training = action == "training_step"
        model.train(training)
        found[action] = _measured(step if training else infer, device, conditions)
    return found


def _measured(action: Callable[[], None], device: torch.device, conditions: Conditions) -> dict[str, float]:
    times = []
    for repeat in range(conditions.warmup + conditions.repeats):
        _wait_for(device)
        started = time.perf_counter()
        action()
        _wait_for(device)
        if repeat >= conditions.warmup:
            times.append(time.perf_counter() - started)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return {
        "median": median,
        "low": low,
        "high": high,
        "least": min(times),
        "images_per_second": conditions.batch_size / median,
    }


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
