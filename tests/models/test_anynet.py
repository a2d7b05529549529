"""Built networks: shapes, initialisation, determinism."""

import math

import pytest
import torch
from torch import nn

from netspace.arch import AnyNetConfig, RegNetConfig, zoo
from netspace.arch.config import BLOCKS
from netspace.errors import ConfigError
from netspace.models import build
from netspace.models.blocks import DropPath


def small(block="bottleneck", **changes):
    values = {"block": block, "stem": {"kind": "cifar", "width": 8}, "num_classes": 5}
    return AnyNetConfig(**(values | {"stages": {"depths": [1, 2], "widths": [8, 16]}} | changes))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("head_width", [0, 24])
def test_every_block_gives_one_row_of_logits_an_image_and_a_gradient_to_every_parameter(block, head_width):
    model = build(small(block, head_width=head_width, in_channels=1), seed=0)
    logits = model(torch.randn(3, 1, 9, 9))
    assert logits.shape == (3, 5)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("stem", "reduction"), [("simple", 2), ("res_in", 4), ("cifar", 1)])
def test_stems_reduce_the_image_by_their_stride(stem, reduction):
    model = build(small(stem={"kind": stem, "width": 8}), seed=0)
    assert model.stem(torch.randn(1, 3, 32, 32)).shape == (1, 8, 32 // reduction, 32 // reduction)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    first, second, other = (build(small(), seed=seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["stem.conv.weight"], other["stem.conv.weight"])


def test_without_a_seed_the_weights_follow_the_global_state():
    def weight():
        return build(small()).stem.conv.weight

    torch.manual_seed(3)
    first, second = weight(), weight()
    torch.manual_seed(3)
    assert torch.equal(first, weight())
    assert not torch.equal(first, second)


def test_initial_weights_have_the_published_spread():
    model = build(zoo.get("y400mf"), seed=0)
    conv = model.stages[3].blocks[1].branch.b.conv
    assert conv.groups > 1
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * conv.out_channels)), rel=0.03)
    assert model.head.fc.weight.std().item() == pytest.approx(0.01, rel=0.03)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    assert all((norm.running_mean == 0).all() and (norm.running_var == 1).all() for norm in norms)


@pytest.mark.parametrize("block", ["bottleneck", "linear_bottleneck", "basic", "vr"])
def test_zero_init_makes_residual_blocks_the_identity(block):
    model = build(small(block), seed=0, zero_init_last=True)
    x = torch.rand(2, 16, 8, 8)  # not negative: the activation after the sum leaves it alone
    assert torch.equal(model.stages[1].blocks[1](x), x)
    assert not torch.equal(build(small(block), seed=0).stages[1].blocks[1](x), x)


def test_drop_path_rises_linearly_and_acts_in_training_only():
    config = small(stages={"depths": [2, 3], "widths": [8, 16]})
    model = build(config, seed=0, drop_path=0.4)
    rates = [module.rate for module in model.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    x = torch.randn(4, 3, 8, 8)
    assert torch.equal(model.eval()(x), build(config, seed=0).eval()(x))


def test_drop_path_drops_whole_branches_and_keeps_their_mean():
    torch.manual_seed(0)
    out = DropPath(0.25)(torch.ones(20_000, 2, 1, 1))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(out[:, 0], out[:, 1])
    assert out.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("block", "argument"), [("v", "drop_path"), ("vanilla", "zero_init_last")])
def test_what_needs_a_shortcut_is_refused_without_one(block, argument):
    with pytest.raises(ConfigError, match=f"{argument} needs a block with a shortcut, got block '{block}'"):
        build(small(block), **{argument: 0.1})


def test_drop_path_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="0 <= drop_path < 1 must hold, got 1"):
        build(small(), drop_path=1)


def test_channels_last_gives_the_same_logits():
    model = build(small(se_ratio=0.25, activation="silu"), seed=0).eval()
    x = torch.randn(2, 3, 16, 16)
    expected = model(x)
    model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(model(x.to(memory_format=torch.channels_last)), expected)


def test_a_regnet_builds_the_network_it_describes():
    parameters = RegNetConfig(depth=6, w_0=8, w_a=8.0, w_m=2.0, group_width=8, num_classes=3)
    assert build(parameters, seed=0).config == parameters.to_anynet()
