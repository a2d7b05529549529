"""The training loop: model, images and recipe in, error and curve out."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

from netspace.errors import TrainingError
from netspace.models.cpu_kernels import accelerated
from netspace.training import checkpoint
from netspace.training.checkpoint import Keeper, State
from netspace.training.clock import Clock
from netspace.training.cuda_graph import CapturedStep, Step, is_capturable
from netspace.training.device import forget_peak_memory, is_out_of_memory, memory_share, to_device, usable_device
from netspace.training.distributed import (
    average_gradients,
    own_part,
    process_group,
    processes,
    rank,
    shared_batch_norm,
    total,
)
from netspace.training.evaluation import Evaluation, autocast, evaluate, moving_average, precise_batch_norm
from netspace.training.fine_tuning import frozen_body
from netspace.training.images.augmentation import Augmenter
from netspace.training.images.data import ImageData
from netspace.training.images.streaming import read_ahead
from netspace.training.optim import learning_rate, make_optimizer, set_rate
from netspace.training.preconditions import check_batches, check_fit
from netspace.training.recipe import Recipe
from netspace.training.result import Epoch, TrainResult, environment
from netspace.training.threads import cpu_threads


def train(
    model: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
    resume_from: Path | None = None,
    checkpoint_seconds: float = 0.0,
    checkpoint_needed: bool = True,
    halve_batch: bool = False,
    threads: int | None = None,
) -> TrainResult:
    """Train `model` in place and return its error on the validation split at the last epoch.

    The error is never the minimum over epochs and never that of the test split. The order of images and their
    augmentation depend on `seed` alone. Afterwards the model holds the weights that were evaluated: those of the moving
    average if the recipe has one. Started by torchrun, the processes share every batch.

    Args:
        model: takes float32 (n, channels, height, width), gives logits (n, classes). What the recipe says of its
            construction (drop path, zero gamma) is the business of `netspace.models.build`.
        data: the images.
        recipe: how to train.
        seed: of the shuffling, the augmentation and whatever the model itself draws.
        device: where to train.
        on_epoch: called after each epoch.
        resume_from: the checkpoint's file, written after every epoch; if it exists already, the training goes on
            from it, on the CPU to the same bits as if it had not stopped. None for no checkpoints.
        checkpoint_seconds: how long after the start, or the last one, a checkpoint is written at the earliest.
        checkpoint_needed: False to start from zero if the checkpoint cannot be used, and to go on if it cannot
            be written, instead of raising.
        halve_batch: if the memory does not suffice, start again with each batch computed in twice as many parts; in
            one process alone.
        threads: of the CPU; None for those of the checkpoint, or torch's own number. See
            `netspace.training.threads.fastest_threads`.

    Raises:
        TrainingError: the model does not fit the data, a batch cannot be divided as the recipe says, the device cannot
            be used, its memory does not suffice, or the checkpoint is of another training.
    """
    place = usable_device(device)
    keeper = Keeper(resume_from, seconds=checkpoint_seconds, needed=checkpoint_needed)
    with process_group(place):
        check_fit(model, data)
        check_batches(recipe, data)
        if halve_batch and processes() > 1:
            raise TrainingError(
                f"halve_batch works in one process only, but there are {processes()}: set the recipe's accumulate"
            )
        untrained = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        accumulate = recipe.accumulate
        while True:
            try:
                return _train(model, data, recipe, accumulate, seed, place, on_epoch, keeper, threads)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            accumulate = max(accumulate, keeper.accumulate)
            batch = min(recipe.batch_size, len(data.train_labels))
            if not halve_batch or batch < 4 * accumulate:
                raise TrainingError(
                    f"out of memory on {place} with {-(-batch // (accumulate * processes()))} images per step "
                    f"(batch_size={recipe.batch_size}, accumulate={accumulate})"
                )
            accumulate *= 2
            model.load_state_dict(untrained)


def _train(
    model: nn.Module,
    data: ImageData,
    recipe: Recipe,
    accumulate: int,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[Epoch], None] | None,
    keeper: Keeper,
    threads: int | None,
) -> TrainResult:
    """Train for the remaining epochs, each batch in `accumulate` parts or in as many as the checkpoint has."""
    weights = _class_weights(data, recipe, device)

    def step(images: Tensor, labels: Tensor) -> Tensor:
        return _step(state, recipe, weights, images, labels)

    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        forget_peak_memory(device)
        model = model.to(device).to(memory_format=torch.channels_last)
        stack.enter_context(accelerated(model))
        stack.enter_context(shared_batch_norm(model))
        state = State(
            model=model,
            optimizer=make_optimizer(model, recipe),
            average=moving_average(model, recipe),
            scaler=torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16"),
            generator=torch.Generator().manual_seed(seed),
            accumulate=accumulate,
            threads=torch.get_num_threads(),
        )
        about = checkpoint.identity(model, recipe, data, seed)
        keeper.restore(state, about)
        state.threads = threads or state.threads
        stack.enter_context(cpu_threads(state.threads))
        augmenter = Augmenter(recipe.augment, data, device)
        advance = CapturedStep(step, state, device) if is_capturable(recipe, device) else step
        before = state.curve[-1].seconds if state.curve else 0.0
        clock = stack.enter_context(Clock())
        while len(state.curve) < recipe.epochs and _finite(state.curve, recipe):
            # what the model itself draws follows from seed, epoch and process: no state of it needs to be kept
            words = np.random.SeedSequence([seed, len(state.curve), rank()])
            torch.manual_seed(int(words.generate_state(1, np.uint64)[0]))
            state.model.train()
            with frozen_body(state.model) if len(state.curve) < recipe.frozen_epochs else nullcontext():
                train_loss, rate = _epoch(state, data, recipe, augmenter, advance, device)
            evaluated = _validate(state, data, recipe, device) if np.isfinite(train_loss) else None
            state.curve.append(
                Epoch(
                    epoch=len(state.curve) + 1,
                    train_loss=train_loss,
                    val_error=None if evaluated is None else evaluated.top1_error,
                    balanced_error=None if evaluated is None else evaluated.balanced_error,
                    lr=rate,
                    seconds=before + clock.seconds,
                )
            )
            if rank() == 0:
                keeper.keep(state, about)
            if on_epoch is not None and rank() == 0:
                on_epoch(state.curve[-1])
        if state.average is not None:
            model.load_state_dict(state.average.module.state_dict())
    return _result(state, data, recipe, device)


def _epoch(
    state: State, data: ImageData, recipe: Recipe, augmenter: Augmenter, advance: Step, device: torch.device
) -> tuple[float, float]:
    """Train for one epoch; return its mean loss and the last learning rate."""
    steps = max(1, len(data.train_labels) // recipe.batch_size)
    first = len(state.curve) * steps
    loss_sum = torch.zeros((), device=device)
    for step, (images, labels) in enumerate(_batches(data, recipe, augmenter, state.generator, device), first):
        rate = learning_rate(recipe, step, steps)
        set_rate(state.optimizer, rate)
        loss_sum += advance(images, labels)
        if state.average is not None:
            state.average.update_parameters(state.model)
    # a loss that was not finite once stays in the sum: one look per epoch, no synchronisation per step
    return float(total(loss_sum)) / (steps * processes()), rate


def _step(state: State, recipe: Recipe, weights: Tensor | None, images: Tensor, labels: Tensor) -> Tensor:
    """Train on one batch; return its mean loss, detached."""
    parameters = list(state.model.parameters())
    loss_sum = torch.zeros((), device=images.device)
    state.optimizer.zero_grad(set_to_none=True)
    # divided into parts before processes: batch norm then sees the parts that it would in one process
    for part, targets in zip(*(batch.tensor_split(state.accumulate) for batch in (images, labels)), strict=True):
        with autocast(recipe, images.device):
            logits = state.model(own_part(part))
            loss = _loss(logits, own_part(targets), recipe, weights)
        loss = loss * (len(part) / len(images))
        state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # untyped in torch
        loss_sum += loss.detach()
    average_gradients(parameters)
    if recipe.clip_norm is not None:
        state.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return loss_sum


def _loss(logits: Tensor, targets: Tensor, recipe: Recipe, weights: Tensor | None) -> Tensor:
    """Return the mean loss of some images; with weights, the mean of what each weighs, which averages to 1."""
    smoothing = recipe.label_smoothing
    if weights is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    return F.cross_entropy(logits, targets, weights, label_smoothing=smoothing, reduction="none").mean()


def _class_weights(data: ImageData, recipe: Recipe, device: torch.device) -> Tensor | None:
    """Return how much an image of each class weighs, float32 (classes,); 0 for a class without images."""
    if recipe.class_weights is None:
        return None
    counts = np.bincount(data.train_labels, minlength=data.num_classes)
    weights = len(data.train_labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.tensor(np.where(counts > 0, weights, 0.0), dtype=torch.float32, device=device)


def _batches(
    data: ImageData, recipe: Recipe, augmenter: Augmenter, generator: torch.Generator, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the shuffled, augmented batches of one epoch; a last one that would be incomplete is left out."""
    n, size = len(data.train_labels), recipe.batch_size
    order = torch.randperm(n, generator=generator).numpy()
    # sorted, the rows are read from the mapped file in one sweep; the order inside a batch does not matter
    batches = [np.sort(order[start : start + size]) for start in range(0, max(n - size, 0) + 1, size)]
    for rows, pixels in zip(batches, read_ahead(data.train_images, batches), strict=True):
        images = augmenter.pixels(torch.from_numpy(pixels), generator)
        labels = torch.from_numpy(data.train_labels[rows])
        yield augmenter.inputs(to_device(images, device), to_device(labels, device), generator)


