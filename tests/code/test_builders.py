"""Spaces over functions that build networks: sampling, constraints, counting, and what is said of wrong ones."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from netspace.arch import BuiltConfig, read_network
from netspace.code import complexity_of
from netspace.code.counting import count
from netspace.errors import ConfigError, NetspaceError, WindowError
from netspace.models import build, count_by_hooks
from netspace.space import load
from netspace.space.pool import features_of, pool_of
from netspace.space.spec import space_from_dict

SPACES = Path(__file__).parents[2] / "examples" / "spaces"

CODE = """
from torch import nn

def build(num_classes, in_channels, width=8, depth=(1, 1), factor=1.0):
    layers, w = [], in_channels
    for d in depth:
        for _ in range(d):
            layers += [nn.Conv2d(w, int(factor * width), 3, padding=1), nn.ReLU()]
            w = int(factor * width)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(w, num_classes))
"""
PARAMETERS = {"width": {"log_uniform": [4, 64], "step": 4}, "depth": {"uniform": [1, 4], "stages": 3}}


def space_of(folder: Path, code: str = CODE, **others):
    (folder / "models.py").write_text(code)
    document = {"builder": "models.py:build", "parameters": PARAMETERS, **others}
    return space_from_dict(document, "space", folder=folder)


@pytest.mark.parametrize(
    "name", ["mobilenetv2", *(pytest.param(one, marks=pytest.mark.slow) for one in ("efficientnet", "convnext", "vit"))]
)
def test_every_example_is_sampled_counted_and_built(name):
    space = load(SPACES / f"{name}.yaml").with_network(num_classes=10)
    population = space.sample(2, resolution=32, flops=":30M")
    for config, params in zip(population, population.complexity.params, strict=True):
        assert sum(parameter.numel() for parameter in build(config, seed=0).parameters()) == params
        assert build(config, seed=0).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "resnet10t", "convnext_atto"])
def test_layers_are_counted_as_hooks_count_them(name):
    model = timm.create_model(name)
    watched = count_by_hooks(model, 64)
    assert count(model, (1, 3, 64, 64), name).cost == watched


def test_attention_counts_the_products_that_hooks_do_not_see():
    model = timm.create_model("vit_tiny_patch16_224")
    watched = count_by_hooks(model, 224)
    tokens, width, depth = 197, 192, 12
    assert count(model, (1, 3, 224, 224), "vit").cost.flops == watched.flops + depth * 2 * tokens**2 * width


def test_a_sample_follows_its_space_windows_and_conditions(tmp_path):
    constraints = [{"non_decreasing": "depth"}, {"where": "depth_3 <= 3 and width > 4"}]
    space = space_of(tmp_path, constraints=constraints)
    population = space.sample(20, seed=3, resolution=16, flops="10K:8M")
    frame = population.frame()
    depths = frame[["depth_1", "depth_2", "depth_3"]].to_numpy()
    assert (np.diff(depths, axis=1) >= 0).all()
    assert depths.max() == 3
    assert frame["width"].min() > 4
    assert frame["flops"].between(10e3, 8e6).all()
    assert frame["digest"].is_unique
    # a part of a sample is the beginning of the whole, whatever is counted at once
    assert space.sample(7, seed=3, resolution=16, flops="10K:8M").frame().equals(frame[:7])
    config = population[0]
    assert BuiltConfig(**config.to_dict()) == config
    assert [complexity_of(config, 16).flops for config in population] == frame["flops"].tolist()


def test_lists_may_be_shared_and_tied_and_single_numbers_may_not(tmp_path):
    code = CODE.replace("factor=1.0", "factor=1.0, other=()")
    parameters = {**PARAMETERS, "other": {"uniform": [1, 4], "stages": 3}}
    space = space_of(
        tmp_path, code, parameters=parameters, constraints=[{"shared": "depth"}, {"tied": {"other": "depth"}}]
    )
    for config in space.sample(5, resolution=8):
        depth = config.arguments["depth"]
        assert depth == config.arguments["other"] == [depth[0]] * 3
    assert space.size().exact == 16 * 4
    with pytest.raises(ConfigError, match="'width' is one number"):
        space_of(tmp_path, constraints=[{"shared": "width"}])
    with pytest.raises(ConfigError, match="differ in how many values"):
        space_of(tmp_path, constraints=[{"tied": {"width": "depth"}}])


def test_a_window_that_few_meet_ends_in_the_usual_message(tmp_path):
    space = space_of(tmp_path, parameters={"width": {"uniform": [4, 64], "step": 4}})
    with pytest.raises(WindowError, match=r"found 1 of 2 networks .* none new in the last"):
        space.sample(2, resolution=8, flops="1K:25K", patience=100)


def test_a_pool_has_the_features_of_the_sample(tmp_path):
    space = space_of(tmp_path)
    sample = features_of(space.sample(16, seed=1, resolution=8))
    pool = pool_of(space, 16, seed=1, resolution=8).features
    assert sample.names == pool.names
    assert {"log_width", "log_depth_3", "log_flops"} <= set(pool.names)
    assert len(pool) == 160
    assert np.isfinite(pool.values).all()


def test_networks_of_libraries_are_builders_too(tmp_path):
    (tmp_path / "net.yaml").write_text("builder: timm:mobilenetv3_small_050\nnum_classes: 10\n")
    config = read_network(tmp_path / "net.yaml")
    assert isinstance(config, BuiltConfig)
    peer = timm.create_model("mobilenetv3_small_050", num_classes=10)
    assert complexity_of(config, 64) == count_by_hooks(peer, 64)
    assert [v.shape for v in build(config, seed=0).net.state_dict().values()] == [
        v.shape for v in peer.state_dict().values()
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("int(factor * width)", "undefined"), r"models\.py:build\(.*width=.*\) raised NameError"),
        (
            ("num_classes))", "7))"),
            r"must give one output for each of num_classes=1000 classes, got the shape \(7,\)",
        ),
        (("return nn", "return 1\n    nn"), r"returned 1, which is not a torch"),
        (("nn.Flatten()", "nn.Flatten(0)"), r"must give one output for each of .*, got the shape \(\)"),
        (("width=8", "wide=8"), r"unknown parameter of models\.py:build .width."),
        (
            ("width=8, depth=(1, 1), factor=1.0", "what, width=8, depth=(1, 1), factor=1.0"),
            r"models\.py:build: needs 'what', which the space does not define",
        ),
    ],
)
def test_builders_that_are_wrong_are_told_in_one_line_with_the_call(tmp_path, change, message):
    with pytest.raises(NetspaceError, match=message) as error:
        space_of(tmp_path, CODE.replace(*change)).sample(2, resolution=8)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"builder": "models.py:build", "base": "AnyNetXA"}, "exactly one of the keys"),
        ({"kind": "builder"}, "needs the key 'builder'"),
        ({"builder": "models.py:build", "stages": 3}, "no stages or strides"),
        ({"builder": "models.py:build", "network": {"block": "v"}}, "unknown key 'block'; valid: builder, num_classes"),
        ({"builder": "models.py"}, r"code is given as FILE\.py:NAME"),
        ({"builder": "models.py:build", "parameters": {"depth": {"choice": [1], "stages": 0}}}, "whole number >= 1"),
        ({"builder": "models.py:build", "parameters": {"flops": {"choice": [1]}}}, "cannot be called 'flops'"),
        ({"builder": "timm:no_such_network", "parameters": {}}, "timm has no network 'no_such_network'"),
    ],
)
def test_files_of_builder_spaces_are_checked(tmp_path, document, message):
    (tmp_path / "models.py").write_text(CODE)
    with pytest.raises(NetspaceError, match=message):
        space_from_dict(document, "space", folder=tmp_path)


def test_spaces_are_based_on_files_which_are_not_based_on_themselves(tmp_path):
    (tmp_path / "a.yaml").write_text("base: AnyNetXA\nparameters: {depth: {choice: [1, 2, 4]}}\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.yaml").write_text("base: ../a.yaml\nconstraints: [{shared: bottleneck_ratio}]\n")
    space = load(tmp_path / "below" / "b.yaml")
    assert space.parameters["depth"].values.tolist() == [1, 2, 4]
    assert [constraint.spec() for constraint in space.constraints] == [{"shared": "bottleneck_ratio"}]
    (tmp_path / "a.yaml").write_text("base: below/b.yaml\n")
    with pytest.raises(ConfigError, match="is based on itself"):
        load(tmp_path / "below" / "b.yaml")
