"""How many models share a GPU, on simulated devices whose best number is known."""

import numpy as np
import pytest

from netspace.study.executors.crowd import Crowd


def crowd_on(device_rate, *, share=0.01, most=64, runs=400, spread=0.4, seed=0) -> Crowd:
    """Train runs of different length on a device that gets `device_rate(k)` runs of length 1 done a second with k."""
    crowd, lengths = Crowd(most), np.random.default_rng(seed).lognormal(0, spread, runs)
    for length in lengths:
        k = crowd.size
        crowd.ended(float(length * k / device_rate(k)), share, k)
    return crowd


@pytest.mark.parametrize("best", [1, 2, 4, 16])
def test_grows_while_the_device_gets_more_done_and_no_further(best):
    # every further model adds its whole rate up to `best`, none beyond
    sizes = [crowd_on(lambda k: min(k, best), seed=seed).size for seed in range(20)]
    assert np.median(sizes) == best
    assert sum(size == best for size in sizes) >= 17


def test_goes_back_where_more_models_slow_the_device_down():
    assert crowd_on(lambda k: k if k <= 4 else 2.0).size == 4


@pytest.mark.parametrize(("share", "largest"), [(0.5, 1), (0.3, 2), (0.2, 4), (0.11, 8)])
def test_never_takes_more_memory_than_there_is(share, largest):
    assert crowd_on(lambda k: k, share=share).size == largest


def test_a_larger_network_than_any_before_makes_the_crowd_smaller():
    crowd = crowd_on(lambda k: k, share=0.01, most=16)
    assert crowd.size == 16
    crowd.ended(1.0, 0.3, 16)
    assert crowd.size == 3


def test_never_exceeds_the_cores_that_feed_the_models():
    assert crowd_on(lambda k: k, most=5).size == 4
    assert crowd_on(lambda k: k, most=1).size == 1


def test_runs_that_began_under_another_number_do_not_judge_this_one():
    crowd = Crowd(8)
    for _ in range(12):
        crowd.ended(1.0, 0.01, 1)
    assert crowd.size == 2
    for _ in range(100):
        crowd.ended(100.0, 0.01, 1)
    assert crowd.size == 2
    for _ in range(12):
        crowd.ended(1.0, 0.01, 2)
    assert crowd.size == 4
