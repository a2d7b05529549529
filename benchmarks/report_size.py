"""Size and time of the page of a study of many runs: `python benchmarks/report_size.py [RUNS]`, 10,000 by default.

The study is synthetic: networks of two spaces, with errors that depend on their depth; nothing is trained.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from netspace import spaces
from netspace.report import write_report
from netspace.store import PlannedRun, Store

NAMES = ("AnyNetXC", "RegNetX")


def main(runs: int) -> None:
    generator = np.random.default_rng(0)
    planned = []
    for place, name in enumerate(NAMES):
        population = spaces.get(name).sample(runs // len(NAMES), seed=place, resolution=32)
        frame = population.frame()
        for index, config in enumerate(population.configs()):
            row = frame.iloc[index]
            cost = {measure: int(row[measure]) for measure in ("flops", "params", "activations")}
            launch = index * len(NAMES) + place
            planned.append(
                PlannedRun(
                    space=name,
                    index=index,
                    launch=launch,
                    digest=config.digest,
                    config=config.to_dict(),
                    parameters={},
                    seed=index,
                    **cost,
                )
            )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.db"
        with Store.open(path) as store:
            store.insert_study("many", {"name": "many", "spaces": list(NAMES), "n": runs // len(NAMES)}, "d", planned)
            engine = create_engine(f"sqlite:///{path}")
            errors = np.clip(generator.normal(45, 6, size=runs), 1, 99)
            values = [{"error": float(error), "launch": launch} for launch, error in enumerate(errors)]
            change = "update runs set status = 'done', error = :error, seconds = 60, started = 1, finished = 61, "
            with engine.begin() as connection:
                connection.execute(text(change + "attempts = 1 where launch = :launch"), values)
            engine.dispose()
            begun = time.perf_counter()
            page, *_ = write_report(store, "many", Path(folder) / "report", ("html",))
            seconds = time.perf_counter() - begun
        print(f"{runs:,} runs: page of {page.stat().st_size / 1e6:.1f} MB, written in {seconds:.0f} s")
        if len(sys.argv) > 2:
            Path(sys.argv[2]).write_bytes(page.read_bytes())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
