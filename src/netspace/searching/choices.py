"""What a search chooses of the images and the limit, each with its reason and the option that says otherwise."""

from dataclasses import dataclass
from typing import Any

from netspace.arch.complexity import MEASURES
from netspace.arch.config import StemKind
from netspace.documents import Document
from netspace.searching.looking import Look
from netspace.space.constraints import format_count
from netspace.training.images.splits import UNEQUAL
from netspace.training.latency import Latency
from netspace.training.recipe import RECIPES, Augment, Recipe, parse_recipe

SPACES: tuple[str | dict[str, Any], ...] = (
    "RegNetXConstrained",
    {
        "name": "RegNetYConstrained",
        "description": "RegNetXConstrained with squeeze-and-excitation (section 5)",
        "base": "RegNetXConstrained",
        "network": {"se_ratio": 0.25},
    },
)
"""RegNet as the paper constrains it (section 4), without and with squeeze-and-excitation."""

LARGEST = {"cpu": 64, "cuda": 224}
"""Resolution in pixels up to which images stay as large as they are."""
UNLIMITED = {"cpu": (4e6, 16e6), "cuda": (100e6, 400e6)}
"""Flops of the networks where no limit was given."""
CHEAPER = 8
"""How many times fewer epochs the networks of the population are trained than the winner."""

_SEEN = 120_000  # training images that the winner is shown in all, within these epochs
_EPOCHS = (20, 100)
_LEAST_CHEAP = 5
_SMALL = 40  # pixels below which an image has no resolution to give away in the stem
_SHARE = 5  # one in so many training images validates

Window = tuple[float, float]


