"""Several processes on one training, as torchrun starts them: the same result as one process, up to rounding.

Every process prepares the whole batch from the same random numbers and trains on its own part of it; statistics of
batch norm and gradients are those of the whole batch. A training with drop path draws other branches than one process.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from netspace.errors import NetspaceError

Value = TypeVar("Value")


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block lasts; without torchrun do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    if device.index is not None:
        torch.cuda.set_device(device)  # what is not a tensor is exchanged on the current GPU
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return which of the processes this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def processes() -> int:
    """Return how many processes share the training."""
    return dist.get_world_size() if dist.is_initialized() else 1


def own_part(batch: Tensor) -> Tensor:
    """Return this process's part of a batch, or of a part of one, that can be shared equally."""
    return batch.chunk(processes())[rank()]


def first_alone(action: Callable[[], Value]) -> Value:
    """Have the first process do something; return in every process what it returned, or raise what it raised."""
    if processes() == 1:
        return action()
    given: list[tuple[Value | None, NetspaceError | None]] = [(None, None)]
    if rank() == 0:
        try:
            given = [(action(), None)]
        except NetspaceError as error:
            given = [(None, error)]
    dist.broadcast_object_list(given, src=0)
    value, raised = given[0]
    if raised is not None:
        raise raised
    return value  # type: ignore[return-value]  # None only where that is the action's own value


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes, in one exchange."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= processes()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    torch._foreach_copy_(
        gradients, [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]
    )


def total(value: Tensor) -> Tensor:
    """Return the sum of `value` over the processes; it is changed in place."""
    if processes() > 1:
        dist.all_reduce(value)
    return value


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the whole batch of all processes, on any device (torch's own works on GPUs alone)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, h, w) to the same shape."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        mean = _mean_over_processes(values.mean((0, 2, 3)))
        centred = values - mean[:, None, None]
        variance = _mean_over_processes(centred.square().mean((0, 2, 3)))
        count = processes() * x.numel() / x.shape[1]
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * count / (count - 1), share)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        out: Tensor = (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)
        return out


def _mean_over_processes(value: Tensor) -> Tensor:
    from torch.distributed.nn.functional import all_reduce

    summed: Tensor = all_reduce(value)  # type: ignore[no-untyped-call]  # untyped in torch
    return summed / processes()


@contextmanager
def shared_batch_norm(model: nn.Module) -> Iterator[nn.Module]:
    """Let the batch norms of `model` see all processes inside the `with` block; the modules stay the same objects."""
    plain = [module for module in model.modules() if type(module) is nn.BatchNorm2d] if processes() > 1 else []
    for module in plain:
        module.__class__ = SharedBatchNorm2d
    try:
        yield model
    finally:
        for module in plain:
            module.__class__ = nn.BatchNorm2d


@contextmanager
def own_batch_norm(model: nn.Module) -> Iterator[nn.Module]:
    """Let the batch norms of `model` see this process alone inside the `with` block, where all see the same images."""
    shared: list[nn.Module] = [module for module in model.modules() if type(module) is SharedBatchNorm2d]
    for module in shared:
        module.__class__ = nn.BatchNorm2d
    try:
        yield model
    finally:
        for module in shared:
            module.__class__ = SharedBatchNorm2d
