"""Recipe: how a model is trained, as a value; the named ones, each with its source; how a document names one."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from netspace.checks import check_rule
from netspace.documents import Document, parse
from netspace.errors import ConfigError, raise_unknown, short

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]

OWN_OPTIMIZERS = ("sgd", "adamw")
"""The optimisers of torch itself, in their fused form; every other name is timm's."""


class Augment(Document):
    """What happens to training images before each step; validation images are never altered.

    Flip and shift are done on whole batches; crop, policy and erasing image by image (torchvision v2), which is slower.

    Attributes:
        flip: mirror each image left to right with probability 1/2; wrong for digits and text.
        shift: move each image by up to this many pixels along each axis, filling with zeros.
        crop: random resized crop: least and largest share of the image's area (0.08 and 1 for ImageNet); None for none.
        policy: `randaugment` or `trivialaugment`.
        operations, magnitude: of RandAugment: how many operations, and how strong on its scale of 0 to 30.
        erasing: probability that a random rectangle of an image is filled with the mean colour.
        color_noise: deviation of the PCA colour noise, in principal deviations of the training pixels (AlexNet,
            section 4.1: 0.1).
        mixup, cutmix: alpha of the Beta distribution that mixes pairs of images and their labels; 0 for none. With
            both, each batch takes one of them at random.
    """

    flip: bool = True
    shift: Annotated[int, Field(ge=0)] = 0
    crop: tuple[float, float] | None = None
    policy: Literal["randaugment", "trivialaugment"] | None = None
    operations: Annotated[int, Field(ge=1)] = 2
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9
    erasing: Share = 0.0
    color_noise: NonNegative = 0.0
    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0

    @field_validator("crop")
    @classmethod
    def _areas(cls, crop: tuple[float, float] | None) -> tuple[float, float] | None:
        if crop is not None:
            least, largest = crop
            check_rule(0 < least <= largest <= 1, "0 < least <= largest <= 1", least=least, largest=largest)
        return crop


