"""How fast populations are trained: `uv run python benchmarks/training.py [--json] [--data D] [--models N] ...`.

A fixed sample of AnyNetXA and RegNetX models of 1.5 to 3 MF at 32x32 is trained for a fixed number of steps, from the
same weights and by the same recipe, in these ways by turns, as often as `--repeats` says; the table shows medians:

1. the plain way: float32, contiguous memory, one process that uses all cores, or the GPU, one model after another;
   timm's RegNet for RegNetX, our modules without our tricks for AnyNetXA;
2. the engine: `netspace.study`'s local executor, one process with one thread for each core, or several on a GPU, in
   float32 and in bfloat16.

Printed are models an hour, images a second, the share of the device's bfloat16 peak that the models' own arithmetic
amounts to (MFU: 6 flops for each multiply-add of the forward pass), the mean error and the ratio to the plain way.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (PyTorch's own convention)

from netspace import space as spaces
from netspace.arch import AnyNetConfig, complexity
from netspace.models import build, from_netspace
from netspace.space import Population
from netspace.study.executors import get_executor
from netspace.study.jobs import Finished, Job, JobContext
from netspace.training import Augment, DataSpec, ImageData, Recipe, load_data
from netspace.training.images.augmentation import normalise, shift_and_flip
from netspace.training.images.augmentation import statistics as pixel_statistics
from netspace.training.optim import learning_rate

WINDOW = (1_500_000, 3_000_000)
SPACES = ("AnyNetXA", "RegNetX")
RESOLUTION = 32
VALIDATION = 2000

Entry = tuple[str, AnyNetConfig, dict[str, Any]]
"""A model of the sample: its space, its network, its row of the population's frame."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What one way of training the sample gave.

    Attributes:
        seconds: of each repeat, from the first job to the last result, evaluation included, the start of processes not.
        errors: of the models in the sample's order, %; the same in every repeat.
    """

    name: str
    seconds: list[float]
    errors: list[float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist-5k", help="a source of at least STEPS x BATCH training images")
    parser.add_argument("--models", type=int, default=4, help="of each space")
    parser.add_argument("--steps", type=int, default=40, help="of each model")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3, help="of each way")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument(
        "--workers", type=int, nargs="*", default=[None], help="models at a time, each a way; by default the engine's"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    spec = DataSpec(source=options.data, train=options.steps * options.batch, validation=VALIDATION)
    data = load_data(spec, RESOLUTION)
    recipe = Recipe(
        epochs=1, batch_size=options.batch, nesterov=True, weight_decay=5e-4, decay_norm=False, augment=Augment(shift=2)
    )
    sample = draw(options.models, data)
    low = recipe.model_copy(update={"precision": "bfloat16"})
    runs: dict[str, Callable[[], tuple[float, list[float]]]] = {
        "plain": lambda: plain(sample, data, recipe, options.device),
    }
    for workers in options.workers:
        for way in (recipe, low):
            name = f"engine, {way.precision}" + (f" x {workers}" if workers else "")
            runs[name] = partial(engine, sample, spec, way, options.device, workers)
    results: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name, train in runs.items():
            results[name].append(train())
    ways = [
        Way(name=name, seconds=[seconds for seconds, _ in measured], errors=measured[-1][1])
        for name, measured in results.items()
    ]
    report(ways, sample, options.steps * options.batch, options.device, as_json=options.json)


def draw(n: int, data: ImageData) -> list[Entry]:
    """Return n networks of each space: its name, the network, and RegNet's own parameters where there are any."""
    sample = []
    for name in SPACES:
        space = spaces.get(name).with_network(num_classes=data.num_classes, in_channels=data.channels)
        population: Population = space.sample(n, seed=0, resolution=RESOLUTION, flops=WINDOW)
        frame = population.frame()
        rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
        configs = [config for config in population.configs() if isinstance(config, AnyNetConfig)]
        sample += [(name, config, row) for config, row in zip(configs, rows, strict=True)]
    return sample


def plain(sample: Sequence[Entry], data: ImageData, recipe: Recipe, device: str) -> tuple[float, list[float]]:
    """Train the sample as a good PyTorch tutorial would; return the seconds and the errors in %."""
    errors, started = [], time.perf_counter()
    for seed, (name, config, row) in enumerate(sample):
        ours = build(config, seed=seed)
        model: nn.Module = ours if name != "RegNetX" else timm_regnet(ours, row)
        errors.append(plain_training(model.to(device), data, recipe, seed, device))
    return time.perf_counter() - started, errors


