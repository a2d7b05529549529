"""Devices: whether one can be used, copies to it, the memory that a training takes or took, and whether it ran out."""

from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from netspace.errors import TrainingError, first_line

_CUDA_CONTEXT_BYTES = 600 * 2**20  # what a process holds of a GPU before its first tensor, about
_CONTAINER = Path("/sys/fs/cgroup")

_MEMORY_SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "could not create a primitive",  # oneDNN's, if there is no room for a kernel's code
    "error: out of memory",  # CUDA's and HIP's own, where torch's allocator did not ask for it
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",  # ends several of cuDNN 9's
)


def usable_device(device: str | torch.device) -> torch.device:
    """Return the device.

    Raises:
        TrainingError: there is no such device here, or its memory is full.
    """
    try:
        # the tensor's own device: 'cuda' alone names none, and is not equal to the one that it stands for
        found = torch.empty(1, device=torch.device(device)).device
    except (RuntimeError, AssertionError) as error:
        # torch explains what a device raises in the lines after the first
        reason = f"cannot use the device '{device}' ({first_line(error)})"
        raise TrainingError(f"out of memory: {reason}" if is_out_of_memory(error) else reason) from None
    return found


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device; a copy to a GPU does not wait for what the GPU still has to do."""
    if device.type != "cuda" or tensor.device.type == "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def forget_peak_memory(device: torch.device) -> None:
    """Make `memory_share` count from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_share(device: torch.device) -> float | None:
    """Return the largest share of a GPU's memory that this process has held, in [0, 1]; None on the CPU."""
    if device.type != "cuda":
        return None
    total: int = torch.cuda.get_device_properties(device).total_memory
    return min(1.0, (torch.cuda.max_memory_reserved(device) + _CUDA_CONTEXT_BYTES) / total)


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes of a device's memory are free; None where the system does not say."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = 1024 * next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
    with suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (
            int((_CONTAINER / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
        free = min(free, max(0, limit - used))
    return free or None


def training_memory(params: int, activations: int, batch: int) -> int:
    """Return about how many bytes the training of a network takes, in float32 with momentum.

    Weights, their gradients, momentum and the copy that is kept to begin anew; of each image in the batch, what a
    layer, its batch norm and its activation keep for the backward pass, and a gradient.

    Args:
        params: of the network.
        activations: of the network, for one image.
        batch: images in memory at a time.
    """
    return 4 * (4 * params + 4 * activations * batch)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out: torch's allocator for GPUs has a class for that, all else only words."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or any(sign in str(error) for sign in _MEMORY_SIGNS)
