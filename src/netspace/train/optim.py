"""Optimiser and learning-rate schedule of a recipe."""

import math

from torch import nn, optim

from netspace.train.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the recipe's optimiser over the model's parameters, with scales and biases undecayed if it says so.

    Scales and biases are the parameters with one dimension, as in timm and pycls.
    """
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    tensors = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    groups = [
        {"params": tensors, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": recipe.weight_decay if recipe.decay_norm else 0.0},
    ]
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.peak_lr, betas=(recipe.momentum, 0.999), fused=True)
    return optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the rate of one step: the schedule over the whole training, times the linear rise of the warm-up (pycls).

    Args:
        recipe: the recipe.
        step: the step's index from the start of training, 0 for the first.
        steps_per_epoch: steps in an epoch.
    """
    progress = step / (recipe.epochs * steps_per_epoch)
    match recipe.schedule:
        case "cosine":
            scale = 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            scale = 1 - progress
        case "constant":
            scale = 1.0
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        scale *= recipe.warmup_factor + (1 - recipe.warmup_factor) * step / warmup
    return recipe.peak_lr * scale
