"""Does the search for restrictions err as seldom as it says? `uv run python benchmarks/assisted_restrictions.py`.

Networks of a space in 360 to 400 MF are drawn with errors whose truth is known, and `refine` searches for restrictions
with assistance and without. Printed is how often any restriction without effect (or, where an effect is planted, that
restriction) is called better, of `--studies` studies:

- `null`: errors are noise, and every restriction is without effect;
- `depth`: errors rise with depth; looked at are restrictions of the first stage's bottleneck ratio, without effect;
- `plant`: besides, networks whose last bottleneck ratio is 1 are better by one standard deviation of the noise.
"""

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from netspace.space import load, window
from netspace.space.pool import features_of, parameter_columns, pool_of
from netspace.stats import candidate_restrictions, refine
from netspace.stats.arguments import Floats
from netspace.stats.assistance import Assistance
from netspace.stats.assisted_restrictions import SampledSpace

FLOPS = "360M:400M"
LEVEL = 0.05


class Truth(NamedTuple):
    """How errors follow from the columns of a population, and which restrictions are looked at."""

    errors: Callable[[dict[str, Floats], np.random.Generator], Floats]
    watched: Callable[[str], bool]


def _noise(known: dict[str, Floats], rng: np.random.Generator) -> Floats:
    return 50 + rng.normal(size=known["depth"].size)


def _deep(known: dict[str, Floats], rng: np.random.Generator) -> Floats:
    return np.asarray(_noise(known, rng) + 0.3 * known["depth"])


def _planted(known: dict[str, Floats], rng: np.random.Generator) -> Floats:
    return np.asarray(_deep(known, rng) - (known["bottleneck_ratio_4"] <= 1))


TRUTHS = {
    "null": Truth(_noise, lambda _: True),
    "depth": Truth(_deep, lambda name: name.startswith("bottleneck_ratio_1 ")),
    "plant": Truth(_planted, lambda name: name == "bottleneck_ratio_4 <= 1"),
}


def main() -> None:
    """Run the search on many studies and print how often it called a watched restriction better."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="AnyNetXA")
    parser.add_argument("--models", type=int, default=64)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--truth", choices=tuple(TRUTHS), default="null")
    arguments = parser.parse_args()
    space, truth, n = load(arguments.space), TRUTHS[arguments.truth], arguments.models
    pool = pool_of(space, n, 1, windows=(window("flops", FLOPS),))
    names = list(parameter_columns(space))
    drawn = pd.DataFrame(pool.parameters.values, columns=names)
    pooled = np.hstack([pool.features.values, pool.parameters.values])
    hits = {"assisted": 0, "without": 0}
    refused, seconds = 0, 0.0
    for study in range(arguments.studies):
        sample = space.sample(n, seed=1000 + study, flops=FLOPS)
        errors = truth.errors(sample.columns(), np.random.default_rng(1000 + study))
        parameters = pd.DataFrame(sample.columns())[names]
        features = np.hstack([features_of(sample).values, parameters.to_numpy(np.float64)])
        assistance = Assistance.of({"space": errors}, {"space": features}, {"space": pooled})
        if assistance.refusals:
            refused += 1
            continue
        start = time.process_time()
        helper = SampledSpace(assistance, "space", drawn)
        found = refine(candidate_restrictions(parameters), errors, seed=study, permutations=499, sampled=helper)
        seconds += time.process_time() - start
        watched = [one for one in found.scores if truth.watched(one.restriction.name)]
        hits["assisted"] += any(one.p_value <= LEVEL for one in watched)
        hits["without"] += any(one.plain_p_value <= LEVEL for one in watched)
    judged = max(1, arguments.studies - refused)
    shares = ", ".join(f"{name} {count / judged:.3f}" for name, count in hits.items())
    print(
        f"{arguments.space}, n {n}, {arguments.truth}: {shares} of {judged} studies ({refused} refused); "
        f"{seconds / judged:.2f} s of processor a study"
    )


if __name__ == "__main__":
    main()
