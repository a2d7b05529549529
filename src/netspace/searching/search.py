"""The search: what it is given is checked, settled or read as it was settled, and its stages are gone through."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from netspace.arch.config import StemKind
from netspace.documents import parse
from netspace.searching.call import Call
from netspace.searching.choices import Choice
from netspace.searching.listed import Hands
from netspace.searching.progress import Progress, timing
from netspace.searching.published import settle_published, train_published
from netspace.searching.result import SearchResult
from netspace.searching.settled import NAME, Bounds, SearchSpec, Settled
from netspace.searching.settling import settle
from netspace.searching.stages import Stages
from netspace.store import Store
from netspace.study.executors import executor_options
from netspace.training.device import usable_device
from netspace.training.images.data import DataSpec
from netspace.training.recipe import Recipe


def search(
    data: str | Path | DataSpec,
    output: str | Path,
    *,
    params: Bounds | None = None,
    flops: Bounds | None = None,
    activations: Bounds | None = None,
    latency: Any = None,
    hours: float | None = None,
    spaces: Sequence[str] | None = None,
    resolution: int | None = None,
    stem: StemKind | None = None,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    cheap_epochs: int | None = None,
    pretrained: bool = False,
    seed: int = 0,
    executor: str = "local",
    workers: int | None = None,
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
    licence: str | None = None,
    tell: Callable[[Choice], None] = lambda _: None,
    observe: Callable[[Progress], None] = lambda _: None,
) -> SearchResult:
    """Search the best network for some images inside a limit, train it and write its package.

    The same call goes on with a search that was interrupted, and ends with the same network.

    Args:
        data: a folder of class folders, or any source or `DataSpec`.
        output: folder of the search.
        params, flops, activations: windows, as "LO:HI".
        latency: window in milliseconds an image on one core, as "LO:HI", or a mapping, see `Latency`.
        hours: that the whole should take: networks and epochs are fitted into them by the speed seen on the way, over
            all calls; None for no limit.
        spaces: to search in; None for RegNet without and with squeeze-and-excitation, constrained as in the paper.
        resolution, stem, recipe, epochs, cheap_epochs: None to choose.
        pretrained: choose the best of the published networks inside the limit, by their errors on ImageNet, and train
            on from its weights.
        seed: of everything that is drawn.
        executor, workers, device, options: what trains the population, as for `netspace run`. The winner is trained
            here.
        licence: of the package, an SPDX identifier.
        tell: called with each choice.
        observe: called with the progress.

    Raises:
        DataError: the images cannot be used, or a class has too few.
        WindowError: no network is inside the windows; the message has the nearest.
        StudyError: the hours are too few for the smallest search, or the folder holds a search for something else.
        DivergedError: all of the best networks diverged when trained fully.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same call goes on.
    """
    import torch

    began = time.monotonic()
    images = data if isinstance(data, DataSpec) else DataSpec(source=str(data))
    asked = parse(
        SearchSpec,
        {
            "data": images,
            "params": params,
            "flops": flops,
            "activations": activations,
            "latency": latency,
            "hours": hours,
            "spaces": None if spaces is None else tuple(spaces),
            "resolution": resolution,
            "stem": stem,
            "recipe": recipe,
            "epochs": epochs,
            "cheap_epochs": cheap_epochs,
            "pretrained": pretrained,
            "seed": seed,
        },
        "search",
    )
    executor_options(executor, options)
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    usable_device(place)
    call = Call(
        folder=Path(output),
        source=str(images.source),
        hands=Hands(executor=executor, workers=workers, device=device, options=options),
        device=place,
        licence=licence,
        began=began,
        tell=tell,
        observe=observe,
    )
    settled = _settled(asked, call)
    if settled.published is not None:
        return train_published(call, settled, settled.published)
    with Store.open(call.folder / f"{NAME}.db") as store:
        return Stages(call, settled, store).run()


def _settled(asked: SearchSpec, call: Call) -> Settled:
    """Return what was settled for a search in its folder, or settle it now."""
    import torch

    kind = call.device.partition(":")[0]
    settled = Settled.read(call.folder)
    if settled is not None:
        settled.check_unchanged(asked, call.folder)
        for choice in settled.choices:
            call.tell(choice)
        return settled
    if asked.pretrained:
        return settle_published(asked, call.folder, device=kind, tell=call.tell)
    usual = len(os.sched_getaffinity(0)) if call.device == "cpu" else max(1, torch.cuda.device_count())
    return settle(
        asked,
        call.folder,
        device=kind,
        workers=call.hands.workers or usual,
        tell=call.tell,
        observe=lambda now: call.observe(timing(now)),
    )
