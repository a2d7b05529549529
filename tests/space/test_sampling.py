"""Whole samples: their law against enumeration, their windows, order, reproducibility, and giving up."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from netspace.arch import RegNetConfig, complexity
from netspace.errors import ConfigError, WindowError
from netspace.space import (
    CATALOG,
    AnyNetXA,
    AnyNetXC,
    AnyNetXE,
    DesignSpace,
    RegNetX,
    RegNetXConstrained,
    RegNetXTied,
    choice,
    fix,
    get,
    log_uniform,
    ordered,
    power_of_two,
    restrict,
    shared,
    where,
    window,
)
from netspace.space.sampling import CHUNK, draw


@pytest.mark.parametrize("orders", [("width",), ("width", "depth")], ids=["like D", "like E"])
def test_candidates_follow_the_conditioned_law_of_a_small_space(orders):
    depth, width = log_uniform(1, 3), log_uniform(8, 32, 8)
    space = DesignSpace(
        name="small",
        kind="anynet",
        stages=3,
        parameters={"depth": depth, "width": width, "bottleneck_ratio": power_of_two(1, 2)},
        constraints=(shared("bottleneck_ratio"), *(ordered(name) for name in orders)),
    )
    expected = {}
    tuples = {
        name: [
            (values, float(np.prod([law.probabilities[law.values == v][0] for v in values])))
            for values in itertools.product(law.values.tolist(), repeat=3)
            if name not in orders or list(values) == sorted(values)
        ]
        for name, law in {"depth": depth, "width": width}.items()
    }
    for (d, p_d), (w, p_w), b in itertools.product(tuples["depth"], tuples["width"], (1, 2)):
        expected[*d, *w, b] = p_d * p_w / 2
    total = sum(expected.values())
    generator = np.random.default_rng(5)
    draws = draw(space, generator, 400_000, 32).parameters
    rows = np.column_stack([draws["depth"], draws["width"], draws["bottleneck_ratio"]])
    seen, counts = np.unique(rows, axis=0, return_counts=True)
    observed = dict(zip(map(tuple, seen.tolist()), counts.tolist(), strict=True))
    assert space.size().exact == len(expected)
    assert set(observed) <= set(expected)
    frequencies = [observed.get(key, 0) for key in expected]
    assert stats.chisquare(frequencies, np.array(list(expected.values())) / total * len(rows)).pvalue > 1e-3


@pytest.mark.parametrize("name", CATALOG)
def test_every_catalogue_space_samples_networks_that_are_valid_and_inside_the_window(name):
    population = get(name, num_classes=10).sample(20, seed=1, flops="360M:400M")
    configs = population.configs()
    assert len({config.digest for config in configs}) == len(population) == 20
    for i, config in enumerate(configs):
        flops = complexity(config).flops
        assert flops == population.complexity.flops[i]
        assert 360e6 <= flops <= 400e6
        assert len(config.stages) == 4


@pytest.mark.parametrize("name", ["AnyNetXA", "AnyNetXE", "RegNetX"])
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(name):
    large = get(name).sample(150, seed=3, flops=(360e6, 400e6))
    small = get(name).sample(40, seed=3, flops=(360e6, 400e6))
    assert np.array_equal(small.networks.identity(), large.networks.identity()[:40])
    assert np.array_equal(small.complexity.params, large.complexity.params[:40])
    assert all(np.array_equal(values, large.parameters[key][:40]) for key, values in small.parameters.items())
    assert small.candidates <= large.candidates


def test_the_sample_depends_on_the_seed_and_on_nothing_else():
    np.random.seed(0)  # noqa: NPY002 (the global state must not matter)
    first = AnyNetXA().sample(50, seed=8)
    np.random.seed(1)  # noqa: NPY002
    again, other = AnyNetXA().sample(50, seed=8), AnyNetXA().sample(50, seed=9)
    assert np.array_equal(first.networks.identity(), again.networks.identity())
    assert not np.array_equal(first.networks.identity(), other.networks.identity())


def test_a_sample_over_many_chunks_has_no_duplicate_and_counts_its_candidates():
    space = AnyNetXC().refine(restrict("depth", high=2), restrict("width", high=32), fix("bottleneck_ratio", 1))
    population = space.sample(2 * CHUNK, resolution=32)
    assert len(np.unique(population.networks.identity(), axis=0)) == len(population) == 2 * CHUNK
    assert population.candidates > len(population)
    assert population.acceptance == len(population) / population.candidates


def test_a_space_can_be_drawn_to_its_last_network():
    space = DesignSpace(
        name="tiny", kind="anynet", stages=2, parameters={"depth": choice([1, 2]), "width": choice([8, 16])}
    )
    population = space.sample(16, resolution=32)
    drawn = Counter(tuple(row) for row in np.hstack([population.networks.depths, population.networks.widths]).tolist())
    assert set(drawn) == set(itertools.product((1, 2), (1, 2), (8, 16), (8, 16)))
    with pytest.raises(WindowError, match="tiny has at most 16 networks, but 17 were requested"):
        space.sample(17)


def test_shared_and_ordered_parameters_are_so_in_every_network():
    population = AnyNetXE().sample(300, seed=2)
    networks = population.networks
    assert (np.diff(population.parameters["width"], axis=1) >= 0).all()
    assert (np.diff(networks.depths, axis=1) >= 0).all()
    assert (np.ptp(networks.bottleneck_ratios, axis=1) == 0).all()
    # the compatibility rule lowers a group width that is larger than the bottleneck
    shared_width = population.parameters["group_width"][:, None]
    assert (networks.group_widths == np.minimum(shared_width, networks.bottleneck_widths)).all()


def test_regnet_samples_are_the_networks_of_their_parameters():
    population = RegNetX().sample(60, seed=4)
    for i, config in enumerate(population):
        drawn = {name: values[i].item() for name, values in population.parameters.items()}
        assert RegNetConfig(**drawn).to_anynet() == config


def test_tied_and_constrained_regnets_keep_to_their_words():
    tie = RegNetXTied().sample(50).parameters
    assert np.array_equal(tie["w_0"], tie["w_a"])
    frame = RegNetXConstrained().sample(200, flops="0.2G:1G").frame()
    gigaflops = frame.flops / 1e9
    assert (frame.depth <= 40).all()
    assert (frame.w_m >= 2).all()
    assert (frame.bottleneck_ratio == 1).all()
    assert (frame.params < (3 + 5.5 * gigaflops) * 1e6).all()
    assert (frame.activations < 6.5e6 * np.sqrt(gigaflops)).all()


def test_conditions_in_text_and_in_python_accept_the_same_networks():
    text = AnyNetXA().refine(where("width_4 >= 2 * width_1 and depth <= 20"))
    python = AnyNetXA().refine(where(lambda c: (c["width_4"] >= 2 * c["width_1"]) & (c["depth"] <= 20)))
    first, second = (space.sample(100, seed=6, params=":20M") for space in (text, python))
    assert np.array_equal(first.networks.identity(), second.networks.identity())
    assert (first.networks.widths[:, 3] >= 2 * first.networks.widths[:, 0]).all()
    assert (first.complexity.params <= 20e6).all()


def test_windows_of_the_space_and_of_the_call_both_hold_at_the_resolution():
    population = AnyNetXA().refine(window("flops", "5M:")).sample(50, params="1M:2M", flops=(None, 9e6), resolution=32)
    assert population.resolution == 32
    assert ((population.complexity.flops >= 5e6) & (population.complexity.flops <= 9e6)).all()
    assert ((population.complexity.params >= 1e6) & (population.complexity.params <= 2e6)).all()
    assert complexity(population[7], 32).flops == population.complexity.flops[7]


def test_strides_and_stages_are_the_space_s():
    space = AnyNetXA(stages=3)
    space = DesignSpace(name="s", kind="anynet", stages=3, parameters=space.parameters, strides=(1, 2, 2))
    assert [stage.stride for stage in space.sample(1, resolution=32)[0].stages] == [1, 2, 2]


def test_a_window_that_no_network_meets_ends_with_the_evidence():
    with pytest.raises(WindowError) as caught:
        AnyNetXA().sample(5, flops="1K:2K", patience=20_000)
    message = str(caught.value)
    least = draw(AnyNetXA(), np.random.default_rng(0), 10, 224).complexity.flops.min()
    assert message.startswith("found 0 of 5 networks of AnyNetXA with flops 1K:2K in 24,576 candidates (acceptance 0)")
    nearest = float(message.split("nearest flops seen: ")[1].rstrip("M")) * 1e6
    assert 1e6 < nearest <= least


def test_a_window_that_holds_too_few_says_how_many_were_found():
    space = AnyNetXA().refine(restrict("depth", high=1), restrict("width", high=8))
    with pytest.raises(WindowError, match=r"found \d+ of 10000 .* none new in the last"):
        space.sample(10_000, patience=20_000)


def test_regnets_without_the_number_of_stages_say_so():
    with pytest.raises(WindowError, match="no candidate had 4 stages"):
        RegNetX().refine(fix("depth", 3)).sample(1, patience=10_000)


@pytest.mark.parametrize(
    "arguments",
    [{"n": 0}, {"n": 2.5}, {"n": True}, {"n": 5, "seed": -1}, {"n": 5, "seed": "a"}, {"n": 5, "flops": (2, 1)},
     {"n": 5, "flops": "400M:360M"}, {"n": 5, "resolution": 0}, {"n": 5, "patience": 0}],
)  # fmt: skip
def test_arguments_out_of_range_are_configuration_errors(arguments):
    with pytest.raises(ConfigError) as caught:
        AnyNetXA().sample(**arguments)
    assert "\n" not in str(caught.value)
