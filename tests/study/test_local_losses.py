"""What the local executor makes of workers that are killed, or that cannot even start."""

import os
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import replace

import pytest

from netspace.errors import StudyError
from netspace.store import Worker
from netspace.study import Study
from netspace.study.executors import local, make_executor
from netspace.study.jobs import Finished, Job, Lost


@pytest.mark.parametrize(
    ("told_before", "told_after", "starved"),
    [
        ("pgfault 9\noom_kill 3\n", "pgfault 9\noom_kill 4\n", True),
        ("oom_kill 3\n", "oom_kill 3\n", False),
        ("", "", False),
    ],
)
def test_a_worker_killed_as_memory_ran_out_says_so_first(
    study_file, tmp_path, monkeypatch, told_before, told_after, starved
):
    events = tmp_path / "vmstat"
    events.write_text(told_before)
    monkeypatch.setattr(local, "_KERNEL_EVENTS", events)
    study = Study.from_yaml(study_file())
    config = dict(next(iter(study.planned_runs())).config)
    with make_executor("local", study.context, workers=1, device="cpu") as executor:
        executor.submit(Job(run_id=4, config=config, seed=1))
        executor._slots[0].ready = True
        events.write_text(told_after)
        executor._slots[0]._process.kill()
        (event,) = executor.wait(60)
    assert isinstance(event, Lost)
    memory = "out of memory: " if starved else ""
    assert event.message.startswith(f"{memory}the worker process was killed by SIGKILL")


def test_where_the_system_tells_of_no_kills_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "_KERNEL_EVENTS", tmp_path / "none")
    assert local._kills_for_memory() == 0


@pytest.fixture
def job(study_file) -> Job:
    run = Study.from_yaml(study_file()).planned_runs()[0]
    return Job(run_id=4, config=dict(run.config), seed=run.seed)


@pytest.mark.slow
def test_a_worker_that_is_killed_before_it_is_ready_costs_its_job_nothing(study_file, job):
    with make_executor("local", Study.from_yaml(study_file()).context, workers=1, device="cpu") as executor:
        executor.submit(job)
        executor._slots[0]._process.kill()
        events = []
        while not events:
            events = executor.wait(60)
    assert [type(event) for event in events] == [Finished]


def test_workers_none_of_which_starts_end_the_executor_with_their_last_words(study_file, job, tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'netspace: no such module' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with make_executor("local", Study.from_yaml(study_file()).context, workers=1, device="cpu") as executor:
        executor.submit(job)
        with pytest.raises(StudyError) as caught:
            deque((executor.wait(60) for _ in range(10)), maxlen=0)
    reason = "the worker process ended with exit code 7; its last words: netspace: no such module"
    assert str(caught.value) == f"no worker could be started: {reason}"


@pytest.mark.slow
def test_what_lies_in_the_folder_that_one_starts_in_does_not_run(study_file, tmp_path):
    study = study_file(n=1, spaces=["RegNetX"])
    folder = tmp_path / "begun here"
    folder.mkdir()
    for name in sys.stdlib_module_names:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    command = ["from netspace.cli import main; main()", "run", str(study), "--workers", "1", "--device", "cpu"]
    subprocess.run([sys.executable, "-P", "-c", *command], cwd=folder, check=True, env=os.environ)
    assert not (tmp_path / "ran").exists()


def test_the_next_start_removes_what_a_killed_driver_has_left_and_nothing_else(study_file, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = Worker.current()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    owners = {"dead": str(replace(mine, pid=dead.pid)), "living": str(mine), "unknown": "?"}
    elsewhere = str(replace(mine, host="another", pid=dead.pid))
    for name, owner in {**owners, "elsewhere": elsewhere}.items():
        (tmp_path / f"netspace-workers-{name}").mkdir()
        (tmp_path / f"netspace-workers-{name}" / "driver").write_text(owner)
    with make_executor("local", Study.from_yaml(study_file()).context, workers=1, device="cpu"):
        left = {path.name.removeprefix("netspace-workers-") for path in tmp_path.glob("netspace-workers-*")}
        assert {"living", "unknown", "elsewhere"} < left
        assert "dead" not in left
