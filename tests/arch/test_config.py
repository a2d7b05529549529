"""AnyNetConfig: round trips, identity, and what it says of networks that cannot be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspace.arch import BLOCKS, AnyNetConfig, Stage, zoo
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.errors import ConfigError


@st.composite
def configs(draw) -> AnyNetConfig:
    """Draw any valid network of moderate size."""
    block = draw(st.sampled_from(BLOCKS))
    stages = []
    for _ in range(draw(st.integers(1, 5))):
        if block in BOTTLENECK_BLOCKS:
            group, groups = draw(st.integers(1, 8)), draw(st.integers(1, 6))
            ratio, expand = draw(st.sampled_from([(1, 1), (2, 1), (4, 1), (0.5, 2), (0.25, 4)]))
            inner = group * groups * expand
            width = int(inner * ratio)
            stages.append(Stage(depth=1, width=width, bottleneck_ratio=ratio, group_width=group))
        else:
            stages.append(Stage(depth=draw(st.integers(1, 9)), width=draw(st.integers(1, 99)), stride=1))
    return AnyNetConfig(
        block=block,
        stages=stages,
        stem={"kind": draw(st.sampled_from(["simple", "res_in", "cifar"])), "width": draw(st.integers(1, 64))},
        se_ratio=draw(st.sampled_from([0.0, 0.25])) if block in BOTTLENECK_BLOCKS else 0.0,
        head_width=draw(st.sampled_from([0, 16])),
        activation=draw(st.sampled_from(["relu", "silu", "gelu"])),
        num_classes=draw(st.integers(1, 1000)),
        in_channels=draw(st.sampled_from([1, 3])),
    )


@given(configs())
def test_yaml_and_json_give_the_same_network_back(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config") / "net.yaml"
    config.to_yaml(path)
    assert AnyNetConfig.from_yaml(path) == config
    path.write_text(json.dumps(config.to_dict()))
    again = AnyNetConfig.from_yaml(path)
    assert again == config
    assert again.digest == config.digest


@given(configs(), st.integers(1, 1000))
def test_a_changed_network_has_the_digest_of_what_it_is_now(config, num_classes):
    before = config.digest
    changed = config.changed(num_classes=num_classes)
    assert changed == AnyNetConfig(**config.to_dict() | {"num_classes": num_classes})
    assert changed.stages == config.stages
    assert (changed.digest == before) == (num_classes == config.num_classes)


def test_changes_are_checked():
    config = zoo.get("RegNetX-200MF")
    with pytest.raises(ConfigError, match=r"num_classes: .*got 0"):
        config.changed(num_classes=0)
    with pytest.raises(ConfigError, match="unknown key 'classes'; valid: block"):
        config.changed(classes=10)


@given(configs(), configs())
def test_digests_are_equal_exactly_where_networks_are(one, other):
    assert (one.digest == other.digest) == (one == other)


def test_the_digest_does_not_depend_on_spelling_or_on_defaults_written_out():
    short = AnyNetConfig(stages={"depths": [1, 2], "widths": [8, 16]})
    long = AnyNetConfig(**short.to_dict())
    floats = AnyNetConfig(stages=[Stage(depth=1, width=8, bottleneck_ratio=1.0), Stage(depth=2, width=16)])
    assert short.digest == long.digest == floats.digest
    assert short.digest != AnyNetConfig(stages={"depths": [1, 2], "widths": [8, 24]}).digest


def test_the_design_page_example_is_regnetx_400mf(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("""
block: bottleneck
stem: {kind: simple, width: 32}
stages:
  depths: [1, 2, 7, 12]
  widths: [32, 64, 160, 384]
  strides: [2, 2, 2, 2]
  bottleneck_ratios: [1, 1, 1, 1]
  group_widths: [16, 16, 16, 16]
