"""Timings: what is measured, what is refused, and what is found again. How long anything takes is never tested."""

import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.errors import TrainingError
from netspace.training.threads import cpu_threads
from netspace.training.timing import Conditions, keep_timing, kept_timing, time_network

NETWORK = AnyNetConfig(stages={"depths": [1, 1], "widths": [8, 8]}, stem={"kind": "simple", "width": 8}, num_classes=10)
SHORT = {"warmup": 0, "repeats": 2}


def conditions(**changes) -> Conditions:
    return Conditions(**{"batch_size": 1, "resolution": 16, **SHORT, **changes})


def test_the_training_step_of_one_image_that_ends_as_one_pixel_is_refused():
    assert NETWORK.total_stride == 8
    with pytest.raises(TrainingError, match="needs a batch of more than one image of 8 pixels") as caught:
        time_network(NETWORK, conditions(resolution=8))
    assert "\n" not in str(caught.value)
    assert "training_step" in time_network(NETWORK, conditions(resolution=9))
    assert "training_step" in time_network(NETWORK, conditions(resolution=8, batch_size=2))
    assert "inference" in time_network(NETWORK, conditions(resolution=8), "cpu", ["inference"])


def test_only_what_is_asked_for_is_timed_and_both_are_kept_side_by_side():
    settings = conditions()
    inference = time_network(NETWORK, settings, "cpu", ["inference"])
    assert "training_step" not in inference
    assert kept_timing(NETWORK, settings) is None
    path = keep_timing(inference)
    assert kept_timing(NETWORK, settings, "cpu", ["inference"]) == inference
    assert kept_timing(NETWORK, settings) is None
    step = time_network(NETWORK, settings, "cpu", ["training_step"])
    assert keep_timing(step) == path
    both = kept_timing(NETWORK, settings)
    assert (both["inference"], both["training_step"]) == (inference["inference"], step["training_step"])
    assert [file.name for file in path.parent.glob(f"{path.stem}*")] == [path.name]


def test_timings_are_told_apart_by_conditions_threads_and_machine(monkeypatch):
    settings = conditions(resolution=17)
    with cpu_threads(1):
        keep_timing(time_network(NETWORK, settings, "cpu", ["inference"]))
        assert kept_timing(NETWORK, settings, "cpu", ["inference"])
        assert kept_timing(NETWORK, conditions(resolution=17, repeats=3), "cpu", ["inference"]) is None
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("platform.node", lambda: "elsewhere")
            assert kept_timing(NETWORK, settings, "cpu", ["inference"]) is None
        with cpu_threads(2):
            assert kept_timing(NETWORK, settings, "cpu", ["inference"]) is None


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    with cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
