"""Curves sent elsewhere while a training runs: TensorBoard, Weights & Biases, MLflow. None of them can stop it."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netspace.errors import MissingExtraError, raise_unknown
from netspace.train.result import Epoch


class Tracker(ABC):
    """Where epochs are sent. Construction, `log` and `close` may raise whatever their library raises."""

    @abstractmethod
    def log(self, epoch: Epoch) -> None:
        """Send one epoch."""

    @abstractmethod
    def close(self) -> None:
        """Send what is left and let go."""


class TensorBoard(Tracker):
    """Event files in `FOLDER/tensorboard`."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text("settings", f"```\n{about}\n```")

    def log(self, epoch: Epoch) -> None:
        for name, value in _values(epoch).items():
            self._writer.add_scalar(name, value, epoch.epoch)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases(Tracker):
    """A run of Weights & Biases below `FOLDER/wandb`; the library's own environment variables say where it is sent."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        import wandb

        self._run = wandb.init(project="netspace", dir=str(folder), config=about, reinit="create_new")

    def log(self, epoch: Epoch) -> None:
        self._run.log(_values(epoch), step=epoch.epoch)

    def close(self) -> None:
        self._run.finish()


class MLflow(Tracker):
    """A run of MLflow, at MLFLOW_TRACKING_URI where that is set, else in `FOLDER/mlruns`."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        import os

        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            # the client alone has no database backend, and wants to be told that plain files are meant
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = (folder / "mlruns").resolve().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._client.get_experiment_by_name("netspace")
        identity = experiment.experiment_id if experiment else self._client.create_experiment("netspace")
        self._run = self._client.create_run(identity).info.run_id
        self._client.log_dict(self._run, about, "settings.json")

    def log(self, epoch: Epoch) -> None:
        for name, value in _values(epoch).items():
            self._client.log_metric(self._run, name, value, step=epoch.epoch)

    def close(self) -> None:
        self._client.set_terminated(self._run)


TRACKERS: dict[str, tuple[str, Callable[[Path, dict[str, Any]], Tracker]]] = {
    "tensorboard": ("tensorboard", TensorBoard),
    "wandb": ("wandb", WeightsAndBiases),
    "mlflow": ("mlflow", MLflow),
}
"""Every tracker by name, with the extra that brings its library."""


class Trackers:
    """Several trackers at once; one that fails is dropped with a warning, and the training goes on.

    Args:
        names: of `TRACKERS`.
        folder: of the training.
        about: its settings, as plain values.

    Raises:
        UnknownNameError: there is no such tracker.
        MissingExtraError: its library is not installed.
    """

    def __init__(self, names: Sequence[str], folder: Path, about: dict[str, Any]) -> None:
        self._open: dict[str, Tracker] = {}
        for name in names:
            if name not in TRACKERS:
                raise_unknown("tracker", name, TRACKERS)
            extra, make = TRACKERS[name]
            try:
                self._open[name] = make(folder, about)
            except ModuleNotFoundError:
                raise MissingExtraError(extra, f"the tracker '{name}'") from None
            except Exception as error:
                _warn(name, error)

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
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    warnings.warn(f"tracker '{name}' failed and is left out from here on ({reason})", stacklevel=3)


def _values(epoch: Epoch) -> dict[str, float]:
    values = {"train_loss": epoch.train_loss, "lr": epoch.lr, "seconds": epoch.seconds}
    return values if epoch.val_error is None else {**values, "val_error": epoch.val_error}
