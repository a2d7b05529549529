"""The quantized linear rule and the group-compatibility rule, against scalar versions written as pycls writes them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspace.arch import RegNetConfig, read_network, zoo
from netspace.arch.regnet import adjust_compatibility, group_into_stages, quantized_linear
from netspace.errors import ConfigError

STAGES = """
X-200MF 1,1,4,7|24,56,152,368 X-400MF 1,2,7,12|32,64,160,384 X-600MF 1,3,5,7|48,96,240,528
X-800MF 1,3,7,5|64,128,288,672
X-1.6GF 2,4,10,2|72,168,408,912 X-3.2GF 2,6,15,2|96,192,432,1008 X-4.0GF 2,5,14,2|80,240,560,1360
X-6.4GF 2,4,10,1|168,392,784,1624 X-8.0GF 2,5,15,1|80,240,720,1920 X-12GF 2,5,11,1|224,448,896,2240
X-16GF 2,6,13,1|256,512,896,2048 X-32GF 2,7,13,1|336,672,1344,2520 Y-200MF 1,1,4,7|24,56,152,368
Y-400MF 1,3,6,6|48,104,208,440 Y-600MF 1,3,7,4|48,112,256,608 Y-800MF 1,3,8,2|64,128,320,768
Y-1.6GF 2,6,17,2|48,120,336,888 Y-3.2GF 2,5,13,1|72,216,576,1512 Y-4.0GF 2,6,12,2|128,192,512,1088
Y-6.4GF 2,7,14,2|144,288,576,1296 Y-8.0GF 2,4,10,1|168,448,896,2016 Y-12GF 2,5,11,1|224,448,896,2240
Y-16GF 2,4,11,1|224,448,1232,3024 Y-32GF 2,5,12,1|232,696,1392,3712
"""
PUBLISHED = re.findall(r"(\S+) (\S+\|\S+)", STAGES)

settings = st.tuples(
    st.integers(1, 63),
    st.integers(1, 32).map(lambda k: 8 * k),
    st.integers(0, 2560).map(lambda k: k / 10),
    st.integers(1500, 3000).map(lambda k: k / 1000),
)


def scalar_widths(depth: int, w_0: int, w_a: float, w_m: float) -> list[int]:
    widths = []
    for j in range(depth):
        k = np.round(np.log((w_0 + w_a * j) / w_0) / np.log(w_m))
        widths.append(int(np.round(w_0 * np.power(w_m, k) / 8)) * 8)
    return widths


def scalar_compatibility(w: int, b: float, g: int) -> tuple[int, int]:
    """pycls `adjust_block_compatibility` for one block; its ratio is 1 / b."""
    ratio = 1 / b
    v = int(max(1, w * ratio))
    g = int(min(g, v))
    m = int(np.lcm(g, int(ratio))) if ratio > 1 else g
    v = max(m, round(v / m) * m)
    return int(v / ratio), g


@pytest.mark.parametrize(("name", "text"), PUBLISHED)
def test_the_published_stages_follow_from_the_published_parameters(name, text):
    depths, widths = (tuple(map(int, part.split(","))) for part in text.split("|"))
    config = zoo.get(f"RegNet{name}")
    assert tuple(stage.depth for stage in config.stages) == depths
    assert tuple(stage.width for stage in config.stages) == widths


@given(settings)
def test_block_widths_equal_the_scalar_rule(setting):
    depth, w_0, w_a, w_m = setting
    config = RegNetConfig(depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=8)
    assert list(config.block_widths) == scalar_widths(*setting)


@given(st.lists(settings, min_size=1, max_size=20))
def test_a_batch_gives_each_network_as_if_alone(batch):
    widths, levels = quantized_linear(*map(np.array, zip(*batch, strict=True)))
    for row, setting in enumerate(batch):
        depth = setting[0]
        assert widths[row, :depth].tolist() == scalar_widths(*setting)
        assert not widths[row, depth:].any()
        assert (levels[row, depth:] == -1).all()


@given(st.lists(settings, min_size=1, max_size=20), st.integers(1, 6))
def test_stages_are_the_runs_of_equal_width_where_no_level_is_merged_or_skipped(batch, wanted):
    widths, levels = quantized_linear(*map(np.array, zip(*batch, strict=True)))
    depths, stage_widths, fits = group_into_stages(widths, levels, wanted)
    for row, setting in enumerate(batch):
        distinct, counts = np.unique(scalar_widths(*setting), return_counts=True)
        assert fits[row] == (len(distinct) == wanted == levels[row].max() + 1)
        if fits[row]:
            assert stage_widths[row].tolist() == distinct.tolist()
            assert depths[row].tolist() == counts.tolist()


@given(
    st.integers(1, 128).map(lambda k: 8 * k),
    st.sampled_from([1.0, 2.0, 4.0, 0.5, 0.25, 0.125]),
    st.sampled_from([1, 2, 4, 8, 16, 24, 32, 40, 64, 112, 168]),
)
def test_compatible_widths_equal_pycls_and_groups_divide(w, b, g):
    widths, groups = adjust_compatibility([w], [b], [g])
    assert (int(widths[0]), int(groups[0])) == scalar_compatibility(w, b, g)
    inner = widths[0] / b
    assert inner == int(inner)
    assert int(inner) % groups[0] == 0


def test_sampled_widths_change_by_at_most_a_third():
    w, b, g = np.meshgrid(np.arange(8, 1025, 8), [1, 2, 4], [1, 2, 4, 8, 16, 32])
    widths, _ = adjust_compatibility(w, b, g)
    assert (np.abs(widths - w) / w).max() <= 1 / 3 + 1e-12


def test_a_network_may_have_any_number_of_stages():
    assert len(RegNetConfig(depth=4, w_0=64, w_a=0, w_m=2, group_width=8).to_anynet().stages) == 1
    assert len(RegNetConfig(depth=40, w_0=8, w_a=30, w_m=1.5, group_width=8).to_anynet().stages) > 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w_0": 20}, "w_0: .*multiple of 8, got 20"),
        ({"w_m": 1.0}, "w_m: .*greater than 1, got 1"),
        ({"w_a": -1.0}, "w_a: .*greater than or equal to 0, got -1"),
        ({"depth": 0}, "depth: .*got 0"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        RegNetConfig(**{"depth": 22, "w_0": 24, "w_a": 24.48, "w_m": 2.54, "group_width": 16, **changes})


def test_a_ratio_that_is_neither_whole_nor_its_inverse_is_refused():
    with pytest.raises(ConfigError, match=r"bottleneck_ratio must be whole or 1 / whole, got 1\.5"):
        RegNetConfig(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=16, bottleneck_ratio=1.5).to_anynet()


def test_a_file_with_parameters_is_read_as_a_regnet_and_one_with_stages_as_an_anynet(tmp_path: Path):
    parameters = tmp_path / "regnet.json"
    parameters.write_text(json.dumps({"depth": 22, "w_0": 24, "w_a": 24.48, "w_m": 2.54, "group_width": 16}))
    stages = tmp_path / "anynet.yaml"
    zoo.get("RegNetX-400MF").to_yaml(stages)
    assert read_network(parameters) == read_network(stages) == zoo.get("x400mf")
    (tmp_path / "typo.yaml").write_text("{depth: 22, w_0: 24, w_a: 24.48, w_n: 2.54, group_width: 16}")
    with pytest.raises(ConfigError, match=r"typo\.yaml: unknown key 'w_n'; valid: .*w_m"):
        read_network(tmp_path / "typo.yaml")
