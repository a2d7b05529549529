"""The images of a training: found, split before anything is trained, and held ready as uint8.

Images that fit on the disk are prepared: decoded once into plain arrays, which all the processes of a machine map into
memory and so share. Larger sets are streamed: decoded again whenever a batch needs them. A training ends the same to
the bit either way.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netspace.documents import Document, digest
from netspace.errors import DataError
from netspace.training.cache import cache_folder, new_entry, one_at_a_time, prepared_limit, publish, scratch_folder
from netspace.training.images.normalisation import COMPUTED, Normalise, chosen
from netspace.training.images.preparation import PARTS, Census, Part, is_whole, read_part, write_arrays, write_index
from netspace.training.images.sources import EMBEDDED, Source, fingerprint, located, read_source
from netspace.training.images.streaming import Images, StreamedImages

_LAYOUT = 4  # of a cache entry; a change makes new entries
_FACTS = "facts.json"


class DataSpec(Document):
    """Which images a study trains and validates on.

    Attributes:
        source: `mnist-5k` (embedded), a path (Parquet file, folder of them, image folder), or a name on the hub.
        train: images to train on, drawn from the training split by `seed`; None for all that are left.
        validation: images set aside from the training split, drawn by `seed`; None for the source's own validation
            split, or a tenth of the training split where it has none.
        seed: of the two draws; never the seed of a training.
        image_column, label_column: only where a table has several that qualify.
        channels: 1 to turn all images to grey, 3 to turn all to colour; None for 3 where one of 64 images spread over
            the training split is in colour, else 1. A colour image that then turns up among grey ones is refused.
        broken: what to do about images that cannot be decoded: `refuse` names the first, `skip` leaves them out and
            counts them. Either is done before the images are split, or the first batch is trained on.
        normalise: by which mean and standard deviation: `computed` from all the training images, a name of
            `netspace.training.images.normalisation.NAMED`, or `{mean: [...], std: [...]}` of pixels in [0, 1].
        storage: `prepared` decodes the images once, into the cache; `streamed` does so in every epoch, keeping nothing
            but labels and an index (the files, or a table of their bytes, are read again); `auto` streams what would
            take more than half of the free disk space, or than $NETSPACE_PREPARED_LIMIT bytes. The result is the same.
    """

    source: str = EMBEDDED
    train: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    image_column: str | None = None
    label_column: str | None = None
    channels: Literal[1, 3] | None = None
    broken: Literal["refuse", "skip"] = "refuse"
    normalise: Normalise = COMPUTED
    storage: Literal["auto", "prepared", "streamed"] = "auto"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images ready to train on.

    Attributes:
        train_images, validation_images: uint8 (n, resolution, resolution, channels): arrays mapped from the cache, or
            decoded when they are asked for.
        train_labels, validation_labels: int64 (n,).
        test_images, test_labels: the test split, for `evaluate` alone; None where the source has none.
        class_names: what the labels mean.
        mean, std: what normalises the channels, in [0, 255].
        split_digest: identity of the validation split: source rows and their labels.
        train_digest: identity of the images trained on: their pixels at this resolution, and their labels, in order.
        skipped: broken images that were left out, over all splits.

    Raises:
        DataError: at construction, when a label is not one of the classes.
    """

    train_images: Images
    train_labels: NDArray[np.int64]
    validation_images: Images
    validation_labels: NDArray[np.int64]
    test_images: Images | None
    test_labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    split_digest: str
    train_digest: str
    skipped: int = 0

    def __post_init__(self) -> None:
        for split in ("train", "validation", "test"):
            labels = getattr(self, f"{split}_labels")
            if labels is not None and len(labels) and not (labels.min() >= 0 and labels.max() < self.num_classes):
                row = int(np.flatnonzero((labels < 0) | (labels >= self.num_classes))[0])
                raise DataError(f"{split} image {row}: label {labels[row]} is not in 0 .. {self.num_classes - 1}")

    @property
    def streamed(self) -> bool:
        """Whether images are decoded when they are asked for."""
        return isinstance(self.train_images, StreamedImages)

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


def load_data(spec: DataSpec, resolution: int | None = None, *, root: Path | None = None) -> ImageData:
    """Return the images of `spec`, from the cache where they were prepared or looked through before.

    At first use every image that is drawn is decoded once, a few at a time: to be kept, or, where it will be streamed,
    to know that it is sound and to compute the statistics.

    Args:
        spec: which images.
        resolution: height and width they are brought to; None to keep that of the first image.
        root: what a relative path in `spec.source` is relative to; None for the working directory.

    Raises:
        DataError: the source, an image or a label is missing or broken, or holds too few images.
    """
    source = located(spec.source, root)
    files = fingerprint(source)
    drawn = spec.model_dump(exclude={"normalise", "storage"})
    key = digest({"layout": _LAYOUT, **drawn, "resolution": resolution, "files": files})
    images, tables = cache_folder() / "images", cache_folder() / "tables" / digest(files)
    entries = {"prepared": images / key, "streamed": images / f"{key}-streamed"}

    def usable() -> Path | None:
        wanted = [entry for storage, entry in entries.items() if spec.storage in ("auto", storage)]
        return next((entry for entry in wanted if is_whole(entry, tables)), None)

    entry = usable()
    if entry is None:
        with one_at_a_time(key):
            entry = usable() or _made(spec, source, resolution, entries, tables)
    return _opened(entry, tables, spec)


