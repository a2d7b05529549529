"""How long 100,000 imported runs take: `python benchmarks/sizes.py [RUNS] [--json]`, on one core.

The results are made up, of two spaces of half the runs each: a table of numbers, the same with each network as JSON (as
`netspace export` writes it), and a sweep of pycls with a curve of 10 epochs. Each command runs in a process of its own.
Its peer, in the same run, does the least that any tool must: pandas reads the same table, or `json` the same sweep.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from netspace import spaces
from netspace.space.population import Population

SPACES = ("AnyNetXC", "RegNetX")
EPOCHS = 10
NETSPACE = str(Path(sys.executable).with_name("netspace"))
PEERS = {
    "numbers": "import pandas; [pandas.read_csv(file) for file in {files}]",
    "networks": "import pandas; [pandas.read_csv(file) for file in {files}]",
    "sweep": "import json; [json.load(open(file)) for file in {files}]",
}
# what a process peaks at counts from its parent's memory when it was forked, so the parent must be small
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(code)
"""


class Cost(NamedTuple):
    """What a process took: seconds by the clock and of the processor, and its peak of memory in bytes."""

    seconds: float
    processor: float
    memory: int
    failed: str = ""


def cost_of(command: Sequence[str], folder: Path) -> Cost:
    """Return what a command takes, and its last line if it fails."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *command], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    processor, memory = done.stdout.split()
    failed = done.stderr.splitlines()[-1] if done.returncode else ""
    return Cost(seconds, float(processor), int(memory) * 1024, failed)


def populations(runs: int) -> dict[str, Population]:
    """Return as many networks of the two spaces."""
    return {
        name: spaces.get(name).sample(runs // len(SPACES), seed=seed, resolution=32) for seed, name in enumerate(SPACES)
    }


def errors_of(population: Population, seed: int) -> np.ndarray:
    """Return made-up errors in %, lower for deeper networks; of one in a hundred it is inf, for it failed."""
    rng = np.random.default_rng(seed)
    errors = np.clip(rng.normal(50 - 4 * np.log(population.columns()["depth"]), 5), 1, 99)
    return np.where(rng.random(len(population)) < 0.01, np.inf, errors.round(3))


def write_tables(sampled: dict[str, Population], numbers: Path, networks: Path) -> None:
    """Write the runs as CSV, without and with their networks."""
    parts = []
    for seed, (name, population) in enumerate(sampled.items()):
        errors = errors_of(population, seed)
        known = {"space": name, "error": errors, "status": np.where(np.isinf(errors), "failed", "done")}
        parts.append(pd.DataFrame({**known, "seconds": 60.0, **population.columns()}))
    table = pd.concat(parts, ignore_index=True)
    table.to_csv(numbers, index=False)
    configs = [json.dumps(config.to_dict()) for population in sampled.values() for config in population]
    table[["space", "error", "status", "seconds", "flops", "params", "activations"]].assign(network=configs).to_csv(
        networks, index=False
    )


def write_sweep(population: Population, errors: np.ndarray, path: Path) -> None:
    """Write runs as a sweep of pycls."""
    jobs = []
    for number, (config, error) in enumerate(zip(population, errors.tolist(), strict=True)):
        trained, last = (EPOCHS, error) if error < np.inf else (EPOCHS // 2, 80.0)
        curve = np.linspace(90, last, trained).round(3).tolist()
        stages = config.to_dict()["stages"]
        net = {
            "STEM_TYPE": "res_stem_cifar",
            "STEM_W": 32,
            "BLOCK_TYPE": "res_bottleneck_block",
            "DEPTHS": stages["depths"],
            "WIDTHS": stages["widths"],
            "STRIDES": [2] * len(stages["depths"]),
            "BOT_MULS": [1 / ratio for ratio in stages["bottleneck_ratios"]],
            "GROUP_WS": stages["group_widths"],
        }
        cost = {name: int(getattr(population.complexity, name)[number]) for name in ("flops", "params")}
        epochs = list(range(1, trained + 1))
        jobs.append(
            {
                "cfg": {"MODEL": {"TYPE": "anynet", "NUM_CLASSES": 10}, "ANYNET": net, "RNG_SEED": number},
                "complexity": {**cost, "acts": int(population.complexity.activations[number])},
                "test_epoch": {"top1_err": curve, "epoch_ind": epochs, "epoch_max": [EPOCHS] * trained},
                "train_epoch": {"loss": curve, "lr": [0.1] * trained, "time_epoch": [6.0] * trained},
            }
        )
    path.write_text(json.dumps(jobs))


def measure(layout: str, files: Sequence[Path]) -> dict[str, Cost]:
    """Return what each command on the runs in some files takes, and its peer."""
    store, folder = f"{layout}.db", files[0].parent
    names = [file.name for file in files]
    commands = {
        "peer": [sys.executable, "-c", PEERS[layout].format(files=names)],
        "import": [NETSPACE, "import", *names, "--study", layout, "--store", store],
        "status": [NETSPACE, "status", store],
        "compare": [NETSPACE, "compare", store],
        "report": [NETSPACE, "report", store, "-o", layout],
    }
    return {name: cost_of(command, folder) for name, command in commands.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="?", default=100_000, help="how many")
    parser.add_argument("--layout", action="append", choices=PEERS, help="what alone is measured")
    parser.add_argument("--folder", type=Path, help="where files and reports are kept")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = write_files(populations(arguments.runs), folder)
        for layout in arguments.layout or PEERS:
            found[layout] = measure(layout, files[layout])
            if not arguments.json:
                show(layout, found[layout], folder)
    if arguments.json:
        costs = {layout: {name: cost._asdict() for name, cost in one.items()} for layout, one in found.items()}
        print(json.dumps({"runs": arguments.runs, "layouts": costs}, indent=2))


def write_files(sampled: dict[str, Population], folder: Path) -> dict[str, list[Path]]:
    """Write the runs in each layout; return the files."""
    numbers, networks = folder / "numbers.csv", folder / "networks.csv"
    write_tables(sampled, numbers, networks)
    sweeps = [folder / f"{name}.json" for name in sampled]
    for seed, (population, path) in enumerate(zip(sampled.values(), sweeps, strict=True)):
        write_sweep(population, errors_of(population, seed), path)
    return {"numbers": [numbers], "networks": [networks], "sweep": sweeps}


def show(layout: str, costs: dict[str, Cost], folder: Path) -> None:
    """Print what the commands took."""
    page = folder / layout / "index.html"
    print(f"{layout}: page of {page.stat().st_size / 1e6:.1f} MB" if page.exists() else f"{layout}: no page")
    for name, cost in costs.items():
        ratio = cost.processor / costs["peer"].processor
        print(
            f"  {name:8s} {cost.seconds:7.1f} s, {cost.processor:7.1f} s of processor ({ratio:6.1f} x peer), "
            f"{cost.memory / 1e6:6.0f} MB{f', failed: {cost.failed}' if cost.failed else ''}",
            flush=True,
        )


if __name__ == "__main__":
    main()
