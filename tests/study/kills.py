"""Kill workers, drivers and whole groups of studies that run, and count what was lost, doubled or came out otherwise.

    nice -n 10 uv run python tests/study/kills.py --kills 200 --seed 0 --executor local --store sqlite

Small studies run one after the other, two at a time on one store and one cache of images, each by `netspace run` in a
process group of its own, with local workers, on a Ray cluster of two nodes or on SLURM. What is killed, how and in
which moment follows from the seed, as far as a moment comes: while the image cache is written, while the study is
planned, before the first result, between results, and as the last ones are recorded. A driver that ended is started
again by the same command until its study is complete.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
import servers

from netspace.errors import StoreError
from netspace.store import Store

MOMENTS = ("image cache", "planning", "first run", "training", "last runs")
SIGNALS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")
TARGETS = ("worker", "worker", "driver", "group")
PAUSES = (0.2, 0.5, 1, 3, 6)
"""Seconds between two kills: a worker takes some to start, and is to be met at work too."""
EARLY = 4
"""Kills of each round before the first result, if they come in time."""
OPTIONS = {"local": {}, "ray": {"idle_seconds": 1}, "slurm": {"poll_seconds": 0.5, "idle_seconds": 1}}
"""Of executors: the two studies share a cluster of two places."""
STUDY = {
    "spaces": ["AnyNetXA", "RegNetX"], "seed": 5, "flops": "20K:150K", "resolution": 20,
    "data": {"source": "mnist-5k", "train": 512, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 3, "augment": {"flip": False}},
}  # fmt: skip
Results = dict[tuple[str, int], tuple[str, float | None, tuple[float, ...]]]


class Driven:
    """A study file and its driver, which is started again whenever it ends before its study does."""

    def __init__(
        self, folder: Path, name: str, runs: int, url: str, cache: Path, executor: str = "local", address: str = ""
    ) -> None:
        self.name, self.url, self.starts, self._runs, self._cache = name, url, 0, runs, cache
        self._folder, self._executor = folder, executor
        options = OPTIONS[executor] | ({"address": address} if address else {})
        self._options = [f"--option={name}={value}" for name, value in options.items()]
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "study.yaml"
        self._file.write_text(yaml.safe_dump({"name": name, "n": runs // 2, **STUDY}))
        self._environment = {**os.environ, "NETSPACE_CACHE": str(cache), "TMPDIR": str(folder)}
        # torch's own cache of what it compiled, which it means to keep
        self._environment["TORCHINDUCTOR_CACHE_DIR"] = str(cache.parent / "torch")
        self.start()

    def start(self) -> None:
        self.starts += 1
        command = [sys.executable, "-m", "netspace.cli", "run", str(self._file), "--store", self.url]
        command += ["--executor", self._executor, *self._options]
        with (self._folder / "driver.log").open("ab") as log:
            self.driver = subprocess.Popen(
                [*command, "--workers", "2", "--device", "cpu", "--checkpoint-every", "1"],
                stdout=subprocess.DEVNULL, stderr=log, env=self._environment, start_new_session=True,
            )  # fmt: skip

    def processes(self) -> dict[str, list[int]]:
        """Return the living processes of the study, by what they are; on Ray, the workers of all studies."""
        found: dict[str, list[int]] = {"driver": [], "worker": []}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
                if pid == self.driver.pid:
                    found["driver"].append(pid)
                elif self._is_worker(pid, (entry / "cmdline").read_text(errors="replace").split("\0")):
                    found["worker"].append(pid)
        return found

    def _is_worker(self, pid: int, line: list[str]) -> bool:
        if self._executor == "local":
            return os.getpgid(pid) == self.driver.pid
        if self._executor == "ray":  # it writes its title over its environment
            return line[0].startswith("ray::_Worker") and descends_from(os.getpid(), pid)
        own = f"TMPDIR={self._folder}\0" in Path(f"/proc/{pid}/environ").read_text(errors="replace")
        return own and "submitit.core._submit" in line and "srun" not in line[0]

    def moment(self) -> str:
        """Return where the study is, of `MOMENTS`."""
        try:
            with Store.open(self.url, create=False) as store:
                record = store.find_study(self.name)
                states = [] if record is None else store.states(record.id)
        except StoreError:
            states = []
        if not states:
            return "planning" if any((self._cache / "images").glob("[!.]*")) else "image cache"
        ended = sum(state.finished is not None for state in states)
        return "first run" if not ended else "last runs" if ended >= self._runs - 2 else "training"

    def kill(self, rng: random.Random) -> str:
        """Kill something and return what and how; nothing where there is none of it."""
        target, number = rng.choice(TARGETS), rng.choice(SIGNALS)
        living = self.processes()
        pids = living["driver"] + living["worker"] if target == "group" else living[target]
        chosen = pids if target == "group" else [rng.choice(pids)] if pids else []
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, number))
        if number == "SIGSTOP":
            time.sleep(rng.uniform(0.1, 3))
            for pid in chosen:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        return f"{target} {number}" if chosen else ""

    def ended(self) -> bool:
        """Return whether the study is complete; its driver is started again if it ended before."""
        code = self.driver.poll()
        if code is None:
            return False
        if code != 0:
            self.start()
        return code == 0

    def left(self) -> list[str]:
        """Return what lies in the folder beside the study, its store and this script's log.

        The logs of SLURM jobs that ended badly are kept on purpose, for whoever asks why.
        """
        kept = {"study.yaml", "driver.log", f"{self.name}.db", ".netspace-slurm"}
        return sorted(entry.name for entry in self._folder.iterdir() if entry.name not in kept)


def descends_from(ancestor: int, pid: int) -> bool:
    while pid > 1 and pid != ancestor:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == ancestor


def results(url: str, name: str) -> Results:
    with Store.open(url, create=False) as store:
        record = store.find_study(name)
        assert record is not None
        curves = store.curves(record.id).groupby("run_id")["val_error"].apply(lambda column: tuple(column.dropna()))
        return {
            (run.space, run.index): (run.status, run.error, curves.get(run.id, ())) for run in store.runs(record.id)
        }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=8, help="of a study, in two spaces")
    parser.add_argument("--studies", type=int, default=2, help="that share a store and a cache at a time")
    parser.add_argument("--kills-per-round", type=int, default=20, help="after which the studies may end in peace")
    parser.add_argument("--executor", choices=sorted(OPTIONS), default="local")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no further kill is made")
    given = parser.parse_args()
    with ExitStack() as stack:
        address, url = "", ""
        if given.store == "postgresql":
            url = f"postgresql://postgres@/postgres?host={stack.enter_context(servers.postgresql())}"
        if given.executor == "ray":
            os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
            address = stack.enter_context(servers.ray_cluster()).address
        if given.executor == "slurm":
            os.environ.update(stack.enter_context(servers.slurm()))
        return rounds(given, url, address)


def rounds(given: argparse.Namespace, url: str, address: str) -> int:
    """Kill in one round of studies after the other; return the exit code."""
    rng, kills, moments, count = random.Random(given.seed), Counter[str](), Counter[str](), Counter[str]()
    began = time.monotonic()
    everything: list[Driven] = []
    folder = Path(tempfile.mkdtemp(prefix="netspace-kills-"))

    def may_kill() -> bool:
        return kills.total() < given.kills and time.monotonic() - began < 60 * given.minutes

    try:
        calm = Driven(folder / "calm", "calm", given.runs, str(folder / "calm" / "calm.db"), folder / "cache-calm")
        everything.append(calm)
        assert calm.driver.wait() == 0, (folder / "calm" / "driver.log").read_text()
        expected = results(calm.url, "calm")
        round_ = 0
        while may_kill():
            round_ += 1
            place = folder / f"round-{round_}"
            shared = url or str(place / "shared.db")
            about = (given.runs, shared, place / "cache", given.executor, address)
            studies = [Driven(place / f"s{i}", f"study-{round_}-{i}", *about) for i in range(given.studies)]
            everything += studies
            left, allowed = list(studies), given.kills_per_round
            while left:
                time.sleep(rng.choice(PAUSES))
                early = allowed > given.kills_per_round - EARLY
                wanted, patience = rng.choice(MOMENTS[:3] if early else MOMENTS), time.monotonic() + 3
                while left := [study for study in left if not study.ended()]:
                    if not (allowed and may_kill()):
                        break
                    now = {study: study.moment() for study in left}
                    study = next((study for study in left if now[study] == wanted), None)
                    if study is None and time.monotonic() < patience:
                        time.sleep(0.2)
                        continue
                    study = study or rng.choice(left)
                    if what := study.kill(rng):
                        kills[what] += 1
                        moments[now[study]] += 1
                        allowed -= 1
                    break
            for study in studies:
                found = results(shared, study.name)
                count["runs"] += len(expected)
                count["lost"] += sum(found.get(key, ("",))[0] != "done" for key in expected)
                count["doubled"] += max(0, len(found) - len(expected))
                count["unequal"] += sum(found.get(key) != value for key, value in expected.items())
                count["driver starts"] += study.starts
                count["left behind"] += len(study.left())
                if study.left():
                    print("left behind:", study.left(), flush=True)
            if given.store == "sqlite":
                with sqlite3.connect(shared) as connection:
                    count["damaged stores"] += connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok"
            print(f"round {round_}: {kills.total()} kills, {dict(count)}, {time.monotonic() - began:.0f} s", flush=True)
            shutil.rmtree(place)
    finally:
        for study in everything:
            with suppress(ProcessLookupError):
                os.killpg(study.driver.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    for what, number in [*sorted(kills.items()), *sorted(moments.items())]:
        print(f"{what:20}{number:6}")
    about_all = f"{given.executor}, {given.store}, seed {given.seed}"
    print(f"{kills.total()} kills, {about_all}: {dict(count)}")
    return int(any(count[name] for name in ("lost", "doubled", "unequal", "damaged stores", "left behind")))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StoreError as error:
        sys.exit(str(error))
