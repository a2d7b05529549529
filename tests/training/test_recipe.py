"""Recipes: what is accepted, what is refused and how, and what the named ones say."""

import pytest

from netspace.errors import ConfigError, UnknownNameError
from netspace.training import RECIPES, Recipe, parse_recipe


def test_a_name_gives_the_named_recipe():
    assert parse_recipe("paper-design", "recipe") == RECIPES["paper-design"]


def test_settings_replace_those_of_the_base_and_nothing_else():
    recipe = parse_recipe({"base": "quick", "epochs": 7, "augment": {"flip": False}}, "recipe")
    quick = RECIPES["quick"]
    assert recipe.epochs == 7
    assert recipe.augment.flip is False
    assert recipe.augment.shift == quick.augment.shift
    assert recipe.model_copy(update={"epochs": quick.epochs, "augment": quick.augment}) == quick


def test_the_rate_scales_linearly_with_the_batch():
    assert Recipe(batch_size=1024, lr=0.1, reference_batch=128).peak_lr == pytest.approx(0.8)
    assert Recipe(batch_size=1024, lr=0.1, reference_batch=None).peak_lr == pytest.approx(0.1)
    assert Recipe(batch_size=256, lr=0.1).resolved()["peak_lr"] == pytest.approx(0.2)


def test_paper_recipes_say_what_the_paper_says():
    design, analysis, final = (RECIPES[f"paper-{name}"] for name in ("design", "analysis", "final"))
    assert (design.epochs, design.batch_size, design.peak_lr, design.weight_decay) == (10, 128, 0.05, 5e-5)
    assert (analysis.epochs, analysis.peak_lr) == (25, 0.1)
    assert (final.epochs, final.warmup_epochs, final.peak_lr) == (100, 5, pytest.approx(0.8))
    assert all(recipe.schedule == "cosine" and recipe.momentum == 0.9 for recipe in (design, analysis, final))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"epoch": 3}, "s.yaml: unknown key 'epoch'; valid: epochs"),
        ({"epochs": 0}, "s.yaml: epochs: .*greater than or equal to 1, got 0"),
        ({"epochs": 2, "warmup_epochs": 2}, "warmup_epochs < epochs must hold, got warmup_epochs=2.0, epochs=2"),
        ({"nesterov": True, "optimizer": "adamw"}, "nesterov needs optimizer 'sgd'"),
        ({"schedule": "poly"}, "schedule: input should be 'cosine', 'linear', 'step' or 'constant', got 'poly'"),
        ({"schedule": "step"}, "step_epochs and the schedule 'step' need each other, got schedule 'step'"),
        ({"step_epochs": [2]}, r"need each other, got schedule 'cosine', step_epochs=\[2\]"),
        ({"batch_size": 8, "accumulate": 5}, "must hold 2 images or more, got batch_size=8, accumulate=5"),
        (
            {"augment": {"crop": [0.5, 0.2]}},
            "augment.crop: 0 < least <= largest <= 1 must hold, got least=0.5, largest=0.2",
        ),
        ({"augment": {"shift": -1}}, "augment.shift: .*got -1"),
        (3, "must be a recipe's name .* or a mapping, got 3"),
    ],
)
def test_mistakes_are_told_in_one_line(data, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_recipe(data, "s.yaml")
    assert "\n" not in str(caught.value)


def test_an_optimizer_that_timm_does_not_have_gets_the_nearest():
    with pytest.raises(UnknownNameError, match=r"s.yaml: unknown optimizer 'lamp' \(did you mean 'lamb'\?\); valid: "):
        parse_recipe({"optimizer": "lamp"}, "s.yaml")


@pytest.mark.parametrize("data", ["quik", {"base": "quik"}])
def test_an_unknown_name_gets_the_nearest(data):
    with pytest.raises(
        UnknownNameError, match=r"unknown recipe 'quik' \(did you mean 'quick'\?\); valid: .*paper-design"
    ):
        parse_recipe(data, "recipe")
