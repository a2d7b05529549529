"""What onlookers are told, against runs whose times are known."""

import pytest
from sqlalchemy import update

from netspace.results.standing import standing
from netspace.store import Outcome, PlannedRun, Store
from netspace.store.schema import runs


def planned(n: int) -> list[PlannedRun]:
    """Return n runs of two spaces that take turns."""
    return [
        PlannedRun(
            space="AB"[i % 2], index=i // 2, launch=i, digest=f"d{i}", config={}, parameters={},
            flops=1, params=1, activations=1, seed=i,
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """A study of six runs: three done in 10, 20 and 30 s, one failed, one being trained, one tried again."""
    with Store.open(tmp_path / "s.db") as store:
        record = store.insert_study("study", {}, "digest", planned(6))
        for i, error in enumerate((30.0, 20.0, 25.0)):
            run = store.lease_next(record.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=error, seconds=1.0))
            with store._database.write() as connection:
                times = {"started": 1000.0, "finished": 1010.0 + 10 * i}
                connection.execute(update(runs).where(runs.c.id == run.id).values(times))
        broken = store.lease_next(record.id, "me")
        store.fail(broken.id, "me", "RuntimeError: no\ntraceback", max_attempts=1)
        with store._database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == broken.id).values(started=1000.0, finished=1020.0))
        store.lease_next(record.id, "me")
        again = store.lease_next(record.id, "me")
        store.fail(again.id, "me", "the worker vanished", max_attempts=2, status="lost")
        yield record, store


def test_a_standing_counts_and_estimates(study):
    now = standing(*study)
    assert (now.ended, now.total) == (4, 6)
    # one is trained at a time and takes (10 + 20 + 30 + 20) / 4 = 20 s
    assert now.rate == pytest.approx(180)
    assert now.seconds_left == pytest.approx(40)
    assert (now.best.space, now.best.index, now.best.error) == ("B", 0, 20.0)


def test_a_pause_of_a_worker_is_no_time_that_a_run_takes(study):
    record, store = study
    with store._database.write() as connection:
        slept = update(runs).where(runs.c.started == 1000.0, runs.c.finished == 1030.0)
        connection.execute(slept.values(finished=31030.0, details={"seconds_paused": 30000.0}))
    assert standing(record, store).rate == pytest.approx(180)


def test_runs_that_early_stopping_spared_are_not_waited_for(tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        record = store.insert_study("study", {"stop": {"alpha": 0.05, "delta": None}}, "digest", planned(60))
        # B wins all of its first 9 pairs: that decides
        for i in range(18):
            run = store.lease_next(record.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=80.0 - 40 * (i % 2), seconds=1.0))
            now = standing(record, store)
            assert now.spared == (42 if i == 17 else 0)
        assert (now.ended, now.total) == (18, 18)
        assert (now.as_dict()["total"], now.as_dict()["spared"]) == (18, 42)


def test_failures_and_runs_that_are_tried_again_come_with_their_evidence(study):
    shown = standing(*study).as_dict()
    assert [(run["space"], run["index"], run["status"], run["attempts"]) for run in shown["failures"]] == [
        ("B", 1, "failed", 1)
    ]
    assert shown["failures"][0]["message"] == "RuntimeError: no\ntraceback"
    assert [(run["space"], run["index"], run["message"]) for run in shown["tried_again"]] == [
        ("B", 2, "the worker vanished")
    ]


def test_without_a_run_in_training_there_is_no_rate(study):
    record, store = study
    store.release(store.runs(record.id, status="running")[0].id, "me")
    now = standing(record, store)
    assert now.rate is None
    assert now.seconds_left is None