class Recipe(Document):
    """Optimisation, schedule, regularisation and precision of one training.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step, over all processes and parts.
        accumulate: parts that a batch is computed in, one after another, to save memory; batch norm sees one part at a
            time.
        optimizer: `sgd` (momentum), `adamw`, or any name of `timm.optim.list_optimizers()`.
        lr: learning rate at the start of the schedule, for `reference_batch` images per step.
        reference_batch: the batch for which `lr` is meant: the rate used is lr * batch_size / reference_batch (linear
            scaling, RegNet paper section 5). None: `lr` is used as it is.
        momentum: of SGD; the first beta of AdamW.
        nesterov: Nesterov's momentum, SGD only.
        weight_decay: L2 coefficient.
        decay_norm: whether batch-norm scales and shifts decay too; biases decay with them.
        clip_norm: the gradient is scaled down to this L2 norm if it is longer; None for no limit.
        schedule: `cosine` (half period to 0), `linear` (to 0), `step` or `constant`.
        step_epochs, step_factor: of `step`: after each of these epochs the rate is multiplied by the factor.
        warmup_epochs: linear rise of the rate over the first epochs, from `warmup_factor` times it.
        warmup_factor: where the warm-up starts.
        class_weights: `balanced` weighs each training image by the inverse of its class's share, so that every class
            counts the same, n / (classes x images of the class); None: every image counts the same.
        label_smoothing: share of the target spread over all classes.
        drop_path: probability of dropping the last residual branch, rising linearly from 0 at the first block.
        zero_init_gamma: start with scale 0 in the last batch norm of every residual branch.
        ema_decay: decay of the exponential moving average of the weights, per step; 0 for none. With an average, its
            weights are the ones that are evaluated and kept.
        precise_bn: training images over which the statistics of batch norm are computed anew before each evaluation
            (Wu and Johnson, "Rethinking Batch in BatchNorm", section 3); 0 for the running averages.
        precision: `float32`, or `bfloat16` or `float16` for mixed precision.
        augment: see `Augment`.
        layer_decay: factor of the learning rate from each layer (a block, or the stem) to the one before it, for a
            network that was trained before: its first layers then change least. 1 for one rate for all.
        frozen_epochs: first epochs in which only the classifier is trained, and batch norm keeps its statistics.
        evaluate_every: epochs between evaluations on the validation split; the last epoch is always evaluated. None for
            1 in a training of its own, and for the last epoch alone in a study.
    """

    epochs: Annotated[int, Field(ge=1)] = 5
    batch_size: Annotated[int, Field(ge=2)] = 128
    accumulate: Annotated[int, Field(ge=1)] = 1
    optimizer: str = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.1
    reference_batch: Annotated[int, Field(ge=1)] | None = 128
    momentum: Fraction = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 5e-5
    decay_norm: bool = True
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    schedule: Literal["cosine", "linear", "step", "constant"] = "cosine"
    step_epochs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    warmup_epochs: NonNegative = 0.0
    warmup_factor: Fraction = 0.1
    class_weights: Literal["balanced"] | None = None
    label_smoothing: Fraction = 0.0
    drop_path: Fraction = 0.0
    zero_init_gamma: bool = False
    ema_decay: Fraction = 0.0
    precise_bn: Annotated[int, Field(ge=0)] = 0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    augment: Augment = Augment()
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    frozen_epochs: Annotated[int, Field(ge=0)] = 0
    evaluate_every: Annotated[int, Field(ge=1)] | None = None

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str) -> str:
        if name not in OWN_OPTIMIZERS:
            from timm.optim import list_optimizers

            if name not in list_optimizers():
                raise_unknown("optimizer", name, [*OWN_OPTIMIZERS, *list_optimizers()])
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        epochs, warmup, frozen = self.epochs, self.warmup_epochs, self.frozen_epochs
        check_rule(warmup < epochs, "warmup_epochs < epochs", warmup_epochs=warmup, epochs=epochs)
        check_rule(frozen < epochs, "frozen_epochs < epochs", frozen_epochs=frozen, epochs=epochs)
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError(
                f"nesterov needs optimizer 'sgd' with momentum > 0, got '{self.optimizer}', momentum={self.momentum:g}"
            )
        if (self.schedule == "step") != bool(self.step_epochs):
            raise ValueError(
                f"step_epochs and the schedule 'step' need each other, got schedule '{self.schedule}', "
                f"step_epochs={list(self.step_epochs)}"
            )
        if self.accumulate > self.batch_size // 2:
            raise ValueError(
                f"each part of a batch must hold 2 images or more, got batch_size={self.batch_size}, "
                f"accumulate={self.accumulate}"
            )
        return self

    @property
    def peak_lr(self) -> float:
        """The learning rate after warm-up, scaled to the batch."""
        return self.lr if self.reference_batch is None else self.lr * self.batch_size / self.reference_batch

    def build_options(self) -> dict[str, Any]:
        """Return the settings that `netspace.models.build` needs: the arguments drop_path and zero_init_last."""
        return {"drop_path": self.drop_path, "zero_init_last": self.zero_init_gamma}

    def is_evaluated(self, epoch: int) -> bool:
        """Return whether the validation split is evaluated after an epoch, counted from 1."""
        return epoch == self.epochs or epoch % (self.evaluate_every or 1) == 0

    def resolved(self) -> dict[str, Any]:
        """Return every setting as plain values, with the scaled learning rate `peak_lr`: what a result records."""
        return {**self.model_dump(), "evaluate_every": self.evaluate_every or 1, "peak_lr": self.peak_lr}


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
        raise ConfigError(f"{where}: must be a recipe's name ({', '.join(RECIPES)}) or a mapping, got {short(data)}")
    settings = {key: value for key, value in data.items() if key != "base"}
    if "base" not in data:
        return parse(Recipe, settings, where)
    base = get_recipe(str(data["base"])).model_dump()
    if isinstance(settings.get("augment"), dict):
        settings["augment"] = {**base["augment"], **settings["augment"]}
    return parse(Recipe, {**base, **settings}, where)
