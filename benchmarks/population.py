"""What a study costs beside its training: `uv run python benchmarks/population.py [--json] [--runs N] ...`.

A study of two spaces on the embedded digits is run to its end in a store of its own, and its wall time is held against
the sum of its runs' training times over the number of workers:

    overhead = wall / (sum of training seconds / workers)

The wall time begins before the executor is made and ends when it is closed: start-up of the workers, claims, records,
and the end of the study, when some workers have nothing left, are all in it. Planning is printed beside it. The goal is
an overhead of at most 1.05 on two cores for runs of 5 s and more.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from netspace.store import Store
from netspace.study import Study, StudySpec, run_study
from netspace.study.executors import EXECUTORS, make_executor


def main() -> None:
    """Run the study and print the figures."""
    arguments = _arguments()
    spec = StudySpec(
        name="overhead",
        spaces=("AnyNetXA", "RegNetX"),
        n=arguments.runs // 2,
        flops="0.3M:0.6M",
        data={"source": "mnist-5k", "train": 4000, "validation": 1000},
        network={"stem": {"kind": "simple", "width": 8}},
        recipe={"base": "quick", "epochs": arguments.epochs, "augment": {"flip": False}},
    )
    with tempfile.TemporaryDirectory(prefix="netspace-overhead-") as folder:
        figures = _measure(Study(spec=spec, root=Path(folder)), arguments)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


def _measure(study: Study, arguments: argparse.Namespace) -> dict[str, Any]:
    with Store.open(arguments.store or study.default_store) as store:
        started = time.perf_counter()
        record = study.open(store)
        planned = time.perf_counter()
        options = dict(option.split("=", 1) for option in arguments.option)
        executor = make_executor(
            arguments.executor, study.context, workers=arguments.workers, device=arguments.device, options=options
        )
        end = run_study(record, store, executor)
        wall = time.perf_counter() - planned
        seconds = [run.seconds for run in store.runs(record.id) if run.seconds is not None]
    training = sum(seconds)
    return {
        "executor": arguments.executor,
        "workers": arguments.workers,
        "runs": end.total,
        "runs that failed": end.number("failed", "lost"),
        "load before (1 min)": arguments.load,
        "planning, s": planned - started,
        "wall, s": wall,
        "training in all, s": training,
        "training a run, s": training / len(seconds),
        "overhead": wall * arguments.workers / training,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", default="local", choices=sorted(EXECUTORS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runs", type=int, default=40, help="even: half of each space")
    parser.add_argument("--epochs", type=int, default=6, help="of 4,000 images; choose it so that a run takes 5 s")
    parser.add_argument("--store", help="URL; default: an SQLite file that is removed again")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the executor")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(namespace=argparse.Namespace(load=os.getloadavg()[0]))


if __name__ == "__main__":
    main()
