"""L4: train(model, data, recipe) -> TrainResult."""

from netspace.train.data import DataSpec, ImageData, load_data
from netspace.train.loop import Epoch, TrainResult, train
from netspace.train.recipe import RECIPES, Augment, Recipe, get_recipe, parse_recipe

__all__ = [
    "RECIPES",
    "Augment",
    "DataSpec",
    "Epoch",
    "ImageData",
    "Recipe",
    "TrainResult",
    "get_recipe",
    "load_data",
    "parse_recipe",
    "train",
]
