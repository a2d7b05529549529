"""Which images are trained on and which validate: drawn by a seed, and looked at before anything is trained."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netspace.errors import DataError

Draw = Literal["stratified", "random", "unchecked"]
"""How images are set aside: `stratified` gives each class its share, and one image at least; `random` draws over all
classes; `unchecked` does so without a look at what the classes got, as studies did that were started before splits were
stratified."""

UNEQUAL = 10
"""From which ratio of its largest to its smallest class on a training split is called very unequal."""

Rows = NDArray[np.int64]


def draw(
    labels: Rows,
    class_names: Sequence[str],
    where: str,
    *,
    train: int | None,
    validation: int | None,
    seed: int,
    how: Draw,
) -> tuple[Rows, Rows]:
    """Return the rows to train on and those set aside to validate, both sorted.

    The validation rows depend on the labels, their number and the seed alone; of the others, fewer training rows are a
    part of more (class by class if the draw is stratified).

    Args:
        labels: int64 (n,), of the training split.
        class_names: what they mean.
        where: the source, for messages.
        train: how many to train on; None for all that are left.
        validation: how many to set aside: 0 for none, None for a tenth.
        seed: of the draw.
        how: see `Draw`.

    Raises:
        DataError: there are not as many, or (unless unchecked) a class would have no image to train or to validate on.
    """
    classes = len(class_names)
    counts = np.bincount(labels, minlength=classes)
    if validation is None:
        validation = max(1, len(labels) // 10, classes if how == "stratified" else 0)
    _classes_can_be_divided(counts, class_names, where, 1 if validation == 0 else 2)
    wanted = train if train is not None else max(1, len(labels) - validation)
    if validation + wanted > len(labels):
        raise DataError(
            f"{where}: train + validation must not exceed the {len(labels)} images of the training split, "
            f"got train={wanted}, validation={validation}"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    if how != "stratified":
        return np.sort(order[validation : validation + wanted]), np.sort(order[:validation])
    for name, count in (("validation", validation), ("train", wanted)):
        if 0 < count < classes:
            raise DataError(
                f"{where}: {name}={count} images cannot hold one of each of the {classes} classes; valid: {classes} or "
                f"more"
            )
    held_out = shares(counts, validation, counts - 1)
    kept = shares(counts, wanted, counts - held_out)
    # the position of each image among those of its class, in the order of the draw
    by_class = np.argsort(labels[order], kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[by_class] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = held_out[labels[order]]
    set_aside = position < first
    chosen = ~set_aside & (position < first + kept[labels[order]])
    return np.sort(order[chosen]), np.sort(order[set_aside])


def shares(counts: Rows, total: int, room: Rows) -> Rows:
    """Return how many of `total` images each class gets: in proportion to its own, one at least, rounded by remainders.

    Args:
        counts: images of each class, positive.
        total: 0, or between the number of classes and the sum of `room`.
        room: the most that each class may give.
    """
    if total == 0:
        return np.zeros_like(counts)
    exact = total * counts
    given: Rows = np.minimum(np.maximum(exact // counts.sum(), 1), room)
    while missing := total - int(given.sum()):
        short = exact - given * counts.sum()
        if missing > 0:
            # most is missing where the share was rounded down most; of equals the first class
            open_to = np.flatnonzero(given < room)
            given[open_to[np.argsort(-short[open_to], kind="stable")][:missing]] += 1
        else:
            open_to = np.flatnonzero(given > 1)
            given[open_to[np.argsort(short[open_to], kind="stable")][:-missing]] -= 1
    return given


def classes_are_in_both(
    train: Rows, validation: Rows, class_names: Sequence[str], where: str, *, from_split: bool
) -> None:
    """Raise unless each class has images to train and images to validate on.

    Args:
        train, validation: int64, the labels of both.
        class_names: what they mean.
        where: the source, for the message.
        from_split: whether the validation images are a split of the source's own, not drawn from the training split.

    Raises:
        DataError: a class has none of either; the message says which, and how many images it has of the other.
    """
    for name, other, here, there in (
        ("validation", "training", validation, train),
        ("training", "validation", train, validation),
    ):
        counts, others = (np.bincount(labels, minlength=len(class_names)) for labels in (here, there))
        lacking = np.flatnonzero(counts == 0)
        if len(lacking):
            more = f" (and {len(lacking) - 1} more classes)" if len(lacking) > 1 else ""
            remedy = "add some" if from_split else "ask for more, or draw them stratified"
            raise DataError(
                f"{where}: class '{class_names[lacking[0]]}' has 0 of the {len(here)} {name} images{more}, and "
                f"{others[lacking[0]]} {other} images: {remedy}"
            )


def unequal(labels: Rows, class_names: Sequence[str]) -> str | None:
    """Return a sentence about classes of very different sizes among the training images, or None."""
    counts = np.bincount(labels, minlength=len(class_names))
    counts = np.where(counts == 0, counts.max(), counts)
    most, fewest = int(counts.argmax()), int(counts.argmin())
    if counts[most] < UNEQUAL * counts[fewest]:
        return None
    return (
        f"the classes are very unequal: {counts[most]:,} training images of '{class_names[most]}', "
        f"{counts[fewest]:,} of '{class_names[fewest]}'; look at the balanced error beside the top-1 error, or set the "
        f"recipe's class_weights: balanced"
    )


def _classes_can_be_divided(counts: Rows, class_names: Sequence[str], where: str, least: int) -> None:
    """Raise if a class has fewer training images than it takes to train on it and, without a split, validate it."""
    if counts.min() < least:
        name, count = class_names[int(counts.argmin())], int(counts.min())
        raise DataError(f"{where}: class '{name}' has {count} training images; each class needs {least} or more")
