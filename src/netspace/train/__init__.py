"""L4: train(model, data, recipe) -> TrainResult. Torch is imported when the first name that needs it is used.

The design promises both this package and a function `netspace.train(...)`; so the package can be called, and is that
function.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from netspace._lazy import lazy_names

if TYPE_CHECKING:
    from netspace.train.data import DataSpec, ImageData, load_data
    from netspace.train.evaluation import Evaluation, evaluate, judge
    from netspace.train.loop import train
    from netspace.train.recipe import Augment, Recipe
    from netspace.train.recipes import RECIPES, get_recipe, parse_recipe
    from netspace.train.result import Epoch, TrainResult

_NAMES = {
    **dict.fromkeys(("DataSpec", "ImageData", "load_data"), "netspace.train.data"),
    **dict.fromkeys(("Evaluation", "evaluate", "judge"), "netspace.train.evaluation"),
    "train": "netspace.train.loop",
    **dict.fromkeys(("Augment", "Recipe"), "netspace.train.recipe"),
    **dict.fromkeys(("RECIPES", "get_recipe", "parse_recipe"), "netspace.train.recipes"),
    **dict.fromkeys(("Epoch", "TrainResult"), "netspace.train.result"),
}
__getattr__ = lazy_names(__name__, {name: f"{module}:{name}" for name, module in _NAMES.items()})


class _Callable(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> "TrainResult":
        from netspace.train.loop import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable

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
