"""`netspace export` and `import`, and the commands that take the store they make."""

import json

import numpy as np
import pandas as pd
import pytest

from netspace.arch import zoo
from netspace.store import CurvePoint, Outcome, PlannedRun, Store

NETWORK = zoo.get("RegNetX-200MF")


@pytest.fixture
def results(tmp_path):
    """A store of one study: two spaces of 12 networks, one of them failed."""
    draws = np.random.default_rng(0).normal([40.0, 30.0], 2.0, (12, 2))
    runs = [
        PlannedRun(
            space="AB"[k], index=i, launch=2 * i + k, digest=f"{k}{i}", config=NETWORK.to_dict(),
            parameters={"w_0": 8 * (1 + i), "w_a": 10.0 + i}, flops=10**6 + i, params=10**5, activations=10**4 + k,
            seed=2**62 + i,
        )
        for i in range(12)
        for k in range(2)
    ]  # fmt: skip
    with Store.open(tmp_path / "results.db") as store:
        record = store.plan_study("made", {"spaces": ["A", "B"]}, "d", runs)
        while run := store.claim_next(record.id, "me"):
            if run.launch == 5:
                store.fail(run.id, "me", "RuntimeError: no", max_attempts=1)
                continue
            curve = [CurvePoint(epoch=1, train_loss=1.0, lr=0.1, seconds=2.0)]
            error = float(draws[run.index, "AB".index(run.space)])
            store.record(run.id, "me", Outcome(status="done", error=error, seconds=2.0, curve=curve))
    return tmp_path / "results.db"


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_what_is_exported_and_imported_again_compares_alike(results, ending, netspace, tmp_path):
    table, again = tmp_path / f"made.{ending}", tmp_path / "again.db"
    assert netspace("export", results, "-o", table).out == f"{table}: 24 rows\n"
    done = netspace("import", table, "--name", "again", "--store", again)
    assert (done.code, done.out.splitlines()[:2]) == (0, ["A: 12 models, 0 failed", "B: 11 models, 1 failed"]), done.err
    first, second = (json.loads(netspace("compare", store, "--json").out) for store in (results, again))
    assert first == second
    with Store.open(results) as before, Store.open(again) as after:
        runs, copies = (store.runs(store.studies()[0].id) for store in (before, after))
    for name in ("space", "index", "status", "error", "flops", "seed", "config"):
        assert [getattr(run, name) for run in runs] == [getattr(run, name) for run in copies], name


def test_curves_are_exported_a_row_an_epoch(results, netspace, tmp_path):
    assert netspace("export", results, "-o", tmp_path / "c.csv", "--curves").code == 0
    frame = pd.read_csv(tmp_path / "c.csv")
    assert len(frame) == 23
    assert frame["train_loss"].eq(1.0).all()


def test_imported_networks_are_reported(results, netspace, tmp_path):
    netspace("export", results, "-o", tmp_path / "made.csv")
    netspace("import", tmp_path / "made.csv", "--name", "again", "--store", tmp_path / "again.db")
    done = netspace("report", tmp_path / "again.db", "-o", tmp_path / "report", "--format", "md")
    assert done.code == 0, done.err
    assert "RuntimeError: no" in (tmp_path / "report" / "report.md").read_text()


def test_a_report_of_models_without_networks_says_what_takes_them(netspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("space,error\n" + "".join(f"{'ab'[i % 2]},{30 + i}\n" for i in range(20)))
    assert netspace("import", "t.csv", "--name", "plain").code == 0
    done = netspace("report", "plain.db")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"netspace compare {tmp_path / 'plain.db'} takes them" in done.err
    assert netspace("compare", "plain.db").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "results.db", "-o", "x.xlsx"], "x.xlsx: the file's ending must be one of .csv, .parquet, .jsonl"),
        (["export", "nothing.db", "-o", "x.csv"], "no such store"),
        (["import", "nothing.csv", "--name", "x"], "nothing.csv: no such file"),
        (["import", "nothing.csv", "--name", "x", "--map", "error"], "--map takes FIELD=COLUMN, got 'error'"),
        (["import", "nothing.csv", "--name", "x", "--format", "pycl"], "unknown format 'pycl' (did you mean 'pycls'?)"),
    ],
)
def test_mistakes_are_told_in_a_line(results, netspace, monkeypatch, arguments, message):
    monkeypatch.chdir(results.parent)
    done = netspace(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
