"""A study small enough to train in a test, and the clusters to train it on: real ones, started here."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small_study
import yaml
from PIL import Image

SMALL = {**small_study.SMALL, "n": 3, "seed": 5}


@pytest.fixture
def study_file(tmp_path):
    """Return a function that writes the small study, changed as asked, and returns its path."""

    def write(**changes) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({**SMALL, **changes}))
        return path

    return write


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder of random grey images of two classes."""
    rng = np.random.default_rng(0)
    for name in ("no", "yes"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(256, size=(20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _descends_from_here(pid: int) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = int(_proc(pid, "stat").rpartition(")")[2].split()[1] if _proc(pid, "stat") else 0)
    return pid == os.getpid()


def _has_the_cache_of(pid: int) -> bool:
    """Whether a process got its environment from this session's tests, whose cache is their own."""
    return f"NETSPACE_CACHE={os.environ['NETSPACE_CACHE']}\0" in _proc(pid, "environ")


def _is_worker(kind: str, pid: int, line: list[str]) -> bool:
    if kind == "local":
        return "netspace.study.executors.local" in line and _has_the_cache_of(pid)
    if kind == "ray":  # it writes its title over its environment
        return line[0].startswith("ray::_Worker") and _descends_from_here(pid)
    return "submitit.core._submit" in line and "srun" not in line[0] and _has_the_cache_of(pid)


@pytest.fixture
def worker_pids() -> Callable[[str], list[int]]:
    """A function that gives the process ids of this session's workers in executors of some kind, orphans too."""

    def living(kind: str) -> list[int]:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        lines = {pid: _proc(pid, "cmdline").strip("\0").split("\0") for pid in pids}
        return [pid for pid, line in lines.items() if line != [""] and _is_worker(kind, pid, line)]

    return living
