"""The optimiser's groups, and the learning rate held against PyTorch's own schedulers."""

import pytest
import torch
from torch import nn

from netspace.errors import ConfigError
from netspace.training import Recipe
from netspace.training.optim import learning_rate, make_optimizer


def rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    return [learning_rate(recipe, step, steps_per_epoch) for step in range(recipe.epochs * steps_per_epoch)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rates_equal_those_of_pytorch(schedule):
    recipe = Recipe(epochs=3, lr=0.4, reference_batch=None, schedule=schedule)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4)
    total = 3 * 7
    reference = {
        "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total),
        "linear": torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=total),
        "constant": torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
    }[schedule]
    optimizer.param_groups[0]["lr"] = 0.4
    expected = []
    for _ in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert rates(recipe, 7) == pytest.approx(expected)


def test_warmup_rises_linearly_and_then_leaves_the_schedule_alone():
    plain = Recipe(epochs=4, schedule="constant", lr=1.0, reference_batch=None)
    warm = plain.model_copy(update={"warmup_epochs": 2.0, "warmup_factor": 0.2})
    assert rates(warm, 5)[:11] == pytest.approx([0.2 + 0.08 * step for step in range(10)] + [1.0])
    cosine = warm.model_copy(update={"schedule": "cosine"})
    assert rates(cosine, 5)[10:] == pytest.approx(rates(cosine.model_copy(update={"warmup_epochs": 0.0}), 5)[10:])


def test_steps_equal_those_of_pytorch():
    recipe = Recipe(epochs=5, lr=0.4, reference_batch=None, schedule="step", step_epochs=(2, 4), step_factor=0.2)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[14, 28], gamma=0.2)
    expected = []
    for _ in range(35):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert rates(recipe, 7) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["lamb", "nadamw", "rmsproptf", "lion"])
def test_an_optimizer_of_timm_takes_the_recipes_settings_and_lowers_a_loss(name):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    recipe = Recipe(optimizer=name, lr=0.01, reference_batch=None, weight_decay=0.5, decay_norm=False)
    optimizer = make_optimizer(model, recipe)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]
    x = torch.randn(32, 4)
    y = x.sum(dim=1, keepdim=True)
    losses = []
    for _ in range(30):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_an_optimizer_that_needs_second_derivatives_is_refused():
    with pytest.raises(ConfigError, match="optimizer 'adahessian': needs second derivatives"):
        make_optimizer(nn.Linear(1, 1), Recipe(optimizer="adahessian"))


@pytest.mark.parametrize("decay_norm", [True, False])
def test_scales_and_biases_decay_only_if_the_recipe_says_so(decay_norm):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    optimizer = make_optimizer(model, Recipe(weight_decay=0.5, decay_norm=decay_norm))
    decay = {parameter: group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    for parameter, value in decay.items():
        assert value == (0.5 if parameter.ndim > 1 or decay_norm else 0.0)
