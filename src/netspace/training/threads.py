"""How many threads of the CPU a training takes: as many as pay on this machine, as busy as it is.

Threads that wait for each other at the end of every operation cost more than they bring if the operations are small,
and far more if other work takes a core away from one of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netspace.arch.built import NetworkConfig
from netspace.training.recipe import Recipe

_BATCH = 64  # images of the measured steps, at most
_GAIN = 1.1  # how much faster more threads must be: they are the first to suffer when the machine gets busy


@contextmanager
def cpu_threads(threads: int) -> Iterator[None]:
    """Have torch compute with this many CPU threads inside the `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(config: NetworkConfig, recipe: Recipe, resolution: int, images: int) -> int:
    """Return how many threads train a network fastest here and now, from a few steps with 1, 2, 4, ... threads.

    No more are tried than torch would take by itself ($OMP_NUM_THREADS, or one for each core).

    Args:
        config: the network.
        recipe: for its batch size and precision.
        resolution: of the images, in pixels.
        images: how many there are to train on.
    """
    from netspace.training.timing import Conditions, time_network

    most = torch.get_num_threads()
    conditions = Conditions(
        batch_size=max(2, min(recipe.batch_size, images, _BATCH)),
        resolution=resolution,
        precision=recipe.precision,
        warmup=1,
        repeats=3,
    )
    best, least = 1, 0.0
    threads = 1
    while threads <= most and most > 1:
        with cpu_threads(threads):
            took = time_network(config, conditions, actions=("training_step",))["training_step"]["median"]
        if least and took * _GAIN > least:
            break
        best, least = threads, took
        threads = most if threads < most < 2 * threads else 2 * threads
    return best
