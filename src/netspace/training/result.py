"""The result of a training: its curve, its error, what it ran on."""

import platform
from dataclasses import asdict, dataclass
from typing import Any

import torch

from netspace._version import __version__
from netspace.store.records import Epoch as Epoch
from netspace.store.records import Outcome


@dataclass(frozen=True, kw_only=True)
class TrainResult(Outcome):
    """How a training ended, and what it ran with.

    Attributes:
        status: `done`, or `diverged` if the loss or the outputs were not finite.
        error: top-1 error on the validation split after the last epoch, %; None if diverged.
        balanced_error: mean of the classes' errors there, %, each class counting the same; None if diverged.
        curve: one entry an epoch.
        seconds: wall time of the training, evaluation included, without the time in which it stood still.
        images_per_second: training images over `seconds`.
        memory_share: of a GPU's memory, held at most; None on the CPU.
        environment: device and versions.
        recipe: the recipe as it was carried out, resolved.
        split_digest: identity of the validation split.
        threads: of the CPU that it was trained with.
    """

    curve: tuple[Epoch, ...]
    environment: dict[str, str]
    images_per_second: float
    memory_share: float | None
    recipe: dict[str, Any]
    split_digest: str
    threads: int
    balanced_error: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        # what only a run of a study has is left out
        return {key: value for key, value in asdict(self).items() if key not in ("details", "message")}


def environment(device: torch.device) -> dict[str, str]:
    """Return the device and the versions that a result depends on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "device": str(device),
        "device_name": name,
        "host": platform.node(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "netspace": __version__,
    }
