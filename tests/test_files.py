from pathlib import Path

import pytest

from netspace.files import is_file, whole_file


def test_a_file_that_is_not_finished_leaves_the_one_before(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def write_half():
        with whole_file(path) as draft:
            draft.write_text("ha")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_text() == "before"
    with whole_file(path) as draft:
        assert draft.suffix == ".csv"
        draft.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_device_is_written_directly(tmp_path):
    (tmp_path / "real").write_text("before")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    with whole_file(link) as draft:
        draft.write_text("after")
    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "after"
    with whole_file(Path("/dev/null")) as draft:
        assert draft == Path("/dev/null")


def test_a_name_that_no_file_can_have_is_none(tmp_path):
    assert not is_file(tmp_path / (300 * "a"))
    assert not is_file(tmp_path / "\0")
    assert not is_file(tmp_path)
    (tmp_path / "a").touch()
    assert is_file(tmp_path / "a")
