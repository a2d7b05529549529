"""Converted weights: the same logits as the publishers' code, and the way back."""

import pytest
import torch
from torch.nn import functional

from netspace.arch import complexity, zoo
from netspace.errors import UnknownNameError, WeightsError
from netspace.models import build, convert
from netspace.models.convert import from_netspace, tensor_shapes, to_netspace
from netspace.models.pretrained import peer
from netspace.models.zoo_table import LIBRARIES, TOLERANCE, logit_difference, randomise_norms


def peers(low, high):
    return [
        pytest.param(entry, library, id=f"{entry.name}-{library}")
        for entry in zoo.ZOO
        for library in LIBRARIES
        if getattr(entry, library) and low < complexity(entry.config).flops <= high
    ]


@pytest.mark.parametrize(("entry", "library"), peers(0, 1.7e9))
def test_converted_weights_give_the_publishers_logits(entry, library):
    assert logit_difference(entry, library) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "library"), peers(1.7e9, 12e9))
def test_converted_weights_give_the_publishers_logits_up_to_12_gf(entry, library):
    assert logit_difference(entry, library) < TOLERANCE


@pytest.mark.slow
def test_the_largest_networks_have_the_tensors_of_timm():
    for name in ("RegNetY-64GF", "RegNetY-128GF", "RegNetY-256GF", "ResNeXt-101-32x16d", "ResNeXt-101-32x32d"):
        entry = zoo.find(name)
        with torch.device("meta"):
            theirs = peer(entry, "timm").state_dict()
        shapes = {key: tensor.shape for key, tensor in to_netspace(theirs, entry.config).items()}
        assert shapes == tensor_shapes(entry.config)
        assert len(theirs) == len(shapes)


@pytest.mark.parametrize(
    ("name", "library"), [("y400mf", "torchvision"), ("z500mf", "timm"), ("resnet50", "torchvision")]
)
def test_converting_back_is_the_identity(name, library):
    entry = zoo.find(name)
    theirs = peer(entry, library)
    randomise_norms(theirs, torch.Generator().manual_seed(1))
    state = theirs.state_dict()
    source = convert.detect_layout(state)
    back = from_netspace(to_netspace(state, entry.config), source.name)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_the_comparison_sees_a_single_wrong_statistic():
    entry = zoo.find("y200mf")
    theirs = peer(entry, "timm").double().eval()
    randomise_norms(theirs, torch.Generator().manual_seed(0))
    ours = build(entry.config, seed=0).double().eval()
    ours.load_state_dict(to_netspace(theirs.state_dict(), entry.config))
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.allclose(ours(x), theirs(x), rtol=1e-10)
        ours.stages[1].blocks[0].branch.b.norm.running_mean[0] += 1e-2
        assert (ours(x) - theirs(x)).abs().max() > TOLERANCE * theirs(x).abs().max()


def test_pycls_names_and_its_order_of_colours():
    # the names as pycls models/blocks.py and models/anynet.py make them
    config = zoo.get("y200mf")
    state = build(config, seed=0).state_dict()
    pycls = from_netspace(state, "pycls")
    first_block = {key.removesuffix(".weight") for key in pycls if key.startswith("s1.b1.") and key.endswith("weight")}
    assert first_block == {f"s1.b1.{module}" for module in ("f.a", "f.a_bn", "f.b", "f.b_bn", "f.c", "f.c_bn")} | {
        "s1.b1.f.se.f_ex.0",
        "s1.b1.f.se.f_ex.2",
        "s1.b1.proj",
        "s1.b1.bn",
    }
    assert {"stem.conv.weight", "stem.bn.running_var", "s4.b7.f.c_bn.bias", "head.fc.bias"} <= pycls.keys()
    rgb = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(
        functional.conv2d(rgb.flip(1), pycls["stem.conv.weight"]), functional.conv2d(rgb, state["stem.conv.weight"])
    )
    back = to_netspace(pycls, config)
    assert all(torch.equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("name", "layout"), [("vanilla56", "pycls vanilla"), ("resnet56", "pycls"), ("z4gfh", "pycls")]
)
def test_the_other_blocks_have_pycls_names_too(name, layout):
    config = zoo.get(name)
    state = build(config, seed=0).state_dict()
    renamed = from_netspace(state, layout)
    assert convert.detect_layout(renamed).name == layout
    assert to_netspace(renamed, config).keys() == state.keys()


def test_unknown_sources_and_layouts_are_told():
    with pytest.raises(WeightsError, match=r"unknown source: the first keys are features\.0\.weight; known layouts"):
        convert.detect_layout(["features.0.weight"])
    with pytest.raises(UnknownNameError, match=r"unknown weights layout 'tim' \(did you mean 'timm'"):
        from_netspace({}, "tim")
    with pytest.raises(WeightsError, match=r"'torchvision' has no place for 'head\.conv\.conv'"):
        from_netspace(build(zoo.get("z500mf"), seed=0).state_dict(), "torchvision")
