"""Whether early stopping errs as seldom as it says: `uv run python benchmarks/sequential_validity.py [--studies N]`.

Two spaces are simulated whose truth is known, hundreds of times; each method looks at every study for as long as it
wants. Printed, with Monte Carlo errors:

1. Under theta = 1/2, how often "better" or "worse" is ever said (alpha = .05), and how often by the very first look of
   the confidence sequence, after 20 pairs.
2. Under theta = 1/2 + delta, how often "equivalent" is ever said.
3. Under theta = .6, .7, .8 and .5, how many pairs a decision takes, and which one it is.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from netspace.stats.betting import BettingProcess
from netspace.stats.confidence_sequence import ConfidenceSequence, assisted_estimator
from netspace.stats.sequential import Method, Process, SequentialComparison, SignProcess, StoppingRule

FEATURES = 6
POOL = 40
"""Networks in a pool for each model: fewer than the 100 that studies have, for the sake of time."""
SLOPES = np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0])
Floats = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Truth:
    """How the errors of two spaces come about; their distributions are alike but for a shift.

    Attributes:
        name: in words.
        r2: the share of the errors' variance that a linear predictor can know.
        laws: draws the features of A and of B, (n, 6), each symmetric around its mean.
        tails: degrees of freedom of the noise's t law; None is normal.
        failures: the share of models that fail, whatever they are.
    """

    name: str
    r2: float
    laws: tuple[Callable[[np.random.Generator, int], Floats], Callable[[np.random.Generator, int], Floats]]
    tails: float | None = None
    failures: float = 0.0

    def draw(self, rng: np.random.Generator, n: int, shift: float) -> tuple[list[Floats], list[Floats], list[Floats]]:
        """Return errors (n,), features (n, 6) and pools (40 n, 6) of A and B.

        Args:
            shift: by which B's errors are lower, in standard deviations of the errors of normal features.
        """
        errors, features, pools = [], [], []
        for law, lower in zip(self.laws, (0.0, shift), strict=True):
            pool, x = law(rng, POOL * n), law(rng, n)
            centre = _centre(law)
            known = (x - centre) @ SLOPES / np.sqrt(SLOPES @ SLOPES)
            noise = rng.normal(size=n) if self.tails is None else rng.standard_t(self.tails, n)
            found = np.sqrt(self.r2) * known + np.sqrt(1 - self.r2) * noise - lower
            errors.append(np.where(rng.random(n) < self.failures, np.inf, found))
            features.append(x)
            pools.append(pool)
        return errors, features, pools


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(size=(n, FEATURES))


def wide(rng: np.random.Generator, n: int) -> Floats:
    return np.array([1.0, -0.5, 0.8, 0.0, 0.3, 2.0]) + 1.6 * rng.uniform(-1.7, 1.7, size=(n, FEATURES))


def narrow(rng: np.random.Generator, n: int) -> Floats:
    return 0.5 * rng.standard_t(5, size=(n, FEATURES))


def _centre(law: Callable[[np.random.Generator, int], Floats]) -> Floats:
    return np.array([1.0, -0.5, 0.8, 0.0, 0.3, 2.0]) if law is wide else np.zeros(FEATURES)


NULLS = (
    Truth(name="R2 0", r2=0.0, laws=(normal, normal)),
    Truth(name="R2 .8", r2=0.8, laws=(normal, normal)),
    Truth(name="R2 about .8, features of other laws and means", r2=0.8, laws=(narrow, wide)),
    Truth(name="R2 .5, heavy tails, 4 % fail", r2=0.5, laws=(normal, wide), tails=3, failures=0.04),
)


def process_of(method: Method, rule: StoppingRule, features: list[Floats], pools: list[Floats]) -> Process:
    """Return a new process of this method for the pairs of two spaces."""
    both, drawn = (features[0], features[1]), (pools[0], pools[1])
    if method == "betting":
        return BettingProcess(rule, both, drawn)
    if method == "confidence_sequence":
        return ConfidenceSequence(rule, assisted_estimator(both, drawn), planned=len(features[0]))
    return SignProcess(rule)


@dataclass(frozen=True)
class Cell:
    """What a method did in many studies of one truth."""

    decisions: Sequence[str]
    pairs: list[int]

    def share(self, *decisions: str, by: float = math.inf) -> str:
        """Return how often one of these was said after at most so many pairs, with its Monte Carlo error."""
        hits = sum(one in decisions and pairs <= by for one, pairs in zip(self.decisions, self.pairs, strict=True))
        share, n = hits / len(self.pairs), len(self.pairs)
        return f"{share:.4f} +- {np.sqrt(max(share * (1 - share), 1 / n) / n):.4f}"

    def spent(self) -> str:
        """Return the mean of the pairs, with its Monte Carlo error."""
        return f"{np.mean(self.pairs):.1f} +- {np.std(self.pairs) / np.sqrt(len(self.pairs)):.1f}"


def simulate(
    truth: Truth, method: Method, rule: StoppingRule, *, theta: float = 0.5, studies: int, horizon: int, seed: int
) -> Cell:
    """Run a method on many studies.

    Args:
        truth: with normal features and noise where theta is not 1/2.
        method: by which pairs are judged.
        rule: when to stop.
        theta: P(a model of B beats one of A).
        studies: how many.
        horizon: pairs after which a study ends undecided.
        seed: of the first study; the i-th has the seed `seed` + i, whatever the method.
    """
    shift = float(np.sqrt(2) * ndtri(theta))
    decisions, pairs = [], []
    for study in range(studies):
        errors, features, pools = truth.draw(np.random.default_rng(seed + study), horizon, shift)
        a, b = (dict(enumerate(one.tolist())) for one in errors)
        found = SequentialComparison.replay(a, b, rule, process_of(method, rule, features, pools))
        decisions.append(found.decision)
        pairs.append(found.pairs)
    return Cell(decisions, pairs)


def main() -> None:
    """Run all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="of theta = 1/2 in a cell; a fifth of the others")
    parser.add_argument("--horizon", type=int, default=120, help="pairs at most for theta = 1/2; twice that otherwise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object a cell")
    arguments = parser.parse_args()

    def show(**facts: object) -> None:
        print(json.dumps(facts) if arguments.json else " | ".join(map(str, facts.values())), flush=True)

    def run(truth: Truth, method: Method, *, null: bool, theta: float = 0.5) -> Cell:
        start = time.perf_counter()
        cell = simulate(
            truth, method, StoppingRule(delta=None) if null else StoppingRule(), theta=theta,
            studies=arguments.studies if null else math.ceil(arguments.studies / 5),
            horizon=arguments.horizon if null else 2 * arguments.horizon, seed=arguments.seed,
        )  # fmt: skip
        print(f"{truth.name}, {method}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        return cell

    methods: tuple[Method, ...] = ("confidence_sequence", "betting", "sign")
    for truth in NULLS:
        for method in methods:
            cell = run(truth, method, null=True)
            show(
                truth=truth.name, theta=0.5, method=method,
                ever_wrong=cell.share("better", "worse"), wrong_by_20_pairs=cell.share("better", "worse", by=20),
            )  # fmt: skip
    for truth in (NULLS[0], NULLS[1]):
        for theta in (0.6, 0.7, 0.8, 0.5):
            for method in methods:
                cell = run(truth, method, null=False, theta=theta)
                show(
                    truth=truth.name, theta=theta, method=method, better=cell.share("better"),
                    worse=cell.share("worse"), equivalent=cell.share("equivalent"), pairs=cell.spent(),
                )  # fmt: skip


if __name__ == "__main__":
    main()
