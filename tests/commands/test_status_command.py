"""`netspace status` beside a study that runs, and the executor's options."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netspace.store import Outcome, Store
from netspace.study import Study


@pytest.mark.slow
def test_watch_follows_a_study_from_another_process_until_its_end(study, netspace):
    command = [sys.executable, "-m", "netspace.cli", "run", str(study), "--workers", "1", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        # what was understood of the images comes first; then the study is planned
        assert next(line for line in running.stderr if line.startswith("small: ")).startswith("small: 0/4 runs")
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
        (["--option", "time=60"], "the executor 'local' has no options, got 'time'"),
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


def test_a_worker_that_gives_no_sign_of_life_is_named(halfway, netspace):
    with Store.open(halfway) as store:
        run = store.lease_next(store.find_study("small").id, "driver")
        store.heartbeat([run.id], "driver", silent={run.id: 300.0})
    shown = netspace("status", halfway).out
    assert f"no sign of life for 5 min: {run.space} {run.index}" in shown
    assert "no worker gives a sign of life" in shown
    (silent,) = json.loads(netspace("status", halfway, "--json").out)["silent"]
    assert (silent["space"], silent["index"]) == (run.space, run.index)
    assert 300 <= silent["seconds"] < 360  # it grows while one looks


@pytest.fixture
def halfway(write_study) -> Path:
    """The store of the study, stopped early, of which one run is done and one failed."""
    study = write_study(stop={"alpha": 0.05, "delta": None})
    target = study.parent / "small.db"
    with Store.open(target) as store:
        record = Study.from_yaml(study).open(store)
        done, failed = (store.lease_next(record.id, "driver") for _ in range(2))
        store.record(done.id, "driver", Outcome(status="done", error=12.5, seconds=1.0))
        store.fail(failed.id, "driver", "out of memory on cpu\nTraceback", max_attempts=1)
    return target


def test_a_store_alone_tells_what_the_study_file_tells(study, halfway, netspace):
    for options in ([], ["--json"]):
        by_file = netspace("status", study, *options)
        study.rename(study.with_name("elsewhere"))
        by_store = netspace("status", halfway, *options)
        study.with_name("elsewhere").rename(study)
        assert by_store.code == 0, by_store.err
        assert by_store.out == by_file.out
    told = json.loads(by_store.out)
    assert {space: (now["done"], now["failed"], now["planned"]) for space, now in told["counts"].items()} == {
        "AnyNetXA": (1, 0, 1),
        "RegNetX": (0, 1, 1),
    }
    assert told["best"] == {
        **{"space": "AnyNetXA", "index": 0, "error": 12.5},
        **{"likely": None, "low": None, "high": None},
    }
    assert [pair["decision"] for pair in told["stopping"]] == ["undecided"]
    assert told["failures"][0]["message"].startswith("out of memory on cpu")


def test_watch_ends_where_early_stopping_has_spared_the_rest(write_study, netspace):
    study = write_study(n=10, stop={"alpha": 0.05, "delta": None})
    with Store.open(study.parent / "small.db") as store:
        record = Study.from_yaml(study).open(store)
        for _ in range(18):
            run = store.lease_next(record.id, "driver")
            error = 80.0 if run.space == "AnyNetXA" else 40.0
            store.record(run.id, "driver", Outcome(status="done", error=error, seconds=1.0))
    watched = netspace("status", study, "--watch", "--interval", "0.1")
    assert watched.code == 0
    assert "18 of 18 runs ended · early stopping spared 2" in watched.out
    assert "none is being trained" not in watched.out


def test_a_store_with_several_studies_is_refused_alone(study, halfway, netspace):
    with Store.open(halfway) as store:
        store.insert_study("another", {}, "digest")
    done = netspace("status", halfway)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "it holds 2 studies (small, another); choose one with --study NAME" in done.err
    assert netspace("status", halfway, "--study", "small").out == netspace("status", study).out
    assert netspace("status", study).code == 0
