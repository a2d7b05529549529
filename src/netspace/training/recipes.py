"""The named recipes, each with its source, and how a document names one."""

from typing import Any

from netspace.documents import parse
from netspace.errors import ConfigError, raise_unknown
from netspace.training.recipe import Augment, Recipe

_IMAGENET = Augment(flip=True, crop=(0.08, 1.0), color_noise=0.1)
"""The weak augmentation of the RegNet paper and of pycls: random resized crop, mirror, PCA colour noise of 0.1."""

RECIPES: dict[str, Recipe] = {
    # RegNet paper, section 3: the low-compute regime that compares spaces
    "paper-design": Recipe(epochs=10, lr=0.05, augment=_IMAGENET),
    # RegNet paper, section 4: the analysis of RegNetX
    "paper-analysis": Recipe(epochs=25, lr=0.1, augment=_IMAGENET),
    # RegNet paper, section 5: the final networks, on 8 GPUs
    "paper-final": Recipe(epochs=100, batch_size=1024, lr=0.1, warmup_epochs=5, augment=_IMAGENET),
    # pycls sweeps/cifar: batch 1024, lr 1.0, no decay on batch norm, mixup 0.5
    "pycls-cifar": Recipe(
        epochs=50,
        batch_size=1024,
        lr=1.0,
        reference_batch=None,
        nesterov=True,
        weight_decay=5e-4,
        decay_norm=False,
        warmup_epochs=5,
        label_smoothing=0.1,
        ema_decay=0.999,
        augment=Augment(flip=True, shift=4, mixup=0.5),
    ),
    # ours: a few epochs on small images, for laptops
    "quick": Recipe(
        epochs=5,
        batch_size=64,
        nesterov=True,
        weight_decay=5e-4,
        decay_norm=False,
        warmup_epochs=0.5,
        augment=Augment(flip=True, shift=2),
    ),
}
"""The recipes by name."""


def get_recipe(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises:
        UnknownNameError: there is none; the message lists them.
    """
    if name not in RECIPES:
        raise_unknown("recipe", name, RECIPES)
    return RECIPES[name]


def parse_recipe(data: Any, where: str) -> Recipe:
    """Return the recipe that a document describes: a name, or a mapping that may start from one with `base`.

    Args:
        data: `"quick"`, or `{"base": "quick", "epochs": 10, ...}`, or a mapping of settings alone.
        where: what begins the message of an error, the file and the key.

    Raises:
        ConfigError: a setting breaks a rule.
        UnknownNameError: no recipe has this name.
    """
    if isinstance(data, str):
        return get_recipe(data)
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: must be a recipe's name ({', '.join(RECIPES)}) or a mapping, got {data!r}")
    settings = {key: value for key, value in data.items() if key != "base"}
    if "base" not in data:
        return parse(Recipe, settings, where)
    base = get_recipe(str(data["base"])).model_dump()
    if isinstance(settings.get("augment"), dict):
        settings["augment"] = {**base["augment"], **settings["augment"]}
    return parse(Recipe, {**base, **settings}, where)
