"""Blocks of one's own in AnyNet: what they cost, what they are given, and what is said of those that are wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.code import complexity_of
from netspace.errors import ConfigError, NetspaceError, UnknownNameError
from netspace.models import build, count_by_hooks
from netspace.space import choice, get, load
from netspace.space.spec import space_from_dict

SPACES = Path(__file__).parents[2] / "examples" / "spaces"
SMALL = {"stem": {"kind": "cifar", "width": 8}, "num_classes": 10}

SIMPLE = """
from torch import nn
from netspace.arch.complexity import conv, norm

class Simple(nn.Sequential):
    def __init__(self, w_in, w_out, stride, kernel=3, twice=0):
        layers = [nn.Conv2d(w_in, w_out, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(w_out)]
        super().__init__(*layers, nn.ReLU())

    @staticmethod
    def complexity(w_in, w_out, stride, size, kernel):
        out = (size - 1) // stride + 1
        return conv(w_in, w_out, kernel, out) + norm(FACTOR * w_out)
"""


def space_of(folder: Path, code: str, block: str = "Block", **others):
    (folder / "mine.py").write_text(code)
    document = {"base": "AnyNetVA", "network": {**SMALL, "block": f"mine.py:{block}"}, **others}
    return space_from_dict(document, "space", folder=folder)


@pytest.mark.parametrize(
    "base", ["AnyNetXE", "RegNetX", *(pytest.param(one, marks=pytest.mark.slow) for one in ("AnyNetXA", "AnyNetXC"))]
)
def test_a_block_of_ones_own_costs_what_the_built_network_does_in_every_anynet(base):
    document = {
        "base": base,
        "stages": 3,
        "parameters": {"expansion": {"choice": [1, 2, 3]}},
        "network": {**SMALL, "block": "ghost.py:GhostBottleneck"},
    }
    population = space_from_dict(document, base, folder=SPACES).sample(3, seed=1, resolution=32, flops="1M:9M")
    for i, config in enumerate(population):
        model = build(config, seed=0)
        counted = count_by_hooks(model, 32)
        assert counted.as_dict() == {name: int(values[i]) for name, values in population.complexity.as_dict().items()}
        assert counted == complexity_of(config, 32)
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
        assert AnyNetConfig(**config.to_dict()) == config


def test_parameters_of_a_blocks_own_are_columns_that_orders_and_conditions_apply_to():
    space = load(SPACES / "ghost.yaml").refine()
    space = space_from_dict(
        space.to_dict() | {"constraints": [{"non_decreasing": "expansion"}, {"where": "expansion_4 <= 3"}]},
        "space",
    )
    frame = space.sample(6, resolution=32, flops=":20M").frame()
    expansions = frame[[f"expansion_{stage}" for stage in (1, 2, 3, 4)]].to_numpy()
    assert (np.diff(expansions, axis=1) >= 0).all()
    assert expansions.max() <= 3
    assert len(np.unique(expansions)) > 1


def test_a_formula_is_held_against_the_count(tmp_path):
    kernels = {"kernel": {"choice": [1, 3, 5]}}
    right = space_of(tmp_path, SIMPLE.replace("FACTOR", "1"), "Simple", parameters=kernels)
    population = right.sample(4, resolution=16)
    assert [complexity_of(config, 16) for config in population] == [count_by_hooks(build(c), 16) for c in population]
    wrong = space_of(tmp_path, SIMPLE.replace("FACTOR", "2"), "Simple", parameters=kernels)
    with pytest.raises(
        ConfigError, match=r"mine\.py:Simple: its formula does not say what it costs: params .* counted"
    ):
        wrong.sample(4, resolution=16)


def test_a_block_from_python_takes_what_it_names_and_the_space_goes_without_the_rest(tmp_path):
    (tmp_path / "plain.py").write_text(
        "from torch import nn\n"
        "def block(w_in, w_out, stride, group_width, activation):\n"
        "    assert activation == 'silu' and w_out % group_width == 0\n"
        "    return nn.Conv2d(w_in, w_out, 1, stride=stride, groups=1)\n"
    )
    space = get("AnyNetXB").with_network(block=f"{tmp_path / 'plain.py'}:block", activation="silu", **SMALL)
    assert "bottleneck_ratio" not in space.parameters
    assert "group_width" in space.parameters
    assert space.with_parameters(group_width=choice([8])).sample(2, resolution=16).networks.group_widths.max() <= 8


def test_weights_follow_from_the_seed_and_the_global_state_is_left_alone():
    config = load(SPACES / "ghost.yaml").sample(1, resolution=32, flops=":5M")[0]
    before = torch.get_rng_state()
    one, same, other = (build(config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


HEAD = "import random\nfrom torch import nn\n"
BODY = "def Block(w_in, w_out, stride{more}):\n    {rest}\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import there_is_no_such_module", r"mine\.py cannot be imported \(ModuleNotFoundError: .*there_is_no"),
        ("def Block(:", r"mine\.py, line 3: not valid Python"),
        ("Block = 3", r"mine\.py:Block: must be a function or a class, got 3"),
        ("def Other(): ...", r"unknown name in mine\.py 'Block'.*valid: .*Other"),
        (
            BODY.format(more="", rest="raise RuntimeError('no such luck')"),
            r"Block\(w_in=.*\) raised RuntimeError: no such",
        ),
        (BODY.format(more="", rest="return 7"), r"Block\(w_in=\d+.*\) returned 7, which is not a torch"),
        (
            BODY.format(more="", rest="return nn.Conv2d(w_in, w_out, 1)"),
            r"must give w_out=\d+ channels of .* got the shape",
        ),
        (BODY.format(more="", rest="return nn.Conv2d(5, w_out, 1)"), r"does not take an input of shape"),
        (BODY.format(more=", ratio", rest="return nn.Identity()"), r"needs 'ratio', which the space does not define"),
        (
            BODY.format(
                more="",
                rest="return nn.Sequential(nn.Conv2d(w_in, w_out, 1, stride, bias=random.random() < 0.5), nn.ReLU())",
            ),
            r"does not make the same network twice",
        ),
    ],
)
def test_code_that_is_wrong_is_told_in_one_line_with_the_call(tmp_path, code, message):
    with pytest.raises(NetspaceError, match=message) as error:
        space_of(tmp_path, HEAD + code).sample(5, resolution=16)
    assert "\n" not in str(error.value)


def test_a_parameter_that_does_not_reach_the_block_is_refused(tmp_path):
    code = HEAD + BODY.format(more=", kernel=1", rest="return nn.Conv2d(w_in, w_out, kernel, stride)")
    with pytest.raises(NetspaceError, match=r"unknown parameter of .*:Block .kernal. \(did you mean 'kernel'"):
        space_of(tmp_path, code, parameters={"kernal": {"choice": [1]}})
    with pytest.raises(ConfigError, match="se_ratio must be 0"):
        space_of(tmp_path, code).with_network(se_ratio=0.25).sample(1, resolution=16)


def test_blocks_and_files_that_do_not_exist_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"space: network: block: .*missing\.py: no such file"):
        space_from_dict({"base": "AnyNetXA", "network": {"block": "missing.py:Block"}}, "space", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"block: input should be 'bottleneck', .*got 'ghost'"):
        space_from_dict({"base": "AnyNetXA", "network": {"block": "ghost"}}, "space")
    with pytest.raises(UnknownNameError, match="valid"):
        get("AnyNetXA").with_parameters(expansion=choice([1, 2]))


def test_a_file_that_has_changed_is_other_code_and_so_is_one_that_it_imports(tmp_path):
    (tmp_path / "helper.py").write_text("BIAS = True\n")
    code = (
        "from torch import nn\nfrom helper import BIAS\n"
        "def Block(w_in, w_out, stride):\n    return nn.Conv2d(w_in, w_out, 1, stride, bias=BIAS)\n"
    )
    with_bias = space_of(tmp_path, code)
    (tmp_path / "helper.py").write_text("BIAS = False\n")
    without = space_of(tmp_path, code)
    assert with_bias.digest != without.digest
    config = without.sample(1, resolution=16)[0]
    assert complexity_of(config, 16) == count_by_hooks(build(config), 16)
    assert all("bias" not in name or "fc" in name or "norm" in name for name in build(config).state_dict())
