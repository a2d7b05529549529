"""Whether network, images and device go together, told before an epoch is spent on it."""

import torch
from torch import nn

from netspace.errors import TrainingError
from netspace.training.distributed import processes
from netspace.training.images.data import ImageData
from netspace.training.recipe import Recipe

_CUDA_CONTEXT_BYTES = 600 * 2**20  # what a process holds of a GPU before its first tensor, about

_MEMORY_SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "could not create a primitive",  # oneDNN's, where there is no room for a kernel's code
    "error: out of memory",  # CUDA's and HIP's own, where torch's allocator did not ask for it
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",  # ends several of cuDNN 9's
)


def must_fit(model: nn.Module, data: ImageData) -> None:
    """Raise unless a network that says what it takes (`model.config`) takes these images.

    A resolution of half the total stride or less is refused: some convolution of stride 2 would be left one pixel to
    work on, and the stages after it with it. Between half and all of it the last image is one pixel, which is sound.

    Raises:
        TrainingError: channels, classes or resolution do not fit.
    """
    config = getattr(model, "config", None)
    if config is None:
        return
    if config.in_channels != data.channels:
        raise TrainingError(f"the network takes {config.in_channels} channels, the images have {data.channels}")
    if config.num_classes < data.num_classes:
        raise TrainingError(
            f"the network tells {config.num_classes} classes apart, the labels are 0 .. {data.num_classes - 1}"
        )
    if 2 * data.resolution <= config.total_stride:
        raise TrainingError(
            f"resolution {data.resolution} is too small for the network's total stride of {config.total_stride}: "
            f"valid: {config.total_stride // 2 + 1} or more"
        )


def batches_must_divide(recipe: Recipe, data: ImageData) -> None:
    """Raise unless each part of a batch holds the 2 images that batch norm needs, and as many for every process.

    Raises:
        TrainingError: batch size, parts, processes and the number of training images do not go together.
    """
    images = min(recipe.batch_size, len(data.train_labels))
    settings = f"batch_size={recipe.batch_size}, accumulate={recipe.accumulate}"
    if images < 2 * recipe.accumulate:
        raise TrainingError(
            f"each part of a batch must hold 2 images or more, got {settings} "
            f"and {len(data.train_labels)} training images"
        )
    if processes() > 1 and images % (recipe.accumulate * processes()):
        raise TrainingError(
            f"a batch must be a multiple of accumulate x processes, got {settings} "
            f"and {len(data.train_labels)} training images on {processes()} processes"
        )


def usable_device(device: str | torch.device) -> torch.device:
    """Return the device.

    Raises:
        TrainingError: there is no such device here, or its memory is full.
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        # torch explains what a device raises in the lines after the first
        reason = f"device '{device}' cannot be used ({str(error).splitlines()[0]})"
        raise TrainingError(f"out of memory: {reason}" if is_out_of_memory(error) else reason) from None
    return found


def forget_peak_memory(device: torch.device) -> None:
    """Let `memory_share` count from now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_share(device: torch.device) -> float | None:
    """Return the largest share of a GPU's memory that this process has held, in [0, 1]; None on the CPU."""
    if device.type != "cuda":
        return None
    total: int = torch.cuda.get_device_properties(device).total_memory
    return min(1.0, (torch.cuda.max_memory_reserved(device) + _CUDA_CONTEXT_BYTES) / total)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out: torch's allocator for GPUs has a class for that, all else only words."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or any(sign in str(error) for sign in _MEMORY_SIGNS)
