"""Curves of a study sent to trackers: what arrives is what the store holds, once, and no tracker stops a study."""

import warnings
from pathlib import Path

import pytest

from netspace.errors import MissingExtraError, UnknownNameError
from netspace.store import Epoch, Outcome, PlannedRun, Store
from netspace.study.tracked_runs import StudyTracking
from netspace.training.trackers import TRACKERS, Tracker

RUNS = 4
"""Run 0 is done, 1 diverged, 2 failed, 3 is planned."""

SECONDS = (1.0, 2.0, 3.5)
"""Since the start of a training: its epochs took 1, 1 and 1.5 s."""


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "study.db") as store:
        planned = [
            PlannedRun(
                space="A", index=i, launch=i, digest=f"d{i}", config={}, parameters={},
                flops=100 + i, params=10 + i, activations=i, seed=i,
            )
            for i in range(RUNS)
        ]  # fmt: skip
        record = store.insert_study("study", {}, "digest", planned)
        ids = [store.lease_next(record.id, "driver").id for _ in range(RUNS)]
        store.record(ids[0], "driver", Outcome(status="done", error=25.0, seconds=3.5, curve=curve(0.5)))
        store.record(ids[1], "driver", Outcome(status="diverged", seconds=1.0, curve=curve(float("nan"))[:1]))
        store.fail(ids[2], "driver", "broke", max_attempts=1)
        store.release(ids[3], "driver")
        yield store


def curve(loss: float) -> list[Epoch]:
    took = (1.0, 2.0, 3.5)
    errors = (None, 40.0, 25.0)
    return [
        Epoch(epoch=i + 1, train_loss=loss / (i + 1), lr=0.1, seconds=took[i], val_error=errors[i]) for i in range(3)
    ]


class Notebook(Tracker):
    """Keeps what it is sent, by run."""

    pages: dict[str, list] = {}  # noqa: RUF012 (emptied by the fixture)

    def __init__(self, _folder: Path, about: dict, name: str | None) -> None:
        assert name is not None
        assert name not in self.pages, "a run is sent once"
        self._page = self.pages[name] = [about]

    def log(self, epoch) -> None:
        self._page.append(epoch)

    def close(self) -> None:
        self._page.append("closed")


@pytest.fixture
def pages(monkeypatch) -> dict[str, list]:
    monkeypatch.setitem(TRACKERS, "notebook", ("json", Notebook))
    Notebook.pages.clear()
    return Notebook.pages


def test_every_run_with_a_curve_is_sent_once_with_its_settings(store, tmp_path, pages):
    for _ in range(2):
        with StudyTracking(["notebook"], tmp_path / "tracking", store, "study") as tracking:
            tracking.send(1)
    assert set(pages) == {"A-0", "A-1"}
    about, *epochs, closed = pages["A-0"]
    expected = {"study": "study", "space": "A", "index": 0, "flops": 100, "params": 10, "status": "done", "error": 25.0}
    assert expected.items() <= about.items()
    assert [epoch.train_loss for epoch in epochs] == [0.5, 0.25, 0.5 / 3]
    assert [epoch.val_error for epoch in epochs] == [None, 40.0, 25.0]
    assert tuple(epoch.seconds for epoch in epochs) == SECONDS
    assert closed == "closed"
    assert pages["A-1"][0]["status"] == "diverged"


def test_runs_that_end_while_the_study_goes_on_are_sent_too_whoever_trained_them(store, tmp_path, pages):
    with StudyTracking(["notebook"], tmp_path / "tracking", store, "study"):
        run = store.lease_next(1, "another driver")
        store.record(run.id, "another driver", Outcome(status="done", error=1.0, seconds=1.0, curve=curve(1.0)))
    assert set(pages) == {"A-0", "A-1", "A-3"}


def test_nothing_is_written_where_nothing_is_tracked(store, tmp_path):
    with StudyTracking([], tmp_path / "tracking", store, "study") as tracking:
        tracking.send(1)
    assert not (tmp_path / "tracking").exists()


def test_a_study_that_is_not_planned_yet_has_nothing_to_send(tmp_path, pages):
    with (
        Store.open(tmp_path / "empty.db") as store,
        StudyTracking(["notebook"], tmp_path / "tracking", store, "study"),
    ):
        pass
    assert pages == {}


@pytest.mark.parametrize("when", ["made", "used", "closed"])
def test_a_tracker_that_fails_is_left_out_and_what_it_missed_is_sent_next_time(
    store, tmp_path, pages, monkeypatch, when
):
    class Failing(Notebook):
        times = 0

        def _fail_if(self, now: str) -> None:
            if now == when:
                Failing.times += 1
                raise ConnectionError("no such host")

        def __init__(self, *_args) -> None:
            self._fail_if("made")

        def log(self, _epoch) -> None:
            self._fail_if("used")

        def close(self) -> None:
            self._fail_if("closed")

    monkeypatch.setitem(TRACKERS, "failing", ("json", Failing))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with StudyTracking(["failing", "notebook"], tmp_path / "tracking", store, "study"):
            pass
    assert [str(warning.message) for warning in told] == [
        "tracker 'failing' failed and is no longer used (no such host)"
    ]
    assert Failing.times == 1, "it is not tried for every run"
    assert set(pages) == {"A-0", "A-1"}, "the other one goes on"
    pages.clear()
    monkeypatch.setitem(TRACKERS, "failing", ("json", Notebook))
    with StudyTracking(["failing", "notebook"], tmp_path / "tracking", store, "study"):
        pass
    assert set(pages) == {"A-0", "A-1"}


def test_an_interrupt_waits_for_the_run_that_is_being_sent_and_leaves_the_others_for_later(store, tmp_path, pages):
    with (
        pytest.raises(KeyboardInterrupt),
        StudyTracking(["notebook"], tmp_path / "tracking", store, "study"),
    ):
        raise KeyboardInterrupt
    with StudyTracking(["notebook"], tmp_path / "tracking", store, "study"):
        pass
    assert set(pages) == {"A-0", "A-1"}


def test_an_unknown_tracker_and_one_without_its_library_are_refused(store, tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match=r"unknown tracker 'wand' .*did you mean 'wandb'"):
        StudyTracking(["wand"], tmp_path, store, "study")
    monkeypatch.setitem(TRACKERS, "absent", ("no_such_library", Notebook))
    with pytest.raises(MissingExtraError, match="the tracker 'absent' needs the extra 'no_such_library'"):
        StudyTracking(["absent"], tmp_path, store, "study")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the library, at import
def test_mlflow_gets_a_run_of_its_own_for_each_run_of_the_study(store, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with StudyTracking(["mlflow"], tmp_path / "tracking", store, "study"):
        pass
    client = MlflowClient(tracking_uri=(tmp_path / "tracking" / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("netspace")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"A-0", "A-1"}
    assert runs["A-0"].data.params["flops"] == "100"
    measured = client.get_metric_history(runs["A-0"].info.run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in measured] == [(1, 0.5), (2, 0.25), (3, 0.5 / 3)]
