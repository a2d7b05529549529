"""How long assisted statistics take: `uv run python benchmarks/assisted.py [--models 500] [--pool 50000] [--spaces 6]`.

Spaces of models with 21 features and pools of untrained networks are drawn; then everything that a report asks for is
timed: all comparisons of neighbours with Holm's correction, and each space's mean, distribution with its simultaneous
band, and median. The classical comparisons and bands of the same errors stand beside them. The goal is 10 s on one core
for six spaces of 500 models with pools of 50,000; run it with OMP_NUM_THREADS=1 for one core.
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from netspace.stats import EDF, compare_chain
from netspace.stats.arguments import Floats
from netspace.stats.assistance import Assistance
from netspace.stats.assisted_edf import level_between

FEATURES = 21
Result = TypeVar("Result")


def main() -> None:
    """Draw the study and print the times, in seconds of wall and of processor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spaces", type=int, default=6)
    parser.add_argument("--models", type=int, default=500, help="models a space")
    parser.add_argument("--pool", type=int, default=50_000, help="networks of each pool")
    arguments = parser.parse_args()
    errors, features, pools = _study(arguments.spaces, arguments.models, arguments.pool)

    _timed("classical comparisons", lambda: compare_chain(errors))
    _timed("classical bands", lambda: [EDF(one).band() for one in errors.values()])
    whole = time.perf_counter(), time.process_time()
    assistance = _timed("features read, pools checked", lambda: Assistance.of(errors, features, pools))
    _timed("predictor fitted, pools scored", lambda: assistance.predicted)
    _timed("comparisons, classical ones included", lambda: compare_chain(errors, assistance=assistance))
    _timed("means", lambda: [assistance.mean(name) for name in errors])
    curves = _timed("distributions", lambda: [assistance.edf(name) for name in errors])
    _timed("levels of the bands", lambda: [level_between(float(curve.effective.max())) for curve in curves])
    _timed("bands and medians", lambda: [(curve.band(), curve.quantile_interval(0.5)) for curve in curves])
    _print("assisted, all together", time.perf_counter() - whole[0], time.process_time() - whole[1])
    print(f"R2 {assistance.r2:.2f}")


def _study(spaces: int, models: int, pool: int) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]:
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=FEATURES) / np.sqrt(FEATURES)
    errors, features, pools = {}, {}, {}
    for i in range(spaces):
        name = f"space {i}"
        features[name], pools[name] = rng.normal(size=(models, FEATURES)), rng.normal(size=(pool, FEATURES))
        errors[name] = 50 - 0.1 * i + features[name] @ slopes + rng.normal(0, 0.5, models)
    return errors, features, pools


def _timed(what: str, call: Callable[[], Result]) -> Result:
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    _print(what, time.perf_counter() - wall, time.process_time() - processor)
    return result


def _print(what: str, wall: float, processor: float) -> None:
    print(f"{what:40} {wall:7.2f} s   {processor:7.2f} s of processor", flush=True)


if __name__ == "__main__":
    main()
