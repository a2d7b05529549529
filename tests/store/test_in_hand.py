"""Curves of runs in hand: what workers leave beside the study file, read by who looks on while they write."""

import pytest

from netspace.store import Epoch, StudyRecord
from netspace.store.in_hand import curve_in_hand, curve_writer, folder_in_hand


def epoch(number: int, loss: float = 1.5, error: float | None = None) -> Epoch:
    return Epoch(epoch=number, train_loss=loss, val_error=error, lr=0.1, seconds=2.0 * number)


def test_a_curve_is_read_while_it_grows(tmp_path):
    write = curve_writer(tmp_path, 3)
    assert curve_in_hand(tmp_path, 3) == []
    for number in (1, 2):
        write(epoch(number, error=50.0 if number == 2 else None))
        assert curve_in_hand(tmp_path, 3) == [epoch(n, error=50.0 if n == 2 else None) for n in range(1, number + 1)]
    assert curve_in_hand(tmp_path, 30) == []


def test_a_later_attempt_stands_from_the_epoch_on_that_it_began_with(tmp_path):
    for number in (1, 2, 3):
        curve_writer(tmp_path, 3)(epoch(number))
    curve_writer(tmp_path, 3)(epoch(2, loss=9.0))
    assert curve_in_hand(tmp_path, 3) == [epoch(1), epoch(2, loss=9.0)]


@pytest.mark.parametrize("line", ['{"epoch": 2, "train_l', "[]", "7", '{"epoch": "2"}', "\x00\ufffd", '{"epoch": 2}'])
def test_a_line_that_is_no_epoch_is_left_out(tmp_path, line):
    write = curve_writer(tmp_path, 3)
    write(epoch(1))
    with next(tmp_path.iterdir()).open("a") as file:
        file.write(f"{line}\n")
    write(epoch(2))
    assert curve_in_hand(tmp_path, 3) == [epoch(1), epoch(2)]


def test_a_folder_that_cannot_be_written_hinders_nothing(tmp_path):
    curve_writer(tmp_path / "absent", 3)(epoch(1))
    assert curve_in_hand(tmp_path / "absent", 3) == []


def test_the_same_study_in_another_store_has_another_folder(tmp_path):
    first, second = (StudyRecord(id=1, name="s", spec={}, digest="d", created=created) for created in (1.0, 2.0))
    assert folder_in_hand(first, tmp_path) != folder_in_hand(second, tmp_path)
