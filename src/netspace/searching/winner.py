"""The winner of a search, trained fully: its package, and its error on images that did not choose it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from netspace.arch.built import NetworkConfig
from netspace.errors import DivergedError
from netspace.models import build
from netspace.models.anynet import AnyNet
from netspace.models.hub import describe, from_pretrained
from netspace.models.package import MeasuredError, Package
from netspace.searching.settled import Settled
from netspace.training.assessment import assess, images_to_assess
from netspace.training.calibration import calibrate
from netspace.training.device import usable_device
from netspace.training.fine_tuning import start_from_published
from netspace.training.images.data import DataSpec, ImageData
from netspace.training.loop import train
from netspace.training.recipe import Recipe
from netspace.training.result import Epoch
from netspace.training.threads import cpu_threads, fastest_threads
from netspace.training.training_folder import TrainingFolder

_DONE = "result.json"  # which a training's folder gets last


def train_winner(
    folder: Path,
    config: NetworkConfig,
    images: ImageData,
    *,
    name: str,
    data: DataSpec,
    recipe: Recipe,
    seed: int,
    device: str,
    threads: int,
    licence: str | None,
    published: str | None = None,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Train a network into a package; goes on from where it was interrupted, and does nothing if it is done.

    Args:
        folder: of the package.
        config: the network.
        images: those of `data`.
        name: of the network.
        data: which images.
        recipe: how.
        seed: of weights, order and augmentation.
        device: where.
        threads: of the CPU.
        licence: an SPDX identifier; None for none.
        published: name in the zoo of the network whose weights are the start; None for random ones.
        on_epoch: called after each epoch.

    Raises:
        DivergedError: the training diverged.
        TrainingError: it cannot be done here.
        WeightsError: the published weights cannot be downloaded.
    """
    if (folder / _DONE).is_file():
        return
    place = usable_device(device)
    model = build(config, seed=seed, **recipe.build_options())
    start = None
    if published is not None:
        assert isinstance(model, AnyNet)  # as all networks of the zoo are
        start = start_from_published(model, published)
    if start is not None:
        images = start.prepared(images, data)
    kept = TrainingFolder.new(
        folder,
        images,
        network=name,
        data=data,
        recipe=recipe,
        seed=seed,
        licence=licence,
        started_from=None if start is None else start.name,
    )
    folder.mkdir(parents=True, exist_ok=True)
    if not kept.checkpoint.exists():
        kept.start(model)
    result = train(
        model,
        images,
        recipe,
        seed=seed,
        device=place,
        on_epoch=on_epoch,
        resume_from=kept.checkpoint,
        threads=threads,
    )
    if result.error is None:
        raise DivergedError(
            f"{folder}: the winner's training diverged; its recipe is in training.json there: try a lower lr (--recipe)"
        )
    with cpu_threads(result.threads):
        calibration = calibrate(model, images, recipe, place)
    kept.finish(model, result, calibration)


def note_test_error(folder: Path, device: str) -> Package:
    """Return what a package says of its network, its error on its test split measured and noted if there is one."""
    # code of one's own in it is the code that this search has trained its networks by
    model = from_pretrained(folder, trust_code=True)
    package = model.package
    assert package is not None  # it was written by `train_winner`
    if any(error.split == "test" for error in package.errors):
        return package
    with images_to_assess(folder, package, None) as images:
        if images.split != "test":
            return package
        assessed = assess(model, package, images, device)
    measured = MeasuredError.of("test", assessed.evaluation.top1_error, int(np.size(assessed.labels)))
    package = package.with_error(measured)
    head: dict[str, Any] = {"num_classes": model.num_classes, "global_pool": model.global_pool}
    describe(folder, model.config, package, head)
    return package


def with_threads(settled: Settled, folder: Path, config: NetworkConfig, images: ImageData, device: str) -> Settled:
    """Return what was settled with the threads of the winner's training, measured once and written down."""
    if settled.threads is not None:
        return settled
    threads = 1
    if device == "cpu":
        threads = fastest_threads(config, settled.recipe, images.resolution, len(images.train_labels))
    settled = settled.model_copy(update={"threads": threads})
    settled.write(folder)
    return settled
