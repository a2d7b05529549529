"""What all tests share: one thread for each test process, and a cache of prepared images of the session's own."""

import os
from pathlib import Path

import pytest

# one test process a core (pytest-xdist): more threads would fight for the same cores; read when torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    before = os.environ.get("NETSPACE_CACHE")
    os.environ["NETSPACE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["NETSPACE_CACHE"]
    else:
        os.environ["NETSPACE_CACHE"] = before


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """The folder of CIFAR-10 Parquet files beside the project; the test is skipped where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "cifar10"
    if not (folder / "train.parquet").exists():
        pytest.skip(f"{folder} is absent")
    return folder
