"""Kill workers, drivers and whole groups of studies that run, and count what was lost, doubled or came out otherwise.

    nice -n 10 uv run python tests/study/kills.py --kills 200 --seed 0 --store sqlite

Small studies run one after the other, two at a time on one store and one cache of images, each by `netspace run` in a
process group of its own. What is killed, how and when follows from the seed: in the first seconds (while the study is
planned and the image cache written), between runs, and as the last results are recorded. A driver that ended is started
again by the same command until its study is complete. SLURM and Ray are killed in `test_chaos.py`, where their daemons
are started.
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
from contextlib import suppress
from pathlib import Path

import yaml

from netspace.errors import StoreError
from netspace.store import Store

SIGNALS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")
TARGETS = ("worker", "worker", "driver", "group")
PAUSES = (0.3, 1, 4, 12)
"""Seconds between two kills: a worker takes some to start, and is to be met at work too."""
STUDY = {
    "spaces": ["AnyNetXA", "RegNetX"], "seed": 5, "flops": "20K:150K", "resolution": 20,
    "data": {"source": "mnist-5k", "train": 512, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 3, "augment": {"flip": False}},
}  # fmt: skip
Results = dict[tuple[str, int], tuple[str, float | None, tuple[float, ...]]]


class Driven:
    """A study file and its driver, which is started again whenever it ends before its study does."""

    def __init__(self, folder: Path, name: str, runs: int, url: str, cache: Path) -> None:
        self.name, self.url, self.starts = name, url, 0
        self._folder = folder
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
        with (self._folder / "driver.log").open("ab") as log:
            self.driver = subprocess.Popen(
                [*command, "--workers", "2", "--device", "cpu", "--checkpoint-every", "1"],
                stdout=subprocess.DEVNULL, stderr=log, env=self._environment, start_new_session=True,
            )  # fmt: skip

    def processes(self) -> dict[str, list[int]]:
        """Return the living processes of the driver's group, by what they are."""
        found: dict[str, list[int]] = {"driver": [], "worker": []}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                if (
                    os.getpgid(pid) == self.driver.pid
                    and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                ):
                    found["driver" if pid == self.driver.pid else "worker"].append(pid)
        return found

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
        """Return what lies in the folder beside the study, its store and this script's log."""
        kept = {"study.yaml", "driver.log", f"{self.name}.db"}
        return sorted(entry.name for entry in self._folder.iterdir() if entry.name not in kept)


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
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--url", help="of the PostgreSQL database")
    parser.add_argument("--hours", type=float, default=10.0, help="after which no further kill is made")
    given = parser.parse_args()
    rng, kills, count = random.Random(given.seed), Counter[str](), Counter[str]()
    began = time.monotonic()
    everything: list[Driven] = []
    folder = Path(tempfile.mkdtemp(prefix="netspace-kills-"))
    try:
        calm = Driven(folder / "calm", "calm", given.runs, str(folder / "calm" / "calm.db"), folder / "cache-calm")
        everything.append(calm)
        assert calm.driver.wait() == 0, (folder / "calm" / "driver.log").read_text()
        expected = results(calm.url, "calm")
        round_ = 0
        while kills.total() < given.kills and time.monotonic() - began < 3600 * given.hours:
            round_ += 1
            place = folder / f"round-{round_}"
            cache = place / "cache"
            shared = str(place / "shared.db") if given.store == "sqlite" else given.url
            studies = [
                Driven(place / f"s{i}", f"study-{round_}-{i}", given.runs, shared, cache) for i in range(given.studies)
            ]
            everything += studies
            left = list(studies)
            calm_after = time.monotonic() + 300  # so that a round ends
            while left:
                time.sleep(rng.choice(PAUSES))
                left = [study for study in left if not study.ended()]
                if (
                    left
                    and kills.total() < given.kills
                    and time.monotonic() < calm_after
                    and (what := rng.choice(left).kill(rng))
                ):
                    kills[what] += 1
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
    for what, number in sorted(kills.items()):
        print(f"{what:20}{number:6}")
    print(f"{kills.total()} kills, store {given.store}, seed {given.seed}: {dict(count)}")
    return int(any(count[name] for name in ("lost", "doubled", "unequal", "damaged stores", "left behind")))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StoreError as error:
        sys.exit(str(error))
