"""Configurations of the original code, read as that code reads them."""

import json
from pathlib import Path

import pytest

from netspace.arch import complexity, zoo
from netspace.arch.pycls import network_of, regnet_parameters

INDEX = Path(__file__).parents[3] / "shared" / "reference" / "pycls" / "index.json"

# RegNetX-400MF as pycls configures it (configs/dds_baselines/regnetx/RegNetX-400MF_dds_8gpu.yaml)
REGNETX_400MF = {
    "DEPTH": 22, "W0": 24, "WA": 24.48, "WM": 2.54, "GROUP_W": 16, "BOT_MUL": 1.0, "STRIDE": 2,
    "STEM_TYPE": "simple_stem_in", "STEM_W": 32, "BLOCK_TYPE": "res_bottleneck_block", "SE_ON": False, "SE_R": 0.25,
    "HEAD_W": 0,
}  # fmt: skip
ANYNET = {
    "STEM_TYPE": "res_stem_cifar", "STEM_W": 16, "BLOCK_TYPE": "res_bottleneck_block", "HEAD_W": 0,
    "DEPTHS": [1, 2], "WIDTHS": [16, 24], "STRIDES": [1, 2], "BOT_MULS": [0.5, 0.3], "GROUP_WS": [16, 3],
    "SE_ON": True, "SE_R": 0.25,
}  # fmt: skip


def cfg(kind, net, **model):
    return {"MODEL": {"TYPE": kind, "NUM_CLASSES": 10, **model}, kind.upper(): net}


def recorded():
    if not INDEX.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{INDEX} is absent"))]
    return [pytest.param(row["cfg"], id=row["file"][:2]) for row in json.loads(INDEX.read_text())]


@pytest.mark.parametrize("row", recorded())
def test_complexities_are_those_that_the_original_code_counts(row):
    assert complexity(network_of(row), 32).as_dict() == row["complexity_at_32"]


def test_a_published_regnet_is_that_of_the_zoo_and_has_its_parameters():
    regnet = cfg("regnet", REGNETX_400MF, NUM_CLASSES=1000)
    assert network_of(regnet) == zoo.get("RegNetX-400MF")
    assert regnet_parameters(regnet) == {
        "depth": 22,
        "w_0": 24,
        "w_a": 24.48,
        "w_m": 2.54,
        "group_width": 16,
        "bottleneck_ratio": 1.0,
    }
    assert regnet_parameters(cfg("anynet", ANYNET)) == {}


def test_strides_of_a_regnet_are_its_own():
    assert {stage.stride for stage in network_of(cfg("regnet", REGNETX_400MF | {"STRIDE": 1})).stages} == {1}


def test_bottlenecks_are_rounded_and_groups_counted_as_there():
    # 24 x 0.3 is 7.2: 7 channels; 7 // 3 groups would be 2, which do not divide them, so that code fails as well
    assert network_of(cfg("anynet", ANYNET)) is None
    network = network_of(cfg("anynet", ANYNET | {"GROUP_WS": [16, 4]}))
    assert [(stage.bottleneck_width, stage.group_width) for stage in network.stages] == [(8, 8), (7, 7)]


@pytest.mark.parametrize("block", ["res_basic_block", "vanilla_block"])
def test_what_plain_blocks_ignore_does_not_cost_them_their_network(block):
    plain = {key: ANYNET[key] for key in ("STEM_TYPE", "STEM_W", "HEAD_W", "DEPTHS", "WIDTHS", "STRIDES")}
    expected = network_of(cfg("anynet", plain | {"BLOCK_TYPE": block}))
    assert network_of(cfg("anynet", ANYNET | {"BLOCK_TYPE": block})) == expected is not None
    # the widths of a RegNet fit the groups all the same: 8, 16, ... would not with groups of 24
    regnet = REGNETX_400MF | {"BLOCK_TYPE": block, "GROUP_W": 24}
    assert all(stage.width % 24 == 0 for stage in network_of(cfg("regnet", regnet)).stages)


@pytest.mark.parametrize(
    ("name", "activation"), [("relu", "relu"), ("SiLU", "silu"), ("swish", "silu"), ("gelu", "gelu")]
)
def test_activations_are_kept(name, activation):
    assert network_of(cfg("regnet", REGNETX_400MF, ACTIVATION_FUN=name)).activation == activation


@pytest.mark.parametrize(
    ("kind", "net", "model"),
    [
        ("effnet", {"DEPTHS": [1]}, {}),
        ("regnet", REGNETX_400MF, {"ACTIVATION_FUN": "hardswish"}),
        ("regnet", REGNETX_400MF | {"BLOCK_TYPE": "res_other_block"}, {}),
        ("regnet", {key: REGNETX_400MF[key] for key in ("STEM_TYPE", "STEM_W", "BLOCK_TYPE")}, {}),
        ("regnet", REGNETX_400MF | {"BOT_MUL": 0.3}, {}),
        ("regnet", REGNETX_400MF | {"STRIDE": 4}, {}),
    ],
)
def test_what_ours_cannot_express_is_no_network(kind, net, model):
    assert network_of(cfg(kind, net, **model)) is None


def test_linear_bottlenecks_end_linearly_without_a_head_convolution():
    linear = ANYNET | {"BLOCK_TYPE": "res_bottleneck_linear_block", "BOT_MULS": [1, 1], "GROUP_WS": [1, 1]}
    assert not network_of(cfg("anynet", linear)).head_activation
    assert network_of(cfg("anynet", linear | {"HEAD_W": 24})).head_activation
    assert network_of(cfg("regnet", REGNETX_400MF)).head_activation
