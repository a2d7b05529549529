"""The images of a training: decoded once, kept as uint8, split before anything is trained.

Prepared images are cached as plain arrays on disk and mapped into memory, so that all the processes of a machine share
one copy of them.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray
from pydantic import Field

from netspace.documents import Document, digest
from netspace.errors import DataError
from netspace.train.sources import EMBEDDED, Source, fingerprint, read_source

CACHE_VARIABLE = "NETSPACE_CACHE"
"""Environment variable that moves the cache of prepared images."""

_LAYOUT = 2  # of a cache entry; a change makes new entries


class DataSpec(Document):
    """Which images a study trains and validates on.

    Attributes:
        source: `mnist-5k` (embedded), a path (Parquet file, folder of them, image folder), or a name on the hub.
        train: images to train on, drawn from the training split by `seed`; None for all that are left.
        validation: images set aside from the training split, drawn by `seed`; None for the source's own validation
            split, or a tenth of the training split where it has none.
        seed: of the two draws; never the seed of a training.
        image_column, label_column: only where a table has several that qualify.
        broken: what to do about images that cannot be decoded: `refuse` names the first, `skip` leaves them out and
            counts them.
    """

    source: str = EMBEDDED
    train: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    image_column: str | None = None
    label_column: str | None = None
    broken: Literal["refuse", "skip"] = "refuse"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images ready to train on.

    Attributes:
        train_images, validation_images: uint8 (n, resolution, resolution, channels), mapped from the cache.
        train_labels, validation_labels: int64 (n,).
        test_images, test_labels: the test split, for `evaluate` alone; None where the source has none.
        class_names: what the labels mean.
        mean, std: of the training images' channels, in [0, 255].
        split_digest: identity of the validation split: source rows and their labels.
        skipped: broken images that were left out, over all splits.

    Raises:
        DataError: at construction, when a label is not one of the classes.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8] | None
    test_labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    split_digest: str
    skipped: int = 0

    def __post_init__(self) -> None:
        for split in ("train", "validation", "test"):
            labels = getattr(self, f"{split}_labels")
            if labels is not None and len(labels) and not (labels.min() >= 0 and labels.max() < self.num_classes):
                row = int(np.flatnonzero((labels < 0) | (labels >= self.num_classes))[0])
                raise DataError(f"{split} image {row}: label {labels[row]} is not in 0 .. {self.num_classes - 1}")

    @property
    def num_classes(self) -> int:
        """Outputs that a network for these images needs."""
        return len(self.class_names)

    @property
    def channels(self) -> int:
        """Channels of the images: 1 or 3."""
        return int(self.train_images.shape[3])

    @property
    def resolution(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train_images.shape[1])

    @property
    def chance_error(self) -> float:
        """Error in % of always naming the most frequent class of the validation split."""
        counts = np.bincount(self.validation_labels, minlength=self.num_classes)
        return 100.0 * (1 - float(counts.max()) / float(counts.sum()))


def cache_folder() -> Path:
    """Return where prepared images are kept: $NETSPACE_CACHE, or the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("netspace"))


def load_data(spec: DataSpec, resolution: int | None = None, *, root: Path | None = None) -> ImageData:
    """Return the images of `spec`, from the cache where they were prepared before.

    Args:
        spec: which images.
        resolution: height and width they are brought to; None to keep that of the first image.
        root: what a relative path in `spec.source` is relative to; None for the working directory.

    Raises:
        DataError: the source, an image or a label is missing or broken, or holds too few images.
    """
    source = spec.source
    if source != EMBEDDED and root is not None and (root / source).exists():
        source = str((root / source).resolve())
    key = digest({"layout": _LAYOUT, **spec.model_dump(), "resolution": resolution, "files": fingerprint(source)})
    entry = cache_folder() / "images" / key
    if not entry.exists():
        found = read_source(
            source,
            resolution,
            image_column=spec.image_column,
            label_column=spec.label_column,
            skip_broken=spec.broken == "skip",
        )
        _publish(_split(found, spec), entry)
    return _map(entry)


def _split(source: Source, spec: DataSpec) -> dict[str, Any]:
    """Return the arrays and facts of an `ImageData`, the validation split fixed by `spec.seed` alone."""
    train = source.splits["train"]
    order = np.random.default_rng(spec.seed).permutation(len(train.labels))
    own = source.splits.get("validation") if spec.validation is None else None
    held_out = 0 if own else (spec.validation or max(1, len(order) // 10))
    _every_class_has_images(source, 1 if own else 2, spec.source)
    wanted = spec.train if spec.train is not None else max(1, len(order) - held_out)
    if held_out + wanted > len(order):
        raise DataError(
            f"{spec.source}: train + validation must not exceed the {len(order)} images of the training split, "
            f"got train={wanted}, validation={held_out}"
        )
    rows = np.sort(order[held_out : held_out + wanted])
    held_out_rows = np.sort(order[:held_out])
    validation_images = own.images if own else train.images[held_out_rows]
    validation_labels = own.labels if own else train.labels[held_out_rows]
    images = train.images[rows]
    test = source.splits.get("test")
    pixels = images.reshape(-1, images.shape[-1])
    return {
        "train_images": images,
        "train_labels": train.labels[rows],
        "validation_images": validation_images,
        "validation_labels": validation_labels,
        **({"test_images": test.images, "test_labels": test.labels} if test else {}),
        "facts": {
            "class_names": list(source.class_names),
            "mean": pixels.mean(axis=0, dtype=np.float64).tolist(),
            "std": np.maximum(pixels.std(axis=0, dtype=np.float64), 1.0).tolist(),
            "split_digest": digest({"rows": held_out_rows.tolist(), "labels": validation_labels.tolist()}),
            "skipped": source.skipped,
        },
    }


def _every_class_has_images(source: Source, least: int, where: str) -> None:
    """Raise where a class has fewer training images than it takes to train on it and, without a split, validate it."""
    counts = np.bincount(source.splits["train"].labels, minlength=len(source.class_names))
    if counts.min() < least:
        name, count = source.class_names[int(counts.argmin())], int(counts.min())
        raise DataError(f"{where}: class '{name}' has {count} training images; each class needs {least} or more")


def _publish(parts: dict[str, Any], entry: Path) -> None:
    """Write a cache entry so that it appears whole or not at all, whoever else writes it too."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=entry.parent, prefix="."))
    try:
        for name, value in parts.items():
            if name == "facts":
                (scratch / "facts.json").write_text(json.dumps(value), encoding="utf-8")
            else:
                np.save(scratch / f"{name}.npy", value)
        try:
            scratch.rename(entry)
        except OSError:
            if not entry.exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _map(entry: Path) -> ImageData:
    facts = json.loads((entry / "facts.json").read_text(encoding="utf-8"))

    def array(name: str) -> Any:
        path = entry / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    return ImageData(
        train_images=array("train_images"),
        train_labels=np.array(array("train_labels")),
        validation_images=array("validation_images"),
        validation_labels=np.array(array("validation_labels")),
        test_images=array("test_images"),
        test_labels=array("test_labels"),
        class_names=tuple(facts["class_names"]),
        mean=tuple(facts["mean"]),
        std=tuple(facts["std"]),
        split_digest=facts["split_digest"],
        skipped=facts["skipped"],
    )
