"""Who holds a run, and whether that process is still alive."""

import os
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process that leases runs. `str(worker)` is what the store records; `Worker.parse` reads it back.

    A process id alone is reused by the system, so the time at which the process started goes with it. `token` keeps two
    workers of one process (two threads, two studies) apart.

    Attributes:
        host: where the process id means something: a boot of a machine, and on Linux one of its containers.
        pid: the process.
        started: when it started.
        token: which of the process's workers this is.
    """

    host: str
    pid: int
    started: str  # opaque: comparable only on the same host
    token: str = field(default_factory=lambda: uuid4().hex[:8])

    @classmethod
    def current(cls) -> Self:
        """Return a new worker of the calling process."""
        pid = os.getpid()
        return cls(host=_host(), pid=pid, started=_start_of(pid) or "")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the worker that `text` names, or None if it was not written by `str(worker)`."""
        parts = text.split("|")
        if len(parts) != 4 or not parts[1].isdecimal():
            return None
        host, pid, started, token = parts
        return cls(host=host, pid=int(pid), started=started, token=token)

    def __str__(self) -> str:
        return f"{self.host}|{self.pid}|{self.started}|{self.token}"

    def is_gone(self) -> bool:
        """Return True if the process is known to have ended; one on another host, or in another container, never is."""
        return self.host == _host() and _start_of(self.pid) != (self.started or None)


def _host() -> str:
    """Return what processes share that see each other by their ids.

    A host name alone is not enough: the containers of a machine may have its name, and each its own processes.
    """
    marks = [socket.gethostname()]
    with suppress(OSError):  # a system without /proc
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        marks.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(marks)


def _start_of(pid: int) -> str | None:
    """Return a mark of when process `pid` started, or None if it is not alive (a zombie is not)."""
    if Path("/proc/self/stat").exists():
        try:
            # the command's name stands in parentheses and may hold spaces and parentheses itself
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, start_ticks = fields[0], fields[19]
        return None if state in "ZX" else start_ticks
    listed = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(maxsplit=1)
    return None if len(listed) < 2 or listed[0].startswith("Z") else listed[1].strip()