def plain_training(model: nn.Module, data: ImageData, recipe: Recipe, seed: int, device: str) -> float:
    """Train one model for an epoch and return its validation error in %."""
    mean, std = pixel_statistics(data, torch.device(device))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=recipe.peak_lr,
        momentum=recipe.momentum,
        nesterov=True,
    )
    steps = len(data.train_labels) // recipe.batch_size
    order = torch.randperm(len(data.train_labels), generator=generator).numpy()
    model.train()
    for step in range(steps):
        rows = np.sort(order[step * recipe.batch_size : (step + 1) * recipe.batch_size])
        images = shift_and_flip(torch.from_numpy(data.train_images[rows]), recipe.augment, generator)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, steps)
        loss = F.cross_entropy(
            model(normalise(images.to(device), mean, std).contiguous()),
            torch.from_numpy(data.train_labels[rows]).to(device),
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimizer.step()
    model.eval()
    wrong = 0
    with torch.no_grad():
        for start in range(0, len(data.validation_labels), recipe.batch_size):
            images = torch.from_numpy(np.array(data.validation_images[start : start + recipe.batch_size]))
            called = model(normalise(images.to(device), mean, std).contiguous()).argmax(1).cpu().numpy()
            wrong += int((called != data.validation_labels[start : start + recipe.batch_size]).sum())
    return 100.0 * wrong / len(data.validation_labels)


def timm_regnet(model: Any, row: dict[str, Any]) -> nn.Module:
    """Return timm's network of a RegNet's parameters, with our weights."""
    from timm.models.regnet import RegNet, RegNetCfg

    config = model.config
    stage = config.stages[0]
    made = RegNetCfg(
        depth=int(row["depth"]),
        w0=int(row["w_0"]),
        wa=float(row["w_a"]),
        wm=float(row["w_m"]),
        group_size=int(stage.group_width),
        bottle_ratio=1 / stage.bottleneck_ratio,
        stem_width=config.stem.width,
    )
    theirs: nn.Module = RegNet(made, in_chans=config.in_channels, num_classes=config.num_classes)
    theirs.load_state_dict(from_netspace(model.state_dict(), "timm"))
    return theirs


def engine(
    sample: Sequence[Entry], spec: DataSpec, recipe: Recipe, device: str, workers: int | None
) -> tuple[float, list[float]]:
    """Train the sample as a study does on this machine; return the seconds and the errors in %."""
    context = JobContext(data=spec, root=Path.cwd(), resolution=RESOLUTION, recipe=recipe)
    executor = get_executor("local")(context, workers=workers, device=device)
    try:
        waiting = [Job(run_id=i, config=config.to_dict(), seed=i) for i, (_, config, _) in enumerate(sample)]
        # the processes start once for a study of hundreds of runs: one job each goes before the clock
        run(executor, [Job(run_id=-1 - i, config=waiting[0].config, seed=0) for i in range(executor.capacity)])
        started = time.perf_counter()
        errors = run(executor, waiting)
        seconds = time.perf_counter() - started
    finally:
        executor.close()
    return seconds, [errors[i] for i in range(len(sample))]


def run(executor: Any, jobs: Sequence[Job]) -> dict[int, float]:
    """Train jobs in the executor's processes and return their errors by id."""
    waiting, errors = list(jobs), dict[int, float]()
    for _ in range(min(executor.capacity, len(waiting))):
        executor.submit(waiting.pop(0))
    while len(errors) < len(jobs):
        for event in executor.wait(1.0):
            assert isinstance(event, Finished), event
            error = event.outcome.error
            assert error is not None, event
            errors[event.run_id] = error
            if waiting:
                executor.submit(waiting.pop(0))
    return errors


def peak_flops(device: str) -> float:
    """Return the flops a second of one core, or of the GPU, in bfloat16, measured on a large product of matrices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    side = 2048 if device == "cpu" else 8192
    a = torch.randn(side, side, dtype=torch.bfloat16, device=device)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        float((a @ a)[0, 0])  # looked at, so that a GPU has done it
        times.append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return 2 * side**3 / min(times)


def report(ways: Sequence[Way], sample: Sequence[Entry], images: int, device: str, *, as_json: bool) -> None:
    """Print the table."""
    units = torch.get_num_threads() if device == "cpu" else torch.cuda.device_count()
    peak = units * peak_flops(device)
    work = sum(6 * complexity(config, RESOLUTION).flops for _, config, _ in sample) * images
    rows = [
        {
            "way": way.name,
            "models_per_hour": 3600 * len(sample) / statistics.median(way.seconds),
            "images_per_second": images * len(sample) / statistics.median(way.seconds),
            "mfu": work / statistics.median(way.seconds) / peak,
            "mean_error": float(np.mean(way.errors)),
            "difference_from_plain": paired(way.errors, ways[0].errors),
            "ratio": statistics.median(ways[0].seconds) / statistics.median(way.seconds),
            "least_ratio": min(ways[0].seconds) / max(way.seconds),
        }
        for way in ways
    ]
    if as_json:
        machine = {"device": device, "units": units, "peak_flops": peak, "torch": torch.__version__}
        print(json.dumps({**machine, "rows": rows, "ways": [asdict(way) for way in ways]}, indent=2))
        return
    print(
        f"{len(sample)} models, {images} images each; {units} x {device}, {peak / 1e9:.0f} GFLOP/s in bfloat16 together"
    )
    print("way                    models/h  images/s    MFU   error      vs. plain  ratio  least")
    for row in rows:
        mean, deviation = row["difference_from_plain"]
        print(
            f"{row['way']:21s} {row['models_per_hour']:9.0f} {row['images_per_second']:9.0f} {row['mfu']:6.1%} "
            f"{row['mean_error']:6.2f}% {mean:+6.2f} ± {deviation:5.2f} {row['ratio']:6.2f} {row['least_ratio']:6.2f}"
        )


def paired(errors: Sequence[float], plain_errors: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error of the models' differences in error, in percentage points."""
    differences = np.subtract(errors, plain_errors)
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))


if __name__ == "__main__":
    main()
