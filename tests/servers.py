"""The servers that tests and `study/kills.py` start for themselves: PostgreSQL, a Ray cluster of two nodes, SLURM."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def postgresql_binaries() -> Path | None:
    """Return the folder of the distribution's newest PostgreSQL server, or None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


_POSTGRESQL = "netspace-pg-"
"""What the temporary folders of servers begin with; the id of the process that started one follows."""


def _clear_up_after_the_dead(binaries: Path) -> None:
    """End the servers, and remove the folders, of tests that were killed."""
    for folder in Path("/tmp").glob(f"{_POSTGRESQL}*"):
        owner = folder.name.removeprefix(_POSTGRESQL).partition("-")[0]
        if not owner.isdecimal() or Path(f"/proc/{owner}").exists():
            continue  # someone's own folder, or one in use
        stop = [binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*as_postgres, *stop], check=False, capture_output=True, cwd="/tmp")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[Path]:
    """Start a server on a Unix socket; give the folder of the socket."""
    binaries = postgresql_binaries()
    assert binaries is not None
    _clear_up_after_the_dead(binaries)
    # the server refuses to run as root, and a socket's path must stay under 108 characters
    folder = Path(tempfile.mkdtemp(prefix=f"{_POSTGRESQL}{os.getpid()}-", dir="/tmp"))
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


@contextmanager
def ray_cluster() -> Iterator[Any]:
    """Start a Ray cluster of two nodes of one core each; give what adds and removes nodes."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        # the last executor has left its connection behind only where its test failed
        ray.shutdown()
        cluster.shutdown()


@contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """Start a SLURM of one node and two cores; give the environment of its commands."""
    script = Path(__file__).parents[1] / ".ci" / "slurm"
    # of this process alone, below the ports that the system gives away
    own = {
        "NETSPACE_SLURM_FOLDER": f"/tmp/netspace-slurm-{os.getpid()}",
        "NETSPACE_SLURM_PORT": str(10_000 + 2 * (os.getpid() % 10_000)),
    }
    environment = {**os.environ, **own}
    started = subprocess.run([script, "start"], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    name, _, value = started.strip().partition("=")
    try:
        yield {**own, name: value}
    finally:
        subprocess.run([script, "stop"], check=True, env=environment)
