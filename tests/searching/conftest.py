"""A search small enough for a test: a few digits, networks of under 0.4 MF, trained for one epoch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspace.study.planning import Speed
from netspace.training import DataSpec

SMALL = {
    "flops": "50K:400K",
    "spaces": ["RegNetX"],
    "resolution": 20,
    "epochs": 3,
    "cheap_epochs": 1,
    "workers": 2,
}


@pytest.fixture
def digits() -> DataSpec:
    return DataSpec(source="mnist-5k", train=256, validation=100)


@pytest.fixture
def small() -> dict[str, object]:
    return dict(SMALL)


@pytest.fixture
def given_speed(monkeypatch) -> Callable[[float], None]:
    """Return a function that lets every training take so many seconds when searches ask: to measure takes nine."""

    def give(seconds: float) -> None:
        def measured(_study: object, planned: Sequence[object], **_: object) -> Speed:
            return Speed(source="given", seconds=np.full(len(planned), seconds))

        monkeypatch.setattr("netspace.searching.sizes.measure_speed", measured)

    return give


@pytest.fixture
def photos(tmp_path) -> Callable[..., Path]:
    """Return a function that writes a folder of random photos, so many of each class, and perhaps a test split."""

    def write(*, test: bool = False, **counts: int) -> Path:
        rng = np.random.default_rng(0)
        root = tmp_path / "my photos"
        for split in ["train", "test"] if test else [""]:
            for name, count in counts.items():
                folder = root / split / f"class {name}"
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"photo {number}.png")
        return root

    return write
