"""Curves sent elsewhere while a training runs: TensorBoard, Weights & Biases, MLflow. None of them can stop it."""

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from typing_extensions import override

from netspace.errors import MissingExtraError, first_line, raise_unknown
from netspace.masking import without_secrets
from netspace.training.result import Epoch


class Tracker(ABC):
    """Where epochs are sent. Construction, `log` and `close` may raise whatever their library raises."""

    @abstractmethod
    def log(self, epoch: Epoch) -> None:
        """Send one epoch."""

    @abstractmethod
    def close(self) -> None:
        """Send what is left and end the run."""


class TensorBoard(Tracker):
    """Event files in `FOLDER/tensorboard`, or with a name in `FOLDER/tensorboard/NAME`."""

    def __init__(self, folder: Path, about: dict[str, Any], name: str | None = None) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard" / (name or "")))
        self._writer.add_text("settings", f"```\n{about}\n```")

    @override
    def log(self, epoch: Epoch) -> None:
        for name, value in _values(epoch).items():
            self._writer.add_scalar(name, value, epoch.epoch)

    @override
    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases(Tracker):
    """A run of Weights & Biases below `FOLDER/wandb`; the library's own environment variables set where it is sent."""

    def __init__(self, folder: Path, about: dict[str, Any], name: str | None = None) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(project="netspace", name=name, dir=str(folder), config=about, reinit="create_new")

    @override
    def log(self, epoch: Epoch) -> None:
        self._run.log(_values(epoch), step=epoch.epoch)

    @override
    def close(self) -> None:
        self._run.finish()


class MLflow(Tracker):
    """A run of MLflow, at MLFLOW_TRACKING_URI if that is set, else in `FOLDER/mlruns`."""

    def __init__(self, folder: Path, about: dict[str, Any], name: str | None = None) -> None:
        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            # the client alone has no database backend, and must be set to use plain files
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = (folder / "mlruns").resolve().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._client.get_experiment_by_name("netspace")
        identity = experiment.experiment_id if experiment else self._client.create_experiment("netspace")
        self._run = self._client.create_run(identity, run_name=name).info.run_id
        for setting, value in about.items():
            if isinstance(value, (str, int, float)):
                self._client.log_param(self._run, setting, value)
        self._client.log_dict(self._run, about, "settings.json")

    @override
    def log(self, epoch: Epoch) -> None:
        for name, value in _values(epoch).items():
            self._client.log_metric(self._run, name, value, step=epoch.epoch)

    @override
    def close(self) -> None:
        self._client.set_terminated(self._run)


_Maker = Callable[[Path, dict[str, Any], str | None], Tracker]

TRACKERS: dict[str, tuple[str, _Maker]] = {
    "tensorboard": ("tensorboard", TensorBoard),
    "wandb": ("wandb", WeightsAndBiases),
    "mlflow": ("mlflow", MLflow),
}
"""Every tracker by name, with the extra that brings its library, which is called the same."""


def check_trackers(names: Sequence[str]) -> None:
    """Raise unless these trackers exist and their libraries are installed.

    Raises:
        UnknownNameError: there is no such tracker.
        MissingExtraError: its library is not installed.
    """
    for name in names:
        extra, _ = _find(name)
        if find_spec(extra) is None:
            raise MissingExtraError(extra, f"the tracker '{name}'")


def _find(name: str) -> tuple[str, _Maker]:
    if name not in TRACKERS:
        raise_unknown("tracker", name, TRACKERS)
    return TRACKERS[name]


class Trackers:
    """Several trackers at once; one that fails is dropped with a warning, and the training goes on.

    Args:
        names: of `TRACKERS`.
        folder: of the training.
        about: its settings, as plain values.
        name: what the trackers call it; None if the folder is that of this training alone.

    Raises:
        UnknownNameError: there is no such tracker.
        MissingExtraError: its library is not installed.
    """

    def __init__(self, names: Sequence[str], folder: Path, about: dict[str, Any], *, name: str | None = None) -> None:
        self._open: dict[str, Tracker] = {}
        for tracker in names:
            extra, make = _find(tracker)
            try:
                self._open[tracker] = make(folder, about, name)
            except ModuleNotFoundError:
                raise MissingExtraError(extra, f"the tracker '{tracker}'") from None
            except Exception as error:
                _warn(tracker, error)

    @property
    def lasting(self) -> tuple[str, ...]:
        """The names of those that have not failed."""
        return tuple(self._open)

    def log(self, epoch: Epoch) -> None:
        """Send one epoch to all."""
        self._each(lambda tracker: tracker.log(epoch))

    def close(self) -> None:
        """Close all."""
        self._each(lambda tracker: tracker.close())

    def _each(self, action: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            # whatever a tracker's library raises is that library's business, not the training's
            try:
                action(tracker)
            except Exception as error:
                del self._open[name]
                _warn(name, error)


def _warn(name: str, error: Exception) -> None:
    reason = without_secrets(first_line(error))
    warnings.warn(f"tracker '{name}' failed and is no longer used ({reason})", stacklevel=3)


def _values(epoch: Epoch) -> dict[str, float]:
    values = {"train_loss": epoch.train_loss, "lr": epoch.lr, "seconds": epoch.seconds}
    return values if epoch.val_error is None else {**values, "val_error": epoch.val_error}
