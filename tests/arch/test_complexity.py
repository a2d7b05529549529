"""The array formulas against the published figures of the zoo; tests/models holds the built models against them."""

import json
from pathlib import Path

import pytest

from netspace.arch import AnyNetBatch, AnyNetConfig, complexity, parts, zoo
from netspace.arch.published import REGNETX, REGNETY
from netspace.errors import ConfigError

ZOO_JSON = Path(__file__).parents[3] / "shared" / "reference" / "regnet_zoo.json"


def published() -> list:
    if not ZOO_JSON.exists():
        return [pytest.param("", {}, marks=pytest.mark.skip(reason=f"{ZOO_JSON} is absent"))]
    return list(json.loads(ZOO_JSON.read_text())["models"].items())


@pytest.mark.parametrize(("name", "row"), published())
def test_zoo_complexities_equal_the_published_integers(name, row):
    assert complexity(zoo.get(name)).as_dict() == row["complexity"]


def test_flops_of_every_zoo_name_are_near_what_the_name_says():
    # RegNetZ is left out: timm named it by its flops at 256 pixels
    for entry in REGNETX + REGNETY:
        size, unit = entry.name.split("-")[1][:-2], entry.name[-2:]
        assert complexity(entry.config).flops == pytest.approx(float(size) * {"MF": 1e6, "GF": 1e9}[unit], rel=0.06)


def test_a_batch_counts_each_network_as_if_alone():
    configs = [entry.config for entry in REGNETY]
    batch = complexity(AnyNetBatch.from_configs(configs), resolution=96)
    for i, config in enumerate(configs):
        one = complexity(config, resolution=96)
        assert (batch.flops[i], batch.params[i], batch.activations[i]) == (one.flops, one.params, one.activations)


def test_one_plain_network_counted_by_hand():
    config = AnyNetConfig(
        block="v",
        stem={"kind": "cifar", "width": 4},
        stages={"depths": [2], "widths": [8]},
        num_classes=3,
        in_channels=1,
    )
    at_6 = complexity(config, resolution=6)
    assert at_6.params == (9 * 4 + 8) + (9 * 4 * 8 + 16) + (9 * 8 * 8 + 16) + (8 * 3 + 3)
    assert at_6.flops == 9 * 4 * 36 + 9 * 4 * 8 * 9 + 9 * 8 * 8 * 9 + 8 * 3 + 3
    assert at_6.activations == 4 * 36 + 8 * 9 + 8 * 9 + 3


@pytest.mark.parametrize("resolution", [0, -1, 2.5, True, "224"])
def test_a_resolution_that_is_no_size_is_refused(resolution):
    with pytest.raises(ConfigError, match="resolution must be a whole number >= 1"):
        complexity(zoo.get("x200mf"), resolution=resolution)


def test_the_parts_of_a_network_are_those_of_torchvisions():
    found = parts(zoo.get("ResNet-50"))
    assert [part.name for part in found] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    # conv1 with bn1, layer1 to layer4, fc
    assert [part.cost.params for part in found] == [9536, 215808, 1219584, 7098368, 14964736, 2049000]
    assert [part.resolution for part in found] == [56, 56, 28, 14, 7, 7]


def test_the_parts_of_a_network_add_up_to_the_whole():
    for entry in zoo.ZOO:
        whole, found = complexity(entry.config, 96), parts(entry.config, 96)
        assert sum(part.cost.flops for part in found) == whole.flops
        assert sum(part.cost.activations for part in found) == whole.activations
