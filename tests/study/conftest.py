"""A study small enough to train in a test, and the clusters to train it on: real ones, started here."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import servers
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


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[object]:
    """A Ray cluster of two nodes of one core each; gives what adds and removes nodes."""
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    with servers.ray_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def slurm_cluster() -> Iterator[None]:
    """A SLURM of one node and two cores."""
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    if shutil.which("slurmctld") is None or shutil.which("munged") is None:
        pytest.skip("no SLURM on this machine (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        pytest.skip("SLURM's daemons need root")
    with servers.slurm() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def cluster_options(request):
    """Return a function that gives the options of an executor of some kind, its cluster started."""

    def options(kind: str) -> dict[str, object]:
        if kind == "ray":
            return {"address": request.getfixturevalue("ray_cluster").address}
        if kind == "slurm":
            request.getfixturevalue("slurm_cluster")
            return {"poll_seconds": 0.5}
        return {}

    return options
