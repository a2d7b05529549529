"""Spaces whose networks differ in how many stages they have, against the spaces of each number of stages."""

import itertools

import numpy as np
import pytest
from scipy import stats

from netspace.arch import AnyNetConfig, complexity
from netspace.arch.batch import AnyNetBatch
from netspace.arch.features import features
from netspace.errors import ConfigError, UnknownNameError
from netspace.space import AnyNetXA, choice, load, ordered, relation, restrict, shared, tied, uniform, where
from netspace.space.pool import features_of, parameter_columns, pool_of
from netspace.space.spec import space_from_dict

SMALL = {
    "depth": choice([1, 2]),
    "width": choice([8, 16, 24]),
    "bottleneck_ratio": choice([1]),
    "group_width": choice([8]),
}


def varying(low=1, high=3, **changes):
    return AnyNetXA(stages=high, stem={"width": 8}).with_parameters(**SMALL, stages=uniform(low, high), **changes)


@pytest.mark.parametrize("order", ["non_decreasing", "decreasing"])
def test_networks_of_each_number_of_stages_have_the_law_of_the_space_of_that_number(order):
    space = varying().refine(ordered("width", order)).with_parameters(depth=choice([1]))
    rows = space.laws["width"].draw_for(np.random.default_rng(0), np.repeat([1, 2, 3], 20_000))
    for number in (1, 2, 3):
        drawn = rows[(number - 1) * 20_000 : number * 20_000, :number]
        holds = np.less_equal if order == "non_decreasing" else np.greater
        possible = [
            one
            for one in itertools.product([8, 16, 24], repeat=number)
            if holds(one[:-1], one[1:]).all() or number == 1
        ]
        seen = [int((drawn == one).all(axis=1).sum()) for one in possible]
        assert sum(seen) == 20_000
        assert len(seen) == 1 or stats.chisquare(seen).pvalue > 1e-3


def test_all_networks_are_found_and_counted():
    space = varying(1, 2).refine(ordered("width", "non_decreasing"))
    # 2 depths, 3 widths; of two stages 4 pairs of depths and 6 of widths that do not fall
    assert space.size().exact == 2 * 3 + 4 * 6
    population = space.sample(30, seed=1)
    assert len({config.digest for config in population}) == 30
    assert sorted({len(config.stages) for config in population}) == [1, 2]


@pytest.mark.parametrize("network", [{}, {"block": "basic"}, {"se_ratio": 0.25, "head_width": 64}])
def test_what_networks_cost_is_what_each_alone_costs(network):
    space = AnyNetXA(stages=5).with_parameters(stages=uniform(2, 5))
    if "block" in network:
        kept = {name: law for name, law in space.parameters.items() if name in ("stages", "depth", "width")}
        data = {"kind": "anynet", "parameters": {name: law.spec for name, law in kept.items() if name != "stages"}}
        space = space_from_dict({**data, "stages": {"uniform": [2, 5]}, "network": network}, "test")
    else:
        space = space.with_network(**network)
    population = space.sample(40, seed=2)
    alone = [complexity(AnyNetConfig(**config.to_dict())) for config in population]
    for measure in ("flops", "params", "activations"):
        assert getattr(population.complexity, measure).tolist() == [getattr(one, measure) for one in alone]
    again = AnyNetBatch.from_configs(population.configs())
    assert (again.identity() == population.networks.identity()).all()
    assert (population.columns()["stages"] == [len(config.stages) for config in population]).all()


def test_a_stage_that_is_not_there_has_no_value_and_meets_no_condition():
    space = varying().refine(shared("width"))
    frame = space.sample(14, seed=0).frame()
    assert (frame["depth_3"].isna() == (frame["stages"] < 3)).all()
    assert (frame["drawn_group_width_2"].isna() == (frame["stages"] < 2)).all()
    assert set(space.refine(where("depth_2 >= 1")).sample(9).frame()["stages"]) == {2, 3}
    assert set(space.refine(where("stages < 2 or depth_2 == 1")).sample(9).frame()["stages"]) == {1, 2, 3}
    narrow = space.refine(restrict("stages", low=2, high=2))
    assert set(narrow.sample(12).frame()["stages"]) == {2}
    assert narrow.size().exact == 2**2 * 3