def _validate(state: State, data: ImageData, recipe: Recipe, device: torch.device) -> Evaluation | None:
    """Return the evaluation after an epoch; None if it is not asked for or not finite."""
    if not recipe.is_evaluated(len(state.curve) + 1):
        return None
    if recipe.precise_bn:
        with autocast(recipe, device):
            precise_batch_norm(state.evaluated, data, recipe, device)
    return evaluate(state.evaluated, data.validation_images, data.validation_labels, data, recipe, device)


def _finite(curve: Sequence[Epoch], recipe: Recipe) -> bool:
    """Return whether loss and outputs have been finite so far."""
    if not curve:
        return True
    last = curve[-1]
    return math.isfinite(last.train_loss) and (last.val_error is not None or not recipe.is_evaluated(last.epoch))


def _result(state: State, data: ImageData, recipe: Recipe, device: torch.device) -> TrainResult:
    last = state.curve[-1]
    n = len(data.train_labels)
    images = last.epoch * (n // recipe.batch_size * recipe.batch_size or n)
    return TrainResult(
        status="done" if _finite(state.curve, recipe) else "diverged",
        error=last.val_error,
        balanced_error=last.balanced_error,
        curve=tuple(state.curve),
        seconds=last.seconds,
        images_per_second=images / last.seconds,
        memory_share=memory_share(device),
        environment=environment(device),
        recipe=recipe.model_copy(update={"accumulate": state.accumulate}).resolved(),
        split_digest=data.split_digest,
        threads=state.threads,
    )
