"""Parameters of builders whose values are words: laws, conditions, networks, features, and what is refused."""

import numpy as np
import pytest
import torch

from netspace.arch.built import batch_of, read_network
from netspace.arch.features import features
from netspace.errors import ConfigError, UnknownNameError
from netspace.models import build
from netspace.space import AnyNetXA, choice, fix, fixed, load, ordered, relation, restrict, shared, tied, where
from netspace.space.pool import features_of, parameter_columns, pool_of
from netspace.space.spec import space_from_dict

CODE = """
from torch import nn

ACT = {"relu": nn.ReLU, "silu": nn.SiLU, "none": nn.Identity}

def build(num_classes, in_channels, width, act, norm=("none", "none")):
    layers = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * in_channels, width)]
    layers += [nn.BatchNorm1d(width) for one in norm if one == "batch"]
    return nn.Sequential(*layers, ACT[act](), nn.Linear(width, num_classes))
"""
PARAMETERS = {
    "width": {"uniform": [4, 32]},
    "act": {"choice": ["silu", "relu", "none"], "weights": [1, 2, 1]},
    "norm": {"choice": ["none", "batch"], "stages": 2},
}


@pytest.fixture
def space(tmp_path):
    return space_of(tmp_path)


def space_of(folder, **changes):
    (folder / "nets.py").write_text(CODE)
    document = {"name": "Words", "builder": "nets.py:build", "parameters": PARAMETERS, **changes}
    return space_from_dict(document, "space", folder=folder)


def test_words_are_drawn_by_their_weights_and_reach_the_function(space):
    assert space.size().exact == 29 * 3 * 4
    words = space.laws["act"].draw(np.random.default_rng(0), 20_000)
    assert np.mean(words == "relu") == pytest.approx(0.5, abs=0.02)
    population = space.sample(40, seed=1, resolution=8)
    frame = population.frame()
    assert set(frame["act"]) == {"silu", "relu", "none"}
    assert set(frame["norm_2"]) == {"none", "batch"}
    names = {"silu": "SiLU", "relu": "ReLU", "none": "Identity"}
    for row, config in enumerate(population):
        made = build(config, seed=0)
        kinds = [type(module).__name__ for module in made.modules()]
        assert names[frame["act"][row]] in kinds
        assert kinds.count("BatchNorm1d") == [frame["norm_1"][row], frame["norm_2"][row]].count("batch")
    assert made.eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 1000)


def test_a_space_of_words_is_drawn_to_its_last_network(space):
    few = space.refine(fix("width", 8), shared("norm"))
    assert len({config.digest for config in few.sample(6, resolution=8)}) == 6


def test_files_of_spaces_and_networks_keep_words(space, tmp_path):
    space.to_yaml(tmp_path / "space.yaml")
    assert load(tmp_path / "space.yaml").to_dict() == space.to_dict()
    config = space.sample(1, resolution=8)[0]
    config.to_yaml(tmp_path / "net.yaml")
    assert read_network(tmp_path / "net.yaml") == config
    assert f"act={config.arguments['act']}" in str(config)


def test_conditions_and_restrictions_take_words(space):
    narrow = space.refine(
        where("act == 'relu' and norm_1 != 'batch' or width < 6"), restrict("act", values=["relu", "silu"])
    )
    frame = narrow.sample(60, seed=2, resolution=8).frame()
    assert (((frame["act"] == "relu") & (frame["norm_1"] == "none")) | (frame["width"] < 6)).all()
    assert set(frame["act"]) == {"relu", "silu"}
    assert relation(narrow, space).proved
    assert str(relation(space, narrow)).startswith(
        "not a subset of Words+: 'act' can be none, which that of Words+ cannot"
    )


def test_features_are_one_for_the_word_that_a_network_has(space):
    pool = pool_of(space, 20, 1, resolution=8, samples=2)
    assert {"act=none", "act=relu", "act=silu", "norm_1=batch", "norm_2=none", "log_width"} <= set(pool.features.names)
    assert parameter_columns(space) == ("width",)
    few = space.refine(fix("act", "relu")).sample(20, resolution=8)
    again = features(batch_of(few.configs()), few.complexity, words=space.words)
    assert set(again.names) == set(pool.features.names)
    column = {name: again.values[:, place] for place, name in enumerate(again.names)}
    assert column["act=relu"].all()
    assert not column["act=silu"].any()
    assert (column["norm_1=batch"] == (few.frame()["norm_1"] == "batch")).all()
    assert "act=silu" not in features_of(few).names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"act": {"choice": ["relu", 3]}}, "parameters.act: choice: values must be a list of numbers, or of words"),
        ({"act": {"choice": ["relu", "relu"]}}, "values must differ from one another"),
        ({"act": {"choice": ["relu", ""]}}, "a list of numbers, or of words"),
        ({"act": {"choice": ["1", "2"]}}, "a list of numbers, or of words"),
        ({"act": {"uniform": ["a", "b"]}}, r"uniform: must be two numbers \[low, high\]"),
    ],
)
def test_laws_that_are_none_are_told_in_a_line(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        space_of(tmp_path, parameters={**PARAMETERS, **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (where("act == 'gelu'"), "'act' is never 'gelu': it has none, relu, silu"),
        (where("act >= 1"), "compare 'act' by == or != with one of its words"),
        (where("width == 'relu'"), "'width' is never 'relu': it has numbers"),
        (restrict("act", low=1), "words have no low or high: give values, of none, relu, silu"),
        (restrict("act", values=["gelu"]), "'gelu' is not one of the values to restrict: none, relu, silu"),
        (ordered("norm", "increasing"), "'norm' cannot be increasing: words have no order"),
        (tied("width", to="act"), "they differ in their words"),
    ],
)
def test_constraints_that_words_cannot_have_are_refused(space, constraint, message):
    with pytest.raises(ConfigError, match=message) as caught:
        space.refine(constraint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AnyNetXA().with_parameters(depth=choice(["deep"])),
            "words are values of a builder's parameters alone",
        ),
        (lambda: AnyNetXA().with_recipe(lr=fixed("high")), "recipe: lr > 0 must hold, got 'high'"),
        (lambda: AnyNetXA(stages=5).with_parameters(stages=choice(["two"])), "words are values of a builder's"),
        (
            lambda: space_from_dict({"base": "AnyNetXA", "parameters": {"width": {"choice": ["a", "b"]}}}, "here"),
            "here: parameters.width: choice: words are values of a builder's parameters alone, got",
        ),
        (lambda: where("'relu' == act"), "'relu': a word stands behind a column and == or !="),
        (lambda: where("act < 'relu'"), "'relu': a word stands behind a column and == or !="),
    ],
)
def test_elsewhere_words_are_refused(make, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        make()
