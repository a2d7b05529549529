"""What a package says of its network beside the weights: classes, preparation of images, recipe, errors, data.

The words are those of the Hugging Face hub and of timm if they have one: `id2label`, `pretrained_cfg`, the fields of
an image processor. A package names nothing of the machine that it was made on.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from scipy.stats import binomtest

from netspace._version import __version__
from netspace.documents import Document, parse
from netspace.errors import WeightsError
from netspace.pixels import BACKGROUND

FORMAT = 1
"""Of the packages that this version writes; a newer one is refused."""

ARCHITECTURE = "netspace_anynet"
"""What timm calls the networks of packages, after `netspace.models.timm_names.register()`."""

_OWN = ("background", "to_grey")  # of a preparation, for which timm has no words

_Percent = Annotated[float, Field(ge=0, le=100)]
_Count = Annotated[int, Field(ge=0)]


class Preparation(Document):
    """How a network is shown an image: shorter side resized, centre cropped, channels normalised.

    Attributes:
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        mean, std: of each channel, of pixels in [0, 1].
        interpolation: of the resizing.
        background: the grey that shows through transparent pixels, 0 .. 255.
        to_grey: with 1 channel, whether colour images are turned to grey instead of refused.
    """

    resolution: Annotated[int, Field(ge=1)]
    channels: Literal[1, 3]
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]
    interpolation: Literal["bicubic"] = "bicubic"
    background: Annotated[int, Field(ge=0, le=255)] = BACKGROUND
    to_grey: bool = False

    @model_validator(mode="after")
    def _of_these_channels(self) -> Self:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(
                f"mean and std need one value for each of {self.channels} channels, "
                f"got {len(self.mean)} and {len(self.std)}"
            )
        return self


class MeasuredError(Document):
    """A top-1 error on the images of a split.

    Attributes:
        split: `validation` or `test`.
        images: how many.
        error: %.
        low, high: ends of its 95 % interval (Wilson), %.
    """

    split: Literal["validation", "test"]
    images: Annotated[int, Field(ge=1)]
    error: _Percent
    low: _Percent
    high: _Percent

    @classmethod
    def of(cls, split: Literal["validation", "test"], error: float, images: int) -> Self:
        """Return an error in % with its interval."""
        low, high = error_interval(round(error * images / 100), images)
        return cls(split=split, images=images, error=error, low=low, high=high)


class Calibration(Document):
    """What makes the network's probabilities honest: logits are divided by the temperature before the softmax.

    Attributes:
        temperature: fitted on the validation split (Guo et al., "On Calibration of Modern Neural Networks", section 4).
        ece_before, ece_after: expected calibration error there without and with it, %; the latter of each half of the
            split by the temperature of the other half.
    """

    temperature: Annotated[float, Field(gt=0)]
    ece_before: _Percent
    ece_after: _Percent


class DataFacts(Document):
    """Which images a network was trained on, without saying where they are.

    Attributes:
        source: a public name; None for local files.
        training_images, validation_images: how many.
        train_digest, split_digest: fingerprints, see `netspace.training.images.data.ImageData`.
    """

    source: str | None = None
    training_images: _Count
    validation_images: _Count
    train_digest: str
    split_digest: str


class Package(Document):
    """What is known of a trained network.

    Attributes:
        name: of the network.
        classes: names of the outputs, in order.
        preparation: of images.
        recipe: as it was carried out; None if unknown.
        errors: each split at most once.
        calibration: None if not fitted.
        data: None if unknown.
        license: an SPDX identifier; None if none was given.
        started_from: whose weights the training started from; None for random ones.
    """

    name: str = "network"
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    preparation: Preparation
    recipe: dict[str, Any] | None = None
    errors: tuple[MeasuredError, ...] = ()
    calibration: Calibration | None = None
    data: DataFacts | None = None
    license: str | None = None
    started_from: str | None = None

    @property
    def temperature(self) -> float:
        """What the logits are divided by; 1 without calibration."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    def timm_config(self) -> dict[str, Any]:
        """Return what timm calls a `pretrained_cfg`."""
        shown = self.preparation
        size = (shown.channels, shown.resolution, shown.resolution)
        known = timm_config(len(self.classes), size, shown.mean, shown.std)
        licence = {} if self.license is None else {"license": self.license}
        return {**known, "label_names": list(self.classes), **licence}

    def with_error(self, measured: MeasuredError) -> Self:
        """Return the package with the error of a split added, or in place of that split's former one."""
        others = [error for error in self.errors if error.split != measured.split]
        return self.model_copy(update={"errors": (*others, measured)})


