"""What a run leaves beside the study file while it is trained: its curve so far, for those who look on.

The database hears of a run when it ends. Until then a worker that sees the study's folder adds a line to a file there
after each epoch; whoever cannot see the folder sees no curve, and nothing else depends on it.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

from netspace.documents import digest
from netspace.store.records import Epoch, StudyRecord

FOLDER = ".netspace-checkpoints"
"""Beside the study file."""
_SUFFIX = ".curve"


def folder_in_hand(record: StudyRecord, root: Path) -> Path:
    """Return the folder of a study's runs in hand, its file being in `root`; every process finds the same.

    The same study in another store is another one, since a run's number means nothing there.
    """
    return root.resolve() / FOLDER / f"{record.name}-{digest([record.digest, record.created])[:8]}"


def curve_writer(folder: Path, run_id: int) -> Callable[[Epoch], None]:
    """Return what adds an epoch to the curve of a run in hand; where it cannot be written, nothing happens."""
    path = folder / f"{run_id}-{_SUFFIX}"

    def write(epoch: Epoch) -> None:
        with suppress(OSError), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(epoch)) + "\n")

    return write


def curve_in_hand(folder: Path, run_id: int) -> list[Epoch]:
    """Return the curve so far of a run in hand; empty if there is none to be seen.

    Where a later attempt trained an epoch again, what it trained stands. A line that is half written, or is no epoch,
    is left out.
    """
    try:
        lines = (folder / f"{run_id}-{_SUFFIX}").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[Epoch] = []
    for line in lines:
        epoch = _epoch(line)
        if epoch is not None:
            found = [before for before in found if before.epoch < epoch.epoch] + [epoch]
    return found


def _epoch(line: str) -> Epoch | None:
    try:
        told = json.loads(line)
        epoch = Epoch(**{field.name: told[field.name] for field in fields(Epoch)})
    except (ValueError, TypeError, KeyError):
        return None
    numbers = (epoch.train_loss, epoch.lr, epoch.seconds, epoch.val_error if epoch.val_error is not None else 0.0)
    sound = isinstance(epoch.epoch, int) and all(isinstance(number, int | float) for number in numbers)
    return epoch if sound and math.isfinite(epoch.epoch) else None
