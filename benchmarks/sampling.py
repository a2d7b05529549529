"""How fast design spaces are sampled: `uv run python benchmarks/sampling.py [--json]`.

1. Candidates a second on one core, AnyNetXA with its flops window checked, steady state.
2. 500 networks in the 360-400 MF window, each space in a fresh process, interpreter start and import included.
3. In the same run, the peer: one candidate at a time as pycls does it (draw, adjust, count, check), in plain Python
   without pycls' configuration objects, which is the kinder comparison (pycls itself was measured at 259 a second).
"""

import argparse
import json
import math
import platform
import random
import statistics
import subprocess
import sys
import time

import numpy as np

from netspace import space as spaces
from netspace.arch import AnyNetConfig, complexity
from netspace.space.constraints import window
from netspace.space.sampling import CHUNK, draw

LOW, HIGH = 360_000_000, 400_000_000
SPACES = ("AnyNetXA", "AnyNetXB", "AnyNetXC", "AnyNetXD", "AnyNetXE", "RegNetX")
REPEATS = 5


def candidates_per_second(name: str, seconds: float = 2.0) -> float:
    """Return how many candidates of a space are drawn, counted and checked in a second."""
    space, flops = spaces.get(name), window("flops", (LOW, HIGH))
    generator = np.random.default_rng(0)
    draw(space, generator, CHUNK, 224)
    chunks, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        flops.contains(draw(space, generator, CHUNK, 224).complexity.flops)
        chunks += 1
    return chunks * CHUNK / (time.perf_counter() - start)


def seconds_from_a_fresh_process(name: str) -> float:
    """Return the wall time of a new Python process that samples 500 networks in the window."""
    program = f"from netspace import space; assert len(space.get('{name}').sample(500, flops=({LOW}, {HIGH}))) == 500"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start


def scalar_candidates_per_second(seconds: float = 2.0) -> float:
    """Return how many candidates of AnyNetXA the one-at-a-time peer manages in a second."""
    generator = random.Random(0)
    for _ in range(20):
        stages = scalar_draw(generator)
        columns = zip(*stages, strict=True)
        names = ("depths", "widths", "bottleneck_ratios", "group_widths")
        config = AnyNetConfig(stages=dict(zip(names, map(list, columns), strict=True)))
        assert complexity(config).flops == scalar_flops(stages), "the peer counts something else"
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(100):
            _ = LOW <= scalar_flops(scalar_draw(generator)) <= HIGH
        count += 100
    return count / (time.perf_counter() - start)


Stages = list[tuple[int, int, int, int]]


def scalar_draw(generator: random.Random) -> Stages:
    """Draw one network of AnyNetXA: depth, width, bottleneck ratio and group width of each stage, made compatible."""
    stages = []
    for _ in range(4):
        depth = scalar_log_uniform(generator, 1, 16, 1)
        width = scalar_log_uniform(generator, 8, 1024, 8)
        ratio = generator.choice((1, 2, 4))
        group = generator.choice((1, 2, 4, 8, 16, 32))
        inner = width // ratio
        group = min(group, inner)
        inner = max(group, round(inner / group) * group)
        stages.append((depth, inner * ratio, ratio, group))
    return stages


def scalar_log_uniform(generator: random.Random, low: int, high: int, step: int) -> int:
    """Draw log-uniformly and round up to a multiple of `step`."""
    least = low - min(step, low / 2)
    return math.ceil(math.exp(generator.uniform(math.log(least), math.log(high))) / step) * step


def scalar_flops(stages: Stages) -> int:
    """Count the multiply-adds of one network of X blocks at 224 x 224, block by block."""
    size, w_in = 112, 32
    flops = 9 * 3 * 32 * size * size
    for depth, width, ratio, group in stages:
        inner = width // ratio
        for block in range(depth):
            stride = 2 if block == 0 else 1
            out = (size - 1) // stride + 1
            if w_in != width or stride != 1:
                flops += w_in * width * out * out
            flops += w_in * inner * size * size + 9 * inner * group * out * out + inner * width * out * out
            size, w_in = out, width
    return flops + w_in * 1000 + 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    rates = [candidates_per_second("AnyNetXA") for _ in range(REPEATS)]
    peers = [scalar_candidates_per_second() for _ in range(REPEATS)]
    fresh = {name: [seconds_from_a_fresh_process(name) for _ in range(REPEATS)] for name in SPACES}
    result = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.processor() or platform.machine(),
        "repeats": REPEATS,
        "candidates_per_second": {"median": statistics.median(rates), "least": min(rates)},
        "peer_candidates_per_second": {"median": statistics.median(peers), "least": min(peers)},
        "ratio": statistics.median(rates) / statistics.median(peers),
        "seconds_for_500": {
            name: {"median": statistics.median(times), "most": max(times)} for name, times in fresh.items()
        },
    }
    if as_json:
        print(json.dumps(result, indent=2))
        return
    print(f"Python {result['python']}, numpy {result['numpy']}, {result['machine']}, {REPEATS} repeats")
    print(f"AnyNetXA, flops checked: {statistics.median(rates):,.0f} candidates/s (least {min(rates):,.0f})")
    print(f"one at a time:           {statistics.median(peers):,.0f} candidates/s (least {min(peers):,.0f})")
    print(f"ratio:                   {result['ratio']:.0f}")
    print("500 networks at 360-400 MF in a fresh process, median (most), s:")
    for name, times in fresh.items():
        print(f"  {name:10s} {statistics.median(times):.2f} ({max(times):.2f})")


if __name__ == "__main__":
    main()
