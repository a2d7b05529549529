"""Kill workers, drivers and whole groups of studies that run, and count what was lost, doubled or came out otherwise.

    nice -n 10 uv run python tests/study/kills.py --kills 200 --seed 0 --executor local --store sqlite

Small studies run one after the other, two at a time on one store and one cache of images, each by `netspace run` in a
process group of its own, with local workers, on a Ray cluster of two nodes or on SLURM. A driver that ended is started
again by the same command until its study is complete. What is killed, how and in which moment follows from the seed.
Each kill waits for its moment, which shows in the store and in the curves of runs in hand; where the moment does not
come for `PATIENCE` seconds, the kill is made in whichever there is.
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
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
import servers

from netspace.errors import StoreError
from netspace.store import Store, in_hand

EARLY = {"image cache": 1, "planning": 1, "starting": 1, "first run": 2}
"""Moments before a study's first result, and their weights: the cache of images is written, the study is planned, its
workers start, its first runs are trained."""
LATER = {"starting": 1, "between results": 2, "last epoch": 3, "record": 6}
"""Afterwards: workers start again; runs are trained; one trains its last epoch; one is at its end, which the worker
tells the driver and the driver the store."""
LAST = {"last run": 1, "last record": 2}
"""The same of the only run that is left."""
BRIEF = ("last epoch", "record", "last record")
"""Moments that are over in a fraction of a second."""
WAITING = ("image cache", "planning", "starting")
"""Moments in which nothing is trained."""
SIGNALS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")
TARGETS = ("worker", "worker", "worker", "worker", "driver", "group")
"""What is killed: mostly workers, as a driver takes its workers with it; with a store on PostgreSQL also all
connections, on Ray a node, on SLURM all jobs."""
EARLY_KILLS = 3
"""Kills of each study that may come before its first result."""
KILLS_IN_A_ROW = 3
"""Kills of a study between two of its results: a run whose workers vanish more than seven times is lost, rightly."""
PATIENCE = 20.0
"""Seconds of training in which a moment may come."""
LOOK, ASK = 0.02, 0.5
"""Seconds between two looks at the curves in hand, and between two questions to the store."""
FRESH, JUST_NOW = 3.0, 0.5
"""Seconds after which a curve in hand is no sign of a run that is trained, and a whole one none that it is recorded."""
EPOCHS = 3
OPTIONS = {"local": {}, "ray": {"idle_seconds": 1}, "slurm": {"poll_seconds": 0.5, "idle_seconds": 1}}
"""Of executors: the two studies share a cluster of two places."""
STUDY = {
    "spaces": ["AnyNetXA", "RegNetX"], "seed": 5, "flops": "20K:150K", "resolution": 20,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": EPOCHS, "augment": {"flip": False}},
}  # fmt: skip
Results = dict[tuple[str, int], tuple[str, float | None, tuple[float, ...]]]


class Servers:
    """What the studies of an executor and a store have beneath them, and how it is killed."""

    def __init__(self, executor: str, store: str, stack: ExitStack) -> None:
        self.executor, self.address, self.url = executor, "", ""
        if store == "postgresql":
            self._socket = stack.enter_context(servers.postgresql())
            self.url = f"postgresql://postgres@/postgres?host={self._socket}"
        if executor == "ray":
            os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
            self._cluster = stack.enter_context(servers.ray_cluster())
            self.address = self._cluster.address
        if executor == "slurm":
            os.environ.update(stack.enter_context(servers.slurm()))

    @property
    def targets(self) -> list[str]:
        own = {"ray": ["node"], "slurm": ["all jobs"]}.get(self.executor, [])
        return [*own, *(["connections"] if self.url else [])]

    def kill(self, target: str, rng: random.Random) -> str:
        """Kill what belongs to no study alone; return how."""
        if target == "node":
            self._cluster.remove_node(rng.choice(sorted(self._cluster.worker_nodes, key=id)), allow_graceful=False)
            self._cluster.add_node(num_cpus=1)
            return "SIGKILL"
        if target == "connections":
            import psycopg

            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            with psycopg.connect(host=str(self._socket), user="postgres", autocommit=True) as connection:
                connection.execute(f"{ended} AND backend_type = 'client backend'")
            return "SIGTERM"
        how = rng.choice(["scancel", "preempted"])
        cancel, preempt = ["scancel", "--user=root"], ["srun", "--partition=urgent", "--ntasks=2", "sleep", "1"]
        subprocess.run(cancel if how == "scancel" else preempt, check=True, timeout=120, stderr=subprocess.DEVNULL)
        return how


class Driven:
    """A study file and its driver, which is started again whenever it ends before its study does."""

    def __init__(self, folder: Path, name: str, runs: int, url: str, cache: Path, servers: Servers | None) -> None:
        self.name, self.url, self.starts, self._runs, self._cache = name, url, 0, runs, cache
        self._folder, self._executor = folder, servers.executor if servers else "local"
        options = OPTIONS[self._executor] | ({"address": servers.address} if servers and servers.address else {})
        self._options = [f"--option={name}={value}" for name, value in options.items()]
        self.allowed = EARLY_KILLS
        self.results: int | None = None
        """Runs that have ended; None while the study is not planned."""
        self.wanted, self.until = "", 0.0
        self._asked = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "study.yaml"
        self._file.write_text(yaml.safe_dump({"name": name, "n": runs // 2, **STUDY}))
        self._environment = {**os.environ, "NETSPACE_CACHE": str(cache), "TMPDIR": str(folder)}
        # torch's own cache of what it compiled, which it means to keep
        self._environment["TORCHINDUCTOR_CACHE_DIR"] = str(cache.parent / "torch")
        # or else each start compiles PyTorch's sources anew
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
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

    def look(self) -> str:
        """Return in which moment the study is."""
        if time.monotonic() - self._asked > ASK:
            self._asked = time.monotonic()
            before, self.results = self.results, self._ended_runs()
            if (self.results or 0) > (before or 0):
                self.allowed = KILLS_IN_A_ROW
        if self.results is None:
            return "planning" if any((self._cache / "images").glob("[!.]*")) else "image cache"
        epochs = [epochs for age, epochs in self._in_hand() if age < (JUST_NOW if epochs == EPOCHS else FRESH)]
        left = self._runs - self.results
        if EPOCHS in epochs:
            return "last record" if left <= 1 else "record"
        if not epochs:
            return "starting"
        if left <= 1:
            return "last run"
        return "first run" if not self.results else "last epoch" if EPOCHS - 1 in epochs else "between results"

    def _ended_runs(self) -> int | None:
        try:
            with Store.open(self.url, create=False) as store:
                record = store.find_study(self.name)
                states = [] if record is None else store.states(record.id)
        except StoreError:
            return self.results  # it is away, or locked, or not made yet
        return sum(state.finished is not None for state in states) if states else None

    def _in_hand(self) -> list[tuple[float, int]]:
        """Return of each curve in hand how old it is, in seconds, and how many epochs it has."""
        found = []
        for path in self._folder.glob(f"{in_hand.FOLDER}/*/*.curve"):
            with suppress(OSError):
                found.append((time.time() - path.stat().st_mtime, curve_length(path.read_text())))
        return found

    def is_met(self, rng: random.Random) -> str:
        """Return the moment if it is one to kill in, else nothing."""
        now = self.look()
        if not self.allowed:
            return ""
        last = self.results is not None and self._runs - self.results <= 1
        hoped_for = LAST if last else LATER if self.results else EARLY
        if self.wanted not in hoped_for:
            self.wanted = rng.choices(list(hoped_for), weights=list(hoped_for.values()))[0]
            self.until = time.monotonic() + PATIENCE
        if now in WAITING and self.wanted not in WAITING:
            self.until = time.monotonic() + PATIENCE
        if now == self.wanted or time.monotonic() > self.until:
            # through the write, not at its beginning alone
            time.sleep(rng.choice([0.0, rng.uniform(0, 0.05)]) if "record" in now else rng.uniform(0, 0.5))
            return now
        return ""

    def kill(self, target: str, rng: random.Random) -> str:
        """Kill something of the study and return how; nothing where there is none of it."""
        number = rng.choice(SIGNALS)
        living = self.processes()
        pids = living["driver"] + living["worker"] if target == "group" else living[target]
        chosen = pids if target == "group" else [rng.choice(pids)] if pids else []
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, number))
        if number == "SIGSTOP":
            time.sleep(rng.uniform(0.1, 2))
            for pid in chosen:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        return number if chosen else ""

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

        The logs of SLURM jobs that ended badly are kept on purpose, for whoever asks why. A file that says `blat` is
        Python's: its `tempfile` writes one to see whether it may, and who is killed then leaves it.
        """
        kept = {"study.yaml", "driver.log", f"{self.name}.db", ".netspace-slurm"}
        found = [entry for entry in self._folder.iterdir() if entry.name not in kept]
        return sorted(entry.name for entry in found if not (entry.is_file() and entry.read_bytes() == b"blat"))


