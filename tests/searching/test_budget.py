"""The hours are kept, on a simulated machine that is slower or faster than it was when its speed was measured."""

import json
import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from netspace import errors
from netspace.arch import AnyNetConfig, complexity
from netspace.arch.built import network_from
from netspace.models.package import Package, Preparation
from netspace.searching import SearchResult, search
from netspace.searching.choices import Choice
from netspace.searching.settled import Settled
from netspace.store import Outcome, Store
from netspace.study import Study
from netspace.study.executors import Executor
from netspace.study.jobs import Event, Finished, Job, JobContext, Sign
from netspace.study.planning import Speed
from netspace.training import Recipe

EPOCH_SECONDS = 4.0  # of a network, as measured
START_SECONDS = 5.0  # of the workers


class Machine:
    """A clock, and how many times slower it trains than was measured."""

    def __init__(self, slowness: float) -> None:
        self.slowness = slowness
        self.now = 1000.0
        self.stop_at = float("inf")

    def seconds(self, config: AnyNetConfig, epochs: int) -> float:
        size = float(complexity(config, 20).params) / 40e3
        return self.slowness * EPOCH_SECONDS * epochs * (0.5 + 0.5 * size)

    def pass_to(self, when: float) -> None:
        if when >= self.stop_at:
            self.now, self.stop_at = max(self.now, self.stop_at), float("inf")
            raise KeyboardInterrupt
        self.now = when


class Simulated(Executor):
    """Trains in the time of the machine, and to errors that follow from the networks' sizes."""

    machine: Machine

    def __init__(self, context: JobContext, *, workers: int | None = None, **_: object) -> None:
        self._context, self._workers = context, workers or 2
        self._ends: dict[int, tuple[float, float, float]] = {}
        self.machine.pass_to(self.machine.now + START_SECONDS)

    @property
    def capacity(self) -> int:
        return self._workers

    def submit(self, job: Job) -> None:
        config = network_from(job.config, "the run")
        took = self.machine.seconds(config, self._context.recipe.epochs)
        luck = np.random.default_rng(job.seed).normal(0, 0.1)
        error = 100 * float(np.exp(luck)) * float(complexity(config, 20).params) ** -0.1
        self._ends[job.run_id] = (self.machine.now + took, took, error)

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002
        if not self._ends:
            return []
        run_id, (when, took, error) = min(self._ends.items(), key=lambda item: item[1])
        self.machine.pass_to(max(self.machine.now, when))
        del self._ends[run_id]
        return [Finished(run_id=run_id, outcome=Outcome(status="done", error=error, seconds=took))]

    def signs(self) -> dict[int, Sign]:
        return {}

    def cancel(self, run_id: int) -> None:
        self._ends.pop(run_id, None)

    def close(self) -> None:
        self._ends.clear()


@pytest.fixture
def search_on(monkeypatch, photos) -> Callable[..., tuple[SearchResult, float]]:
    """Return a function that searches on a simulated machine, and returns what was found and the hours it took."""
    package = Package(
        name="winner",
        classes=("a", "b"),
        preparation=Preparation(resolution=20, channels=1, mean=(0.5,), std=(0.5,)),
    )

    def train_winner(_folder: Path, config: AnyNetConfig, *_: object, recipe: Recipe, **__: object) -> None:
        machine = Simulated.machine
        machine.pass_to(machine.now + machine.seconds(config, recipe.epochs))

    def measured(study: Study, planned: Sequence[object], **_: object) -> Speed:
        return Speed(source="given", seconds=np.full(len(planned), EPOCH_SECONDS * study.spec.recipe.epochs))

    images = photos(cats=80, dogs=80)
    clock = SimpleNamespace(monotonic=lambda: Simulated.machine.now)
    for name, value in {
        "study.executors.local.LocalExecutor": Simulated,
        "searching.sizes.measure_speed": measured,
        "searching.budget.time": clock,
        "searching.search.time": clock,
        "searching.candidates.POOL": 400,
        "searching.stages.train_winner": train_winner,
        "searching.winner.fastest_threads": lambda *_: 1,
        "searching.stages.note_test_error": lambda *_: package,
        "searching.stages.write_report": lambda *_, **__: None,
        "searching.stages.ensure_pools": lambda *_: None,
        "study.study.ensure_pools": lambda *_: None,
    }.items():
        module, _, attribute = f"netspace.{name}".rpartition(".")
        monkeypatch.setattr(import_module(module), attribute, value)

    def run(machine: Machine, folder: Path, **asked: object) -> tuple[SearchResult, float]:
        Simulated.machine, began = machine, machine.now
        options = {"params": "20K:60K", "spaces": ["RegNetX"], "resolution": 20, "stem": "simple", "workers": 2}
        return search(images, folder, **options, **asked), (machine.now - began) / 3600

    return run


def settled_in(folder: Path) -> Settled:
    found = Settled.read(folder)
    assert found is not None
    return found


