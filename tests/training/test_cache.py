"""Folders that are being filled: whose process was killed is deleted by the next one, whose lives stays."""

import subprocess
import sys

from netspace.training.cache import new_entry, scratch_folder

HOLD = """
import sys
from pathlib import Path
from netspace.training.cache import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_fills_is_not(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living,
    ):
        assert killed.stdout is not None
        assert living.stdout is not None
        left, held = killed.stdout.readline().strip(), living.stdout.readline().strip()
        killed.kill()
        killed.wait()
        assert {str(path) for path in tmp_path.iterdir()} == {left, held}
        with scratch_folder(tmp_path) as own:
            assert {str(path) for path in tmp_path.iterdir()} == {held, str(own)}
        assert [str(path) for path in tmp_path.iterdir()] == [held]
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_is_made_leaves_nothing_beside_it_and_is_never_taken_for_left_over(tmp_path):
    with new_entry(tmp_path / "entry") as folder:
        (folder / "whole").write_text("whole")
    with scratch_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]
    assert (tmp_path / "entry" / "whole").read_text() == "whole"
