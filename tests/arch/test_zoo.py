"""The zoo against pycls' published complexities of ResNets, and its names."""

import re

import pytest

from netspace.arch import complexity, zoo
from netspace.arch.published import RESNETS
from netspace.errors import UnknownNameError

# pycls dev/model_complexity.json: flops, params, activations
PYCLS = {
    "ResNet-50": (4089185256, 25557032, 11315688),
    "ResNet-101": (7801406440, 44549160, 16433640),
    "ResNet-152": (11513627624, 60192808, 22755816),
    "ResNeXt-50": (4230480872, 25028904, 14602216),
    "ResNeXt-101": (7969997800, 44177704, 21426152),
    "ResNeXt-152": (11709514728, 59951400, 29855720),
    "ResNet-56": (125747850, 855770, 544778),
    "ResNet-110": (253149834, 1730714, 1060874),
    "Vanilla-56": (125485706, 853018, 532490),
}


@pytest.mark.parametrize("name", PYCLS)
def test_resnets_cost_what_pycls_publishes(name):
    entry = zoo.find(name)
    assert tuple(complexity(entry.config, entry.resolution).as_dict().values()) == PYCLS[name]


def test_depths_of_names_count_the_convolutions_of_the_longest_path_and_the_classifier():
    names = [entry.name for entry in RESNETS if re.fullmatch(r"(ResNet|Vanilla)-\d+", entry.name)]
    assert len(names) == 12
    for name in names:
        config = zoo.get(name)
        layers_a_block = 3 if config.block == "bottleneck" else 2
        assert config.total_depth * layers_a_block + 2 == int(name.split("-")[1])


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("regnetx_400mf", "RegNetX-400MF"),
        ("x400mf", "RegNetX-400MF"),
        ("RegNet Y 4GF", "RegNetY-4.0GF"),
        ("regnet_x_1_6gf", "RegNetX-1.6GF"),
        ("regnet_x_16gf", "RegNetX-16GF"),
        ("regnetx_016", "RegNetX-1.6GF"),
        ("regnety_008_tv", "RegNetY-800MF-tv"),
        ("y8gf-tv", "RegNetY-8.0GF-tv"),
        ("resnext50_32x4d", "ResNeXt-50"),
        ("resnet50", "ResNet-50"),
        ("resnext101_32x8d", "ResNeXt-101-32x8d"),
        ("resnext101_32x4d", "ResNeXt-101"),
        ("wide_resnet50_2", "WideResNet-50-2"),
        ("regnetz_040_h", "RegNetZ-4.0GF-h"),
    ],
)
def test_names_are_matched_leniently(spelled, name):
    assert zoo.find(spelled).name == name


def test_every_entry_is_found_by_its_own_name():
    assert [zoo.find(entry.name) for entry in zoo.ZOO] == list(zoo.ZOO)
    assert len({entry.config.digest for entry in zoo.ZOO}) == len(zoo.ZOO)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'RegNetX-400MF'"):
        zoo.find("RegNetX-450MF")


def test_every_error_has_a_source():
    for entry in zoo.ZOO:
        assert bool(entry.source) == (entry.top1_error is not None)
