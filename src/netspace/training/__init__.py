"""L4: one network trained. Torch is imported when the first name that needs it is used."""

from typing import TYPE_CHECKING

from netspace._lazy import lazy_names

if TYPE_CHECKING:
    from netspace.training.evaluation import Evaluation, evaluate, judge
    from netspace.training.images.data import DataSpec, ImageData, load_data
    from netspace.training.loop import train
    from netspace.training.recipe import Augment, Recipe
    from netspace.training.recipes import RECIPES, get_recipe, parse_recipe
    from netspace.training.result import Epoch, TrainResult

_NAMES = {
    **dict.fromkeys(("DataSpec", "ImageData", "load_data"), "netspace.training.images.data"),
    **dict.fromkeys(("Evaluation", "evaluate", "judge"), "netspace.training.evaluation"),
    "train": "netspace.training.loop",
    **dict.fromkeys(("Augment", "Recipe"), "netspace.training.recipe"),
    **dict.fromkeys(("RECIPES", "get_recipe", "parse_recipe"), "netspace.training.recipes"),
    **dict.fromkeys(("Epoch", "TrainResult"), "netspace.training.result"),
}
__getattr__ = lazy_names(__name__, {name: f"{module}:{name}" for name, module in _NAMES.items()})

__all__ = [
    "RECIPES",
    "Augment",
    "DataSpec",
    "Epoch",
    "Evaluation",
    "ImageData",
    "Recipe",
    "TrainResult",
    "evaluate",
    "get_recipe",
    "judge",
    "load_data",
    "parse_recipe",
    "train",
]
