"""Assisted intervals of theta near 0 and 1: `uv run python benchmarks/assisted_extremes.py [--studies 400]`.

Nearly all pairs are won there, and a handful of models carries the variance. Printed is how often 95 % intervals hold
theta, as they are, and with what might mend them:

- kurtosis: Satterthwaite's degrees of freedom of each space from the kurtosis of what assistance leaves, for the
  variance of heavy-tailed values is known less well;
- leverage: residuals divided by 1 - their leverage in the regression on the control variate (HC3: MacKinnon & White
  1985), for the models that carry the variance also bend the fit of lambda towards themselves;
- both.
"""

import argparse

import numpy as np
from assisted_coverage import assist, linear, shift_for
from scipy.special import expit, logit, stdtrit

from netspace.stats.arguments import Floats
from netspace.stats.assisted_theta import AssistedTheta, Controlled, placements
from netspace.stats.pool_check import RefusedError


def held(theta: float, found: AssistedTheta, placed: tuple[Floats, Floats]) -> list[bool]:
    """Return whether the interval holds theta: as it is, by kurtosis, by leverage, by both.

    Args:
        theta: the truth.
        found: the estimate.
        placed: placements of A and B, before assistance.
    """
    estimate, rest = found.superiority.theta, found.superiority.se**2 - sum(one.sample_variance for one in found.freed)
    plain = [one.sample_variance for one in found.freed]
    careful = [_by_leverage(one, c) for one, c in zip(found.freed, placed, strict=True)]
    most = min(one.values.size for one in found.freed) - 2
    results = []
    for variances in (plain, careful):
        for degrees in ([one.left for one in found.freed], [_by_kurtosis(one) for one in found.freed]):
            total = sum(variances) + rest
            spread = sum(one**2 / df for one, df in zip(plain, degrees, strict=True))
            df = min(found.superiority.se**4 / spread, most)
            reach = -stdtrit(df, 0.025) * np.sqrt(total) / (estimate * (1 - estimate))
            results.append(bool(expit(logit(estimate) - reach) <= theta <= expit(logit(estimate) + reach)))
    return results


def _by_kurtosis(freed: Controlled) -> float:
    """Return the degrees of freedom of a variance: 2 / (2 / df + excess kurtosis / n)."""
    values, n = freed.values - freed.values.mean(), freed.values.size
    if not values.any():
        return float(freed.left)
    biased = float((values**4).mean() / (values**2).mean() ** 2 - 3)
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * biased + 6)
    return float(2 / (2 / freed.left + max(excess, 0.0) / n))


def _by_leverage(freed: Controlled, placed: Floats) -> float:
    if freed.weight == 0:
        return freed.sample_variance
    controls = (placed - freed.values) / freed.weight
    centred = controls - controls.mean()
    leverage = 1 / centred.size + centred**2 / (centred @ centred)
    residuals = freed.values - freed.values.mean()
    return float(((residuals / (1 - leverage)) ** 2).sum() / centred.size**2)


def main() -> None:
    """Print the coverages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400, help="studies a cell")
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print("theta, n: as it is, kurtosis, leverage, both")
    for theta in (0.7, 0.8, 0.85, 0.9, 0.95):
        for n in (16, 24, 50):
            hits = []
            for _ in range(arguments.studies):
                assistance = assist(rng, {"a": (linear(), n), "b": (linear(shift=shift_for(theta)), n)})
                try:
                    found = assistance.theta("a", "b")
                except RefusedError:
                    continue
                placed = placements(assistance.errors["a"], assistance.errors["b"])
                hits.append(held(theta, found, placed))
            print(f"{theta:g}, {n}: {' '.join(f'{one:.3f}' for one in np.mean(hits, axis=0))}", flush=True)


if __name__ == "__main__":
    main()
