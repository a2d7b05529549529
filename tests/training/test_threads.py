"""The number of threads of a training: measured where it is left open, recorded, and kept when it is resumed."""

import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.models import build
from netspace.training import Augment, DataSpec, Recipe, load_data, timing, train
from netspace.training.threads import cpu_threads, fastest_threads

CONFIG = AnyNetConfig(
    stem={"width": 8}, stages={"depths": [1], "widths": [8], "group_widths": [4]}, num_classes=10, in_channels=1
)


@pytest.mark.parametrize(
    ("seconds", "cores", "expected"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.4, 6: 0.3}, 6, 6),
        ({1: 1.0, 2: 0.6, 4: 0.58}, 8, 2),
        ({1: 1.0, 2: 20.0}, 2, 1),  # a busy machine
        ({1: 1.0, 2: 0.95}, 2, 1),  # no gain worth its risk
        ({}, 1, 1),  # nothing to choose
    ],
)
def test_threads_are_added_for_as_long_as_they_pay(monkeypatch, seconds, cores, expected):
    def timed(_config, _conditions, actions):
        return {action: {"median": seconds[torch.get_num_threads()]} for action in actions}

    monkeypatch.setattr(timing, "time_network", timed)
    with cpu_threads(cores):
        assert fastest_threads(CONFIG, Recipe(), 28, 1000) == expected
        assert torch.get_num_threads() == cores


def test_a_measurement_ends_in_a_number_of_threads_that_there_is():
    with cpu_threads(2):
        assert fastest_threads(CONFIG, Recipe(batch_size=4), 12, 100) in (1, 2)


def test_a_resumed_training_keeps_its_threads_and_so_its_bits(tmp_path):
    data = load_data(DataSpec(train=64, validation=50), 12)
    recipe = Recipe(epochs=2, batch_size=32, augment=Augment(flip=False))

    def trained(stop: bool, file: str, threads: int | None) -> tuple:
        model = build(CONFIG, seed=0)
        seen = []

        def on_epoch(_epoch):
            seen.append(torch.get_num_threads())
            if stop:
                raise KeyboardInterrupt

        result = train(model, data, recipe, on_epoch=on_epoch, resume_from=tmp_path / file, threads=threads)
        return result, model.state_dict(), seen

    with cpu_threads(1):
        whole, weights, _ = trained(False, "whole", 2)
        with pytest.raises(KeyboardInterrupt):
            trained(True, "part", 2)
        assert torch.get_num_threads() == 1
        resumed, again, seen = trained(False, "part", None)
    assert (whole.threads, resumed.threads, seen) == (2, 2, [2])
    assert [epoch.train_loss for epoch in resumed.curve] == [epoch.train_loss for epoch in whole.curve]
    assert all(torch.equal(again[key], weights[key]) for key in weights)
