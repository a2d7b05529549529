"""`netspace search`: what it prints, that it goes on, and how mistakes end."""

import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from netspace.searching import sizes

OPTIONS = ["--space", "RegNetX", "--resolution", 20, "--stem", "simple", "--epochs", 2, "--cheap-epochs", 1]


@pytest.fixture
def photos(tmp_path):
    """A folder of random photos of two classes, of names with spaces, with a test split."""
    rng = np.random.default_rng(0)
    for split, name in itertools.product(("train", "test"), ("grey cats", "white dogs")):
        folder = tmp_path / "my photos" / split / name
        folder.mkdir(parents=True)
        for number in range(30 if split == "train" else 10):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "my photos"


@pytest.mark.slow
def test_a_search_prints_choices_and_a_summary_and_goes_on(netspace, photos, tmp_path, monkeypatch):
    for name, number in {"RANDOM": 2, "ROUNDS": 1, "CHOSEN": 1, "REPEATS": 1, "FEWEST_RANDOM": 2}.items():
        monkeypatch.setattr(sizes, name, number)
    arguments = ["search", photos, "-o", tmp_path / "found", "--flops", "20K:300K", *OPTIONS]
    done = netspace(*arguments)
    assert done.code == 0, done.err
    assert "resolution: 20 pixels, as asked for" in done.out
    assert "recipe: quick with 2 epochs" in done.out
    assert "left in all" in done.err
    assert (tmp_path / "found" / "summary.txt").read_text() in done.out
    assert netspace("predict", tmp_path / "found" / "package", photos / "test" / "grey cats").code == 0

    again = netspace(*arguments, "--json")
    assert again.code == 0
    found = json.loads(again.out)
    assert {error["split"]: error["images"] for error in found["errors"]} == {"validation": 12, "test": 20}
    config = json.loads((tmp_path / "found" / "package" / "config.json").read_text())
    assert config["errors"][-1]["split"] == "test"
    assert "test error" in done.out
    assert found["best"][0]["name"] in done.out
    other = netspace(*arguments[:-2], "--cheap-epochs", 2)
    assert (other.code, other.out) == (2, "")
    assert "was started with cheap_epochs = 1 (now 2)" in other.err


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(photos, tmp_path):
    command = [sys.executable, "-m", "netspace.cli", "search", photos, "-o", tmp_path / "found", *map(str, OPTIONS)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        first = running.stderr.readline()
        os.kill(running.pid, signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == 130
    assert "random networks" in first
    assert "Interrupted; what was trained is kept. Resume with: netspace search" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hours", 0], "hours"),
        (["--params", "0.3M"], "LO:HI"),
        (["--stem", "round"], "stem"),
        (["--recipe", "slow"], "unknown recipe 'slow'"),
        (["--space", "RegNetQ"], "unknown design space 'RegNetQ'"),
        (["--params", "10:20"], "nearest params seen"),
        (["-O", "time=60"], "has no options"),
        (["--executor", "cloud"], "unknown executor 'cloud'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(netspace, photos, tmp_path, arguments, said):
    done = netspace("search", photos, "-o", tmp_path / "found", "--resolution", 20, *arguments)
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line]
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "found").exists()
