"""The training loop: model, images and recipe in, error and curve out."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netspace.errors import TrainingError
from netspace.train.augment import normalise, shift_and_flip
from netspace.train.data import ImageData
from netspace.train.optim import learning_rate, make_optimizer
from netspace.train.recipe import Recipe

EVALUATION_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of a curve.

    Attributes:
        epoch: from 1.
        train_loss: mean over the epoch's steps, smoothing included.
        val_error: top-1 error on the validation split, %; None where it was not evaluated.
        lr: learning rate of the last step.
        seconds: since the start of training.
    """

    epoch: int
    train_loss: float
    val_error: float | None
    lr: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a training gave.

    Attributes:
        status: `done`, or `diverged` where the loss or the outputs were not finite.
        error: top-1 error on the validation split after the last epoch, %; None if diverged.
        curve: one entry an epoch.
        seconds: wall time of the training, evaluation included.
        images_per_second: training images over `seconds`.
        environment: device and versions.
    """

    status: Literal["done", "diverged"]
    error: float | None
    curve: tuple[Epoch, ...]
    seconds: float
    images_per_second: float
    environment: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return asdict(self)


def train(
    model: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainResult:
    """Train `model` in place and return its error on the validation split at the last epoch.

    The error is never the minimum over epochs and never that of the test split. The order of images and their
    augmentation depend on `seed` alone.

    Args:
        model: takes float32 (n, channels, height, width), gives logits (n, classes).
        data: the images.
        recipe: how to train.
        seed: of the shuffling, the augmentation and whatever the model itself draws.
        device: where to train.
        on_epoch: called after each epoch.

    Raises:
        TrainingError: the device cannot be used, or its memory does not suffice.
    """
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return _train(model, data, recipe, seed, torch.device(device), on_epoch)
    except torch.OutOfMemoryError:
        raise TrainingError(f"out of memory on {device} at batch_size={recipe.batch_size}") from None


def _train(
    model: nn.Module,
    data: ImageData,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[Epoch], None] | None,
) -> TrainResult:
    model = model.to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, recipe)
    average = _moving_average(model, recipe)
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (data.mean, data.std))
    generator = torch.Generator().manual_seed(seed)
    steps_per_epoch = max(1, len(data.train_labels) // recipe.batch_size)
    started = time.perf_counter()
    curve: list[Epoch] = []
    step = 0
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        loss_sum = torch.zeros((), device=device)
        for images, labels in _batches(data, recipe, generator, device):
            rate = learning_rate(recipe, step, steps_per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with _autocast(recipe, device):
                logits = model(normalise(images, mean, std))
                loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
            optimizer.step()
            if average is not None:
                average.update_parameters(model)
            loss_sum += loss.detach()
            step += 1
        # a loss that was not finite once stays in the sum: one look per epoch, no synchronisation per step
        train_loss = float(loss_sum) / steps_per_epoch
        finite = bool(np.isfinite(train_loss))
        error = None
        if finite and (epoch == recipe.epochs or epoch % recipe.evaluate_every == 0):
            judged = model if average is None else average.module
            error = evaluate(judged, data.validation_images, data.validation_labels, data, recipe, device)
            finite = error is not None
        seconds = time.perf_counter() - started
        curve.append(Epoch(epoch=epoch, train_loss=train_loss, val_error=error, lr=rate, seconds=seconds))
        if on_epoch is not None:
            on_epoch(curve[-1])
        if not finite:
            break
    seconds = time.perf_counter() - started
    return TrainResult(
        status="done" if finite else "diverged",
        error=error,
        curve=tuple(curve),
        seconds=seconds,
        images_per_second=step * min(recipe.batch_size, len(data.train_labels)) / seconds,
        environment=environment(device),
    )


def _batches(
    data: ImageData, recipe: Recipe, generator: torch.Generator, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the shuffled, augmented batches of one epoch; a last one that would be incomplete is left out."""
    n, size = len(data.train_labels), recipe.batch_size
    order = torch.randperm(n, generator=generator).numpy()
    for start in range(0, max(n - size, 0) + 1, size):
        # sorted, the rows are read from the mapped file in one sweep; the order inside a batch does not matter
        rows = np.sort(order[start : start + size])
        images = torch.from_numpy(data.train_images[rows])
        labels = torch.from_numpy(data.train_labels[rows])
        yield shift_and_flip(images, recipe.augment, generator).to(device), labels.to(device)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: np.ndarray[Any, np.dtype[np.uint8]],
    labels: np.ndarray[Any, np.dtype[np.int64]],
    data: ImageData,
    recipe: Recipe,
    device: torch.device,
) -> float | None:
    """Return the top-1 error in % of `model` on `images`, or None where its outputs are not finite.

    Args:
        model: the network, already on `device`; left in evaluation mode.
        images: uint8 (n, height, width, channels).
        labels: int64 (n,).
        data: whose mean and std normalise the images.
        recipe: whose precision is used.
        device: where the model is.
    """
    model.eval()
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (data.mean, data.std))
    wrong = torch.zeros((), dtype=torch.int64, device=device)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for start in range(0, len(labels), EVALUATION_BATCH):
        batch = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH])).to(device)
        target = torch.from_numpy(labels[start : start + EVALUATION_BATCH]).to(device)
        with _autocast(recipe, device):
            logits = model(normalise(batch, mean, std))
        finite &= logits.isfinite().all()
        wrong += (logits.argmax(dim=1) != target).sum()
    return 100.0 * int(wrong) / len(labels) if bool(finite) else None


def _moving_average(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    if not recipe.ema_decay:
        return None
    average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]  # untyped in torch
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def _autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16")


def environment(device: torch.device) -> dict[str, str]:
    """Return the device and the versions that a result depends on."""
    from importlib.metadata import version

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "device": str(device),
        "device_name": name,
        "host": platform.node(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "netspace": version("netspace"),
    }
