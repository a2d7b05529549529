"""The databases that the store's contract is held on: a fixture's name in BACKENDS runs the whole suite on it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from netspace.store import PlannedRun, Store, StudyRecord

BACKENDS = ["sqlite_url", "postgresql_url"]

MakeRuns = Callable[..., list[PlannedRun]]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """A real server on a Unix socket, from the distribution's binaries; gives the folder of the socket."""
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL server on this machine (/usr/lib/postgresql/*/bin/initdb)")
    binaries = found[-1].parent
    # the server refuses to run as root, and a socket's path must stay under 108 characters
    folder = Path(tempfile.mkdtemp(prefix="netspace-pg-", dir="/tmp"))
    prefix = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]

    def call(*command: str | Path) -> None:
        subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    data = folder / "data"
    try:
        call(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        call(binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
        try:
            yield folder
        finally:
            call(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_schemas = count()


@pytest.fixture
def postgresql_url(postgresql_server: Path) -> str:
    """An empty schema of the server's database: as good as a new database, and made at once."""
    import psycopg

    schema = f"test_{next(_schemas)}"
    with psycopg.connect(host=str(postgresql_server), user="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    options = f"-csearch_path%3D{schema}%20-clock_timeout%3D20s"  # a driver that waits for another fails, not hangs
    return f"postgresql://postgres@/postgres?host={postgresql_server}&options={options}"


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def make_runs() -> MakeRuns:
    def make(per_space: int, spaces: tuple[str, ...] = ("AnyNetXA", "RegNetX")) -> list[PlannedRun]:
        return [
            PlannedRun(
                space=space,
                index=index,
                launch=index * len(spaces) + place,
                digest=f"{space}-{index}",
                config={"stages": {"depths": [1, index + 1]}, "se_ratio": 0.25},
                parameters={"depth_1": index + 1} if space == "AnyNetXA" else {"w_0": 24.5, "seed": 3},
                flops=360_000_000_000 + index,
                params=5_000_000,
                activations=2_000_000,
                seed=2**62 + index,
            )
            for index in range(per_space)
            for place, space in enumerate(spaces)
        ]

    return make


@pytest.fixture
def study(store: Store, make_runs: MakeRuns) -> StudyRecord:
    """Two spaces of three runs each."""
    return store.plan_study("first", {"n": 3}, "abc", make_runs(3))
