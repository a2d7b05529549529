"""The folder of one training: what was trained, how, on what, and the result, in files that others can read."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from netspace.documents import Document, is_document, parse
from netspace.errors import TrainingError
from netspace.models.backbone import Described
from netspace.models.hub import read_package, save_pretrained
from netspace.models.package import Calibration, DataFacts, MeasuredError, Package, Preparation
from netspace.training.images.data import DataSpec, ImageData, as_recorded, completed
from netspace.training.images.sources import located
from netspace.training.local_sources import public_name, remember_source, remembered_source
from netspace.training.recipe import Recipe
from netspace.training.result import Epoch, TrainResult

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
_SETTINGS, _RESULT = "training.json", "result.json"


class TrainedOn(Document):
    """How a network expects images, and what its outputs mean: with it the images of the training are not needed.

    Attributes:
        class_names: of the outputs, in order.
        mean, std: what normalises the channels, in [0, 255].
    """

    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: ImageData) -> Self:
        """Return what is kept about the images of a training."""
        return cls(class_names=images.class_names, mean=images.mean, std=images.std)


@dataclass(frozen=True, kw_only=True)
class TrainingFolder:
    """A training's folder.

    Attributes:
        folder: the package (as `netspace.models.hub` writes it) with `training.json`, `result.json`, `curve.csv` and
            the checkpoint. No file names a path of this machine: where the images are is kept in the cache.
        network: what the network was called.
        data: the images; None if it is not known here where they are.
        resolution: of the images, in pixels.
        recipe: how it is trained.
        seed: of weights, order and augmentation.
        trained_on: None in folders of earlier versions.
        package: what is known of the network before it is trained; None if it is read.
    """

    folder: Path
    network: str
    data: DataSpec | None
    resolution: int
    recipe: Recipe
    seed: int
    trained_on: TrainedOn | None = None
    package: Package | None = None

    @classmethod
    def new(
        cls,
        folder: Path,
        images: ImageData,
        *,
        network: str,
        data: DataSpec,
        recipe: Recipe,
        seed: int,
        licence: str | None = None,
        started_from: str | None = None,
    ) -> Self:
        """Return the folder of a training that is about to start.

        Args:
            folder: where to.
            images: those of `data`.
            network: what it is called: a name, or the path of a file, of which the folder keeps the file's name.
            data, recipe, seed: see the attributes.
            licence: of the network, an SPDX identifier; None if none is given.
            started_from: whose weights the training starts from; None for random ones.
        """
        name = Path(network).stem if is_document(network) else network
        return cls(
            folder=folder,
            network=name,
            data=data.model_copy(update={"source": located(data.source)}),
            resolution=images.resolution,
            recipe=recipe,
            seed=seed,
            trained_on=TrainedOn.of(images),
            package=Package(
                name=name,
                classes=images.class_names,
                preparation=preparation(images).model_copy(update={"to_grey": data.channels == 1}),
                recipe=recipe.model_dump(mode="json"),
                data=DataFacts(
                    source=public_name(data.source),
                    training_images=len(images.train_labels),
                    validation_images=len(images.validation_labels),
                    train_digest=images.train_digest,
                    split_digest=images.split_digest,
                ),
                license=licence,
                started_from=started_from,
            ),
        )

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / CHECKPOINT

    def settings(self) -> dict[str, Any]:
        """Return how the network is trained, as plain values."""
        return {
            "network": self.network,
            "data": self._data(),
            "resolution": self.resolution,
            "recipe": self.recipe.model_dump(mode="json"),
            "peak_lr": self.recipe.peak_lr,
            "seed": self.seed,
        }

    def _data(self) -> dict[str, Any] | None:
        """Return the images as plain values, without the place of local files."""
        if self.data is None:
            return None
        source = self.data.source
        return {**self.data.model_dump(mode="json"), "source": source if public_name(source) == source else None}

    def start(self, model: Described) -> None:
        """Write the network and the settings; weights are those before training until `finish`."""
        save_pretrained(model, self.folder, self.package)
        if self.package is not None and self.package.data is not None and self.data is not None:
            known = self.package.data
            remember_source(known.train_digest, known.split_digest, self.data.source)
        trained_on = None if self.trained_on is None else self.trained_on.model_dump(mode="json")
        _write(self.folder / _SETTINGS, {**self.settings(), "trained_on": trained_on})

    def write_curve(self, curve: Sequence[Epoch]) -> None:
        """Write the epochs so far as CSV, one per line."""
        with (self.folder / CURVE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Epoch)])
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in curve)

    def finish(self, model: Described, result: TrainResult, calibration: Calibration | None = None) -> None:
        """Write the trained network, the curve and the result.

        Args:
            model: with the weights that were evaluated.
            result: what the training gave.
            calibration: of its probabilities; None if it diverged.
        """
        package = self.package
        if package is not None and result.error is not None and package.data is not None:
            measured = MeasuredError.of("validation", result.error, package.data.validation_images)
            package = package.with_error(measured).model_copy(update={"calibration": calibration})
        save_pretrained(model, self.folder, package)
        self.write_curve(result.curve)
        content = {key: value for key, value in result.as_dict().items() if key != "curve"}
        content["environment"] = {key: value for key, value in result.environment.items() if key != "host"}
        _write(self.folder / _RESULT, content)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what `start` wrote.

        Raises:
            TrainingError: the folder holds no training.
            ConfigError: its settings break a rule.
        """
        path = folder / _SETTINGS
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise TrainingError(
                f"{folder}: no training found (no readable {_SETTINGS}); start one with `netspace train`"
            ) from None
        trained_on = content.get("trained_on")
        return cls(
            folder=folder,
            network=str(content.get("network")),
            data=_located_data(folder, content.get("data"), f"{path}, data"),
            resolution=int(content.get("resolution") or 0),
            recipe=parse(Recipe, content.get("recipe"), f"{path}, recipe"),
            seed=int(content.get("seed") or 0),
            trained_on=None if trained_on is None else parse(TrainedOn, trained_on, f"{path}, trained_on"),
        )


def _located_data(folder: Path, content: Any, where: str) -> DataSpec | None:
    """Return the images of a training, their place taken from the cache if the folder does not name it."""
    if isinstance(content, dict) and content.get("source", "") is None:
        _, package = read_package(folder)
        known = package.data if package is not None else None
        source = known and remembered_source(known.train_digest, known.split_digest)
        if source is None:
            return None
        content = {**content, "source": source}
    return parse(DataSpec, completed(content) if isinstance(content, dict) else content, where)


def as_started(data: DataSpec, folder: Path) -> DataSpec:
    """Return the images with the split of the training that goes on from the checkpoint in a folder, if one does."""
    try:
        recorded = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, LookupError, TypeError):
        return data  # the checkpoint itself decides whether it can be resumed
    return as_recorded(data, recorded) if isinstance(recorded, dict) and (folder / CHECKPOINT).exists() else data


def preparation(images: ImageData) -> Preparation:
    """Return how images like these are prepared for a network."""
    mean, std = (tuple(value / 255 for value in values) for values in (images.mean, images.std))
    return Preparation(
        resolution=images.resolution, channels=images.channels, mean=mean, std=std, background=images.background
    )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
