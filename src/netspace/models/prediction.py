"""What a network makes of image files: found, read ahead by threads, classified in batches."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from netspace.errors import DataError, WeightsError
from netspace.models.backbone import Described
from netspace.models.cpu_kernels import accelerated
from netspace.models.transform import Transform

_READERS = 4  # threads; decoding lets other threads run


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a network makes of one image.

    Attributes:
        file: the image.
        probabilities: of the classes, float64 (classes,); None if the file could not be read.
        problem: why it could not; None otherwise.
    """

    file: Path
    probabilities: NDArray[np.float64] | None
    problem: str | None = None


def find_images(names: Iterable[str]) -> list[Path]:
    """Return the image files that are meant, in the given order, each once; those of a folder or pattern are sorted.

    Args:
        names: files, whether they exist or not; folders, of which all image files at any depth are taken, hidden ones
            left out; and patterns (`*`, `?`, `[...]`, and `**` for folders at any depth).

    Raises:
        DataError: a folder holds no image, or a pattern matches nothing.
    """
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = list(_images_below(path))
            if not files:
                raise DataError(f"{name}: holds no image files")
        elif not path.exists() and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
            files = [Path(match) for match in matches if Path(match).is_file()]
            if not files:
                raise DataError(f"{name}: matches no file")
        else:
            files = [path]
        found.update(dict.fromkeys(files))
    return list(found)


def predict(
    model: Described, files: Sequence[Path], *, batch_size: int = 64, device: str | torch.device = "cpu"
) -> Iterator[Prediction]:
    """Yield what a network of a package makes of each file, in order.

    Args:
        model: with a `transform`; left on `device`, in evaluation mode.
        files: image files. One that cannot be read is yielded with its problem.
        batch_size: images at a time.
        device: where to compute.

    Raises:
        WeightsError: the model is of no package, so that nothing says how to show it images.
    """
    transform = model.transform
    if transform is None or model.package is None:
        raise WeightsError(
            "the network did not come from a package, so its image preparation and class names are unknown"
        )
    model.to(device).eval()
    batches = [files[start : start + batch_size] for start in range(0, len(files), batch_size)]
    with ThreadPoolExecutor(_READERS) as readers, accelerated(model), torch.inference_mode():
        # one batch is read while the one before it is classified
        reading = [_reading(readers, transform, batch) for batch in batches[:1]]
        for position, batch in enumerate(batches):
            reading += [_reading(readers, transform, following) for following in batches[position + 1 : position + 2]]
            read = [job.result() for job in reading.pop(0)]
            sound = [pixels for pixels in read if not isinstance(pixels, str)]
            rows = iter(_classified(model, transform, model.package.temperature, sound, device))
            for file, found in zip(batch, read, strict=True):
                if isinstance(found, str):
                    yield Prediction(file=file, probabilities=None, problem=found)
                else:
                    yield Prediction(file=file, probabilities=next(rows))


def _classified(
    model: Described,
    transform: Transform,
    temperature: float,
    images: list[NDArray[np.uint8]],
    device: str | torch.device,
) -> NDArray[np.float64]:
    """Return the probabilities of images, float64 (n, classes)."""
    if not images:
        return np.empty((0, model.config.num_classes))
    logits = model(transform.normalised(torch.from_numpy(np.stack(images)).to(device)))
    probabilities: NDArray[np.float64] = (logits.double() / temperature).softmax(dim=1).cpu().numpy()
    return probabilities


def _reading(
    readers: ThreadPoolExecutor, transform: Transform, files: Iterable[Path]
) -> list[Future[NDArray[np.uint8] | str]]:
    return [readers.submit(_read, transform, file) for file in files]


def _read(transform: Transform, file: Path) -> NDArray[np.uint8] | str:
    """Return the pixels of an image file, or why they could not be read."""
    try:
        return transform.pixels(file)
    except DataError as error:
        return str(error)


def _images_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in _endings():
                yield Path(parent, name)


@cache
def _endings() -> frozenset[str]:
    endings = Image.registered_extensions()
    return frozenset(ending for ending, kind in endings.items() if kind in Image.OPEN)
