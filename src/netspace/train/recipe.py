"""Recipe: how a model is trained, as a value, and the named recipes with their sources."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from netspace.documents import Document, parse
from netspace.errors import ConfigError, raise_unknown

Fraction = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]


class Augment(Document):
    """What happens to a batch of training images before each step; validation images are never altered.

    Attributes:
        flip: mirror each image left to right with probability 1/2; wrong for digits and text.
        shift: move each image by up to this many pixels along each axis, filling with zeros.
    """

    flip: bool = True
    shift: Annotated[int, Field(ge=0)] = 0


class Recipe(Document):
    """Optimisation, schedule, regularisation and precision of one training.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        optimizer: `sgd` (momentum) or `adamw`.
        lr: learning rate at the start of the cosine, for `reference_batch` images per step.
        reference_batch: the batch for which `lr` is meant: the rate used is lr * batch_size / reference_batch (linear
            scaling, RegNet paper section 5). None: `lr` is used as it is.
        momentum: of SGD; the first beta of AdamW.
        nesterov: Nesterov's momentum, SGD only.
        weight_decay: L2 coefficient.
        decay_norm: whether batch-norm scales and shifts decay too; biases decay with them.
        schedule: `cosine` (half period to 0), `linear` (to 0) or `constant`, per step.
        warmup_epochs: linear rise of the rate over the first epochs, from `warmup_factor` times it.
        warmup_factor: where the warm-up starts.
        label_smoothing: share of the target spread over all classes.
        ema_decay: decay of the exponential moving average of the weights, per step; 0 for none. With an average, its
            weights are the ones that are evaluated.
        precision: `float32`, or `bfloat16` for mixed precision.
        augment: see `Augment`.
        evaluate_every: epochs between evaluations on the validation split; the last epoch is always evaluated.
    """

    epochs: Annotated[int, Field(ge=1)] = 5
    batch_size: Annotated[int, Field(ge=2)] = 128
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.1
    reference_batch: Annotated[int, Field(ge=1)] | None = 128
    momentum: Fraction = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 5e-5
    decay_norm: bool = True
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_epochs: NonNegative = 0.0
    warmup_factor: Fraction = 0.1
    label_smoothing: Fraction = 0.0
    ema_decay: Fraction = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    augment: Augment = Augment()
    evaluate_every: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.warmup_epochs >= self.epochs and self.warmup_epochs > 0:
            raise ValueError(
                f"warmup_epochs < epochs must hold, got warmup_epochs={self.warmup_epochs:g}, epochs={self.epochs}"
            )
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError(
                f"nesterov needs optimizer 'sgd' with momentum > 0, got '{self.optimizer}', momentum={self.momentum:g}"
            )
        return self

    @property
    def peak_lr(self) -> float:
        """The learning rate after warm-up, scaled to the batch."""
        return self.lr if self.reference_batch is None else self.lr * self.batch_size / self.reference_batch

    def resolved(self) -> dict[str, Any]:
        """Return every setting as plain values, with the scaled learning rate `peak_lr`: what a result records."""
        return {**self.model_dump(), "peak_lr": self.peak_lr}


RECIPES: dict[str, Recipe] = {
    # RegNet paper, section 3: the low-compute regime that compares spaces
    "paper-design": Recipe(epochs=10, lr=0.05),
    # RegNet paper, section 4: the analysis of RegNetX
    "paper-analysis": Recipe(epochs=25, lr=0.1),
    # RegNet paper, section 5: the final networks, on 8 GPUs
    "paper-final": Recipe(epochs=100, batch_size=1024, lr=0.1, warmup_epochs=5),
    # pycls sweeps/cifar: batch 1024, lr 1.0, no decay on batch norm; mixup is not among our augmentations yet
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
        augment=Augment(flip=True, shift=4),
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
"""The named recipes, each with its source."""


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
