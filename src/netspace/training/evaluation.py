"""What a network is worth on a split: errors, confusion, throughput; and the averages evaluated in its place."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from netspace.training.device import to_device, usable_device
from netspace.training.distributed import own_batch_norm, processes, rank, total
from netspace.training.images.augmentation import normalise, statistics
from netspace.training.images.data import ImageData
from netspace.training.images.streaming import Images, in_order, read_ahead
from netspace.training.recipe import Recipe

EVALUATION_BATCH = 250
"""Images at a time on a core; larger batches leave its cache."""
_PIXELS_ON_GPU = 1_000_000  # at a time at least: a small network of small images would wait for Python otherwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Result of a network on a split.

    Attributes:
        confusion: int64 (classes, classes); entry [i, j] counts images of class i that were called j.
        top5_error: share of images whose class is not among the 5 highest outputs, %; 0 with 5 classes or fewer.
        images_per_second: of the whole evaluation, reading the images included.
    """

    confusion: NDArray[np.int64]
    top5_error: float
    images_per_second: float

    @property
    def top1_error(self) -> float:
        """Share of images that were misclassified, %."""
        return 100.0 * (1 - float(np.trace(self.confusion)) / float(self.confusion.sum()))

    @property
    def balanced_error(self) -> float:
        """Mean of the errors of the classes that have images, %: every class counts the same, however rare."""
        return float(np.nanmean(self.class_errors))

    @property
    def class_errors(self) -> NDArray[np.float64]:
        """Error of each class's images, %, float64 (classes,); nan if the split has none."""
        counts = self.confusion.sum(axis=1)
        right = np.full(len(counts), np.nan)
        np.divide(np.diag(self.confusion), counts, out=right, where=counts > 0)
        errors: NDArray[np.float64] = 100.0 * (1 - right)
        return errors


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: Images,
    labels: NDArray[np.int64],
    data: ImageData,
    recipe: Recipe,
    device: str | torch.device = "cpu",
    outputs: list[NDArray[np.float32]] | None = None,
) -> Evaluation | None:
    """Return what `model` makes of `images`, or None if its outputs are not finite.

    Under torchrun every process takes its share of the images, and all return the result of the whole.

    Args:
        model: the network; left on `device`, in evaluation mode.
        images: uint8 (n, height, width, channels).
        labels: int64 (n,).
        data: whose mean and std normalise the images.
        recipe: whose precision is used.
        device: where to evaluate.
        outputs: if given, the logits of each batch are appended, float32 (images, classes).

    Raises:
        TrainingError: there is no such device here, or its memory is full.
    """
    device = usable_device(device)
    model.to(device).eval()
    mean, std = statistics(data, device)
    classes = data.num_classes
    # one tensor to be added up over the processes: the confusion, the misses of the first five, what is not finite
    counts = torch.zeros(classes * classes + 2, dtype=torch.int64, device=device)
    started = time.perf_counter()
    batches = list(in_order(len(labels), _batch_size(data, device)))[rank() :: processes()]
    for rows, pixels in zip(batches, read_ahead(images, batches), strict=True):
        batch = to_device(torch.from_numpy(pixels), device)
        target = to_device(torch.from_numpy(labels[rows]), device)
        with autocast(recipe, device):
            logits = model(normalise(batch, mean, std))
        if outputs is not None:
            outputs.append(logits[:, :classes].float().cpu().numpy())
        called = logits[:, :classes].argmax(dim=1)
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices
        counts.index_add_(0, target * classes + called, torch.ones_like(target))
        counts[-2] += (best != target[:, None]).all(dim=1).sum()
        counts[-1] += (~logits.isfinite()).sum()
    summed = total(counts).cpu().numpy()
    missed, broken = summed[-2:].tolist()
    if broken:
        return None
    return Evaluation(
        confusion=summed[:-2].reshape(classes, classes),
        top5_error=100.0 * missed / len(labels),
        images_per_second=len(labels) / (time.perf_counter() - started),
    )


def _batch_size(data: ImageData, device: torch.device) -> int:
    return EVALUATION_BATCH if device.type == "cpu" else max(EVALUATION_BATCH, _PIXELS_ON_GPU // data.resolution**2)


def moving_average(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return the recipe's moving average of the model's weights and buffers, or None if it has none."""
    if not recipe.ema_decay:
        return None
    average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]  # untyped in torch
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def precise_batch_norm(model: nn.Module, data: ImageData, recipe: Recipe, device: torch.device) -> None:
    """Set the statistics of every batch norm to their means over `recipe.precise_bn` training images, unaugmented.

    The images are spread evenly over the training split, in batches of the recipe's size. Under torchrun every process
    takes all of them, which spares an exchange of the statistics.
    """
    count = min(recipe.precise_bn, len(data.train_labels))
    rows = np.linspace(0, len(data.train_labels) - 1, count).astype(np.int64)
    mean, std = statistics(data, device)
    batches = [rows[start : start + recipe.batch_size] for start in range(0, count, recipe.batch_size)]
    # a last batch of one image has no variance
    usable = (batch for batch in batches if len(batch) > 1)
    images = (torch.from_numpy(np.array(data.train_images[batch])).to(device) for batch in usable)
    with own_batch_norm(model):
        update_bn((normalise(batch, mean, std) for batch in images), model)


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """Return the context that computes in the recipe's precision."""
    low = torch.float16 if recipe.precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype=low, enabled=recipe.precision != "float32")
