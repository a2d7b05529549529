"""The formulas of `netspace.arch` against what hooks count on built models."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netspace.arch import AnyNetConfig, complexity
from netspace.arch.config import BLOCKS, BOTTLENECK_BLOCKS, STEM_STRIDES
from netspace.models import build, count_by_hooks


@st.composite
def configs(draw):
    block = draw(st.sampled_from(BLOCKS))
    grouped = block in BOTTLENECK_BLOCKS
    count = draw(st.integers(1, 4))
    stages = []
    for _ in range(count):
        stage = {"depth": draw(st.integers(1, 3)), "stride": draw(st.sampled_from([1, 2]))}
        if grouped:
            group, groups = draw(st.integers(1, 6)), draw(st.integers(1, 4))
            # b = 4, 2, 1, 1/2, 1/4; an inverted bottleneck must be a multiple of 1 / b
            ratio = draw(st.sampled_from([4, 2, 1, 0.5, 0.25]))
            groups *= 1 if ratio >= 1 else round(1 / ratio)
            stage |= {"width": round(group * groups * ratio), "bottleneck_ratio": ratio, "group_width": group}
        else:
            stage["width"] = draw(st.integers(1, 24))
        stages.append(stage)
    return AnyNetConfig(
        block=block,
        stem={"kind": draw(st.sampled_from(sorted(STEM_STRIDES))), "width": draw(st.integers(1, 24))},
        stages=stages,
        se_ratio=draw(st.sampled_from([0, 0.25, 0.1, 1])) if grouped else 0,
        head_width=draw(st.sampled_from([0, 7])),
        activation=draw(st.sampled_from(["relu", "silu", "gelu"])),
        num_classes=draw(st.integers(1, 11)),
        in_channels=draw(st.integers(1, 4)),
    )


@settings(max_examples=40, deadline=None)
@given(config=configs(), resolution=st.integers(1, 70))
def test_formulas_equal_hooks_for_any_network_at_any_resolution(config, resolution):
    assert complexity(config, resolution) == count_by_hooks(build(config, seed=0), resolution)


def test_hooks_count_a_layer_by_hand_and_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Conv2d(2, 6, 3, stride=2, groups=2, bias=True), nn.MaxPool2d(2), nn.Flatten())
    model.append(nn.Linear(6 * 2 * 2, 5, bias=False))
    model[1].eval()
    counted = count_by_hooks(model, 9)
    assert counted.flops == 6 * 16 * 9 + 6 * 16 + 24 * 5
    assert counted.params == 6 * 9 + 6 + 24 * 5
    assert counted.activations == 6 * 16 + 6 * 4 + 5
    assert [module.training for module in model] == [True, False, True, True]
    assert model(torch.zeros(1, 2, 9, 9)).shape == (1, 5)
    assert not any(module._forward_hooks for module in model)


def test_a_model_without_convolution_is_refused():
    with pytest.raises(ValueError, match="no convolution"):
        count_by_hooks(nn.Linear(2, 2))
