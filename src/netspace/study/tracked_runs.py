"""The curves of a study's runs in TensorBoard, MLflow or Weights & Biases: what the store holds, sent by the driver."""

import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from netspace.errors import StoreError
from netspace.store import Epoch, RunRecord, Store
from netspace.training.trackers import Trackers, check_trackers

_NOTES = "sent.txt"
_TRACKED = ("done", "diverged")
"""What has a curve."""


class StudyTracking:
    """Sends each run that ended with a curve to trackers, from a thread of its own: the study waits for none of them.

    What was sent is noted in the folder. A study that is resumed, that other drivers work on too, or that is tracked
    only once it has ended, therefore sends each run once. A tracker that fails is left out from there on, with a
    warning; the next `netspace run` sends what it has missed.

    Args:
        names: of `netspace.training.trackers.TRACKERS`.
        folder: for everything that is written; made when there is something to write.
        store: where the runs are.
        study: the study's name in the store.

    Raises:
        UnknownNameError: there is no such tracker.
        MissingExtraError: its library is not installed.
    """

    def __init__(self, names: Sequence[str], folder: Path, store: Store, study: str) -> None:
        check_trackers(names)
        self._names = list(dict.fromkeys(names))
        self._folder = folder
        self._store = store
        self._study = study
        self._sent = self._noted()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netspace-tracking")

    def send(self, run_id: int) -> None:
        """Have the curve of a run sent that the store holds; returns at once."""
        if self._names:
            self._thread.submit(self._send_one, run_id).add_done_callback(_tell)

    def send_all(self) -> None:
        """Have every run sent that has ended and was not sent yet; returns at once."""
        if self._names:
            self._thread.submit(self._send_missing).add_done_callback(_tell)

    def __enter__(self) -> Self:
        self.send_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.send_all()
        self._thread.shutdown(wait=True, cancel_futures=kind is not None)

    def _send_one(self, run_id: int) -> None:
        self._send(self._store.run(run_id))

    def _send_missing(self) -> None:
        self._sent |= self._noted()
        study = self._store.find_study(self._study)
        for run in [] if study is None else self._store.runs(study.id):
            self._send(run)

    def _send(self, run: RunRecord) -> None:
        name = f"{run.space}-{run.index}"
        missing = [tracker for tracker in self._names if f"{tracker} {name}" not in self._sent]
        if not missing or run.status not in _TRACKED:
            return
        trackers = Trackers(missing, self._folder, self._settings(run), name=name.replace("/", "_"))
        for epoch in _epochs(self._store.curve(run.id)):
            trackers.log(epoch)
        trackers.close()
        self._names = [tracker for tracker in self._names if tracker not in missing or tracker in trackers.lasting]
        self._note([f"{tracker} {name}" for tracker in trackers.lasting])

    def _settings(self, run: RunRecord) -> dict[str, Any]:
        kept = ("space", "index", "digest", "seed", "flops", "params", "activations", "status", "error", "seconds")
        return {"study": self._study} | {name: getattr(run, name) for name in kept}

    def _noted(self) -> set[str]:
        with suppress(OSError):
            return set((self._folder / _NOTES).read_text(encoding="utf-8").splitlines())
        return set()

    def _note(self, sent: list[str]) -> None:
        self._sent.update(sent)
        if sent:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / _NOTES).open("a", encoding="utf-8") as notes:
                notes.write("".join(f"{line}\n" for line in sent))


def _epochs(curve: pd.DataFrame) -> list[Epoch]:
    """Return a stored curve as a training reports it: None if there was no evaluation."""
    return [
        Epoch(
            epoch=row["epoch"],
            train_loss=row["train_loss"],
            val_error=None if pd.isna(row["val_error"]) else row["val_error"],
            lr=row["lr"],
            seconds=row["seconds"],
        )
        for row in curve.to_dict("records")
    ]


def _tell(sending: "Future[None]") -> None:
    """Warn that curves could not be sent, and why; they are sent at the end, or by the next `netspace run`."""
    error = None if sending.cancelled() else sending.exception()
    if isinstance(error, (StoreError, OSError)):
        warnings.warn(f"the curves of some runs were not sent to the trackers ({error})", stacklevel=2)
    elif error is not None:
        raise error
