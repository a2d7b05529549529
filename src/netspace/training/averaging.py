"""What is judged instead of the raw weights and running statistics: moving averages, exact batch-norm statistics."""

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from netspace.training.distributed import own_batch_norm
from netspace.training.images.augmentation import normalise, statistics
from netspace.training.images.data import ImageData
from netspace.training.recipe import Recipe


def moving_average(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return the recipe's moving average of the model's weights and buffers, or None where it wants none."""
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
