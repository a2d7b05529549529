"""Two processes under torchrun against one: the same losses, weights and error, up to rounding."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from netspace.arch import AnyNetConfig
from netspace.errors import TrainingError
from netspace.models import build
from netspace.train import Augment, DataSpec, Recipe, distributed, load_data, train

PROGRAM = """
import sys
import torch
sys.path.insert(0, {here!r})
from test_distributed import trained
torch.set_num_threads(1)
result = trained()
if int(__import__("os").environ["RANK"]) == 0:
    torch.save(result, sys.argv[1])
"""


def trained() -> dict:
    stages = {
        "depths": [1, 2],
        "widths": [8, 16],
        "strides": [2, 2],
        "bottleneck_ratios": [1, 1],
        "group_widths": [2, 4],
    }
    config = AnyNetConfig(stem={"kind": "simple", "width": 8}, stages=stages, num_classes=10, in_channels=1)
    model = build(config, seed=1)
    recipe = Recipe(epochs=2, batch_size=32, ema_decay=0.5, clip_norm=1.0, augment=Augment(shift=1, mixup=0.4))
    result = train(model, load_data(DataSpec(train=128, validation=301)), recipe, seed=2)
    losses = torch.tensor([epoch.train_loss for epoch in result.curve])
    return {"model": model.state_dict(), "losses": losses, "error": torch.tensor(result.error)}


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    one = trained()
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(here=str(Path(__file__).parent)))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*launcher, str(program), str(tmp_path / "two.pt")], check=True, env=environment)
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    assert torch.allclose(one["losses"], two["losses"], rtol=1e-4)
    assert float(one["error"]) == pytest.approx(float(two["error"]), abs=0.7)
    for name, value in one["model"].items():
        assert torch.allclose(value.float(), two["model"][name].float(), atol=1e-3), name


def test_a_batch_that_cannot_be_shared_equally_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "processes", lambda: 3)
    with pytest.raises(TrainingError, match="batch_size must be a multiple of the 3 processes, got 32"):
        distributed.own_part(torch.zeros(32, 1))
