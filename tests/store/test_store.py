"""The contract of the store, the same on every database."""

import math
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from threading import Thread

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError

from netspace.errors import StoreError, StudyError
from netspace.store import SCHEMA_VERSION, Epoch, Outcome, PlannedRun, Store, StoredPool, Worker, schema

ME, OTHER = "me", "other"


def done(error: float = 41.5, epochs: int = 2) -> Outcome:
    curve = [
        Epoch(epoch=e, train_loss=2.0 / e, lr=0.1, seconds=1.5 * e, val_error=90.0 / e, balanced_error=80.0)
        for e in range(1, epochs + 1)
    ]
    return Outcome(
        status="done", error=error, curve=curve, seconds=3.0, environment={"torch": "2.9"}, details={"ema": True}
    )


def test_a_planned_study_is_read_back_as_it_was_given(store, study, make_runs):
    assert store.find_study("first") == study
    assert (study.name, study.spec, study.digest) == ("first", {"n": 3}, "abc")
    assert abs(study.created - time.time()) < 60
    assert store.find_study("second") is None
    kept = store.runs(study.id)
    for planned, run in zip(make_runs(3), kept, strict=True):
        assert all(getattr(run, name) == getattr(planned, name) for name in PlannedRun.__dataclass_fields__)
        assert (run.status, run.attempts, run.error, run.worker, run.details) == ("planned", 0, None, None, None)


def test_planning_again_adds_only_what_is_missing(store, study, make_runs):
    store.lease(store.runs(study.id)[0].id, ME)
    assert store.insert_study("first", {"n": 3}, "abc", make_runs(5)) == study
    assert [run.launch for run in store.runs(study.id)] == list(range(10))
    assert store.counts(study.id)["AnyNetXA"] == dict.fromkeys(schema.STATUSES, 0) | {"planned": 4, "running": 1}


def test_a_changed_study_is_refused_and_kept(store, study, make_runs):
    with pytest.raises(StudyError, match="study 'first' was started from another specification"):
        store.insert_study("first", {"n": 5}, "xyz", make_runs(5))
    assert store.studies() == [study]
    assert len(store.runs(study.id)) == 6


def test_another_network_at_the_same_place_is_refused(store, study, make_runs):
    first, *others = make_runs(4)
    fields = {name: getattr(first, name) for name in PlannedRun.__dataclass_fields__}
    with pytest.raises(StudyError, match="run 0 of AnyNetXA in study 'first' is network AnyNetXA-0, now other"):
        store.insert_study("first", {"n": 3}, "abc", [*others, PlannedRun(**fields | {"digest": "other"})])
    assert len(store.runs(study.id)) == 6


def test_very_many_runs_that_ended_elsewhere_keep_each_its_own_outcome_and_curve(store, make_runs):
    def outcome(launch: int) -> Outcome:
        if launch % 7 == 3:
            return Outcome(status="failed", message=f"reason {launch}", seconds=0.0)
        return done(error=launch / 1000, epochs=launch % 2)

    planned = make_runs(5_600)
    study = store.add_study("many", {}, "abc", [(run, outcome(run.launch)) for run in planned])
    states = store.states(study.id)
    assert [run.launch for run in states] == list(range(len(planned)))
    for run in states:
        expected = outcome(run.launch)
        assert (run.status, run.error, run.message) == (expected.status, expected.error, expected.message)
        assert abs(run.finished - study.created) < 60
    launches = {run.id: run.launch for run in states}
    with_curves = [launches[run_id] for run_id in store.curves(study.id)["run_id"]]
    assert with_curves == [launch for launch in range(len(planned)) if launch % 2 and launch % 7 != 3]