def networks_in(folder: Path) -> dict[str, list[tuple[int, float | None]]]:
    """Return the networks that a search trained, by study."""
    with Store.open(folder / "search.db") as store:
        return {
            study.name: [(run.index, run.error) for run in store.runs(study.id, status="done")]
            for study in store.studies()
        }


@pytest.mark.parametrize(
    ("hours", "slowness"),
    [(0.5, 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0.5, 0.25), (2, 1), (0.5, 2)))],
)
def test_it_ends_near_the_hours_whatever_the_machine_does(search_on, tmp_path, hours, slowness):
    found, took = search_on(Machine(slowness), tmp_path / "found", hours=hours)
    assert took == pytest.approx(hours, rel=0.1)
    assert f"of {hours:g} h that were given" in found.summary
    assert "[--hours]" not in found.summary
    assert found.best[0].likely is not None


def test_time_before_an_interruption_counts(search_on, tmp_path):
    machine, hours = Machine(1), 0.5
    took = 0.0
    for stop in (300, 500, 500, 100):
        began = machine.now
        machine.stop_at = began + stop
        with pytest.raises(KeyboardInterrupt):
            search_on(machine, tmp_path / "found", hours=hours)
        took += (machine.now - began) / 3600
    again = search_on(machine, tmp_path / "found", hours=hours)
    # a training that was interrupted begins again here: there are no checkpoints
    assert took + again[1] == pytest.approx(hours, rel=0.1)
    before = networks_in(tmp_path / "found")
    found, _ = search_on(machine, tmp_path / "found", hours=hours)
    assert networks_in(tmp_path / "found") == before
    assert found.best[0].name == again[0].best[0].name


@pytest.mark.slow
def test_what_was_settled_is_done_again_on_a_slower_machine(search_on, tmp_path):
    search_on(Machine(1), tmp_path / "first", hours=0.5)
    settled = settled_in(tmp_path / "first")
    assert not settled.more_rounds
    assert len(settled.rounds) > 1
    (tmp_path / "second").mkdir()
    for name in ("study.yaml", "search.json"):
        shutil.copy(tmp_path / "first" / name, tmp_path / "second")
    search_on(Machine(1.2), tmp_path / "second", hours=0.5)
    assert settled_in(tmp_path / "second") == settled
    assert networks_in(tmp_path / "second") == networks_in(tmp_path / "first")


@pytest.mark.slow
def test_epochs_that_were_asked_for_are_kept(search_on, tmp_path):
    told: list[Choice] = []
    for epochs in (None, 40):
        told.clear()
        search_on(Machine(2), tmp_path / str(epochs), hours=0.4, epochs=epochs, tell=told.append)
        fitted = [choice for choice in told if choice.what == "epochs of the winner"]
        assert len(fitted) == (epochs is None)
        assert settled_in(tmp_path / str(epochs)).recipe.epochs == (epochs or int(fitted[0].value))


@pytest.mark.slow
def test_more_time_than_networks_can_use_trains_them_longer(search_on, tmp_path, monkeypatch):
    monkeypatch.setattr("netspace.searching.sizes.MOST_RANDOM", 24)
    told: list[Choice] = []
    _, took = search_on(Machine(1), tmp_path / "found", hours=2, tell=told.append)
    study = Study.from_yaml(tmp_path / "found" / "study.yaml")
    assert study.spec.n == 24
    assert study.spec.recipe.epochs > 100 / 8
    assert took < 2.1
    assert next(choice for choice in told if choice.what == "regime").option == "--cheap-epochs"


@pytest.mark.slow
def test_a_search_that_an_earlier_version_planned_goes_on_as_planned(search_on, tmp_path):
    folder = tmp_path / "found"
    machine = Machine(1)
    machine.stop_at = machine.now + 100
    with pytest.raises(KeyboardInterrupt):
        search_on(machine, folder, hours=0.5)
    settled = json.loads((folder / "search.json").read_text())
    for name in ("more_rounds", "hours"):
        del settled[name]
    (folder / "search.json").write_text(json.dumps(settled | {"rounds": 2, "chosen": 3}))
    search_on(machine, folder, hours=0.5)
    assert settled_in(folder).rounds == (3, 3)
    assert {name: len(runs) for name, runs in networks_in(folder).items() if "chosen" in name} == {
        "search-chosen-1": 3,
        "search-chosen-2": 3,
    }


def test_an_unreadable_account_is_one_line(search_on, tmp_path):
    machine = Machine(1)
    machine.stop_at = machine.now + 100
    with pytest.raises(KeyboardInterrupt):
        search_on(machine, tmp_path, hours=0.5)
    (tmp_path / "hours.json").write_text("{")
    with pytest.raises(errors.ConfigError, match=r"hours\.json: cannot be read as JSON"):
        search_on(machine, tmp_path, hours=0.5)
