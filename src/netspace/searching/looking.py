"""What the images of a search are: sizes, classes, splits, found out before anything is chosen."""

from dataclasses import dataclass

import numpy as np

from netspace.errors import DataError
from netspace.training.cache import cache_folder, scratch_folder
from netspace.training.images.data import DataSpec, read_images
from netspace.training.images.decoding import BrokenImageError, decode
from netspace.training.images.sources import Split

LEAST_IMAGES = 5
"""Training images that each class needs where no validation split is given: four to train on, one set aside."""
_LOOKED_AT = 64
_ANY_RESOLUTION = 32  # sizes are read before images are brought to one


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the images are.

    Attributes:
        sizes: widths and heights of up to 64 images, spread over the training split, pixels.
        counts: training images of each class.
        class_names: what the labels mean.
        channels: 1 or 3.
        validation, test: images of a split of their own; None if there is none.
    """

    sizes: tuple[tuple[int, int], ...]
    counts: tuple[int, ...]
    class_names: tuple[str, ...]
    channels: int
    validation: int | None
    test: int | None

    @property
    def same_size(self) -> bool:
        """Whether all that were looked at are squares of one size."""
        return len(set(self.sizes)) == 1 and self.sizes[0][0] == self.sizes[0][1]

    @property
    def shorter_side(self) -> int:
        """The median of the shorter sides, pixels."""
        return int(np.median([min(size) for size in self.sizes]))


def look_at(spec: DataSpec) -> Look:
    """Look at the images of a source.

    Raises:
        DataError: they cannot be read, or a class has too few.
    """
    with scratch_folder(cache_folder() / "looked") as folder:
        found = read_images(spec, folder, resolution=_ANY_RESOLUTION)
        train = found.splits["train"]
        counts = np.bincount(train.labels, minlength=len(found.class_names))
        look = Look(
            sizes=_sizes(train, spec),
            counts=tuple(counts.tolist()),
            class_names=found.class_names,
            channels=train.images.form.channels,
            validation=_images(found.splits.get("validation")),
            test=_images(found.splits.get("test")),
        )
    least = LEAST_IMAGES if look.validation is None else 1
    if counts.min() < least:
        name = look.class_names[int(counts.argmin())]
        raise DataError(
            f"{spec.source}: class '{name}' has {counts.min()} images to train on; a search needs {least} or more of "
            f"each class: add some, or leave the class out"
        )
    return look


def _sizes(train: Split, spec: DataSpec) -> tuple[tuple[int, int], ...]:
    rows = train.images.rows[np.linspace(0, len(train.labels) - 1, min(len(train.labels), _LOOKED_AT)).astype(int)]
    sizes = []
    for row in rows.tolist():
        try:
            sizes.append(decode(train.images.cells[row], row, train.images.where, spec.background).size)
        except BrokenImageError:
            if spec.broken == "refuse":
                raise
    if not sizes:
        raise DataError(f"{spec.source}: none of {len(rows)} images spread over the training split can be decoded")
    return tuple(sizes)


def _images(split: Split | None) -> int | None:
    return None if split is None else len(split.labels)
