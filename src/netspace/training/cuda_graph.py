"""A training step as one launch on a GPU.

A small network keeps a GPU waiting: each of its hundreds of kernels takes a few microseconds, and Python needs longer
than that to ask for it. A step that is captured once as a CUDA graph is asked for as a whole. The kernels, their order
and their numbers are those of the step as it is written.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from netspace.errors import first_line
from netspace.training.checkpoint import State
from netspace.training.device import is_out_of_memory
from netspace.training.distributed import processes
from netspace.training.recipe import Recipe

_log = logging.getLogger(__name__)

_WARM_UP = 3  # steps before the capture, as PyTorch's manual asks: libraries choose and load their kernels in them

Step = Callable[[Tensor, Tensor], Tensor]
"""Trains on one batch, inputs and targets, and returns the mean loss, detached, on the device."""


def is_capturable(recipe: Recipe, device: torch.device) -> bool:
    """Return whether every step of a training is the same launches: nothing in it looks at a number on the way.

    float16 looks at whether its gradients overflowed, timm's optimisers at their own state; a frozen body changes what
    a step is, and several processes exchange gradients. AdamW could be captured, but has not been seen to work.
    """
    plain = recipe.optimizer == "sgd" and recipe.precision != "float16" and not recipe.frozen_epochs
    return device.type == "cuda" and plain and processes() == 1


class CapturedStep:
    """A step that is captured at its first call and replayed from then on.

    A network that cannot be captured (its `forward` looks at a number on the GPU, say) is trained as it is written.

    Args:
        step: the step, of batches of one shape.
        state: what it changes: the network, the optimiser, whose learning rates become tensors on the device.
        device: a GPU.
    """

    def __init__(self, step: Step, state: State, device: torch.device) -> None:
        self._step = step
        self._state = state
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_given_up = False
        for group in state.optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=device)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Train on a batch; the loss that is returned is overwritten by the next call."""
        if self._graph is None and not self._is_given_up:
            self._capture(images, labels)
        if self._graph is None:
            return self._step(images, labels)
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss

    def _capture(self, images: Tensor, labels: Tensor) -> None:
        self._images, self._labels = images.clone(), labels.clone()
        if self._warm_up(images.device):
            graph = torch.cuda.CUDAGraph()
            try:
                # "thread_local": another thread of this process may use the GPU meanwhile
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._loss = self._step(self._images, self._labels)
                self._graph = graph
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                self._give_up(first_line(error))

    def _give_up(self, reason: str) -> None:
        self._is_given_up = True
        _log.warning("trained without a CUDA graph, which is slower: %s", reason)

    @torch.no_grad()
    def _warm_up(self, device: torch.device) -> bool:
        """Take some steps and undo them; return whether each worked on the same tensors."""
        network, optimised = self._network(), self._optimised()
        before = {name: tensor.clone() for name, tensor in (network | optimised).items()}
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # untyped in torch
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside), torch.enable_grad():
            for _ in range(_WARM_UP):
                self._step(self._images, self._labels)
        torch.cuda.current_stream(device).wait_stream(aside)
        after = self._network()
        for name, tensor in (after | self._optimised()).items():
            # what the optimiser made in the very first step began at zero
            tensor.copy_(before.get(name, torch.zeros_like(tensor)))
        # the epoch began with this seed, and nothing but the warm-up has drawn from it on the GPU
        torch.manual_seed(torch.initial_seed())
        moved = [name for name, tensor in after.items() if tensor is not network[name]]
        if moved:
            self._give_up(f"the network puts another tensor in the place of {moved[0]} at each step")
        return not moved

    def _network(self) -> dict[str, Tensor]:
        model = self._state.model
        return {**dict(model.named_parameters()), **dict(model.named_buffers())}

    def _optimised(self) -> dict[str, Tensor]:
        """Return what the optimiser keeps of each parameter, by names that no parameter has."""
        states = enumerate(self._state.optimizer.state.values())
        return {f"{i} {name}": value for i, kept in states for name, value in kept.items() if isinstance(value, Tensor)}