def test_a_plan_that_breaks_in_the_middle_leaves_nothing(store, make_runs):
    def broken():
        yield from make_runs(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.insert_study("first", {}, "abc", broken())
    assert store.studies() == []


def test_a_number_that_does_not_fit_is_refused(make_runs):
    fields = {name: getattr(make_runs(1)[0], name) for name in PlannedRun.__dataclass_fields__}
    with pytest.raises(StoreError, match=r"0 <= seed < 2\^63 must hold, got seed=9223372036854775808"):
        PlannedRun(**fields | {"seed": 2**63})


def test_a_claim_holds_against_everyone(store, study):
    run_id = store.runs(study.id)[0].id
    assert store.lease(run_id, ME, lease_seconds=100)
    assert not store.lease(run_id, OTHER)
    assert not store.lease(run_id, ME)
    run = store.run(run_id)
    assert (run.status, run.worker, run.attempts) == ("running", ME, 1)
    assert run.lease_until - run.started == pytest.approx(100, abs=0.1)
    assert abs(run.started - time.time()) < 60


def test_runs_are_claimed_in_launch_order_until_none_is_left(store, study):
    claimed = [store.lease_next(study.id, ME) for _ in range(7)]
    assert [run and run.launch for run in claimed] == [0, 1, 2, 3, 4, 5, None]
    assert [run.space for run in claimed[:4]] == ["AnyNetXA", "RegNetX", "AnyNetXA", "RegNetX"]


CLAIMER = """
import sys
import time
from netspace.store import Store, Worker
with Store.open(sys.argv[1], create=False) as store:
    study, me = store.find_study("race"), str(Worker.current())
    print("ready", flush=True)
    sys.stdin.readline()
    while run := store.lease_next(study.id, me):
        print(run.id, flush=True)
        time.sleep(0.001)  # SQLite's lock is not fair: without a pause one process may take all
"""


def test_two_processes_share_a_study_without_claiming_a_run_twice(store, url, make_runs):
    study = store.insert_study("race", {}, "abc", make_runs(100))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([sys.executable, "-c", CLAIMER, url], **pipes) as one,
        subprocess.Popen([sys.executable, "-c", CLAIMER, url], **pipes) as two,
    ):
        for process in (one, two):
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
        shares = [[int(line) for line in process.stdout] for process in (one, two)]
    assert all(shares)
    assert sorted(shares[0] + shares[1]) == sorted(run.id for run in store.runs(study.id))
    assert {run.attempts for run in store.runs(study.id)} == {1}