class Choice(Document):
    """One thing that was chosen, or asked for.

    Attributes:
        what: such as `resolution`.
        value: in words.
        reason: why.
        option: of the command, that says otherwise; empty if it was given.
    """

    what: str
    value: str
    reason: str
    option: str = ""

    def __str__(self) -> str:
        otherwise = f" [{self.option}]" if self.option else ""
        return f"{self.what}: {self.value}, {self.reason}{otherwise}"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A value, and what is said of it."""

    value: Any
    choice: Choice


def images_seen(look: Look) -> Choice:
    """Return what is said of the images, of which nothing is chosen."""
    few, many = min(look.counts), max(look.counts)
    return Choice(
        what="images",
        value=f"{sum(look.counts):,} to learn from, {len(look.class_names)} classes",
        reason=f"{few:,} images a class" if few == many else f"{few:,} to {many:,} images a class",
    )


def choose_resolution(look: Look, asked: int | None, device: str) -> Chosen:
    """Choose height and width of the images, in pixels."""
    if asked is not None:
        return _asked("resolution", asked, f"{asked} pixels")
    largest = LARGEST[device]
    side = look.shorter_side
    if side > largest:
        value = largest
        reason = f"since a {device.upper()} trains a population of networks on larger images only in days"
    elif look.same_size:
        value, reason = side, "as the images are"
    else:
        value = max(8, side // 8 * 8)
        reason = f"since the images' shorter sides are {side} pixels in the median"
    return _chosen("resolution", value, f"{value} pixels", reason, "--resolution")


def choose_stem(resolution: int, asked: StemKind | None) -> Chosen:
    """Choose what comes before the four stages, each of which halves the image."""
    width = 16 if resolution <= _SMALL else 32
    kind: StemKind = "cifar" if resolution <= _SMALL else "simple"
    reason = (
        f"stride 1, since four halvings leave {max(1, resolution // 16)} of {resolution} pixels already"
        if kind == "cifar"
        else f"stride 2, as in the paper: {resolution} pixels have room for five halvings"
    )
    if asked is not None:
        return _asked("stem", {"kind": asked, "width": width}, f"{asked}, {width} channels")
    return _chosen("stem", {"kind": kind, "width": width}, f"{kind}, {width} channels", reason, "--stem")


def choose_validation(look: Look, asked: int | None) -> Chosen:
    """Choose how many images are set aside to validate; None for a split of their own."""
    if asked is not None:
        return _asked("validation", asked, f"{asked:,} images", "as the images' file says")
    if look.validation is not None:
        return _chosen("validation", None, f"{look.validation:,} images", "a split of their own", "")
    value = max(len(look.class_names), min(5000, sum(look.counts) // _SHARE))
    reason = f"one in {_SHARE}: a tenth would tell too few networks apart" if value < 5000 else "enough to tell errors"
    return _chosen("validation", value, f"{value:,} images", reason, "validation: in a YAML file given as DATA")


def choose_recipe(
    look: Look, training: int, resolution: int, asked: Recipe | None, asked_epochs: int | None, device: str
) -> Chosen:
    """Choose how the winner is trained.

    Args:
        look: at the images.
        training: images to train on.
        resolution: theirs, pixels.
        asked, asked_epochs: the recipe and its epochs that were asked for.
        device: "cpu" or "cuda".
    """
    if asked is not None:
        recipe = (
            asked if asked_epochs is None else parse_recipe({**asked.model_dump(), "epochs": asked_epochs}, "recipe")
        )
        return _asked("recipe", recipe, f"the one given, {recipe.epochs} epochs")
    epochs = asked_epochs or max(_EPOCHS[0], min(_EPOCHS[1], round(_SEEN / training)))
    color, unequal = look.channels == 3, max(look.counts) >= UNEQUAL * min(look.counts)
    recipe = RECIPES["quick"].model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": min(2.0, epochs / 10),
            "label_smoothing": 0.1,
            "class_weights": "balanced" if unequal else None,
            "precision": "bfloat16" if device == "cuda" else "float32",
            "augment": Augment(flip=color, shift=max(1, resolution // 8)),
        }
    )
    mirror = "mirrored, since they are in colour" if color else "not mirrored: grey ones may be digits or text"
    reason = f"for {training:,} training images, which are {mirror}"
    if unequal:
        reason += f"; classes weigh the same, since they have {min(look.counts):,} to {max(look.counts):,} images"
    return _chosen("recipe", recipe, f"quick with {epochs} epochs", reason, "--recipe, --epochs")


def choose_regime(recipe: Recipe, asked: int | None) -> Chosen:
    """Choose how the networks of the population are trained."""
    epochs = min(recipe.epochs, max(_LEAST_CHEAP, round(recipe.epochs / CHEAPER))) if asked is None else asked
    factor = epochs / recipe.epochs
    cheap = recipe.model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": recipe.warmup_epochs * factor,
            "frozen_epochs": int(recipe.frozen_epochs * factor),
            "step_epochs": tuple(sorted({max(1, round(step * factor)) for step in recipe.step_epochs})),
            "evaluate_every": epochs,
        }
    )
    said = f"{epochs} epochs for each network but the winner"
    if asked is not None:
        return _asked("regime", cheap, said)
    return _chosen("regime", cheap, said, f"which has {recipe.epochs}: the ranking shows early", "--cheap-epochs")


def choose_windows(given: dict[str, Window], latency: Latency | None, device: str) -> tuple[dict[str, Window], Choice]:
    """Choose the windows of complexity.

    Args:
        given: by measure.
        latency: the limit on it; None for none.
        device: "cpu" or "cuda".
    """
    if not given:
        if latency is not None:
            given = {"flops": (0.0, UNLIMITED[device][1] * 8)}
            reason = "since a network of more flops is not worth timing"
            return given, _limit(given, latency, reason, "--flops")
        given = {"flops": UNLIMITED[device]}
        reason = f"since no limit was given, and a {device.upper()} trains these in reasonable time"
        return given, _limit(given, None, reason, "--flops, --params, --activations, --latency")
    (measure, (low, high)), *others = given.items()
    if not others and low == 0 and high < float("inf") and latency is None:
        given = {measure: (high / 4, high)}
        reason = "from a quarter of the limit on, since smaller networks are seldom better"
        return given, _limit(given, None, reason, f"--{measure} 1:{format_count(high)}")
    return given, _limit(given, latency, "as asked for", "")


def _limit(windows: dict[str, Window], latency: Latency | None, reason: str, option: str) -> Choice:
    limits = [] if latency is None else [str(latency)]
    limits += [
        f"{measure} {':'.join('' if end in (0, float('inf')) else format_count(end) for end in windows[measure])}"
        for measure in MEASURES
        if measure in windows
    ]
    return Choice(what="limit", value=", ".join(limits), reason=reason, option=option)


def _chosen(what: str, value: Any, said: str, reason: str, option: str) -> Chosen:
    return Chosen(value=value, choice=Choice(what=what, value=said, reason=reason, option=option))


def _asked(what: str, value: Any, said: str, reason: str = "as asked for") -> Chosen:
    return Chosen(value=value, choice=Choice(what=what, value=said, reason=reason))
