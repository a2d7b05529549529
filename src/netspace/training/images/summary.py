"""What was understood of a source, as a small tree for people: splits, classes, counts, what was skipped and why."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netspace.training.images.preparation import Census
from netspace.training.images.splits import unequal

_CLASSES, _NAMES = 12, 5  # shown at most


def tree(
    source: str,
    splits: Mapping[str, tuple[str, NDArray[np.int64]]],
    class_names: Sequence[str],
    skipped: Mapping[str, Sequence[str]],
    remarks: Mapping[str, Sequence[str]],
) -> list[str]:
    """Return the lines of the tree.

    Args:
        source: what the images are from.
        splits: by name: the split's folder, if it has one of another name, and its labels, int64 (n,).
        class_names: what the labels mean.
        skipped: the names of what was left out, by reason.
        remarks: the names of images of which something else is worth knowing, by what it is.
    """
    lines = [source]
    for split, (folder, labels) in splits.items():
        called = f" ({folder})" if folder and folder != split else ""
        lines.append(f"  {split}{called}: {_images(len(labels))}, {len(class_names):,} classes")
        lines += [f"    {line}" for line in _classes(np.bincount(labels, minlength=len(class_names)), class_names)]
    lines += [f"  skipped: {len(names):,} {reason}: {_listed(names)}" for reason, names in skipped.items()]
    lines += [f"  {len(names):,} images have {remark}: {_listed(names)}" for remark, names in remarks.items()]
    return lines


def _classes(counts: NDArray[np.int64], class_names: Sequence[str]) -> list[str]:
    """Return how many images each class has: a line each, or one if they are equal or too many to list."""
    low, high = int(counts.min()), int(counts.max())
    shown, more = ", ".join(class_names[:_CLASSES]), ", ..." if len(class_names) > _CLASSES else ""
    if low == high:
        return [f"{shown}{more}: {low:,} each"]
    if more:
        return [f"{shown}{more}: {low:,} to {high:,}"]
    return [f"{name}: {count:,}" for name, count in zip(class_names, counts, strict=True)]


def _images(n: int) -> str:
    return f"{n:,} image" + ("" if n == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")


def warnings(census: Census, labels: Mapping[str, NDArray[np.int64]], class_names: Sequence[str]) -> list[str]:
    """Return what is strange about images, a sentence each.

    Args:
        census: of the images.
        labels: of the same images, by part.
        class_names: what they mean.
    """
    each = census.each("train")
    found = []
    if census.counts.is_flat:
        found.append("all pixels of all training images are the same: there is nothing to learn from them")
    elif alike := _classes_of_one_image(each, labels["train"]):
        more = f" (and of {len(alike) - 1} more classes)" if len(alike) > 1 else ""
        found.append(f"all training images of '{class_names[alike[0]]}' are identical{more}")
    for part in ("validation", "test"):
        copies = int(np.isin(each, census.each(part)).sum())
        if copies:
            remedy = "; duplicates: drop leaves them out of the training" if part == "validation" else ""
            found.append(
                f"{copies:,} of {len(each):,} training images are exact copies of {part} images at this size{remedy}"
            )
    if (sentence := unequal(labels["train"], class_names)) is not None:
        found.append(sentence)
    return found


def _classes_of_one_image(each: NDArray[np.uint64], labels: NDArray[np.int64]) -> list[int]:
    """Return the classes of which there are several images, all the same."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    classes = np.split(each[order], np.cumsum(counts)[:-1])
    return [label for label, images in enumerate(classes) if len(images) > 1 and (images == images[0]).all()]
