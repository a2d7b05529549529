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
from netspace.training import Augment, DataSpec, Epoch, Recipe, distributed, load_data, train
from netspace.training.evaluation import precise_batch_norm
from netspace.training.preconditions import check_batches

PROGRAM = """
import os, sys
from pathlib import Path
import torch
sys.path.insert(0, {here!r})
from test_distributed import RECIPES, trained
from netspace.training import distributed
torch.set_num_threads(1)
folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
found = dict()
with distributed.process_group(torch.device("cpu")):
    for name in RECIPES:
        found[name] = trained(name, resume_from=folder / str(rank) / (name + ".pt"))
if rank == 0:
    torch.save(found, folder / "two.pt")
"""

RECIPES = {
    "average": Recipe(epochs=2, batch_size=32, ema_decay=0.5, clip_norm=1.0, augment=Augment(shift=1, mixup=0.4)),
    "parts": Recipe(epochs=2, batch_size=32, accumulate=2, precise_bn=40, augment=Augment(shift=1)),
    "resumed": Recipe(epochs=2, batch_size=32, ema_decay=0.5, augment=Augment(shift=1)),
}


def trained(name: str, **options) -> dict:
    stages = {
        "depths": [1, 2],
        "widths": [8, 16],
        "strides": [2, 2],
        "bottleneck_ratios": [1, 1],
        "group_widths": [2, 4],
    }
    config = AnyNetConfig(stem={"kind": "simple", "width": 8}, stages=stages, num_classes=10, in_channels=1)
    model = build(config, seed=1)
    result = train(model, load_data(DataSpec(train=128, validation=301)), RECIPES[name], seed=2, **options)
    losses = torch.tensor([epoch.train_loss for epoch in result.curve])
    return {"model": model.state_dict(), "losses": losses, "error": torch.tensor(result.error)}


class StoppedError(Exception):
    """Ends a training after an epoch."""


def stop(_epoch: Epoch) -> None:
    raise StoppedError


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    for rank in (0, 1):
        (tmp_path / str(rank)).mkdir()
    # the second process, on another machine perhaps, does not see the checkpoint
    with pytest.raises(StoppedError):
        trained("resumed", resume_from=tmp_path / "0" / "resumed.pt", on_epoch=stop)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(here=str(Path(__file__).parent)))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*launcher, str(program), str(tmp_path)], check=True, env=environment)
    for name, two in torch.load(tmp_path / "two.pt", weights_only=True).items():
        one = trained(name)
        assert torch.allclose(one["losses"], two["losses"], rtol=1e-4), name
        assert float(one["error"]) == pytest.approx(float(two["error"]), abs=0.7)
        for key, value in one["model"].items():
            assert torch.allclose(value.float(), two["model"][key].float(), rtol=5e-3, atol=1e-3), (name, key)


def test_precise_statistics_are_those_of_one_process():
    data, found = load_data(DataSpec(train=128, validation=301)), []
    for kind in (torch.nn.BatchNorm2d, distributed.SharedBatchNorm2d):
        model = torch.nn.Sequential(kind(1))
        precise_batch_norm(model, data, Recipe(batch_size=32, precise_bn=96), torch.device("cpu"))
        assert type(model[0]) is kind
        found.append(torch.cat([model[0].running_mean, model[0].running_var]))
    assert torch.equal(*found)


def test_a_batch_that_cannot_be_shared_equally_is_refused(monkeypatch):
    monkeypatch.setattr("netspace.training.preconditions.processes", lambda: 3)
    data = load_data(DataSpec(train=128, validation=301))
    message = (
        "a batch must be a multiple of accumulate x processes, got batch_size=32, accumulate=1 "
        "and 128 training images on 3 processes"
    )
    with pytest.raises(TrainingError, match=message):
        check_batches(Recipe(batch_size=32), data)
    check_batches(Recipe(batch_size=33), data)
    with pytest.raises(TrainingError, match="accumulate=2"):
        check_batches(Recipe(batch_size=33, accumulate=2), data)


def test_batches_are_halved_in_one_process_alone(monkeypatch):
    monkeypatch.setattr("netspace.training.loop.processes", lambda: 2)
    with pytest.raises(
        TrainingError, match="halve_batch works in one process only, but there are 2: set the recipe's accum"
    ):
        train(torch.nn.Flatten(), load_data(DataSpec(train=128, validation=301)), Recipe(), halve_batch=True)


@pytest.mark.parametrize("ran_in", [0, 1])
def test_what_the_first_process_meets_all_meet(monkeypatch, ran_in):
    sent = []

    def exchange(values: list, src: int) -> None:
        assert src == 0
        sent.append(values[0])
        if ran_in == 1:
            values[0] = (None, TrainingError("damaged"))

    def action() -> None:
        raise TrainingError("damaged") if ran_in == 0 else AssertionError("the first process alone acts")

    monkeypatch.setattr(distributed, "processes", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: ran_in)
    monkeypatch.setattr("torch.distributed.broadcast_object_list", exchange)
    with pytest.raises(TrainingError, match="damaged"):
        distributed.first_alone(action)
    assert len(sent) == 1
