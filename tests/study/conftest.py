"""A study small enough to train in a test: a few networks of under 0.2 MF on a few hundred digits."""

from pathlib import Path

import pytest
import yaml

SMALL = {
    "name": "small",
    "spaces": ["AnyNetXA", "RegNetX"],
    "n": 3,
    "seed": 5,
    "flops": "20K:150K",
    "resolution": 14,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 1, "augment": {"flip": False}},
}


@pytest.fixture
def study_file(tmp_path):
    """Return a function that writes the small study, changed as asked, and returns its path."""

    def write(**changes) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({**SMALL, **changes}))
        return path

    return write
