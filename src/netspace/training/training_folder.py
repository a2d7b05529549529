"""The folder of one training: what was trained, how, on what, and what came of it, in files that others can read."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from netspace.documents import Document, parse
from netspace.errors import TrainingError
from netspace.models.anynet import AnyNet
from netspace.models.hub import save_pretrained
from netspace.training.images.data import DataSpec, ImageData
from netspace.training.recipe import Recipe
from netspace.training.result import Epoch, TrainResult

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
_SETTINGS, _RESULT = "training.json", "result.json"


class TrainedOn(Document):
    """How a network is shown images, and what its outputs mean: with it the images of the training are not needed.

    Attributes:
        class_names: of the outputs, in order.
        mean, std: what normalises the channels, in [0, 255].
    """

    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: ImageData) -> Self:
        """Return what a training on these images leaves to know."""
        return cls(class_names=images.class_names, mean=images.mean, std=images.std)


@dataclass(frozen=True, kw_only=True)
class TrainingFolder:
    """A training's folder.

    Attributes:
        folder: with `config.json` and `model.safetensors` (as `netspace.models.hub` writes them), `training.json`,
            `result.json`, `curve.csv` and the checkpoint.
        network: what the network was called.
        data: the images.
        resolution: of the images, in pixels.
        recipe: how it is trained.
        seed: of weights, order and augmentation.
        trained_on: None in folders of earlier versions.
    """

    folder: Path
    network: str
    data: DataSpec
    resolution: int
    recipe: Recipe
    seed: int
    trained_on: TrainedOn | None = None

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / CHECKPOINT

    def settings(self) -> dict[str, Any]:
        """Return how the network is trained, as plain values."""
        return {
            "network": self.network,
            "data": self.data.model_dump(mode="json"),
            "resolution": self.resolution,
            "recipe": self.recipe.model_dump(mode="json"),
            "peak_lr": self.recipe.peak_lr,
            "seed": self.seed,
        }

    def start(self, model: AnyNet) -> None:
        """Write the network and the settings; weights are those before training until `finish`."""
        save_pretrained(model, self.folder)
        trained_on = None if self.trained_on is None else self.trained_on.model_dump(mode="json")
        _write(self.folder / _SETTINGS, {**self.settings(), "trained_on": trained_on})

    def write_curve(self, curve: Sequence[Epoch]) -> None:
        """Write the epochs so far as CSV, one a line."""
        with (self.folder / CURVE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Epoch)])
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in curve)

    def finish(self, model: AnyNet, result: TrainResult) -> None:
        """Write the trained weights, the curve and the result."""
        save_pretrained(model, self.folder)
        self.write_curve(result.curve)
        _write(self.folder / _RESULT, {key: value for key, value in result.as_dict().items() if key != "curve"})

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
                f"{folder}: holds no training (no readable {_SETTINGS}); make one: netspace train"
            ) from None
        trained_on = content.get("trained_on")
        return cls(
            folder=folder,
            network=str(content.get("network")),
            data=parse(DataSpec, content.get("data"), f"{path}, data"),
            resolution=int(content.get("resolution") or 0),
            recipe=parse(Recipe, content.get("recipe"), f"{path}, recipe"),
            seed=int(content.get("seed") or 0),
            trained_on=None if trained_on is None else parse(TrainedOn, trained_on, f"{path}, trained_on"),
        )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
