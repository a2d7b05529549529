"""What leaves the house names no folder of this machine, and still says what it is about."""

import pytest

from netspace.results.public import place_of, public_settings, without_folders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('File "/home/ann/x/loop.py", line 3', 'File "loop.py", line 3'),
        ("broken image /data/ann/cats/0.png (empty)", "broken image 0.png (empty)"),
        ("~/images/cats: holds no image", "cats: holds no image"),
        (r"C:\Users\ann\cats.csv: no", "cats.csv: no"),
        (
            "see https://huggingface.co/docs/hub and 1/2 of cats/dogs",
            "see https://huggingface.co/docs/hub and 1/2 of cats/dogs",
        ),
        ("/tmp", "tmp"),
    ],
)
def test_of_absolute_paths_the_last_part_is_left(text, expected):
    assert without_folders(text) == expected


def test_stores_and_settings_name_no_folder_and_no_machine():
    assert place_of("/home/ann/small.db") == "small.db"
    assert place_of("postgresql://ann@host/db") == "a postgresql database"
    spec = {"n": 2, "data": {"source": "/home/ann/images", "train": 5}, "timed_on": {"host": "ann"}}
    assert public_settings(spec) == {"n": 2, "data": {"source": "images", "train": 5}}
    assert public_settings({"data": "mnist"}) == {"data": "mnist"}
