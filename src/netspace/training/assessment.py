"""Packages assessed on labelled images: a split of their own, or any others of the same classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from netspace.errors import DataError, TrainingError
from netspace.models.backbone import Described
from netspace.models.hub import from_pretrained
from netspace.models.package import Package, Preparation
from netspace.training.cache import cache_folder, scratch_folder
from netspace.training.evaluation import Evaluation, evaluate
from netspace.training.images.data import DataSpec, ImageData, load_data, read_images
from netspace.training.images.sources import located
from netspace.training.images.streaming import Images
from netspace.training.preconditions import check_fit
from netspace.training.recipe import Recipe
from netspace.training.training_folder import TrainedOn, TrainingFolder


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Images to assess a network on.

    Attributes:
        images: uint8 (n, resolution, resolution, channels).
        labels: int64 (n,), of the network's classes.
        split: which images of the source these are.
        source: where they are from.
        own: whether they are held out of the images that the network was trained on.
        data: what they are part of.
    """

    images: Images
    labels: NDArray[np.int64]
    split: Literal["test", "validation", "all"]
    source: str
    own: bool
    data: ImageData


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessment:
    """How a network classified images.

    Attributes:
        evaluation: errors and throughput.
        logits: float32 (n, classes).
        labels: int64 (n,).
    """

    evaluation: Evaluation
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each image was classified correctly, (n,)."""
        found: NDArray[np.bool_] = self.logits.argmax(axis=1) == self.labels
        return found


def open_package(source: Path | str, *, trust_code: bool = False) -> tuple[Described, Package]:
    """Return a package's network and what is known of it; the folder of a training by an earlier version will do.

    Args:
        source: a folder, or a repository's `owner/name`.
        trust_code: see `from_pretrained`.

    Raises:
        WeightsError: it cannot be read.
        TrainingError: an earlier version wrote it, and not a training.
        DataError: an earlier version wrote it, and the images that it was trained on are gone.
    """
    model = from_pretrained(source, trust_code=trust_code)
    if model.package is None:
        training = TrainingFolder.read(Path(source))
        known = training.trained_on
        if known is None:
            known = TrainedOn.of(load_data(_own_images(source), training.resolution))
        channels: Literal[1, 3] = 1 if len(known.mean) == 1 else 3
        mean, std = (tuple(value / 255 for value in values) for values in (known.mean, known.std))
        shown = Preparation(resolution=training.resolution, channels=channels, mean=mean, std=std)
        recipe = training.recipe.model_dump(mode="json")
        model.know(Package(name=training.network, classes=known.class_names, preparation=shown, recipe=recipe))
    assert model.package is not None
    return model, model.package


@contextmanager
def images_to_assess(source: Path | str, package: Package, spec: DataSpec | None) -> Iterator[Labelled]:
    """Yield images to assess a package on: those held out of its training, or any of `spec`, of its classes.

    Of the package's own images those are the test split, or the validation split if there is none; of others the test
    split, the validation split or, if they are in no splits, all of them.

    Args:
        source: the package.
        package: what it says.
        spec: other images; None for the package's own.

    Raises:
        DataError: there are none, their place is not known, or they are of classes that the network does not know.
    """
    own = _own_images_or_none(source)
    if spec is None or (own is not None and located(spec.source) == located(own.source)):
        spec = _own_images(source) if spec is None or own is None else own
        data = load_data(spec, package.preparation.resolution)
        _classes_must_be_known(package, data.class_names, spec.source)
        shown = _shown(data, package)
        if data.test_images is not None and data.test_labels is not None:
            labels = _labels(package, data.class_names, data.test_labels)
            yield Labelled(
                images=data.test_images, labels=labels, split="test", source=spec.source, own=True, data=shown
            )
        else:
            labels = _labels(package, data.class_names, data.validation_labels)
            yield Labelled(
                images=data.validation_images,
                labels=labels,
                split="validation",
                source=spec.source,
                own=True,
                data=shown,
            )
        return
    with scratch_folder(cache_folder() / "assessed") as folder:
        found = read_images(
            spec,
            folder,
            resolution=package.preparation.resolution,
            channels=spec.channels or _channels(package),
            background=package.preparation.background,
        )
        name = next(split for split in ("test", "validation", "train") if split in found.splits)
        part = found.splits[name]
        _classes_must_be_known(package, found.class_names, spec.source)
        labels = _labels(package, found.class_names, part.labels)
        data = ImageData(
            train_images=part.images,
            train_labels=labels,
            validation_images=part.images,
            validation_labels=labels,
            test_images=None,
            test_labels=None,
            class_names=package.classes,
            mean=(0.0,) * package.preparation.channels,
            std=(1.0,) * package.preparation.channels,
            split_digest="",
            train_digest="",
        )
        split: Literal["test", "validation", "all"] = "all" if name == "train" else name
        yield Labelled(
            images=part.images, labels=labels, split=split, source=spec.source, own=False, data=_shown(data, package)
        )


def assess(model: Described, package: Package, images: Labelled, device: str | torch.device = "cpu") -> Assessment:
    """Return how a network of a package classifies images.

    Raises:
        TrainingError: it does not take such images, or its outputs are not finite.
    """
    check_fit(model, images.data)
    recipe = Recipe(precision=(package.recipe or {}).get("precision", "float32"))
    batches: list[NDArray[np.float32]] = []
    found = evaluate(model, images.images, images.labels, images.data, recipe, device, batches)
    if found is None:
        raise TrainingError(f"the outputs of '{package.name}' are not finite")
    return Assessment(evaluation=found, logits=np.concatenate(batches), labels=images.labels)


def _channels(package: Package) -> int | None:
    """Return the channels to read images with; None so that a grey network refuses those in colour."""
    shown = package.preparation
    return shown.channels if shown.channels == 3 or shown.to_grey else None


def _own_images_or_none(source: Path | str) -> DataSpec | None:
    try:
        return TrainingFolder.read(Path(source)).data
    except TrainingError:
        return None


def _own_images(source: Path | str) -> DataSpec:
    spec = _own_images_or_none(source)
    if spec is None:
        raise DataError(f"{source}: the images of its training are not known on this machine; give --data")
    return spec


def _shown(data: ImageData, package: Package) -> ImageData:
    """Return the images as the network expects them: normalised by the statistics that it was trained with."""
    mean, std = (tuple(255 * v for v in values) for values in (package.preparation.mean, package.preparation.std))
    return replace(data, mean=mean, std=std)


def _classes_must_be_known(package: Package, names: tuple[str, ...], where: str) -> None:
    unknown = [name for name in names if name not in package.classes]
    if unknown:
        raise DataError(
            f"{where}: class '{unknown[0]}' is not one of the network's: {', '.join(package.classes[:20])}"
            + (", ..." if len(package.classes) > 20 else "")
        )


def _labels(package: Package, names: tuple[str, ...], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels of some classes as those of the network."""
    return np.array([package.classes.index(name) for name in names], dtype=np.int64)[labels]