def test_a_file_says_the_law_and_a_space_without_keeps_its_identity(tmp_path):
    (tmp_path / "own.yaml").write_text(
        "base: AnyNetXA\nstages: {uniform: [2, 5]}\nconstraints: [{non_decreasing: depth}]\n"
    )
    space = load(tmp_path / "own.yaml")
    assert (space.stages, space.strides, space.stage_counts) == (5, (2,) * 5, (2, 3, 4, 5))
    space.to_yaml(tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml").to_dict() == space.to_dict()
    (tmp_path / "on.yaml").write_text("base: own.yaml\nrefines: true\nconstraints: [{restrict: {stages: {high: 3}}}]\n")
    assert load(tmp_path / "on.yaml").stage_counts == (2, 3)
    assert AnyNetXA(stages=3).to_dict()["stages"] == 3


def test_its_relation_to_others_is_said_where_declarations_say_it():
    five = AnyNetXA(stages=5).with_parameters(stages=uniform(2, 5))
    assert str(relation(AnyNetXA(stages=3), five)) == "a subset of AnyNetXA: its parameters and constraints prove it"
    assert (
        str(relation(five, AnyNetXA()))
        == "not a subset of AnyNetXA: its networks have 2 or 3 or 4 or 5 stages, those of AnyNetXA 4"
    )
    rising = five.refine(ordered("width", "non_decreasing"))
    assert relation(rising, five).proved
    assert "only declarations are compared, and 'width' is non-decreasing" in str(relation(five, rising))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "regnet", "stages": {"uniform": [2, 5]}}, "stages: a law of their number belongs to AnyNet spaces"),
        ({"base": "RegNetX", "stages": {"uniform": [2, 5]}}, "stages: a law of their number belongs to AnyNet spaces"),
        (
            {"base": "AnyNetXA", "stages": {"uniform": [0, 3]}},
            "test: stages: every value must be whole and >= 1, got 0",
        ),
        ({"base": "AnyNetXA", "stages": {"uniform": [2, 99]}}, "stages: every value must be at most 16, got 99"),
        ({"base": "AnyNetXA", "stages": {"unifrm": [2, 3]}}, "stages: unknown distribution 'unifrm'"),
        ({"base": "AnyNetXA", "stages": 0}, "stages"),
        ({"base": "AnyNetXA", "parameters": {"stages": {"uniform": [2, 5]}}}, "given by 'stages', beside 'parameters'"),
        ({"base": "AnyNetXA", "stages": {"choice": [2, 5]}, "strides": [1, 2]}, "one 1 or 2 for each of 5 stages"),
        ({"base": "AnyNetXA", "stages": {"choice": [2, 5]}, "constraints": [{"shared": "stages"}]}, "does not apply"),
    ],
)
def test_mistakes_are_told_in_a_line(data, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message) as caught:
        space_from_dict(data, "test")
    assert "\n" not in str(caught.value)


def test_nothing_is_tied_to_the_number_of_stages():
    with pytest.raises(ConfigError, match="'stages' says how many values the others have"):
        varying().refine(tied("depth", to="stages"))


def test_features_have_all_stages_whatever_the_sample_has():
    space = AnyNetXA(stages=5).with_parameters(stages=uniform(2, 5))
    pool = pool_of(space, 20, 1, samples=2)
    few = space.refine(restrict("stages", high=3)).sample(20)
    again = features(AnyNetBatch.from_configs(few.configs()), few.complexity, stages=5)
    assert pool.features.names == features_of(few).names == again.names
    assert (again.values == features_of(few).values).all()
    place = {name: column for column, name in enumerate(again.names)}
    assert (again.values[:, place["stages"]] == few.parameters["stages"]).all()
    assert not again.values[:, place["log_width_4"]].any()
    assert parameter_columns(space) == ("depth", "stages")
    assert set(pool.parameters.values[:, 1]) == {2, 3, 4, 5}
