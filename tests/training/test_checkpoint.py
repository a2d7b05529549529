"""Checkpoints: what was killed and resumed ends as what was not, and no other training goes on from it."""

import dataclasses
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
from netspace.training import Augment, DataSpec, Recipe, load_data, train

PROGRAM = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {here!r})
from test_checkpoint import network, RECIPE, DATA
from netspace.training import load_data, train
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
        ({"seed": 6}, "seed = 5 \\(now 6"),
        ({"epochs": 2}, "recipe.epochs = 1 \\(now 2"),
        ({"width": 16}, "network = '.*' \\(now '"),
        ({"data": DataSpec(train=256, validation=65)}, "data.* = '.*' \\(now '"),
        ({"data": DataSpec(train=255, validation=64)}, "data.training images = 256 \\(now 255"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_what_differs(finished, changes, message):
    recipe = RECIPE.model_copy(update={"epochs": changes.get("epochs", 1)})
    data = load_data(changes.get("data", DATA))
    with pytest.raises(TrainingError, match=f"checkpoint belongs to another training: {message}") as caught:
        train(network(changes.get("width", 8)), data, recipe, seed=changes.get("seed", 5), resume_from=finished)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_training_images_is_refused(finished):
    data = load_data(DATA)
    others = dataclasses.replace(data, train_digest="others")
    once = RECIPE.model_copy(update={"epochs": 1})
    with pytest.raises(TrainingError, match=f"data.training split = '{data.train_digest}' \\(now 'others'"):
        train(network(), others, once, seed=5, resume_from=finished)


class StoppedError(Exception):
    """Ends a training after an epoch."""


class Hungry(torch.nn.Module):
    """Has no memory for more than `most` images at a time, from its step `since` on."""

    def __init__(self, most: int = 16, since: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(784, 10)
        self.most, self.since, self.steps = most, since, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > self.most and self.steps >= self.since:
            raise torch.OutOfMemoryError("no more")
        self.steps += self.training
        return self.layer(x.flatten(1))


PLAIN = Recipe(epochs=3, batch_size=32)


def stop(epoch) -> None:
    if epoch.epoch == 2:
        raise StoppedError


def test_a_training_whose_batches_were_halved_is_resumed_by_the_same_command(tmp_path):
    path, data = tmp_path / "checkpoint.pt", load_data(DATA)
    with pytest.raises(StoppedError):
        train(Hungry(), data, PLAIN, halve_batch=True, resume_from=path, on_epoch=stop)
    seen = []
    result = train(Hungry(), data, PLAIN, halve_batch=True, resume_from=path, on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [3]
    assert result.recipe["accumulate"] == 2
    whole = train(Hungry(), data, PLAIN.model_copy(update={"accumulate": 2}))
    assert losses(result) == losses(whole)


def test_batches_that_are_halved_after_an_epoch_start_again_without_its_checkpoint(tmp_path):
    path, data = tmp_path / "checkpoint.pt", load_data(DATA)
    seen = []
    # 8 steps an epoch: the memory does not suffice from the second epoch on
    hungry = Hungry(since=9)
    result = train(hungry, data, PLAIN, halve_batch=True, resume_from=path, on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 1, 2, 3]
    whole = train(Hungry(), data, PLAIN.model_copy(update={"accumulate": 2}))
    assert losses(result) == losses(whole)


def test_a_resumed_training_that_runs_out_of_memory_again_halves_what_it_resumed(tmp_path):
    path, data = tmp_path / "checkpoint.pt", load_data(DATA)
    with pytest.raises(StoppedError):
        train(Hungry(), data, PLAIN, halve_batch=True, resume_from=path, on_epoch=stop)
    result = train(Hungry(most=8), data, PLAIN, halve_batch=True, resume_from=path)
    assert result.recipe["accumulate"] == 4
    whole = train(Hungry(), data, PLAIN.model_copy(update={"accumulate": 4}))
    assert losses(result) == losses(whole)


def test_a_damaged_checkpoint_is_refused(finished, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(finished.read_bytes()[:500])
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: cannot read the checkpoint") as caught:
        train(network(), load_data(DATA), RECIPE, seed=5, resume_from=path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_holds_nothing_that_must_be_unpickled(finished):
    assert set(torch.load(finished, weights_only=True)) >= {"model", "optimizer", "average", "generator", "curve"}
    assert [file.name for file in finished.parent.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_with_a_flipped_bit_is_refused(finished, tmp_path):
    path, content = tmp_path / "checkpoint.pt", bytearray(finished.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="cannot read the checkpoint"):
        train(network(), load_data(DATA), RECIPE.model_copy(update={"epochs": 1}), seed=5, resume_from=path)


SHORT = RECIPE.model_copy(update={"epochs": 3})


@pytest.fixture(scope="module")
def whole():
    return train(network(), load_data(DATA), SHORT, seed=5)


def losses(result) -> list[float]:
    return [epoch.train_loss for epoch in result.curve]


def foreign(path: Path) -> None:
    other = SHORT.model_copy(update={"epochs": 1})
    train(network(), load_data(DATA), other, seed=6, resume_from=path)


def incomplete(path: Path) -> None:
    """Write the right training's checkpoint without half of the network."""
    train(network(), load_data(DATA), SHORT, seed=5, resume_from=path, on_epoch=lambda _: None)
    content = torch.load(path, weights_only=True)
    content["model"] = dict(list(content["model"].items())[::2])
    torch.save(content, path)


@pytest.mark.parametrize("spoil", [foreign, incomplete, lambda path: path.write_bytes(b"not a checkpoint")])
def test_a_checkpoint_that_is_not_needed_and_cannot_be_used_is_thrown_away(whole, tmp_path, spoil):
    path = tmp_path / "checkpoint.pt"
    spoil(path)
    with pytest.raises(TrainingError, match="checkpoint"):
        train(network(), load_data(DATA), SHORT, seed=5, resume_from=path)
    seen = []
    result = train(
        network(),
        load_data(DATA),
        SHORT,
        seed=5,
        resume_from=path,
        checkpoint_seconds=1e9,
        checkpoint_needed=False,
        on_epoch=seen.append,
    )
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert losses(result) == losses(whole)
    assert not path.exists()


def test_a_checkpoint_that_is_not_needed_and_cannot_be_written_is_left_out(whole, tmp_path):
    nowhere = tmp_path / "missing" / "checkpoint.pt"
    with pytest.raises(TrainingError, match=r"cannot write the checkpoint \(No such file or directory\)"):
        train(network(), load_data(DATA), SHORT, seed=5, resume_from=nowhere)
    result = train(network(), load_data(DATA), SHORT, seed=5, resume_from=nowhere, checkpoint_needed=False)
    assert losses(result) == losses(whole)


def test_checkpoints_are_written_no_more_often_than_asked(tmp_path, monkeypatch):
    path, now, written = tmp_path / "checkpoint.pt", [0.0], []
    monkeypatch.setattr("netspace.training.checkpoint.time.monotonic", lambda: now[0])

    def tick(epoch) -> None:
        written.append(path.stat().st_mtime_ns if path.exists() else None)
        now[0] += 10.0
        assert epoch.epoch == len(written)

    recipe = RECIPE.model_copy(update={"epochs": 7})
    train(network(), load_data(DATA), recipe, seed=5, resume_from=path, checkpoint_seconds=25, on_epoch=tick)
    # seen after epochs that end at 0, 10, 20, ... s: one is due at 30 s and at 60 s
    assert written[:3] == [None, None, None]
    assert written[3] == written[4] == written[5] != written[6]
    assert None not in written[3:]


def test_a_disk_that_is_full_is_told_in_a_line_and_leaves_the_last_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    before, path = resource.getrlimit(resource.RLIMIT_FSIZE), tmp_path / "checkpoint.pt"
    content: list[bytes] = []

    def limit(_epoch) -> None:
        content.append(path.read_bytes())
        # a file that may not grow stands for a disk that is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    try:
        with pytest.raises(TrainingError, match=r"checkpoint\.pt: cannot write the checkpoint") as caught:
            train(network(), load_data(DATA), SHORT, seed=5, resume_from=path, on_epoch=limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content[0]
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
