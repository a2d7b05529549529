"""Optimiser and learning-rate schedule of a recipe."""

import math
from typing import Any

import torch
from torch import Tensor, nn, optim

from netspace.errors import ConfigError, first_line
from netspace.training.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the recipe's optimiser over the model's parameters, with scales and biases undecayed if it asks for that.

    Scales and biases are the parameters with one dimension, as in timm and pycls. With a layer decay, each layer has
    groups of its own, whose `lr_scale` multiplies the rate.

    Raises:
        ConfigError: the optimiser is one of timm's that this machine or these settings cannot make.
    """
    groups = [group for _, group in sorted(_groups(model, recipe).items())]
    match recipe.optimizer:
        case "sgd":
            sgd = optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)
            if recipe.frozen_epochs and recipe.momentum:
                # torch's fused steps want a buffer of all parameters or of none, and those that rest have none
                for parameter in model.parameters():
                    sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            return sgd
        case "adamw":
            return optim.AdamW(groups, lr=recipe.peak_lr, betas=(recipe.momentum, 0.999), fused=True)
        case name:
            return _from_timm(name, groups, recipe)


def _groups(model: nn.Module, recipe: Recipe) -> dict[tuple[int, bool], dict[str, Any]]:
    """Return the parameters by layer, counted from the classifier back, and by whether they are scales or biases."""
    backs = dict.fromkeys((name for name, _ in model.named_parameters()), 0)
    if recipe.layer_decay < 1:
        matcher = getattr(model, "group_matcher", None)
        if matcher is None:
            raise ConfigError("layer_decay needs a network that says what its layers are, by timm's `group_matcher`")
        from timm.models import group_parameters

        layers: dict[str, int] = group_parameters(model, matcher(), reverse=True)
        backs = {name: max(layers.values()) - layers[name] for name in backs}
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for back in sorted(set(backs.values())):
        scale = {"lr_scale": recipe.layer_decay**back} if recipe.layer_decay < 1 else {}
        groups[back, False] = {"params": [], "weight_decay": recipe.weight_decay, **scale}
        groups[back, True] = {"params": [], "weight_decay": recipe.weight_decay if recipe.decay_norm else 0.0, **scale}
    for name, parameter in model.named_parameters():
        groups[backs[name], parameter.ndim <= 1]["params"].append(parameter)
    return {key: group for key, group in groups.items() if group["params"] or recipe.layer_decay == 1}


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Give each group of parameters its learning rate: `rate`, times its own `lr_scale` if it has one."""
    for group in optimizer.param_groups:
        own = rate * group.get("lr_scale", 1.0)
        if isinstance(group["lr"], Tensor):  # which a CUDA graph reads where it is
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def _from_timm(name: str, groups: list[dict[str, Any]], recipe: Recipe) -> optim.Optimizer:
    from timm.optim import create_optimizer_v2, get_optimizer_info

    info = get_optimizer_info(name)
    if info.second_order:
        raise ConfigError(f"optimizer '{name}': needs second derivatives, which the training loop does not compute")
    options: dict[str, Any] = {"betas": (recipe.momentum, 0.999)} if info.has_betas and info.num_betas == 2 else {}
    try:
        made: optim.Optimizer = create_optimizer_v2(
            groups, opt=name, lr=recipe.peak_lr, weight_decay=recipe.weight_decay, momentum=recipe.momentum, **options
        )
    except (ImportError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        reason = first_line(error)
        raise ConfigError(f"optimizer '{name}': timm cannot create it ({reason})") from None
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
