"""Of many promising networks that are too slow, those inside a latency window are found, and few others timed."""

import numpy as np
import pytest

import netspace as ns
from netspace.arch.features import FeatureTable
from netspace.searching.timed import PATIENCE, chances_inside, pick_inside
from netspace.space.pool import features_of
from netspace.training.latency import Latency

FIRST, WANTED = 60, 8


@pytest.fixture(scope="module")
def timed() -> tuple[FeatureTable, np.ndarray]:
    """The features of networks, and latencies that they do not say exactly: work, a cost for each layer, and noise."""
    population = ns.spaces.RegNetX().sample(600, seed=0, resolution=32)
    depth, flops = population.networks.depths.sum(axis=1), population.complexity.flops
    noise = np.random.default_rng(0).normal(0, 0.05, len(population))
    return features_of(population), np.exp(noise) * (0.05 * depth + flops / 20e6)


@pytest.mark.parametrize("quantiles", [(None, 0.2), (0.4, 0.5), (0.1, None)])
def test_networks_inside_the_window_are_found_where_the_best_are_outside(timed, quantiles):
    table, latencies = timed
    low, high = (None if quantile is None else float(np.quantile(latencies, quantile)) for quantile in quantiles)
    latency = Latency(window=(low, high))
    chances = chances_inside(latency, {"RegNetX": table}, {"RegNetX": latencies[:FIRST]})
    slowest_first = [("RegNetX", row) for row in np.argsort(-latencies).tolist()]

    def inside(place):
        return latency.contains(latencies[place[1]])

    if high is not None:
        assert not any(map(inside, slowest_first[:PATIENCE]))
    picked = pick_inside(slowest_first, WANTED, chances, inside)
    assert len(picked.places) == WANTED
    assert all(map(inside, picked.places))
    assert picked.timed < PATIENCE  # of up to 480 slower ones
    # those passed over without being timed were outside but for a few
    before = slowest_first[: slowest_first.index(picked.places[-1])]
    assert sum(map(inside, before)) <= WANTED + 4


def test_where_too_few_were_timed_all_are_tried(timed):
    table, latencies = timed
    chances = chances_inside(Latency(window=":1"), {"RegNetX": table}, {"RegNetX": latencies[:3]})
    picked = pick_inside([("RegNetX", row) for row in range(600)], 600, chances, lambda _: False)
    assert picked.timed == PATIENCE
    assert not picked.places
