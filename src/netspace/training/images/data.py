"""The images of a training: found, split before anything is trained, and held ready as uint8.

Images that fit on the disk are prepared: decoded once into plain arrays, which all the processes of a machine map into
memory and so share. Larger sets are streamed: decoded again whenever a batch needs them. A training ends the same to
the bit either way.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netspace.documents import Document, digest
from netspace.errors import DataError
from netspace.pixels import BACKGROUND
from netspace.training.cache import cache_folder, new_entry, one_at_a_time, prepared_limit, publish, scratch_folder
from netspace.training.images.folders import shown
from netspace.training.images.normalisation import COMPUTED, Normalise, chosen
from netspace.training.images.preparation import (
    PARTS,
    Census,
    Part,
    is_whole,
    read_part,
    without_copies,
    write_arrays,
    write_index,
)
from netspace.training.images.sources import BROKEN, EMBEDDED, Source, Split, fingerprint, located, read_source
from netspace.training.images.splits import Draw, classes_are_in_both, draw
from netspace.training.images.streaming import Images, StreamedImages
from netspace.training.images.summary import tree, warnings

_LAYOUT = 5  # of a cache entry; a change makes new entries
_FACTS = "facts.json"


class DataSpec(Document):
    """Which images a study trains and validates on.

    Attributes:
        source: `mnist-5k` (embedded), a path (Parquet file, folder of them, image folder), or a name on the hub.
        train: images to train on, drawn from the training split by `seed`; None for all that are left.
        validation: images set aside from the training split, drawn by `seed`; None for the source's own validation
            split, or a tenth of the training split if it has none.
        seed: of the two draws; never the seed of a training.
        split: how the two are drawn: `stratified` gives each class its share, and one image at least; `random` draws
            over all classes, and is refused if one gets none; `unchecked` is random whatever comes of it, as studies
            drew that were started before there was a choice.
        duplicates: what to do about training images that are exact copies of validation images: `report` counts them,
            `drop` leaves them out of the training.
        image_column, label_column: only if a table has several that qualify.
        background: the grey that shows through transparent pixels, from 0 (black) to 255 (white).
        channels: 1 to turn all images to grey, 3 to turn all to colour; None for 3 if one of 64 images spread over
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
    split: Draw = "stratified"
    duplicates: Literal["report", "drop"] = "report"
    image_column: str | None = None
    label_column: str | None = None
    channels: Literal[1, 3] | None = None
    background: Annotated[int, Field(ge=0, le=255)] = BACKGROUND
    broken: Literal["refuse", "skip"] = "refuse"
    normalise: Normalise = COMPUTED
    storage: Literal["auto", "prepared", "streamed"] = "auto"