def test_threads_may_share_a_store(store, make_runs):
    study = store.insert_study("race", {}, "abc", make_runs(50))
    claimed = []

    def work(me):
        while run := store.lease_next(study.id, me):
            assert store.record(run.id, me, done())
            claimed.append(run.id)

    threads = [Thread(target=work, args=(f"thread {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(run.id for run in store.runs(study.id, status="done"))
    assert len(claimed) == 100


def test_a_recorded_run_is_read_back_as_it_was_given(store, study):
    run = store.lease_next(study.id, ME)
    assert store.record(run.id, ME, done(error=41.5))
    run = store.run(run.id)
    assert (run.status, run.error, run.seconds, run.lease_until) == ("done", 41.5, 3.0, None)
    assert (run.environment, run.details, run.worker) == ({"torch": "2.9"}, {"ema": True}, ME)
    assert run.started <= run.finished
    expected = pd.DataFrame(
        {
            "epoch": [1, 2],
            "train_loss": [2.0, 1.0],
            "val_error": [90.0, 45.0],
            "lr": [0.1, 0.1],
            "seconds": [1.5, 3.0],
        }
    )
    pd.testing.assert_frame_equal(store.curve(run.id), expected)


def test_a_second_record_is_refused_and_the_first_kept(store, study):
    run = store.lease_next(study.id, ME)
    assert store.record(run.id, ME, done(error=41.5, epochs=2))
    assert not store.record(run.id, ME, done(error=12.0, epochs=5))
    assert store.run(run.id).error == 41.5
    assert len(store.curve(run.id)) == 2


def test_a_record_that_breaks_in_the_middle_leaves_nothing(store, study):
    run = store.lease_next(study.id, ME)
    point = Epoch(epoch=1, train_loss=1.0, val_error=None, lr=0.1, seconds=1.0)
    with pytest.raises(StoreError):
        store.record(run.id, ME, Outcome(status="done", error=5.0, curve=[point, point], seconds=1.0))
    assert store.run(run.id) == run
    assert store.curves(study.id).empty
    assert store.record(run.id, ME, done())


def test_only_the_holder_of_a_run_changes_it(store, study):
    planned, held = store.runs(study.id)[:2]
    store.lease(held.id, OTHER)
    before = store.runs(study.id)
    assert not store.record(held.id, ME, done())
    for run in (planned, held):
        assert not store.release(run.id, ME)
        assert store.fail(run.id, ME, "boom", max_attempts=1) is None
    assert store.heartbeat([planned.id, held.id], ME) == frozenset()
    assert store.runs(study.id) == before


def test_a_run_that_diverged_has_no_error_and_keeps_its_curve(store, study):
    run = store.lease_next(study.id, ME)
    curve = [
        Epoch(epoch=1, train_loss=math.inf, val_error=None, lr=0.1, seconds=1.0),
        Epoch(epoch=2, train_loss=math.nan, val_error=None, lr=0.1, seconds=2.0),
    ]
    details = {"last_loss": math.nan, "steps": np.int64(7), "norms": np.array([1.5, math.inf])}
    assert store.record(run.id, ME, Outcome(status="diverged", curve=curve, seconds=2.0, details=details))
    run = store.run(run.id)
    assert (run.status, run.error) == ("diverged", None)
    assert run.details == {"last_loss": None, "steps": 7, "norms": [1.5, None]}
    losses = store.curve(run.id)["train_loss"]
    assert losses[0] == math.inf
    assert math.isnan(losses[1])


@pytest.mark.parametrize("error", [None, math.nan, math.inf, -0.1, 100.1])
def test_done_needs_an_error_between_0_and_100(error):
    with pytest.raises(StoreError, match=r"needs a finite error in \[0, 100\]"):
        Outcome(status="done", error=error, seconds=1.0)


def test_only_done_has_an_error_and_failures_say_why():
    with pytest.raises(StoreError, match=r"not done \(diverged\) has no error"):
        Outcome(status="diverged", error=50.0, seconds=1.0)
    with pytest.raises(StoreError, match="that is lost needs a message"):
        Outcome(status="lost", seconds=1.0)
    with pytest.raises(StoreError, match="one of done, diverged, failed, lost, got 'ended'"):
        Outcome(status="ended", seconds=1.0)


def test_a_failure_is_not_recorded_as_a_result(store, study):
    run = store.lease_next(study.id, ME)
    with pytest.raises(StoreError, match=r"use fail\(\)"):
        store.record(run.id, ME, Outcome(status="failed", message="out of memory", seconds=1.0))
    assert store.run(run.id).status == "running"


@pytest.mark.parametrize(
    "values",
    [
        {"status": "done"},
        {"status": "done", "error": 100.5},
        {"status": "done", "error": math.nan},
        {"status": "planned", "error": 5.0},
        {"status": "finished"},
        {"status": "running"},
    ],
    ids=str,
)
def test_the_database_itself_refuses_a_half_record(store, study, values):
    with pytest.raises(StoreError) as caught, store._database.write() as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.launch == 0).values(values))
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert {run.status for run in store.runs(study.id)} == {"planned"}


def test_the_database_itself_refuses_a_curve_of_no_run(store):
    point = {"run_id": 99, "epoch": 1, "lr": 0.1, "seconds": 1.0}
    with pytest.raises(StoreError) as caught, store._database.write() as connection:
        connection.execute(insert(schema.curves).values(point))
    assert isinstance(caught.value.__cause__, IntegrityError)


def test_a_failed_run_is_tried_again_until_its_attempts_are_used_up(store, study):
    run_id = store.lease_next(study.id, ME).id
    assert store.fail(run_id, ME, "RuntimeError: first", max_attempts=2) == "planned"
    run = store.run(run_id)
    assert (run.attempts, run.message, run.worker, run.started) == (1, "RuntimeError: first", None, None)
    assert run.lease_until is run.finished is None
    assert store.lease_next(study.id, ME).id == run_id
    assert store.fail(run_id, ME, "bad \udc80 name\0", max_attempts=2) == "failed"
    run = store.run(run_id)
    assert (run.status, run.attempts, run.message, run.worker) == ("failed", 2, "bad ? name", ME)
    assert run.started <= run.finished
    assert not store.lease(run_id, ME)
    assert store.lease_next(study.id, ME).id != run_id


def test_a_lost_process_is_told_from_a_failure(store, study):
    run_id = store.lease_next(study.id, ME).id
    assert store.fail(run_id, ME, "killed by signal 9", max_attempts=1, status="lost") == "lost"
    assert store.runs(study.id, status="lost") == [store.run(run_id)]


def test_a_run_that_succeeds_at_last_has_no_message_but_its_attempts(store, study):
    run_id = store.lease_next(study.id, ME).id
    store.fail(run_id, ME, "boom", max_attempts=3)
    store.lease(run_id, ME)
    store.record(run_id, ME, done())
    run = store.run(run_id)
    assert (run.status, run.attempts, run.message) == ("done", 2, None)


def test_a_released_run_costs_no_attempt(store, study):
    before = store.runs(study.id)
    run_id = store.lease_next(study.id, ME).id
    assert store.release(run_id, ME)
    assert store.runs(study.id) == before


def test_a_lease_that_ended_is_reclaimed(store, study):
    ended = store.lease_next(study.id, ME, lease_seconds=0.01)
    kept = store.lease_next(study.id, OTHER)
    time.sleep(0.05)
    assert [run.id for run in store.reclaim(study.id)] == [ended.id]
    run = store.run(ended.id)
    assert (run.status, run.attempts, run.message) == ("planned", 0, f"its worker vanished: {ME}")
    assert store.run(kept.id).status == "running"
    assert store.reclaim(study.id) == []


def test_a_result_of_a_run_that_was_reclaimed_is_recorded_unless_another_has_begun_it(store, study):
    free, taken = (store.lease_next(study.id, ME, lease_seconds=0.01) for _ in range(2))
    time.sleep(0.05)
    assert len(store.reclaim(study.id)) == 2
    assert store.lease(taken.id, OTHER)
    assert store.record(free.id, ME, done(error=41.5, epochs=2))
    assert not store.record(free.id, ME, done(error=12.0, epochs=5))
    assert not store.record(taken.id, ME, done())
    run = store.run(free.id)
    assert (run.status, run.error, run.worker, run.attempts, run.message) == ("done", 41.5, ME, 1, None)
    assert run.finished - run.started == pytest.approx(run.seconds, abs=0.1)
    assert len(store.curve(free.id)) == 2
    assert (store.run(taken.id).status, store.run(taken.id).worker) == ("running", OTHER)


def test_a_heartbeat_keeps_the_lease_and_tells_what_is_still_held(store, study):
    kept = store.lease_next(study.id, ME, lease_seconds=0.01)
    taken = store.lease_next(study.id, OTHER)
    time.sleep(0.05)
    assert store.heartbeat([kept.id, taken.id], ME, lease_seconds=100) == {kept.id}
    assert store.reclaim(study.id) == []
    assert store.heartbeat([], ME) == frozenset()


def test_a_dead_process_of_this_machine_is_reclaimed_before_its_lease_ends(store, study, url):
    script = CLAIMER.replace('find_study("race")', 'find_study("first")').replace("while", "if")
    command = [sys.executable, "-c", script, url]
    subprocess.run(command, input="\n", text=True, check=True, stdout=subprocess.DEVNULL)
    alive = store.lease_next(study.id, str(Worker.current()))
    elsewhere = store.lease_next(study.id, str(Worker(host="another-machine", pid=1, started="0")))
    assert [run.launch for run in store.reclaim(study.id)] == [0]
    assert {run.id for run in store.runs(study.id, status="running")} == {alive.id, elsewhere.id}


def test_counts_are_of_each_space_and_status(store, study):
    nothing = dict.fromkeys(schema.STATUSES, 0)
    run = store.lease_next(study.id, ME)
    store.record(run.id, ME, done())
    store.lease_next(study.id, ME)
    counts = store.counts(study.id)
    assert counts == {
        "AnyNetXA": nothing | {"done": 1, "planned": 2},
        "RegNetX": nothing | {"running": 1, "planned": 2},
    }
    assert list(counts) == ["AnyNetXA", "RegNetX"]
    assert store.counts(study.id + 1) == {}


def test_studies_do_not_mix(store, study, make_runs):
    second = store.insert_study("second", {}, "abc", make_runs(1, spaces=("RegNetX",)))
    assert [found.name for found in store.studies()] == ["first", "second"]
    assert store.lease_next(second.id, ME).study_id == second.id
    assert store.lease_next(second.id, ME) is None
    assert len(store.frame(study.id)) == 6
    assert store.counts(second.id)["RegNetX"]["running"] == 1


def test_runs_are_filtered_by_space_and_status(store, study):
    claimed = store.lease_next(study.id, ME)
    assert store.runs(study.id, status="running") == [claimed]
    assert [run.index for run in store.runs(study.id, space="AnyNetXA", status="planned")] == [1, 2]


def test_the_frame_has_every_run_and_its_parameters(store, study):
    for outcome in (done(error=30.0), Outcome(status="diverged", seconds=1.0)):
        store.record(store.lease_next(study.id, ME).id, ME, outcome)
    frame = store.frame(study.id)
    assert list(frame.columns) == [
        *("space", "index", "launch", "digest", "status", "error", "flops", "params", "activations", "seed", "seconds"),
        *("attempts", "message", "depth_1", "w_0", "parameters.seed"),
    ]
    assert list(frame["launch"]) == list(range(6))
    assert list(frame["status"]) == ["done", "diverged", *["planned"] * 4]
    np.testing.assert_array_equal(frame["error"], [30.0, *[np.nan] * 5])
    np.testing.assert_array_equal(frame["depth_1"], [1, np.nan, 2, np.nan, 3, np.nan])
    np.testing.assert_array_equal(frame["parameters.seed"], [np.nan, 3] * 3)
    assert frame["flops"].iloc[-1] == 360_000_000_002
    assert frame["seed"].iloc[-1] == 2**62 + 2
    assert list(frame.index) == [run.id for run in store.runs(study.id)]


def test_an_empty_frame_has_the_columns_and_types_of_a_full_one(store, study):
    full, empty = store.frame(study.id), store.frame(study.id + 1)
    assert empty.empty
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes[empty.columns])
    assert store.curve(1).columns.tolist() == ["epoch", "train_loss", "val_error", "lr", "seconds"]