def _made(spec: DataSpec, source: str, resolution: int | None, entries: dict[str, Path], tables: Path) -> Path:
    """Make one of the `entries`, prepared or streamed, and return it."""
    with scratch_folder(tables.parent) as scratch:
        place = tables if tables.exists() else scratch
        found = read_source(
            source,
            place,
            resolution=resolution,
            channels=spec.channels,
            image_column=spec.image_column,
            label_column=spec.label_column,
            skip_broken=spec.broken == "skip",
        )
        parts = _split(found, spec)
        streamed = _is_streamed(parts, spec)
        entry = entries["streamed" if streamed else "prepared"]
        with new_entry(entry) as folder:
            census = write_index(folder, parts, place) if streamed else write_arrays(folder, parts)
            (folder / _FACTS).write_text(json.dumps(_facts(found, parts, census)), encoding="utf-8")
        if streamed and place == scratch:
            publish(scratch, tables)
    return entry


def _split(source: Source, spec: DataSpec) -> dict[str, Part]:
    """Return what is trained, validated and tested on; the validation split is fixed by `spec.seed` alone."""
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
    whole = {"validation": own, "test": source.splits.get("test")}
    rows = {"train": np.sort(order[held_out : held_out + wanted]), "validation": np.sort(order[:held_out])}
    parts = {name: Part(images=train.images, rows=drawn, labels=train.labels[drawn]) for name, drawn in rows.items()}
    return parts | {
        name: Part(images=split.images, rows=np.arange(len(split.labels)), labels=split.labels)
        for name, split in whole.items()
        if split
    }


def _every_class_has_images(source: Source, least: int, where: str) -> None:
    """Raise where a class has fewer training images than it takes to train on it and, without a split, validate it."""
    if len(source.class_names) < 2:
        raise DataError(f"{where}: holds one class, '{source.class_names[0]}'; valid: 2 or more")
    counts = np.bincount(source.splits["train"].labels, minlength=len(source.class_names))
    if counts.min() < least:
        name, count = source.class_names[int(counts.argmin())], int(counts.min())
        raise DataError(f"{where}: class '{name}' has {count} training images; each class needs {least} or more")


def _is_streamed(parts: dict[str, Part], spec: DataSpec) -> bool:
    if not isinstance(parts["train"].images, StreamedImages):
        if spec.storage == "streamed":
            raise DataError(f"{spec.source}: is read as arrays, which cannot be streamed; valid: auto, prepared")
        return False
    needed = sum(part.nbytes for part in parts.values())
    return spec.storage == "streamed" or (spec.storage == "auto" and needed > prepared_limit())


def _facts(source: Source, parts: dict[str, Part], census: Census) -> dict[str, Any]:
    """Return what there is to know of an entry besides its images."""
    mean, std = census.counts.mean_and_std()
    held_out = parts["validation"]
    # a validation split of the source's own takes no rows from the training split
    rows = held_out.rows.tolist() if held_out.images is source.splits["train"].images else []
    return {
        "class_names": list(source.class_names),
        "mean": mean,
        "std": std,
        "split_digest": digest({"rows": rows, "labels": held_out.labels.tolist()}),
        "train_digest": digest({"pixels": census.pixels, "labels": parts["train"].labels.tolist()}),
        "skipped": source.skipped,
    }


def _opened(entry: Path, tables: Path, spec: DataSpec) -> ImageData:
    """Return what an entry holds."""
    facts = json.loads((entry / _FACTS).read_text(encoding="utf-8"))
    train, validation, test = (read_part(entry, name, tables) for name in PARTS)
    if train is None or validation is None:
        raise AssertionError(f"{entry} has no training or no validation images")
    channels = int(train[0].shape[3])
    mean, std = chosen(spec.normalise, (facts["mean"], facts["std"]), channels, spec.source)
    return ImageData(
        train_images=train[0],
        train_labels=train[1],
        validation_images=validation[0],
        validation_labels=validation[1],
        test_images=None if test is None else test[0],
        test_labels=None if test is None else test[1],
        class_names=tuple(facts["class_names"]),
        mean=mean,
        std=std,
        split_digest=facts["split_digest"],
        train_digest=facts["train_digest"],
        skipped=facts["skipped"],
    )
