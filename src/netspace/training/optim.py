"""Optimiser and learning-rate schedule of a recipe."""

import math
from typing import Any

from torch import nn, optim

from netspace.errors import ConfigError, first_line
from netspace.training.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the recipe's optimiser over the model's parameters, with scales and biases undecayed if it says so.

    Scales and biases are the parameters with one dimension, as in timm and pycls.

    Raises:
        ConfigError: the optimiser is one of timm's that this machine or these settings cannot make.
    """
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    tensors = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    groups: list[dict[str, Any]] = [
        {"params": tensors, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": recipe.weight_decay if recipe.decay_norm else 0.0},
    ]
    match recipe.optimizer:
        case "sgd":
            return optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)
        case "adamw":
            return optim.AdamW(groups, lr=recipe.peak_lr, betas=(recipe.momentum, 0.999), fused=True)
        case name:
            return _from_timm(name, groups, recipe)


def _from_timm(name: str, groups: list[dict[str, Any]], recipe: Recipe) -> optim.Optimizer:
    from timm.optim import create_optimizer_v2, get_optimizer_info

    info = get_optimizer_info(name)
    if info.second_order:
        raise ConfigError(f"optimizer '{name}': needs second derivatives, which the training loop does not take")
    options: dict[str, Any] = {"betas": (recipe.momentum, 0.999)} if info.has_betas and info.num_betas == 2 else {}
    try:
        made: optim.Optimizer = create_optimizer_v2(
            groups, opt=name, lr=recipe.peak_lr, weight_decay=recipe.weight_decay, momentum=recipe.momentum, **options
        )
    except (ImportError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        reason = first_line(error)
        raise ConfigError(f"optimizer '{name}': timm cannot make it here ({reason})") from None
    return made


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
        case "step":
            passed = sum(step >= epoch * steps_per_epoch for epoch in recipe.step_epochs)
            scale = recipe.step_factor**passed
        case "constant":
            scale = 1.0
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        scale *= recipe.warmup_factor + (1 - recipe.warmup_factor) * step / warmup
    return recipe.peak_lr * scale