def error_interval(wrong: int, images: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of an error, in %."""
    found = binomtest(wrong, images).proportion_ci(method="wilson")
    return 100 * max(0.0, float(found.low)), 100 * min(1.0, float(found.high))


def timm_config(
    num_classes: int, input_size: tuple[int, int, int], mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Any]:
    """Return what timm calls a `pretrained_cfg`.

    Args:
        num_classes: outputs of the classifier.
        input_size: channels, height and width of the images.
        mean, std: of each channel, of pixels in [0, 1].
    """
    return {
        "architecture": ARCHITECTURE,
        "num_classes": num_classes,
        "input_size": input_size,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": mean,
        "std": std,
        "pool_size": None,
        "first_conv": "stem.conv",
        "classifier": "head.fc",
    }


def to_config(package: Package) -> dict[str, Any]:
    """Return what `config.json` says of a package, its network left out."""
    names = dict(enumerate(package.classes))
    content = package.model_dump(mode="json")
    del content["classes"], content["preparation"]
    return {
        "package_format": FORMAT,
        "netspace_version": __version__,
        "architecture": ARCHITECTURE,
        "architectures": ["AnyNet"],
        "num_channels": package.preparation.channels,
        "image_size": package.preparation.resolution,
        "id2label": {str(label): name for label, name in names.items()},
        "label2id": {name: label for label, name in names.items()},
        "pretrained_cfg": package.timm_config(),
        **{key: getattr(package.preparation, key) for key in _OWN},
        **content,
    }


def from_config(content: dict[str, Any], where: str) -> Package | None:
    """Return the package that a `config.json` describes; None for one that holds a network alone.

    Raises:
        WeightsError: a newer netspace wrote it.
        ConfigError: it breaks a rule.
    """
    written = content.get("package_format", 0)
    if not isinstance(written, int) or written > FORMAT:
        raise WeightsError(
            f"{where}: is a package of format {written} (netspace {content.get('netspace_version', 'unknown')}); "
            f"netspace {__version__} reads formats up to {FORMAT}: update netspace"
        )
    labels, shown = content.get("id2label"), content.get("pretrained_cfg")
    if not isinstance(labels, dict) or not isinstance(shown, dict):
        return None
    size = shown.get("input_size") or [0, 0]
    described = {key: content[key] for key in Package.model_fields if key in content}
    described["classes"] = [labels.get(str(label)) for label in range(len(labels))]
    described["preparation"] = {
        "resolution": size[-1],
        "channels": size[0],
        **{key: shown.get(key) for key in ("mean", "std", "interpolation")},
        **{key: content[key] for key in _OWN if key in content},
    }
    return parse(Package, described, where)


def processor_config(preparation: Preparation) -> dict[str, Any]:
    """Return `preprocessor_config.json`, as the image processors of Hugging Face's transformers read it."""
    size = preparation.resolution
    return {
        "image_processor_type": "BitImageProcessor",
        "do_convert_rgb": preparation.channels == 3,
        "do_resize": True,
        "size": {"shortest_edge": size},
        "resample": 3,  # bicubic, in the numbers of PIL
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(preparation.mean),
        "image_std": list(preparation.std),
    }
