"""`netspace run` where the store cannot be written: one line, and nothing recorded is lost.

Root may write wherever the permissions forbid it, so the folder is mounted read-only, in a namespace of the command's
own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netspace.store import Outcome, RunRecord, Store
from netspace.study import Study


def run(study: Path, *, mount_options: str = "") -> subprocess.CompletedProcess[str]:
    """Run the study; with mount options, in a mount namespace in which its folder has them."""
    command = [sys.executable, "-m", "netspace.cli", "run", str(study), "--workers", "1", "--device", "cpu"]
    if mount_options:
        script = f'mount --bind "$0" "$0" && mount -o "remount,bind,{mount_options}" "$0" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, str(study.parent), *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def _mounts(tmp_path) -> None:
    """Skip where this process may not mount."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this system (Linux: util-linux)")
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && ! touch "$0/written" 2>/dev/null'
    probe = ["unshare", "--mount", "sh", "-c", script, str(tmp_path)]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no read-only mount can be made here: {done.stderr.strip() or 'it can be written'}")


def runs(study: Path) -> list[RunRecord]:
    with Store.open(study.with_name("small.db"), create=False) as store:
        return store.runs(1)


@pytest.mark.slow
@pytest.mark.usefixtures("_mounts")
def test_a_study_whose_store_is_read_only_says_so_in_a_line_and_goes_on_later(study):
    with Store.open(study.with_name("small.db")) as store:
        record = Study.from_yaml(study).open(store)
        first = store.lease_next(record.id, "driver")
        assert first is not None
        assert store.record(first.id, "driver", Outcome(status="done", error=12.5, seconds=1.0))
    before = runs(study)
    refused = run(study, mount_options="ro")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert refused.stderr.startswith(f"error: {study.with_name('small.db')}: cannot open the store for writing")
    assert "choose a store in a writable folder" in refused.stderr
    assert runs(study) == before
    done = run(study)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 runs done" in done.stdout
    after = {run.id: run for run in runs(study)}
    assert after[first.id] == before[0]
    assert [run.attempts for run in after.values()] == [1] * 4


@pytest.mark.slow
@pytest.mark.usefixtures("_mounts")
def test_a_study_in_a_folder_that_cannot_be_written_says_so_in_a_line(study):
    refused = run(study, mount_options="ro")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "choose a store in a writable folder" in refused.stderr
    assert [path.name for path in study.parent.iterdir()] == ["study.yaml"]
