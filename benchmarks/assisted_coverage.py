"""Do assisted intervals hold? Simulated studies with a known truth: `uv run python benchmarks/assisted_coverage.py`.

Each cell draws `--studies` studies of a truth and a size, and prints how many of the 95 % intervals of theta hold the
truth (classical and assisted, Monte Carlo error .007 at 1,000 studies), the variance ratio (how many classical models
one assisted model replaces) and how often "better" or "worse" is claimed. Cells of one space print the same for means
(m), the pointwise and simultaneous bands of the error distribution (p, s) and the median (q).

The public table is NAS-Bench-Macro (github.com/xiusu/NAS-Bench-Macro, Apache-2.0): 6,561 networks trained on CIFAR-10,
of which two sub-spaces are drawn and whose theta is known exactly.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from netspace.stats.arguments import Floats
from netspace.stats.assistance import Assistance
from netspace.stats.edf import EDF
from netspace.stats.pool_check import RefusedError
from netspace.stats.superiority import superiority

TABLE = Path(__file__).parents[2] / "shared" / "reference" / "nas-bench-macro.csv"
POOL = 100
"""Networks of a pool for each model."""
LEVEL = 0.05
"""Probability of any wrong claim in a chain."""


class Space(NamedTuple):
    """A law of networks: `draw(rng, n)` gives features (n, p), with these names, and errors (n,), failures +inf."""

    draw: Callable[[np.random.Generator, int], tuple[Floats, Floats]]
    names: tuple[str, ...] | None = None


class Cell(NamedTuple):
    """Two spaces of n_a and n_b models whose theta is known."""

    name: str
    a: Space
    b: Space
    theta: float
    sizes: tuple[int, int]


def linear(
    mean: float = 0.0, shift: float = 0.0, r2: float = 0.85, noise: str = "normal", failing: str = "never"
) -> Space:
    """Return a space of three features with this mean, whose errors are their sum and noise.

    Args:
        mean: of the first feature.
        shift: added to the errors.
        r2: share of the variance that the features explain, with normal noise.
        noise: "normal", "heavy" (Student's t with 2 degrees of freedom), or "unequal" (grows with the second feature).
        failing: "never", "chance" (4 % whatever they are) or "largest" (the 4 % with the largest third feature).
    """
    slopes = np.array([1.0, 0.7, 0.5])

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        x = rng.normal(size=(n, 3))
        scale = np.sqrt((slopes @ slopes) * (1 - r2) / r2) if r2 else 1.0
        spread = rng.standard_t(2, n) if noise == "heavy" else rng.normal(size=n)
        if noise == "unequal":
            spread *= np.exp(x[:, 1] / 2)
        errors = 50 + shift + (x @ slopes if r2 else 0.0) + scale * spread
        if failing == "chance":
            errors[rng.random(n) < 0.04] = np.inf
        elif failing == "largest":
            errors[x[:, 2] > norm.isf(0.04)] = np.inf
        return x + np.array([mean, 0, 0]), errors

    return Space(draw)


def interacting(shift: float = 0.0) -> Space:
    """Return a space whose errors depend on the product of two features, which a ridge cannot see."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        x = rng.normal(size=(n, 3))
        return x, 50 + shift + x[:, 0] * x[:, 1] + 0.5 * rng.normal(size=n)

    return Space(draw)


def kind(parameters: int, slopes: tuple[float, float, float] = (1.0, 0.7, 0.5), noise: float = 0.5) -> Space:
    """Return a space with three costs, which go together, and parameters of its own, four of which matter.

    Args:
        parameters: how many; spaces with other numbers of them have other parameters.
        slopes: of the costs.
        noise: standard deviation.
    """
    matter = np.array([0.6, -0.5, 0.4, 0.3])

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        costs = np.sqrt(0.5) * (rng.normal(size=(n, 1)) + rng.normal(size=(n, 3)))
        own = rng.normal(size=(n, parameters))
        errors = 50 + costs @ np.array(slopes) + own[:, :4] @ matter + noise * rng.normal(size=n)
        return np.hstack([costs, own]), errors

    return Space(draw, ("flops", "params", "activations", *(f"{parameters}_{i}" for i in range(parameters))))


def shift_for(theta: float, r2: float = 0.85) -> float:
    """Return the shift of B's errors that gives this theta between two `linear` spaces with normal noise."""
    return float(-norm.ppf(theta) * np.sqrt(2 * (1 + 0.49 + 0.25) / r2))


def sub_spaces(path: Path) -> tuple[Space, Space, float]:
    """Return two sub-spaces of the public table and their theta: networks that begin with an identity, and the others.

    Features: which operation stands at each of the 8 places, the depth, and logs of params and flops.
    """
    table = pd.read_csv(path, dtype={"arch": str})
    digits = np.array([[int(digit) for digit in arch] for arch in table["arch"]])
    features = np.column_stack(
        [digits == 1, digits == 2, table["depth"], np.log(table["params"]), np.log(table["flops"])]
    ).astype(np.float64)
    errors = table["error"].to_numpy(np.float64)
    first = digits[:, 0] == 0

    def space(rows: np.ndarray) -> Space:
        def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
            # a sample holds no network twice, and a pool is many samples put together
            size = min(n, 100)
            picked = np.concatenate([rng.choice(rows, size, replace=False) for _ in range(-(-n // size))])[:n]
            return features[picked], errors[picked]

        return Space(draw)

    a, b = np.flatnonzero(first), np.flatnonzero(~first)
    return space(a), space(b), superiority(errors[a], errors[b]).theta


def cells(table: Path) -> list[Cell]:
    """Return the comparisons of two spaces."""
    found = []
    if table.is_file():
        a, b, theta = sub_spaces(table)
        found += [Cell(f"nas-bench-macro, theta {theta:.3f}", a, b, theta, (n, n)) for n in (16, 24, 50, 100)]
        found += [Cell(f"nas-bench-macro, theta {1 - theta:.3f}", b, a, 1 - theta, (24, 24))]
        found += [Cell("nas-bench-macro, with itself", b, b, 0.5, (n, n)) for n in (16, 50)]
    pairs = {
        "R2 0": (linear(r2=0), linear(r2=0), 0.5),
        "linear, like features": (linear(), linear(), 0.5),
        "linear, other features": (linear(), linear(mean=1.5), 0.5),
        "heavy tails": (linear(noise="heavy"), linear(noise="heavy"), 0.5),
        "unequal noise": (linear(noise="unequal"), linear(noise="unequal"), 0.5),
        "4 % fail by chance": (linear(failing="chance"), linear(failing="chance"), 0.5),
        "the largest 4 % fail": (linear(failing="largest"), linear(failing="largest"), 0.5),
        "interactions": (interacting(), interacting(), 0.5),
        "other parameters": (kind(12), kind(20), 0.5),
        "other parameters, unlike costs": (kind(12), kind(20, (0.2, 1.2, -0.3)), 0.5),
        "theta .3": (linear(), linear(shift=shift_for(0.3)), 0.3),
        "theta .9": (linear(), linear(shift=shift_for(0.9)), 0.9),
    }
    for name, (a, b, theta) in pairs.items():
        found += [Cell(name, a, b, theta, (n, n)) for n in (16, 24, 50, 100)]
    for sizes in ((16, 100), (100, 24)):
        found += [
            Cell("unequal n", linear(), linear(), 0.5, sizes),
            Cell("unequal n, theta .3", linear(), linear(shift=shift_for(0.3)), 0.3, sizes),
        ]
    found.append(Cell("first look of a sequence", linear(), linear(), 0.5, (20, 20)))
    return found


def assist(rng: np.random.Generator, spaces: Mapping[str, tuple[Space, int]]) -> Assistance:
    """Draw a study of named spaces with their sizes, and pools of 100 times as many networks."""
    samples = {name: space.draw(rng, n) for name, (space, n) in spaces.items()}
    pools = {name: space.draw(rng, POOL * n)[0] for name, (space, n) in spaces.items()}

    def named(name: str, features: Floats) -> Floats | dict[str, Floats]:
        names = spaces[name][0].names
        return features if names is None else dict(zip(names, features.T, strict=True))

    return Assistance.of(
        {name: sample[1] for name, sample in samples.items()},
        {name: named(name, sample[0]) for name, sample in samples.items()},
        {name: named(name, pool) for name, pool in pools.items()},
    )


def run_cell(cell: Cell, studies: int, seed: int) -> dict[str, float]:
    """Return coverage, variance ratio and claims over so many studies; refused ones are counted, and classical."""
    rng = np.random.default_rng(seed)
    plain, helped, refused = [], [], 0
    for _ in range(studies):
        assistance = assist(rng, {"a": (cell.a, cell.sizes[0]), "b": (cell.b, cell.sizes[1])})
        plain.append(superiority(assistance.errors["a"], assistance.errors["b"]))
        try:
            helped.append(assistance.theta("a", "b").superiority)
        except RefusedError:
            refused += 1
            helped.append(plain[-1])
    row: dict[str, float] = {}
    for name, estimates in (("classical", plain), ("assisted", helped)):
        bounds = np.array([one.interval() for one in estimates])
        row[f"{name} covers"] = float(((bounds[:, 0] <= cell.theta) & (cell.theta <= bounds[:, 1])).mean())
        row[f"{name} claims"] = float(((bounds[:, 0] > 0.5) | (bounds[:, 1] < 0.5)).mean())
    thetas = [np.array([one.theta for one in estimates]) for estimates in (plain, helped)]
    row["variance ratio"] = float(thetas[0].var() / thetas[1].var())
    row["bias / sd"] = float((thetas[1].mean() - cell.theta) / thetas[1].std())
    row["refused"] = refused / studies
    return row


def run_chain(sizes: int, studies: int, seed: int) -> dict[str, float]:
    """Return how often a chain of six spaces that are alike, with one predictor, claims any difference after Holm."""
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(6)]
    wrong = {"classical": 0, "assisted": 0}
    for _ in range(studies):
        assistance = assist(rng, {name: (linear(mean=i / 2), sizes) for i, name in enumerate(names)})
        pairs = list(pairwise(names))
        plain = [superiority(assistance.errors[a], assistance.errors[b]) for a, b in pairs]
        helped = []
        for (a, b), one in zip(pairs, plain, strict=True):
            try:
                helped.append(assistance.theta(a, b).superiority)
            except RefusedError:
                helped.append(one)
        for kind, estimates in (("classical", plain), ("assisted", helped)):
            # Holm's first step: it claims nothing at all unless the least p-value passes Bonferroni's bound
            wrong[kind] += int(min(one.t_p_value for one in estimates) * len(estimates) <= LEVEL)
    return {f"{kind} familywise error": count / studies for kind, count in wrong.items()}


def run_one_space(space: Space, n: int, studies: int, seed: int) -> dict[str, float]:
    """Return how often intervals of the mean, the distribution and the median of one space hold the truth."""
    rng = np.random.default_rng(seed)
    population = np.sort(space.draw(rng, 400_000)[1])
    trained = population[np.isfinite(population)]
    median, deciles = population[population.size // 2], population[population.size // 10 :: population.size // 5]
    hits: dict[str, list[bool]] = {
        name: [] for name in ("mean", "plain mean", "pointwise", "band", "classical band", "median")
    }
    gains = []

    def truth(x: Floats) -> Floats:
        return np.searchsorted(population, x) / population.size

    for _ in range(studies):
        assistance = assist(rng, {"a": (space, n)})
        if assistance.refusals:
            continue
        try:
            mean = assistance.mean("a")
        except RefusedError:
            continue
        edf, classical = assistance.edf("a"), EDF(assistance.errors["a"])
        low, high = mean.interval()
        hits["mean"].append(low <= trained.mean() <= high)
        gains.append((mean.plain_se / mean.se) ** 2)
        lower, upper = edf.pointwise()
        for x in deciles:
            place = min(int(np.searchsorted(edf.x, x)), edf.x.size - 1)
            hits["pointwise"].append(lower[place] <= truth(x) <= upper[place])
        for name, band in (("band", edf.band()), ("classical band", classical.band())):
            inside = (band.lower[1:] <= truth(band.x[1:])).all() and (truth(band.x[1:]) <= band.upper[:-1]).all()
            hits[name].append(bool(inside))
        reach = norm.isf(0.025) * mean.plain_se
        hits["plain mean"].append(abs(mean.plain_mean - trained.mean()) <= reach)
        low, high = edf.quantile_interval(0.5)
        hits["median"].append(low <= median <= high)
    return {name: float(np.mean(values)) for name, values in hits.items()} | {
        "gain of the mean": float(np.median(gains))
    }


def main() -> None:
    """Run the cells asked for and print a table of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="studies a cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--table", type=Path, default=TABLE, help="nas-bench-macro.csv; its cells are skipped without it"
    )
    parser.add_argument("--only", default="", help="part of the names of the cells to run")
    arguments = parser.parse_args()
    started = time.perf_counter()
    if not arguments.table.is_file():
        print(f"{arguments.table}: no such file; the cells of the public table are skipped")
    for cell in cells(arguments.table):
        if arguments.only in cell.name:
            _print(
                f"{cell.name}, n {' and '.join(map(str, dict.fromkeys(cell.sizes)))}",
                run_cell(cell, arguments.studies, arguments.seed),
            )
    for n in (16, 50):
        if arguments.only in (name := f"chain of six alike, n {n}"):
            _print(name, run_chain(n, arguments.studies, arguments.seed))
    alone = {
        "linear": linear(),
        "R2 0": linear(r2=0),
        "heavy tails": linear(noise="heavy"),
        "4 % fail by chance": linear(failing="chance"),
        "the largest 4 % fail": linear(failing="largest"),
    }
    for name, space in alone.items():
        for n in (24, 50, 100):
            if arguments.only in (label := f"one space, {name}, n {n}"):
                _print(label, run_one_space(space, n, arguments.studies, arguments.seed))
    print(f"{time.perf_counter() - started:.0f} s")


def _print(name: str, figures: Mapping[str, float]) -> None:
    print(f"{name:42} " + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