se_ratio: 0.0
head_width: 0
activation: relu
num_classes: 1000
""")
    config = AnyNetConfig.from_yaml(path)
    assert config.digest == zoo.get("RegNetX-400MF").digest
    assert config.total_depth == 22
    assert config.total_stride == 32
    assert config.block_widths == (32,) + (64,) * 2 + (160,) * 7 + (384,) * 12


def test_a_group_width_left_out_is_one_group():
    stage = Stage(depth=1, width=32, bottleneck_ratio=4)
    assert stage.group_width == stage.bottleneck_width == 8


@pytest.mark.parametrize(
    "stages",
    [
        "{depths: [1], widths: [64.0]}",
        "{depths: [1], widths: ['64']}",
        "{depths: [1], widths: [64], bottleneck_ratios: ['1']}",
        "{depths: [1], widths: [64], group_widths: [null]}",
        "{depths: [1], widths: [64], group_widths: [64]}",
    ],
)
def test_one_group_is_the_default_however_the_numbers_are_written(tmp_path, stages):
    path = tmp_path / "net.yaml"
    path.write_text(f"stages: {stages}")
    assert AnyNetConfig.from_yaml(path).digest == AnyNetConfig(stages=[Stage(depth=1, width=64)]).digest


def test_a_configuration_cannot_be_changed():
    config = zoo.get("RegNetX-200MF")
    with pytest.raises(ValueError, match="frozen"):
        config.num_classes = 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blok: v", r"net\.yaml: unknown key 'blok'; valid: block, stem"),
        ("block: w\nstages: {depths: [1], widths: [8]}", r"block: input should be 'bottleneck'.* got 'w'"),
        (
            "stem: {kind: simple, size: 3}\nstages: {depths: [1], widths: [8]}",
            r"unknown key 'stem\.size'; valid: kind, width",
        ),
        ("stages: {depths: [1, 2], widths: [8]}", "one entry for each stage, got depths=2, widths=1"),
        ("stages: {depths: [1], width: [8]}", "unknown key 'width'; valid: depths, widths, strides"),
        ("stages: {depths: [1]}", "the key 'widths' is missing"),
        ("stages: {depths: 1, widths: [8]}", "depths must be a list"),
        ("stages: {depths: [0], widths: [8]}", r"stages\.0\.depth: .*greater than or equal to 1, got 0"),
        ("stages: {depths: [1], widths: [a]}", r"stages\.0\.width: .*integer.*got 'a'"),
        ("stages: {depths: [1], widths: [8], strides: [3]}", r"stages\.0\.stride: .*1 or 2, got 3"),
        ("stages: {depths: [1], widths: [30], bottleneck_ratios: [4]}", "whole number of channels, got width=30"),
        (
            "stages: {depths: [1], widths: [8], bottleneck_ratios: [.nan]}",
            "bottleneck_ratio: .*greater than 0, got nan",
        ),
        ("stages: {depths: [1], widths: [8], bottleneck_ratios: [1.0e-320]}", "whole number of channels"),
        ("stages: {depths: [1], widths: [8], bottleneck_ratios: [17]}", "whole number of channels"),
        (f"stages: {{depths: [1], widths: [1{'0' * 400}]}}", r"stages\.0\.width: .*less than or equal to 2147483647"),
        ("num_classes: 99999999999999999999\nstages: {depths: [1], widths: [8]}", "num_classes: .*less than or equal"),
        ("stages: {1: 2, width: [8]}", "unknown key '1'; valid: depths, widths"),
        (
            "stages: {depths: [1], widths: [32], group_widths: [5]}",
            "must divide the bottleneck width, got group_width=5",
        ),
        (
            "block: v\nstages: {depths: [1], widths: [8], group_widths: [4]}",
            "block 'v' has no bottleneck and no groups",
        ),
        ("block: v\nse_ratio: 0.25\nstages: {depths: [1], widths: [8]}", "se_ratio must be 0 for block 'v', got 0.25"),
        ("stages: {depths: [], widths: []}", "stages: .*at least 1"),
        ("[1, 2]", "must be a mapping with the keys block"),
        ("stages: {depths: [1", r"net\.yaml, line 1, column \d+: not valid YAML"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_file_and_key(tmp_path, text, message):
    path = tmp_path / "net.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        AnyNetConfig.from_yaml(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_mistake_in_python_is_one_line_too():
    with pytest.raises(ConfigError, match=r"AnyNetConfig: num_classes: .*got 0") as caught:
        AnyNetConfig(stages={"depths": [1], "widths": [8]}, num_classes=0)
    assert "\n" not in str(caught.value)


def test_only_a_network_that_ends_linearly_can_do_without_the_activation_of_its_head():
    linear = AnyNetConfig(block="linear_bottleneck", stages={"depths": [1], "widths": [8]})
    assert "head_activation" not in linear.to_dict()  # so that digests stay what they were
    other = linear.changed(head_activation=False)
    assert other.to_dict()["head_activation"] is False
    assert AnyNetConfig(**other.to_dict()) == other
    assert other.digest != linear.digest
    for changes in ({"head_width": 16}, {"block": "bottleneck"}):
        with pytest.raises(ConfigError, match="head_activation can be false only for block 'linear_bottleneck' with"):
            other.changed(**changes)