def test_the_curves_of_a_study_come_in_launch_order(store, study):
    first, second = store.lease_next(study.id, ME), store.lease_next(study.id, ME)
    store.record(second.id, ME, done())
    store.record(first.id, ME, done())
    curves = store.curves(study.id)
    assert list(curves["run_id"]) == [first.id, first.id, second.id, second.id]
    assert list(curves["epoch"]) == [1, 2, 1, 2]


def test_an_unknown_run_is_told(store):
    with pytest.raises(StoreError, match="holds no run 99"):
        store.run(99)


RECORDER = """
import sys
from netspace.store import Epoch, Outcome, Store, Worker
with Store.open(sys.argv[1], create=False) as store:
    study, me = store.find_study("killed"), str(Worker.current())
    curve = [Epoch(epoch=e, train_loss=1.0, val_error=None, lr=0.1, seconds=float(e)) for e in range(1, 31)]
    while run := store.lease_next(study.id, me):
        if store.record(run.id, me, Outcome(status="done", error=float(run.index % 100), curve=curve, seconds=1.0)):
            print(run.id, flush=True)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_kill_9_loses_no_reported_run_and_leaves_no_half_record(store, url, make_runs, kills):
    study = store.insert_study("killed", {}, "abc", make_runs(400))
    moments = np.random.default_rng(0).uniform(0.0, 0.03, size=kills)
    reported = []
    for moment in moments:
        command = [sys.executable, "-c", RECORDER, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            reported.append(int(process.stdout.readline()))
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            reported += [int(line) for line in process.stdout if line.endswith("\n")]
        assert process.returncode == -signal.SIGKILL
        assert len(store.runs(study.id, status="running")) <= 1
        store.reclaim(study.id)
        assert store.runs(study.id, status="running") == []
    with Store.open(url) as reopened:
        finished = reopened.runs(study.id, status="done")
        assert len(reported) == len(set(reported))
        assert set(reported) <= {run.id for run in finished}
        assert len(finished) <= len(reported) + len(moments)
        assert all(run.error == run.index % 100 for run in finished)
        epochs = reopened.curves(study.id).groupby("run_id").size()
        assert epochs.to_dict() == {run.id: 30 for run in finished}
        assert len(reopened.runs(study.id, status="planned")) == 800 - len(finished) > 0
        if not url.startswith("postgresql"):
            with reopened._database.read() as connection:
                assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_a_store_opens_again_and_keeps_what_it_held(store, study, url):
    with Store.open(url, create=False) as again:
        assert again.find_study("first") == study
    with Store.open(store.url, create=False) as again:
        assert again.find_study("first") == study


def test_a_store_of_a_later_version_is_refused_with_the_command_to_run(store, study, url):
    other, remedy = SCHEMA_VERSION + 1, "upgrade: uv pip install 'netspace==9.9'"
    with store._database.write() as connection:
        connection.execute(update(schema.meta).values(schema_version=other, netspace_version="9.9"))
    with pytest.raises(StoreError, match=f"schema is version {other}, written by netspace==9.9.*{remedy}") as caught:
        Store.open(url)
    assert store.where in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.find_study("first") == study


def test_a_database_of_something_else_is_refused(store, url):
    with store._database.write() as connection:
        schema.metadata.drop_all(connection)
        connection.execute(text("CREATE TABLE songs (title TEXT)"))
    with pytest.raises(StoreError, match="tables are not those of a netspace store"):
        Store.open(url)
    with store._database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM songs")).scalar() == 0


def test_an_empty_database_is_no_store_unless_one_is_wanted(store, url):
    with store._database.write() as connection:
        schema.metadata.drop_all(connection)
    with pytest.raises(StoreError, match="there is no store in it yet"):
        Store.open(url, create=False)
    with Store.open(url) as created:
        assert created.studies() == []


def test_several_drivers_may_create_the_store_at_once(store, url):
    with store._database.write() as connection:
        schema.metadata.drop_all(connection)
    errors = []

    def work():
        try:
            with Store.open(url) as opened:
                opened.insert_study("same", {}, "abc")
        except StoreError as error:
            errors.append(error)

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [found.name for found in store.studies()] == ["same"]


def test_pools_are_kept_once_and_come_back_as_they_were(store, study):
    values = np.random.default_rng(0).normal(size=(300, 3))
    drawn = np.arange(600, dtype=np.float64).reshape(300, 2)
    first = StoredPool(
        space="AnyNetXA",
        names=("depth", "log_depth", "log_flops"),
        values=values,
        parameters=("w_m", "depth"),
        drawn=drawn,
    )
    second = StoredPool(space="RegNetX", refused="the networks were chosen by their latency")
    store.keep_pools(study.id, [first, second])
    store.keep_pools(study.id, [replace(first, values=values + 1)])
    kept = store.pools(study.id)
    assert store.pooled(study.id) == {"AnyNetXA", "RegNetX"}
    assert kept["AnyNetXA"].names == first.names
    assert (kept["AnyNetXA"].values == values).all()
    assert kept["AnyNetXA"].parameters == ("w_m", "depth")
    assert (kept["AnyNetXA"].drawn == drawn).all()
    assert kept["RegNetX"].values is None
    assert kept["RegNetX"].refused == "the networks were chosen by their latency"
    assert store.pools(study.id + 1) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"values": np.ones((2, 1)), "refused": "both"},
        {"values": np.ones((2, 3))},
        {"values": np.ones((2, 1)), "parameters": ("w_m",)},
        {"values": np.ones((2, 1)), "parameters": ("w_m",), "drawn": np.ones((3, 1))},
    ],
)
def test_a_pool_holds_networks_or_a_reason(wrong):
    with pytest.raises(StoreError, match="pool of AnyNetXA"):
        StoredPool(space="AnyNetXA", names=("depth",), **wrong)


def test_a_store_made_before_there_were_pools_gets_their_table(sqlite_url):
    Store.open(sqlite_url).close()
    with closing(sqlite3.connect(sqlite_url)) as connection:
        connection.execute("DROP TABLE pools")
    with Store.open(sqlite_url) as again:
        assert again.pools(1) == {}
