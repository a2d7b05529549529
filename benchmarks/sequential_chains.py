"""Early stopping of whole chains, and what plans foretell: `uv run python benchmarks/sequential_chains.py`.

Printed, with Monte Carlo errors:

1. `chains`: six simulated spaces with theta = 1/2 between all neighbours, judged by assisted confidence sequences that
   share alpha = .05: how often any pair is ever called better or worse in `--horizon` pairs.
2. `pairs`: two spaces with R2 .8: the median and the mean of the pairs that a decision takes, beside what
   `netspace plan` foretells from R2 alone.
3. `variance`: the share of theta's variance that a predictor leaves, as plans reckon with it from R2 on held-out
   networks, and the ratio of squared standard errors, assisted to classical.
"""

import argparse
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from netspace.stats.arguments import Floats
from netspace.stats.assistance import Assistance
from netspace.stats.chain import SequentialChain
from netspace.stats.pool_check import RefusedError
from netspace.stats.power import pairs_to_decide, variance_left
from netspace.stats.sequential import StoppingRule
from netspace.stats.superiority import superiority

SPACES = tuple("ABCDEF")
FEATURES = 6
POOL = 40
"""Networks in a pool for each model: fewer than the 100 that studies have, for the sake of time."""
SLOPES = np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0])
R2 = 0.8


def draw(
    rng: np.random.Generator, spaces: tuple[str, ...], n: int, r2: float, *, apart: float = 0.0, lower: float = 0.0
) -> tuple[dict[str, Floats], Assistance]:
    """Return errors by space, and what assists them.

    Args:
        rng: draws all.
        spaces: their names.
        n: models of each.
        r2: the share of the errors' variance that a linear predictor can know.
        apart: by how much the means of all features grow from space to space; errors do not follow them.
        lower: by how many standard deviations errors fall from space to space.
    """
    errors, features, pools = {}, {}, {}
    for place, space in enumerate(spaces):
        x, pool = rng.normal(size=(n, FEATURES)), rng.normal(size=(POOL * n, FEATURES))
        known = x @ SLOPES / np.sqrt(SLOPES @ SLOPES)
        errors[space] = 50 + np.sqrt(r2) * known + np.sqrt(1 - r2) * rng.normal(size=n) - place * lower
        features[space], pools[space] = x + place * apart, pool + place * apart
    return errors, Assistance.of(errors, features, pools)


def stopped(errors: dict[str, Floats], assistance: Assistance, rule: StoppingRule) -> SequentialChain:
    """Return where a chain of confidence sequences stands in the end."""
    chain = SequentialChain(list(errors), rule, method="confidence_sequence", assistance=assistance)
    chain.update({space: dict(enumerate(one.tolist())) for space, one in errors.items()})
    return chain


def chains(studies: int, horizon: int, seed: int) -> None:
    """Print how often a chain of six spaces that are alike calls any pair different."""
    for r2, apart in ((R2, 0.5), (0.0, 0.0)):
        rng = np.random.default_rng(seed)
        wrong = refused = 0
        for _ in range(studies):
            chain = stopped(*draw(rng, SPACES, horizon, r2, apart=apart), StoppingRule(delta=None))
            wrong += any(one.decision != "continue" for one in chain.pairs.values())
            refused += bool(chain.refused)
        error = np.sqrt(max(wrong / studies * (1 - wrong / studies), 1 / studies) / studies)
        print(
            f"chain of six, R2 {r2:g}, means of features {apart:g} sd apart: any difference in {wrong} of {studies} "
            f"({wrong / studies:.4f} +- {error:.4f}); without a predictor in part: {refused}",
            flush=True,
        )


def pairs(studies: int, horizon: int, seed: int) -> None:
    """Print what a decision takes, and what plans foretell."""
    for theta in (0.6, 0.7, 0.8, 0.5):
        spent = []
        for study in range(studies):
            rng = np.random.default_rng(seed + study)
            found = draw(rng, ("A", "B"), horizon, R2, lower=float(np.sqrt(2) * ndtri(theta)))
            spent.append(stopped(*found, StoppingRule()).pairs["A", "B"].pairs)
        foretold = pairs_to_decide(theta, StoppingRule(), r2=R2, horizon=horizon)
        print(
            f"theta {theta:g}, R2 {R2:g}: median {np.median(spent):g}, mean {np.mean(spent):.1f} +- "
            f"{np.std(spent) / np.sqrt(studies):.1f} pairs; foretold {foretold}",
            flush=True,
        )


def variance(studies: int, seed: int) -> None:
    """Print what a predictor leaves of the variance of theta, by the formula and by standard errors."""
    for r2 in (R2, 0.5, 0.0):
        for n in (20, 50, 100):
            rng = np.random.default_rng(seed)
            seen, left = [], []
            for _ in range(studies):
                errors, assistance = draw(rng, ("A", "B"), n, r2)
                for a, b in pairwise(errors):
                    try:
                        ratio = (assistance.theta(a, b).superiority.se / superiority(errors[a], errors[b]).se) ** 2
                    except RefusedError:
                        continue
                    seen.append(assistance.r2 or 0.0)
                    left.append(ratio)
            held_out = float(np.mean(seen))
            print(
                f"R2 {r2:g}, n {n}: on held-out networks {held_out:.2f}; left of the variance by the formula "
                f"{variance_left(max(held_out, 0.0)):.3f}, by standard errors {np.mean(left):.3f}",
                flush=True,
            )


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=300, help="of a chain; a fifth of all others")
    parser.add_argument("--horizon", type=int, default=60, help="pairs at most in a chain; four times that in pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("chains", "pairs", "variance"))
    arguments = parser.parse_args()
    few = max(1, arguments.studies // 5)
    if arguments.only in (None, "chains"):
        chains(arguments.studies, arguments.horizon, arguments.seed)
    if arguments.only in (None, "pairs"):
        pairs(few, 4 * arguments.horizon, arguments.seed)
    if arguments.only in (None, "variance"):
        variance(few, arguments.seed)


if __name__ == "__main__":
    main()
