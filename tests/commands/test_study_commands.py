"""`netspace run`, `status`, `compare`, `report`: a small study from its file to its page, with interruptions."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import small_study
import yaml

from netspace.errors import StoreError
from netspace.store import Store

SMALL = {**small_study.SMALL, "n": 6}


def write(folder: Path, **changes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def start(study: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "netspace.cli", "run", str(study), "--workers", "2", "--device", "cpu", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def statuses(study: Path) -> list[str]:
    with Store.open(study.parent / "small.db", create=False) as store:
        record = store.find_study("small")
        assert record is not None
        return [run.status for run in store.runs(record.id)]


def results(study: Path) -> list[tuple]:
    with Store.open(study.parent / "small.db", create=False) as store:
        record = store.find_study("small")
        assert record is not None
        return [(run.space, run.index, run.digest, run.status, run.error) for run in store.runs(record.id)]


def wait_for(study: Path, done: int, process: subprocess.Popen, seconds: float = 120) -> None:
    """Wait until some runs are done and some are being trained."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if (study.parent / "small.db").exists():
            try:
                now = statuses(study)
            except (AssertionError, StoreError):  # it is being made
                now = []
            if now.count("done") >= done and "running" in now:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.poll()=} before {done} runs were done")


def workers_of(pid: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in done.stdout.splitlines() if "netspace.study" in line]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A finished study."""
    study = write(tmp_path_factory.mktemp("undisturbed"))
    process = start(study)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "12 of 12 runs done, 0 diverged, failed or lost." in out
    assert "12/12 runs" in err
    return study


@pytest.mark.slow
def test_a_study_killed_at_every_level_ends_with_the_same_results(undisturbed, tmp_path):
    study = write(tmp_path / "disturbed")
    first = start(study)
    wait_for(study, 1, first)
    worker = workers_of(first.pid)[0]
    os.kill(worker, signal.SIGKILL)
    wait_for(study, 3, first)
    left = workers_of(first.pid)
    first.kill()
    first.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in left) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in left), "workers outlived their driver"
    before = [row for row in results(study) if row[3] == "done"]
    second = start(study)
    wait_for(study, len(before) + 1, second)
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 130
    assert "Resume with: netspace run" in err
    assert "Traceback" not in err
    assert "running" not in statuses(study)
    third = start(study)
    third.communicate(timeout=300)
    assert third.returncode == 0
    assert results(study) == results(undisturbed)
    assert set(before) <= set(results(study))


@pytest.mark.slow
def test_a_finished_study_is_shown_compared_and_reported(undisturbed, netspace, tmp_path):
    again = netspace("run", undisturbed, "--device", "cpu")
    assert (again.code, again.out) == (
        0,
        f"12 of 12 runs done, 0 diverged, failed or lost.\nNext: netspace report {undisturbed} -o study-report\n",
    )

    shown = json.loads(netspace("status", undisturbed, "--json").out)
    assert {space: counts["done"] for space, counts in shown["counts"].items()} == {"AnyNetXA": 6, "RegNetX": 6}
    best = min(error for *_, error in results(undisturbed))
    assert shown["best"]["error"] == best
    assert f"{best:.2f} %" in netspace("status", undisturbed).out

    (verdict,) = json.loads(netspace("compare", undisturbed, "--json").out)
    assert (verdict["space"], verdict["against"]) == ("RegNetX", "AnyNetXA")
    assert 0 <= verdict["low"] <= verdict["theta"] <= verdict["high"] <= 1
    swapped = json.loads(netspace("compare", undisturbed, "RegNetX", "AnyNetXA", "--json").out)[0]
    assert swapped["theta"] == pytest.approx(1 - verdict["theta"])
    assert verdict["sentence"] in netspace("compare", undisturbed).out

    done = netspace("report", undisturbed, "-o", tmp_path / "report")
    assert done.code == 0
    for name in ("index.html", "edf.png", "edf.svg"):
        assert (tmp_path / "report" / name).stat().st_size > 1000


@pytest.mark.slow
def test_a_study_that_changed_is_refused_and_its_results_stay(undisturbed, netspace, tmp_path):
    changed = write(tmp_path / "changed", n=7)
    before = results(undisturbed)
    done = netspace("run", changed, "--store", undisturbed.parent / "small.db")
    assert done.code == 2
    assert "n = 6 (now 7)" in done.err
    assert done.err.count("\n") == 1
    assert results(undisturbed) == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run", "study.yaml", "--executor", "cloud"], "unknown executor 'cloud'"),
        (["run", "study.yaml", "--store", "notes.txt"], "notes.txt"),
        (["status", "study.yaml"], "small.db"),
        (["compare", "study.yaml"], "small.db"),
        (["report", "study.yaml"], "small.db"),
        (["compare", "study.yaml", "AnyNetXA"], "two spaces"),
        (["run", "bad.yaml"], "bad.yaml: unknown key 'spaes'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(netspace, tmp_path, monkeypatch, command, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "bad.yaml").write_text("spaes: [AnyNetXA]\n")
    (tmp_path / "notes.txt").write_text("these are notes, no database")
    done = netspace(*command)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flops": "1:2"}, "found 0 of 6 networks of AnyNetXA"),
        ({"spaces": ["AnyNetXZ"]}, "unknown"),
        ({"data": {"source": "folder:nowhere"}}, "nowhere"),
    ],
)
def test_a_study_that_is_refused_leaves_no_store(netspace, tmp_path, changes, message):
    done = netspace("run", write(tmp_path, **changes))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.slow
def test_the_demo_ends_with_a_verdict_and_a_page(netspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = netspace("demo")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) == 6
    assert lines[1] == "48 of 48 runs done, 0 diverged, failed or lost."
    assert lines[2].startswith("RegNetX is better than AnyNetXA: ")
    assert lines[-1] == "Open the page: netspace-demo/report/index.html"
    page = (tmp_path / "netspace-demo" / "report" / "index.html").read_text()
    assert "AnyNetXA" in page
    assert "RegNetX" in page


@pytest.mark.slow
def test_a_study_of_very_many_models_is_asked_about_before_it_begins(netspace, write_study):
    path = write_study(n=100_000_000)
    refused = netspace("run", path, "--device", "cpu")
    assert refused.code == 2
    needs = r"need at least .* of memory to be planned, and then .* of training by one worker; .* add --yes"
    assert re.search(needs, refused.err)
    assert not list(path.parent.glob("*.db"))
