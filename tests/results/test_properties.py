"""The table of properties: what a column's name says of it, wherever it is shown."""

import pytest

from netspace.arch.config import COLUMNS, STAGE_PROPERTIES
from netspace.results.properties import PROPERTIES, column, is_logarithmic, label, place, unit


@pytest.mark.parametrize(
    ("name", "text", "scale", "logarithmic"),
    [
        ("flops", "flops (MF)", 1e6, True),
        ("bottleneck_ratio_3", "bottleneck ratio, stage 3", 1, True),
        ("group_width", "group width", 1, True),
        ("depth", "depth", 1, False),
        ("depth_12", "depth, stage 12", 1, False),
        ("w_0", "w_0", 1, True),
        ("w_m", "w_m", 1, False),
        ("weight_decay", "weight decay", 1, True),
        ("dropout", "dropout", 1, True),
        ("norm=batch", "norm=batch", 1, False),
    ],
)
def test_a_columns_name_says_how_it_is_shown(name, text, scale, logarithmic):
    assert (label(name), unit(name), is_logarithmic(name)) == (text, scale, logarithmic)


def test_columns_stand_by_kind_then_by_stage():
    names = ["params", "width_10", "w_a", "width_2", "depth_1", "flops", "depth", "activations", "bottleneck_ratio"]
    wanted = ["depth", "bottleneck_ratio", "w_a", "depth_1", "width_2", "width_10", "flops", "params", "activations"]
    assert sorted(names, key=place) == wanted


def test_every_column_of_a_stage_that_tells_networks_apart_is_in_the_table():
    assert set(STAGE_PROPERTIES.values()) <= set(PROPERTIES)
    assert set(COLUMNS) - set(STAGE_PROPERTIES) == {"strides"}
    assert column("w_0").stage == 0
