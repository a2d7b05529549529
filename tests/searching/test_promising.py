"""The rule that spares hopeless trainings keeps what it promises, on simulated networks whose true errors are known."""

import numpy as np
import pytest

from netspace.arch.features import FeatureTable
from netspace.searching.promising import HOPELESS, Predictor, Trained

NAMES = ("depth", "log_width", "log_params")


def simulated(rng, n: int, trained: int, noise: float = 0.05):
    """Return a pool, its true errors, and the first networks trained once."""
    values = rng.normal(size=(n, len(NAMES)))
    logs = np.log(50) + values @ [0.2, -0.1, 0.05] + rng.normal(0, 0.08, n)
    measured = np.exp(logs + rng.normal(0, noise, n))
    sample = [Trained(space="A", row=row, errors=(float(measured[row]),)) for row in range(trained)]
    return {"A": FeatureTable(names=NAMES, values=values)}, np.exp(logs), sample


def test_hopeless_networks_beat_the_best_as_seldom_as_is_said():
    rng = np.random.default_rng(0)
    hopeless, beat, promised = 0, 0, 0.0
    for _ in range(60):
        pools, true, sample = simulated(rng, 300, 24)
        predictor = Predictor.of(sample, pools)
        found = predictor.promise(pools)
        kept = {row for _, row in found.order} | set(range(24))
        spared = [row for row in range(300) if row not in kept]
        assert len(spared) == found.hopeless
        hopeless += len(spared)
        beat += int((true[spared] < found.best).sum())
        promised += found.missed
    assert hopeless > 5000
    assert beat / hopeless < HOPELESS
    assert beat < 1.5 * promised


def test_the_most_promising_networks_come_first_and_are_truly_better():
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(20):
        pools, true, sample = simulated(rng, 500, 24)
        order = [row for _, row in Predictor.of(sample, pools).promise(pools).order]
        assert not set(order) & set(range(24))
        gains.append(true[:24].min() - true[[*range(24), *order[:8]]].min())
    assert np.mean(gains) > 1


def test_trained_again_a_network_is_judged_by_both_trainings():
    pools, _, sample = simulated(np.random.default_rng(2), 100, 30)
    lucky = min(sample, key=lambda one: one.errors[0])
    rest = [one for one in sample if one is not lucky]
    again = [Trained(space="A", row=one.row, errors=(*one.errors, one.errors[0] * 1.04)) for one in rest[:6]] + rest[6:]

    def judged(*errors: float) -> float:
        predictor = Predictor.of([Trained(space="A", row=lucky.row, errors=errors), *again], pools)
        return predictor.likely()[0].estimate

    once, unlucky = judged(*lucky.errors), judged(lucky.errors[0], 1.3 * lucky.errors[0])
    assert unlucky > once


@pytest.mark.parametrize("errors", [[], [40.0] * 7, [40.0] * 20])
def test_too_few_or_equal_networks_predict_nothing(errors):
    pools, _, _ = simulated(np.random.default_rng(3), 50, 1)
    sample = [Trained(space="A", row=row, errors=(error,)) for row, error in enumerate(errors)]
    assert Predictor.of(sample, pools) is None