def completed(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded settings of a `DataSpec` with the split they meant before there was a choice."""
    return {"split": "unchecked", **recorded}


def as_recorded(spec: DataSpec, recorded: Mapping[str, Any]) -> DataSpec:
    """Return the settings with the split that was recorded when they were first used, unless they ask for one."""
    if "split" in spec.model_fields_set:
        return spec
    return spec.model_copy(update={"split": completed(recorded)["split"]})


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images ready to train on.

    Attributes:
        train_images, validation_images: uint8 (n, resolution, resolution, channels): arrays mapped from the cache, or
            decoded when they are asked for.
        train_labels, validation_labels: int64 (n,).
        test_images, test_labels: the test split, for `evaluate` alone; None if the source has none.
        class_names: what the labels mean.
        mean, std: what normalises the channels, in [0, 255].
        split_digest: identity of the validation split: source rows and their labels.
        train_digest: identity of the images trained on: their pixels at this resolution, and their labels, in order.
        skipped: broken images that were left out, over all splits.
        summary: what was understood of the source, and what was drawn of it: lines of a small tree.
        warnings: what is strange about the images or the split, a sentence each.
        background: the grey that shows through transparent pixels, 0 .. 255.

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
    summary: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    background: int = BACKGROUND

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
    """Return the images of `spec`, from the cache if they were prepared or looked through before.

    At first use every image that is drawn is decoded once, a few at a time: to be kept, or, if it will be streamed,
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
    images, tables = cache_folder() / "images", cache_folder() / "tables" / digest([_LAYOUT, files])
    entries = {"prepared": images / key, "streamed": images / f"{key}-streamed"}

    def usable() -> Path | None:
        wanted = [entry for storage, entry in entries.items() if spec.storage in ("auto", storage)]
        return next((entry for entry in wanted if is_whole(entry, tables)), None)

    entry = usable()
    if entry is None:
        with one_at_a_time(key):
            entry = usable() or _made(spec, source, resolution, entries, tables)
    return _opened(entry, tables, spec)


def read_images(
    spec: DataSpec,
    folder: Path,
    *,
    resolution: int | None,
    source: str | None = None,
    channels: int | None = None,
    background: int | None = None,
) -> Source:
    """Read the images of some settings; see `read_source`, also for what is raised.

    Args:
        spec: the settings.
        folder: where tables may be written.
        resolution: to read them for.
        source: where they are; None for where `spec` says.
        channels, background: instead of those of `spec`.
    """
    return read_source(
        located(spec.source) if source is None else source,
        folder,
        resolution=resolution,
        channels=channels or spec.channels,
        image_column=spec.image_column,
        label_column=spec.label_column,
        background=spec.background if background is None else background,
        skip_broken=spec.broken == "skip",
    )


def _made(spec: DataSpec, source: str, resolution: int | None, entries: dict[str, Path], tables: Path) -> Path:
    """Make one of the `entries`, prepared or streamed, and return it."""
    with scratch_folder(tables.parent) as scratch:
        place = tables if tables.exists() else scratch
        found = read_images(spec, place, source=source, resolution=resolution)
        parts, dropped = _drawn(found, spec)
        streamed = _is_streamed(parts, spec)
        entry = entries["streamed" if streamed else "prepared"]
        with new_entry(entry) as folder:
            census = write_index(folder, parts, place) if streamed else write_arrays(folder, parts)
            facts = _facts(spec, found, parts, census, dropped)
            (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        if streamed and place == scratch and any(scratch.iterdir()):
            publish(scratch, tables)
    return entry


def _drawn(source: Source, spec: DataSpec) -> tuple[dict[str, Part], int]:
    """Return what is trained, validated and tested on, and how many training images were dropped as copies."""
    train, own = source.splits["train"], source.splits.get("validation") if spec.validation is None else None
    where = shown(spec.source)
    if len(source.class_names) < 2:
        raise DataError(f"{where}: holds one class, '{source.class_names[0]}'; valid: 2 or more{source.hint}")
    rows, held_out = draw(
        train.labels,
        source.class_names,
        where,
        train=spec.train,
        validation=0 if own else spec.validation,
        seed=spec.seed,
        how=spec.split,
    )
    parts = {"train": _part(train, rows), "validation": _part(train, held_out) if own is None else _part(own)}
    before = len(rows)
    if spec.duplicates == "drop":
        parts["train"] = without_copies(parts["train"], parts["validation"])
    if spec.split != "unchecked":
        classes_are_in_both(
            parts["train"].labels, parts["validation"].labels, source.class_names, where, from_split=own is not None
        )
    if (test := source.splits.get("test")) is not None:
        parts["test"] = _part(test)
    return parts, before - len(parts["train"].rows)


def _part(split: Split, rows: NDArray[np.int64] | None = None) -> Part:
    """Return some images of a split, or all of them."""
    rows = np.arange(len(split.labels)) if rows is None else rows
    return Part(images=split.images, rows=rows, labels=split.labels[rows])


def _is_streamed(parts: dict[str, Part], spec: DataSpec) -> bool:
    needed = sum(part.nbytes for part in parts.values())
    return spec.storage == "streamed" or (spec.storage == "auto" and needed > prepared_limit())


def _facts(spec: DataSpec, source: Source, parts: dict[str, Part], census: Census, dropped: int) -> dict[str, Any]:
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
        "skipped": len(source.skipped.get(BROKEN, [])),
        "summary": [
            *tree(
                shown(spec.source),
                {name: (split.folder, split.labels) for name, split in source.splits.items()},
                source.class_names,
                source.skipped,
                source.remarks.found(),
            ),
            *_drawing(spec, source, parts, dropped),
        ],
        "warnings": warnings(census, {name: part.labels for name, part in parts.items()}, source.class_names),
    }


def _drawing(spec: DataSpec, source: Source, parts: dict[str, Part], dropped: int) -> list[str]:
    """Return what to say of the draw."""
    train, validation = (len(parts[name].rows) for name in ("train", "validation"))
    own = parts["validation"].images is not source.splits["train"].images
    of_its_own = "of a split of their own" if own else f"set aside by seed {spec.seed} ({spec.split})"
    lines = [f"  drawn: {train:,} images to train on, {validation:,} to validate, {of_its_own}"]
    if dropped:
        lines.append(f"  dropped: {dropped:,} training images, exact copies of validation images")
    return lines


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
        summary=tuple(facts["summary"]),
        warnings=tuple(facts["warnings"]),
        background=spec.background,
    )
