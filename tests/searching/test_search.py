"""A whole search: killed at any moment it ends with the same network, and its folder is an ordinary study."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import netspace as ns
from netspace.errors import ConfigError, WeightsError
from netspace.searching import sizes
from netspace.training import loop as training_loop


@pytest.fixture(autouse=True)
def few_networks(monkeypatch, given_speed):
    given_speed(1.0)
    for name, number in {"RANDOM": 8, "ROUNDS": 2, "CHOSEN": 2, "REPEATS": 2, "FEWEST_RANDOM": 4}.items():
        monkeypatch.setattr(sizes, name, number)


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_network(digits, small, tmp_path):
    told, seen = [], []
    found = ns.search(digits, tmp_path / "whole", **small, tell=told.append, observe=seen.append)

    # as settled: how long a training takes is measured, and may be another number the next time
    cut = tmp_path / "cut"
    cut.mkdir()
    for name in ("study.yaml", "search.json"):
        shutil.copy(tmp_path / "whole" / name, cut)
    program = (
        "import json, sys, netspace as ns\n"
        "options = json.loads(sys.argv[1])\n"
        "data = ns.DataSpec(source='mnist-5k', train=256, validation=100)\n"
        "ns.search(data, sys.argv[2], **options, observe=lambda now: print(now.stage, now.done, flush=True))"
    )
    for stage, done in (("random networks", 2), ("chosen networks, round 1", 9), ("the winner", 0)):
        command = [sys.executable, "-c", program, json.dumps(small), str(cut)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            for line in running.stdout:
                if line.startswith(stage) and int(line.split()[-1]) >= done:
                    os.kill(running.pid, signal.SIGKILL)
        assert running.returncode == -signal.SIGKILL
        time.sleep(0.5)
    again = ns.search(digits, cut, **small)

    assert [one.name for one in again.best] == [one.name for one in found.best]
    for name, values in found.model.state_dict().items():
        assert np.array_equal(values.numpy(), again.model.state_dict()[name].numpy()), name

    # what was found
    assert [choice.what for choice in told][:2] == ["images", "resolution"]
    assert found.package.classes == tuple("0123456789")
    assert found.package.errors[0].split == "validation"
    assert "no test split" in found.summary
    assert (tmp_path / "whole" / "report" / "index.html").is_file()
    assert len(found.best) == 2
    assert all(len(one.errors) == 2 for one in found.best)
    assert found.model(found.model.transform(np.zeros((28, 28), np.uint8))[None]).shape == (1, 10)
    assert seen[-1].stage == "the winner"
    assert seen[-1].done == seen[-1].total
    assert seen[-1].seconds_left == 0

    # an ordinary study beside it, complete, of random networks alone
    with ns.Store.open(tmp_path / "whole" / "search.db") as store:
        names = {study.name: len(store.runs(study.id, status="done")) for study in store.studies()}
    assert names["search"] == 8
    assert sum(names.values()) <= 8 + 4 + 2
    for command in (
        ["status", "study.yaml"],
        ["run", "study.yaml"],
        ["report", "search.db", "--study", "search-again"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "netspace.cli", *command], cwd=tmp_path / "whole", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_next_best_takes_the_place_of_a_winner_that_diverges(digits, small, tmp_path, monkeypatch):
    for name in ("ROUNDS", "CHOSEN", "RANDOM"):
        monkeypatch.setattr(sizes, name, 2 if name == "RANDOM" else 1)
    monkeypatch.setattr("netspace.searching.stages.write_report", lambda *_, **__: None)
    tried = []

    def train(model, *args, **kwargs):
        tried.append(model.config.digest)
        if model.config.digest == tried[0]:  # as if only the very best could not bear the full schedule
            kwargs["on_epoch"] = lambda _: None
            args = (args[0], args[1].model_copy(update={"lr": 1e9}))
        return training_loop.train(model, *args, **kwargs)

    monkeypatch.setattr("netspace.searching.winner.train", train)
    found = ns.search(digits, tmp_path / "found", **small)
    assert len(tried) == 2
    assert [one.config.digest for one in found.best] == [tried[1], tried[0]]
    assert found.model.config.digest == tried[1]
    diverged = found.best[1].name
    assert f"trained fully, {diverged} diverged, and the next best took its place" in found.summary
    assert (tmp_path / "found" / f"diverged-{diverged.replace(' ', '-')}" / "training.json").is_file()


MODELS = """
from torch import nn


def build(num_classes, in_channels, width):
    layers = [nn.Conv2d(in_channels, width, 3, stride=2), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
"""


@pytest.mark.slow
def test_a_space_over_ones_own_function_ends_with_a_package_that_must_be_trusted(digits, small, tmp_path, monkeypatch):
    for name in ("ROUNDS", "CHOSEN", "RANDOM"):
        monkeypatch.setattr(sizes, name, 2 if name == "RANDOM" else 1)
    monkeypatch.setattr("netspace.searching.stages.write_report", lambda *_, **__: None)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "own.yaml").write_text("name: Own\nbuilder: models.py:build\nparameters: {width: {uniform: [4, 64]}}\n")
    told = []
    options = small | {"spaces": [str(tmp_path / "own.yaml")], "flops": "5K:60K"}
    found = ns.search(digits, tmp_path / "found", **options, tell=told.append)
    assert "stem" not in [choice.what for choice in told]
    assert 4 <= found.best[0].config.arguments["width"] <= 64
    assert found.model(found.model.transform(np.zeros((28, 28), np.uint8))[None]).shape == (1, 10)

    package = tmp_path / "found" / "package"
    assert found.summary.rstrip().endswith("package IMAGE... --trust-code")
    assert "`code/models.py` of this folder: read it first" in (package / "README.md").read_text()
    with pytest.raises(WeightsError, match="read it, then pass trust_code=True"):
        ns.from_pretrained(package)


def test_the_stem_of_a_space_over_a_function_and_unlike_spaces_are_refused(digits, small, tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "own.yaml").write_text("name: Own\nbuilder: models.py:build\nparameters: {width: {uniform: [4, 64]}}\n")
    own = str(tmp_path / "own.yaml")
    with pytest.raises(ConfigError, match="--stem has no effect"):
        ns.search(digits, tmp_path / "found", **small | {"spaces": [own], "stem": "simple"})
    with pytest.raises(ConfigError, match=r"different parameters of their own \(RegNetX, Own\)"):
        ns.search(digits, tmp_path / "found", **small | {"spaces": ["RegNetX", own]})
