"""What the local executor tells of a worker that was killed."""

import pytest

from netspace.study import Study
from netspace.study.executors import local, make_executor
from netspace.study.jobs import Job, Lost


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
        events.write_text(told_after)
        executor._slots[0]._process.kill()
        (event,) = executor.wait(60)
    assert isinstance(event, Lost)
    memory = "out of memory: " if starved else ""
    assert event.message.startswith(f"{memory}the worker process was killed by SIGKILL")


def test_where_the_system_tells_of_no_kills_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "_KERNEL_EVENTS", tmp_path / "none")
    assert local._kills_for_memory() == 0
