"""`netspace status` beside a study that runs, and the executor's options."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SMALL = {
    "name": "small",
    "spaces": ["AnyNetXA", "RegNetX"],
    "n": 2,
    "flops": "20K:150K",
    "resolution": 20,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 1, "augment": {"flip": False}},
}


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


@pytest.mark.slow
def test_watch_follows_a_study_from_another_process_until_its_end(study, netspace):
    command = [sys.executable, "-m", "netspace.cli", "run", str(study), "--workers", "1", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr.readline().startswith("small: 0/4 runs")  # the study is planned
        watched = netspace("status", study, "--watch", "--interval", "0.2")
        assert running.wait(120) == 0
    assert watched.code == 0
    ended = [int(number) for number in re.findall(r"(\d) of 4 runs ended", watched.out)]
    assert ended[-1] == 4
    assert ended == sorted(ended)
    assert len(set(ended)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "rayy"], "unknown executor 'rayy' (did you mean 'ray'?); valid: local, ray, slurm"),
        (["--option", "partition"], "--option takes NAME=VALUE, got 'partition'"),
        (["--option", "time=60"], "options of the executor 'local': unknown key 'time'"),
        (["--executor", "slurm", "--option", "partitoin=a"], "unknown key 'partitoin'; valid: partition, account,"),
        (["--executor", "slurm", "--option", "time=soon"], "options of the executor 'slurm': time:"),
        (["--executor", "ray", "--address", "127.0.0.1:1"], "no Ray cluster at 127.0.0.1:1"),
    ],
)
def test_a_mistake_about_the_executor_is_told_in_a_line(study, netspace, arguments, message):
    if "--address" in arguments:
        pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    done = netspace("run", study, *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
