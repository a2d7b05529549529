"""Is the network of a search better than RegNetX-200MF, scaled down to the same limit and trained by the same recipe?

    uv run python benchmarks/search.py PHOTOS FRESH -o DIR --params :0.3M --seed 0

PHOTOS are searched and trained on; FRESH are images of the same classes that nothing has seen, on which both networks
are judged. The scaled network has the stem, the images, the recipe and the seed of the winner, and is the largest one
inside the limit. Prints a line, and McNemar's exact test.
"""

import argparse
import os
import resource
import time
from pathlib import Path

from statsmodels.stats.contingency_tables import mcnemar

from netspace.arch import AnyNetConfig, complexity, zoo
from netspace.arch.scaling import scale
from netspace.searching import search
from netspace.searching.progress import Progress
from netspace.searching.settled import STUDY, Settled
from netspace.searching.winner import train_winner
from netspace.space import parse_window
from netspace.study import Study
from netspace.study.seeds import seed_of
from netspace.training import DataSpec
from netspace.training.assessment import assess, images_to_assess, open_package


def scaled_down(name: str, limit: float, resolution: int, changes: dict[str, object]) -> AnyNetConfig:
    """Return the largest scaled version of a network of the zoo with at most so many parameters, by bisection."""
    config = zoo.get(name).changed(**changes)
    low, high = 1e-4, 1.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        params = int(complexity(scale(config, middle).config, resolution).params)
        low, high = (middle, high) if params <= limit else (low, middle)
    return scale(config, low).config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos")
    parser.add_argument("fresh")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--params", default=":0.3M")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--cheap-epochs", type=int)
    given = parser.parse_args()

    shown = 0.0

    def observe(progress: Progress) -> None:
        nonlocal shown
        if time.monotonic() > shown + 30:
            shown = time.monotonic()
            print(f"{progress.stage}: {progress.facts}, {progress.seconds_left:.0f} s left", flush=True)

    started, load = time.perf_counter(), os.getloadavg()[0]
    found = search(
        given.photos,
        given.output,
        params=given.params,
        seed=given.seed,
        workers=given.workers,
        epochs=given.epochs,
        cheap_epochs=given.cheap_epochs,
        tell=lambda choice: print(choice, flush=True),
        observe=observe,
    )
    took = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(found.summary)

    study, settled = Study.from_yaml(given.output / STUDY), Settled.read(given.output)
    assert settled is not None
    assert settled.threads is not None
    winner = found.best[0].config
    assert isinstance(winner, AnyNetConfig)
    changes = {"num_classes": winner.num_classes, "in_channels": winner.in_channels, "stem": winner.stem.model_dump()}
    config = scaled_down("RegNetX-200MF", parse_window(given.params)[1], study.data.resolution, changes)
    cost = complexity(config, study.data.resolution)
    train_winner(
        given.output / "scaled",
        config,
        study.data,
        name="RegNetX-200MF-scaled",
        data=study.spec.data,
        recipe=settled.recipe,
        seed=seed_of(study.spec.seed, "the winner"),
        device="cpu",
        threads=settled.threads,
        licence=None,
        on_epoch=lambda _: None,
    )
    right = {}
    for name in ("package", "scaled"):
        model, package = open_package(given.output / name)
        with images_to_assess(given.output / name, package, DataSpec(source=given.fresh)) as images:
            right[name] = assess(model, package, images).right
    table = [
        [int((a & b).sum()) for b in (right["scaled"], ~right["scaled"])] for a in (right["package"], ~right["package"])
    ]
    errors = {name: 100 * (1 - float(one.mean())) for name, one in right.items()}
    print(
        f"seed {given.seed}: searched {errors['package']:.2f} % ({found.best[0].params:,} params, "
        f"{found.best[0].flops:,} flops), scaled {errors['scaled']:.2f} % ({int(cost.params):,} params, "
        f"{int(cost.flops):,} flops) on {len(right['package']):,} fresh images, McNemar p = "
        f"{float(mcnemar(table, exact=True).pvalue):.2g}; search {took:.0f} s, "
        f"{sum(one.ru_utime + one.ru_stime for one in used):.0f} s of processor, load {load:.1f} at its start"
    )


if __name__ == "__main__":
    main()
