"""What only a GPU can show; skipped, with the reason, where there is none."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from netspace.arch import AnyNetConfig
from netspace.models import build
from netspace.store import Store
from netspace.study import Study
from netspace.training import Augment, DataSpec, Recipe, load_data, train
from netspace.training.timing import Conditions, time_network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

STILL = Recipe(epochs=2, batch_size=50, augment=Augment(flip=False))
DIGITS = DataSpec(train=600, validation=400)


@pytest.fixture
def config() -> AnyNetConfig:
    stages = {
        "depths": [1, 2],
        "widths": [16, 32],
        "strides": [2, 2],
        "bottleneck_ratios": [1, 1],
        "group_widths": [8, 8],
    }
    return AnyNetConfig(stages=stages, stem={"kind": "simple", "width": 8}, num_classes=10, in_channels=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"nesterov": True},
        {"optimizer": "adamw", "lr": 0.002, "clip_norm": 1.0, "accumulate": 2, "ema_decay": 0.9},
        {"class_weights": "balanced", "augment": Augment(flip=True, shift=2, mixup=0.2)},
        {"optimizer": "lamb", "lr": 0.002},
    ],
    ids=["sgd", "adamw", "weighted", "timm"],
)
def test_the_losses_are_those_of_the_cpu_up_to_rounding(config, changes, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    data, recipe = load_data(DIGITS), Recipe(**{**STILL.model_dump(exclude_unset=True), **changes})
    on = {device: train(build(config, seed=0), data, recipe, seed=1, device=device) for device in ("cpu", "cuda")}
    for ours, theirs in zip(on["cuda"].curve, on["cpu"].curve, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=0.02)
    assert on["cpu"].memory_share is None
    assert 0 < on["cuda"].memory_share < 0.5


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_and_resumes(config, precision, tmp_path):
    data, checkpoint = load_data(DIGITS), tmp_path / "checkpoint.pt"
    recipe = STILL.model_copy(update={"precision": precision, "epochs": 3})
    whole = train(build(config, seed=0), data, recipe, seed=1, device="cuda")
    assert whole.status == "done"
    assert whole.curve[-1].train_loss < whole.curve[0].train_loss

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(build(config, seed=0), data, recipe, seed=1, device="cuda", resume_from=checkpoint, on_epoch=stop)
    resumed = train(build(config, seed=0), data, recipe, seed=1, device="cuda", resume_from=checkpoint)
    assert resumed.curve[-1].train_loss == pytest.approx(whole.curve[-1].train_loss, rel=0.02)


def test_a_network_that_looks_at_a_number_on_the_gpu_is_trained_without_a_graph(config, caplog):
    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = build(config, seed=0)

        def forward(self, x):
            return self.body(x) if float(x.mean()) < 1e9 else x

    data = load_data(DIGITS)
    looking = train(Looking(), data, STILL, seed=1, device="cuda")
    assert "without a CUDA graph" in caplog.text
    caplog.clear()
    plain = train(build(config, seed=0), data, STILL, seed=1, device="cuda")
    assert not caplog.text
    for ours, theirs in zip(looking.curve, plain.curve, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=0.02)


def test_several_models_share_the_device_and_come_to_what_each_comes_to_alone(study_file, tmp_path):
    study = Study.from_yaml(study_file(n=15))
    ended = {}
    for name, workers in (("shared", None), ("alone", 1)):
        with Store.open(tmp_path / f"{name}.db") as store:
            end = study.run(store, device="cuda", workers=workers)
            ended[name] = store.runs(store.find_study(study.spec.name).id)
        assert end.number("done") == 30
    assert all(0 < run.details["memory_share"] < 0.5 for run in ended["shared"])
    errors = {name: {(run.space, run.index): run.error for run in runs} for name, runs in ended.items()}
    assert errors["shared"].keys() == errors["alone"].keys()
    # a GPU adds in no fixed order, which may turn a few of the 100 images; another seed or network turns dozens
    differences = [abs(error - errors["alone"][run]) for run, error in errors["shared"].items()]
    assert max(differences) <= 10
    assert sum(differences) / len(differences) <= 1
    # one worker alone trains one run after another; with several some overlapped
    spans = {name: sorted((run.started, run.finished) for run in runs) for name, runs in ended.items()}
    overlaps = {name: any(later[0] < earlier[1] for earlier, later in pairwise(spans[name])) for name in spans}
    assert overlaps == {"shared": True, "alone": False}


def test_a_network_is_timed_with_the_device_synchronised(config):
    timing = time_network(config, Conditions(batch_size=8, resolution=28, repeats=3), "cuda")
    assert math.isfinite(timing["training_step"]["median"])
    assert timing["environment"]["device_name"] == torch.cuda.get_device_name()
