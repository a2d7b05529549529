"""The comparison networks against the figures of the paper and of pycls."""

import pytest

from netspace.arch.compared import BASELINES, find
from netspace.errors import UnknownNameError
from netspace.models.baselines import build_baseline, measure

# pycls dev/model_complexity.json: flops, params, activations
PYCLS = {
    "EfficientNet-B0": (385825092, 5288548, 6748036),
    "EfficientNet-B1": (686817992, 7794184, 10884328),
    "EfficientNet-B2": (993578282, 9109994, 13832834),
    "EfficientNet-B3": (1827162472, 12233232, 23831296),
}


@pytest.mark.parametrize("name", PYCLS)
def test_efficientnets_cost_what_pycls_publishes(name):
    counted = measure(find(name))
    assert tuple(counted.as_dict().values()) == PYCLS[name]


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.name)
def test_measured_figures_are_near_the_papers_or_there_are_none(baseline):
    counted = measure(baseline)
    if baseline.builder is None:
        assert counted is None
        assert "no library ships it" in baseline.note
        with pytest.raises(UnknownNameError, match=f"{baseline.name}: no library ships it"):
            build_baseline(baseline)
        return
    # the paper rounds to one decimal, and prints B4 and B5 a little below what its own configurations cost
    assert counted.flops / 1e9 == pytest.approx(baseline.flops, rel=0.06)
    if baseline.name == "MobileNetV2":
        assert baseline.note == f"timm and torchvision count {counted.params / 1e6:.1f} M parameters"
    elif baseline.params:
        assert counted.params / 1e6 == pytest.approx(baseline.params, rel=0.02)
    if baseline.activations:
        assert counted.activations / 1e6 == pytest.approx(baseline.activations, rel=0.03)


def test_baselines_take_the_classes_of_the_data():
    model = build_baseline(find("shufflenetv2"), num_classes=10)
    assert model.fc.out_features == 10


def test_an_unknown_baseline_is_told():
    with pytest.raises(UnknownNameError, match=r"unknown baseline 'DARTZ' \(did you mean 'DARTS'"):
        find("DARTZ")
