"""Scaling against the exponents of the paper and pycls' rounding."""

import math

import pytest

from netspace.arch import AnyNetConfig, RegNetConfig, complexity, zoo
from netspace.arch.scaling import factors, scale
from netspace.errors import ConfigError


@pytest.mark.parametrize(
    ("strategy", "exponents"),
    [
        ("d1_w8_g8_r1", (0.1, 0.4, 0.4, 0.05)),  # paper.md, section 8: fast compound scaling
        ("dwr", (1 / 3, 1 / 6, 0, 1 / 6)),
        ("d", (1, 0, 0, 0)),
        ("w", (0, 0.5, 0, 0)),
        ("wg", (0, 0.5, 0.5, 0)),
        ("r", (0, 0, 0, 0.5)),
        ("d1_w2", (1 / 3, 1 / 3, 0, 0)),
        ("d0.5_w0.5", (0.5, 0.25, 0, 0)),
    ],
)
def test_strategies_share_the_factor_by_the_exponents_of_the_paper(strategy, exponents):
    by = factors(4, strategy)
    assert (by.depth, by.width, by.group_width, by.resolution) == pytest.approx([4**e for e in exponents])
    assert by.depth * by.width**2 * by.resolution**2 == pytest.approx(4)


def test_a_scaled_network_rounded_by_hand():
    config = AnyNetConfig(stages={"depths": [2, 5], "widths": [48, 104], "group_widths": [8, 8]})
    scaled = scale(config, 4, "d1_w8_g8_r1", resolution=224)
    # d x 1.1487: 2.3, 5.74; w x 1.7411: 83.57, 181.08 to multiples of 8; g: 13.9; r x 1.0718: 240.1
    assert [stage.depth for stage in scaled.config.stages] == [2, 6]
    # 88 and 184 to 80 (half to even: 88 / 16 = 5.5 gives 6 x 16) and 184 / 16 = 11.5 gives 12 x 16
    assert [stage.group_width for stage in scaled.config.stages] == [16, 16]
    assert [stage.width for stage in scaled.config.stages] == [80, 192]
    assert scaled.resolution == 240
    assert scaled.complexity == complexity(scaled.config, 240)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 4), (3, 8), (4, 8), (8, 16), (12, 24)])
def test_group_widths_become_1_2_4_or_multiples_of_8(before, after):
    config = AnyNetConfig(stages={"depths": [1], "widths": [before * 16], "group_widths": [before]})
    grown = scale(config, 4 if before > 1 else 1, "wg").config.stages[0]
    assert grown.group_width == after
    assert grown.width % after == 0


@pytest.mark.parametrize("strategy", ["d1_w8_g8_r1", "dwr", "d", "w", "r", "wg"])
@pytest.mark.parametrize("name", ["y4gf", "z500mf", "resnet50", "vanilla56"])
def test_flops_grow_by_about_the_factor(strategy, name):
    entry = zoo.find(name)
    before = complexity(entry.config, entry.resolution).flops
    after = scale(entry.config, 4, strategy, resolution=entry.resolution).complexity.flops
    # flops of a group convolution grow with its group width, and rounding moves small networks
    assert after / before == pytest.approx(4, rel=0.25)


def test_activations_grow_as_the_paper_says():
    config = zoo.get("y4gf")
    before = complexity(config).activations
    for strategy, exponent in {"wg": 0.5, "d1_w8_g8_r1": 0.6, "dwr": 0.83, "d": 1.0, "r": 1.0}.items():
        after = scale(config, 16, strategy).complexity.activations
        # the stem and the wide first convolution of each stage do not repeat with depth
        assert math.log(after / before, 16) == pytest.approx(exponent, abs=0.11), strategy


def test_a_network_without_groups_stays_one():
    for stage in scale(zoo.get("resnet50"), 3, "w").config.stages:
        assert stage.group_width == stage.bottleneck_width


def test_by_one_nothing_changes_and_template_is_kept():
    config = zoo.get("z4gfh")
    assert scale(config, 1).config == config
    assert scale(RegNetConfig(depth=13, w_0=24, w_a=36.44, w_m=2.49, group_width=8), 1).config == zoo.get("x200mf")


@pytest.mark.parametrize("strategy", ["", "x", "dd", "d1_x2", "d1w2", "d1_d2", "g", "d0_w0", "d-1"])
def test_a_strategy_of_another_form_is_refused(strategy):
    with pytest.raises(ConfigError, match="unknown scaling strategy"):
        factors(2, strategy)


@pytest.mark.parametrize("groups", [[16, 16], None])
def test_a_ratio_that_cannot_be_scaled_is_refused_by_its_own_number(groups):
    stages = {"depths": [1, 1], "widths": [48, 48], "bottleneck_ratios": [1, 1.5], "group_widths": groups}
    with pytest.raises(ConfigError, match=r"every bottleneck ratio is whole or 1 / whole, got 1\.5 in stage 2"):
        scale(AnyNetConfig(stages=stages), 2)


@pytest.mark.parametrize("ratio", [2, 1 / 3])
def test_ratios_that_are_whole_or_its_inverse_stay(ratio):
    config = AnyNetConfig(stages={"depths": [1], "widths": [48], "bottleneck_ratios": [ratio], "group_widths": [8]})
    assert scale(config, 2).config.stages[0].bottleneck_ratio == ratio


@pytest.mark.parametrize("factor", [0, -1, float("inf"), float("nan")])
def test_a_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(ConfigError, match="factor > 0 must hold"):
        factors(factor)
