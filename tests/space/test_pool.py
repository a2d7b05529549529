"""Pools: the law of many samples put together, and what networks are made of as numbers."""

import re

import numpy as np
import pytest

from netspace import AnyNetConfig, complexity
from netspace.arch import AnyNetBatch
from netspace.arch.features import features
from netspace.documents import parse
from netspace.errors import ConfigError, WindowError
from netspace.space import choice, load, where, window
from netspace.space.pool import features_of, pool_of

WINDOW = (window("flops", "360M:400M"),)


def test_features_are_depth_and_logs_of_stages_and_complexity():
    population = load("AnyNetXA").sample(5, seed=1)
    table = features_of(population)
    assert table.values.shape == (5, 4 * 4 + 5)
    assert table.names[:4] == ("depth", "log_depth", "log_depth_1", "log_depth_2")
    assert table.names[-4:] == ("log_group_width_4", "log_flops", "log_params", "log_activations")
    for row, config in zip(table.values, population, strict=True):
        found = dict(zip(table.names, row, strict=True))
        depths = [stage.depth for stage in config.stages]
        assert found["depth"] == sum(depths)
        assert found["log_depth"] == pytest.approx(np.log(sum(depths)))
        for s, stage in enumerate(config.stages, start=1):
            for name in ("depth", "width", "bottleneck_ratio", "group_width"):
                assert found[f"log_{name}_{s}"] == pytest.approx(np.log(getattr(stage, name)))
        costs = complexity(config)
        assert found["log_flops"] == pytest.approx(np.log(costs.flops))
        assert found["log_activations"] == pytest.approx(np.log(costs.activations))


def test_stored_configurations_have_the_features_of_the_sample():
    population = load("RegNetX").sample(8, seed=0, flops="200M:600M")
    read_again = [parse(AnyNetConfig, config.to_dict(), "stored network") for config in population]
    batch = AnyNetBatch.from_configs(read_again)
    assert features(batch, complexity(batch)).values == pytest.approx(features_of(population).values)


def test_a_pool_has_the_law_of_many_samples_where_networks_repeat():
    """Nine settings, of very unequal probability, and samples of six: the repeats that a sample drops matter."""
    space = (
        load("AnyNetXA")
        .refine(name="few")
        .with_parameters(
            depth=choice([1, 2, 9], weights=[0.7, 0.2, 0.1]),
            width=choice([64]),
            bottleneck_ratio=choice([1]),
            group_width=choice([16]),
        )
    )
    pool = pool_of(space, 6, 0, samples=300).features
    assert len(pool) == 1800
    samples = np.concatenate([features_of(space.sample(6, seed=100 + s)).values for s in range(300)])
    error = np.sqrt(samples.var(axis=0) / 900 + 1e-12)
    assert (np.abs(pool.values.mean(axis=0) - samples.mean(axis=0)) < 4 * error).all()
    # one draw after the other without dropping repeats has another law: the check above would notice
    alone = np.concatenate([features_of(space.sample(1, seed=100 + s)).values for s in range(300)])
    assert (np.abs(alone.mean(axis=0) - samples.mean(axis=0)) > 4 * error).any()


@pytest.mark.parametrize("name", ["AnyNetXA", "AnyNetXC", "RegNetX"])
def test_a_pool_tells_what_the_space_drew_of_each_of_its_networks(name):
    space = load(name)
    pool = pool_of(space, 10, 0, windows=WINDOW, samples=3)
    drawn = dict(zip(pool.parameters.names, pool.parameters.values.T, strict=True))
    assert set(drawn) <= set(space.sample(1, seed=0).frame().columns)
    assert set(space.laws) == {re.sub(r"_[1-4]$", "", column) for column in drawn}
    features = dict(zip(pool.features.names, pool.features.values.T, strict=True))
    assert drawn["depth"] == pytest.approx(features["depth"])
    for column, values in drawn.items():
        if f"log_{column}" in features:
            assert np.log(values) == pytest.approx(features[f"log_{column}"])
    if name == "RegNetX":  # the first block's width is w_0, rounded to what group widths allow
        assert np.corrcoef(np.log(drawn["w_0"]), features["log_width_1"])[0, 1] > 0.9


def test_each_sample_in_a_pool_holds_no_network_twice():
    space = load("AnyNetXE").with_parameters(
        depth=choice([1, 2]), width=choice([64, 128]), bottleneck_ratio=choice([1]), group_width=choice([16])
    )
    pool = pool_of(space, 12, 3, samples=20).features
    for sample in np.split(pool.values, 20):
        assert len(np.unique(sample, axis=0)) == 12


def test_a_pool_depends_on_space_n_and_seed_and_meets_windows_and_conditions():
    space = load("RegNetX").refine(where("w_m >= 2.2"))
    first = pool_of(space, 10, 5, windows=WINDOW, samples=4).features
    again = pool_of(space, 10, 5, windows=WINDOW, samples=4).features
    other = pool_of(space, 10, 6, windows=WINDOW, samples=4).features
    assert (first.values == again.values).all()
    assert (first.values != other.values).any()
    flops = np.exp(first.values[:, first.names.index("log_flops")])
    assert ((flops >= 360e6 * 0.999999) & (flops <= 400e6 * 1.000001)).all()
    samples = features_of(space.sample(40, seed=0, flops="360M:400M")).values
    spread = np.sqrt((first.values.var(axis=0) + samples.var(axis=0)) / 40)
    assert (np.abs(first.values.mean(axis=0) - samples.mean(axis=0)) < 4 * spread + 1e-9).all()


def test_a_pool_shares_no_stream_with_a_sample_of_its_seed():
    space = load("AnyNetXA")
    sample = features_of(space.sample(50, seed=5)).values
    pool = pool_of(space, 50, 5, samples=1).features.values
    assert not (pool[:, None] == sample[None]).all(axis=2).any()


def test_what_cannot_be_drawn_is_told():
    space = load("AnyNetXA").with_parameters(
        depth=choice([1]), width=choice([64]), bottleneck_ratio=choice([1]), group_width=choice([16])
    )
    with pytest.raises(WindowError, match="a pool of 100 samples of 2 networks cannot be drawn"):
        pool_of(space, 2, 0, patience=10_000)
    with pytest.raises(ConfigError, match="n must be a whole number >= 1"):
        pool_of(space, 0, 0)