def curve_length(text: str) -> int:
    """Return how many epochs a curve in hand has: where a later attempt trained one again, that one counts."""
    lines = text.splitlines()
    return int(lines[-1].partition('"epoch": ')[2].partition(",")[0] or 0) if lines else 0


def descends_from(ancestor: int, pid: int) -> bool:
    while pid > 1 and pid != ancestor:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == ancestor


def all_in_turn(things: list[str], rng: random.Random) -> Iterator[str]:
    """Give all things in a drawn order, then all in another, and so on, so that a few kills are of several kinds."""
    while True:
        yield from rng.sample(things, len(things))


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
    parser.add_argument("--kills-per-round", type=int, default=30, help="after which the studies may end in peace")
    parser.add_argument("--executor", choices=sorted(OPTIONS), default="local")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no further kill is made")
    given = parser.parse_args()
    # whatever ends this script, it ends what it started; in the background SIGINT is ignored unless one says otherwise
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as stack:
        return rounds(given, Servers(given.executor, given.store, stack))


def rounds(given: argparse.Namespace, beneath: Servers) -> int:
    """Kill in one round of studies after the other; return the exit code."""
    rng, kills, count = random.Random(given.seed), Counter[tuple[str, str, str]](), Counter[str]()
    targets = all_in_turn([*TARGETS, *beneath.targets], random.Random(given.seed))
    began = time.monotonic()
    everything: list[Driven] = []
    folder = Path(tempfile.mkdtemp(prefix="netspace-kills-"))
    try:
        calm = Driven(
            folder / "calm", "calm", given.runs, str(folder / "calm" / "calm.db"), folder / "cache-calm", None
        )
        everything.append(calm)
        assert calm.driver.wait() == 0, (folder / "calm" / "driver.log").read_text()
        expected = results(calm.url, "calm")
        round_ = 0
        while kills.total() < given.kills and time.monotonic() - began < 60 * given.minutes:
            round_ += 1
            place = folder / f"round-{round_}"
            shared = beneath.url or str(place / "shared.db")
            names = {place / f"s{i}": f"study-{round_}-{i}" for i in range(given.studies)}
            studies = [Driven(at, name, given.runs, shared, place / "cache", beneath) for at, name in names.items()]
            everything += studies
            allowed = min(given.kills_per_round, given.kills - kills.total())
            left = list(studies)
            while left := [study for study in left if not study.ended()]:
                time.sleep(LOOK if any(study.wanted in BRIEF for study in left) else 10 * LOOK)
                if not allowed or time.monotonic() - began > 60 * given.minutes:
                    time.sleep(1)
                    continue
                for study in left:
                    if not (moment := study.is_met(rng)):
                        continue
                    target = next(targets)
                    shared_by_all = target in beneath.targets
                    if how := beneath.kill(target, rng) if shared_by_all else study.kill(target, rng):
                        kills[moment, target, how] += 1
                        print(f"{study.name}, {study.results or 0} ended: {moment}, {target}, {how}", flush=True)
                        allowed -= 1
                        study.allowed -= 1
                        study.wanted = ""
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
            unfinished = sorted(entry.name for entry in (place / "cache").glob("*/.*"))
            count["left behind"] += len(unfinished)
            if unfinished:
                print("left behind in the cache:", unfinished, flush=True)
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
    for (moment, target, how), number in sorted(kills.items()):
        print(f"{moment:16} {target:12} {how:10} {number:5}")
    about_all = f"{given.executor}, {given.store}, seed {given.seed}"
    print(f"{kills.total()} kills, {about_all}: {dict(count)}")
    return int(any(count[name] for name in ("lost", "doubled", "unequal", "damaged stores", "left behind")))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StoreError as error:
        sys.exit(str(error))
