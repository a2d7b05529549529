"""Checkpoints: what was killed and resumed ends as what was not, and no other training goes on from it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.errors import TrainingError
from netspace.models import build
from netspace.train import Augment, DataSpec, Recipe, load_data, train

PROGRAM = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {here!r})
from test_checkpoint import network, RECIPE, DATA
from netspace.train import load_data, train
torch.set_num_threads(1)
model = network()
result = train(model, load_data(DATA), RECIPE, seed=5, resume_from=Path(sys.argv[1]),
               on_epoch=lambda epoch: print("epoch", epoch.epoch, flush=True))
torch.save({{"model": model.state_dict(), "losses": [e.train_loss for e in result.curve], "error": result.error}},
           sys.argv[2])
"""

DATA = DataSpec(train=256, validation=64)
RECIPE = Recipe(
    epochs=4,
    batch_size=32,
    nesterov=True,
    ema_decay=0.9,
    drop_path=0.3,
    precise_bn=64,
    clip_norm=1.0,
    accumulate=2,
    augment=Augment(shift=2, mixup=0.3, policy="trivialaugment"),
)


def network(width: int = 8, drop_path: float = 0.3) -> torch.nn.Module:
    config = AnyNetConfig(
        stem={"kind": "simple", "width": 8},
        stages={
            "depths": [2, 2],
            "widths": [width, 16],
            "strides": [2, 2],
            "bottleneck_ratios": [1, 1],
            "group_widths": [2, 4],
        },
        num_classes=10,
        in_channels=1,
    )
    return build(config, seed=1, drop_path=drop_path)


def start(checkpoint: Path, result: Path) -> subprocess.Popen[str]:
    program = PROGRAM.format(here=str(Path(__file__).parent))
    return subprocess.Popen(
        [sys.executable, "-c", program, str(checkpoint), str(result)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_a_training_that_was_killed_and_resumed_ends_bit_for_bit_as_one_that_was_not(tmp_path):
    load_data(DATA)
    with start(tmp_path / "killed.pt", tmp_path / "never") as killed:
        assert killed.stdout is not None
        while "epoch 2" not in killed.stdout.readline():
            assert killed.poll() is None
        time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    assert not (tmp_path / "never").exists()
    for checkpoint, result in (("killed.pt", "resumed"), ("whole.pt", "whole")):
        process = start(tmp_path / checkpoint, tmp_path / result)
        out, _ = process.communicate()
        assert process.returncode == 0
        assert (result == "whole") == ("epoch 1\n" in out)
    resumed, whole = (torch.load(tmp_path / name, weights_only=True) for name in ("resumed", "whole"))
    assert resumed["losses"] == whole["losses"]
    assert resumed["error"] == whole["error"]
    assert all(torch.equal(resumed["model"][name], value) for name, value in whole["model"].items())


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.pt"
    train(network(), load_data(DATA), RECIPE.model_copy(update={"epochs": 1}), seed=5, resume_from=path)
    return path


def test_a_finished_training_is_not_repeated(finished):
    once = RECIPE.model_copy(update={"epochs": 1})
    seen = []
    result = train(network(), load_data(DATA), once, seed=5, resume_from=finished, on_epoch=seen.append)
    assert seen == []
    assert len(result.curve) == 1
    assert result.error == result.curve[0].val_error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 6}, "seed = 5, now 6"),
        ({"epochs": 2}, "recipe.epochs = 1, now 2"),
        ({"width": 16}, "network = '.*', now '"),
        ({"data": DataSpec(train=256, validation=65)}, "data.* = '.*', now '"),
        ({"data": DataSpec(train=255, validation=64)}, "data.training images = 256, now 255"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_what_differs(finished, changes, message):
    recipe = RECIPE.model_copy(update={"epochs": changes.get("epochs", 1)})
    data = load_data(changes.get("data", DATA))
    with pytest.raises(TrainingError, match=f"checkpoint of another training: {message}") as caught:
        train(network(changes.get("width", 8)), data, recipe, seed=changes.get("seed", 5), resume_from=finished)
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_is_refused(finished, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(finished.read_bytes()[:500])
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: is not a readable checkpoint") as caught:
        train(network(), load_data(DATA), RECIPE, seed=5, resume_from=path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_holds_nothing_that_must_be_unpickled(finished):
    assert set(torch.load(finished, weights_only=True)) >= {"model", "optimizer", "average", "generator", "curve"}
    assert [file.name for file in finished.parent.iterdir()] == ["checkpoint.pt"]
