"""`netspace export` and `import`, and the commands that take the store they make."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netspace.arch import zoo
from netspace.results.tables import read_table
from netspace.store import Epoch, Outcome, PlannedRun, Store

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
        record = store.insert_study("made", {"spaces": ["A", "B"]}, "d", runs)
        while run := store.lease_next(record.id, "me"):
            if run.launch == 5:
                store.fail(run.id, "me", "RuntimeError: no", max_attempts=1)
                continue
            curve = [Epoch(epoch=1, train_loss=1.0, val_error=None, lr=0.1, seconds=2.0)]
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


@pytest.fixture
def ended_in_every_way(tmp_path):
    """A store of a run of every status, whose parameters are called as columns of the table are."""
    parameters = {"run_id": 7.5, "index": 8, "seed": 9, "network": "a name", "attempts": 3, "depth_1": 2}
    runs = [
        PlannedRun(
            space="AB"[i // 4], index=i % 4, launch=i, digest=f"d{i}", config={}, flops=10**6 + i,
            parameters=parameters | {"depth_1": i}, params=10**5, activations=10**4, seed=2**62 + i,
        )
        for i in range(7)
    ]  # fmt: skip
    runs[0] = replace(runs[0], config=NETWORK.to_dict(), digest=NETWORK.digest)
    with Store.open(tmp_path / "every.db") as store:
        record = store.insert_study("every", {}, "d", runs)
        claimed = [store.lease_next(record.id, "me").id for _ in range(6)]
        store.record(claimed[0], "me", Outcome(status="done", error=100 / 3, seconds=2.5))
        store.record(claimed[1], "me", Outcome(status="diverged", seconds=1 / 3, message="loss nan in epoch 2"))
        store.fail(claimed[2], "me", "RuntimeError: no\nTraceback", max_attempts=1)
        store.fail(claimed[3], "me", "killed by SIGKILL", max_attempts=1, status="lost")
        store.record(claimed[4], "me", Outcome(status="done", error=0.0, seconds=0.0, message="a batch in parts"))
    return tmp_path / "every.db"


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_export_that_is_imported_exports_the_same(ended_in_every_way, ending, netspace, tmp_path):
    tables = [tmp_path / f"{name}.{ending}" for name in ("first", "second", "third")]
    stores = [ended_in_every_way, tmp_path / "second.db", tmp_path / "third.db"]
    assert netspace("export", stores[0], "-o", tables[0]).code == 0
    for i in (1, 2):
        done = netspace("import", tables[i - 1], "--name", "again", "--store", stores[i])
        assert done.code == 0, done.err
        assert ("left out: 2 models that have not ended" in done.out) == (i == 1)
        done = netspace("export", stores[i], "-o", tables[i])
        assert done.code == 0, done.err
    first, second, third = (read_table(table) for table in tables)
    ended = first[first["status"].isin(["done", "diverged", "failed", "lost"])]
    assert list(ended["status"]) == ["done", "diverged", "failed", "lost", "done"]
    assert {"parameters.run_id", "parameters.index", "parameters.seed", "parameters.network"} <= set(first.columns)
    counts = ["run_id", "attempts", "digest"]  # the digest of a model without a network is that of its place
    pd.testing.assert_frame_equal(ended.drop(columns=counts), second.drop(columns=counts))
    pd.testing.assert_frame_equal(second, third)
    assert second["digest"][0] == NETWORK.digest


def test_a_parquet_export_is_the_whole_study_again(ended_in_every_way, netspace, tmp_path):
    tables = [tmp_path / f"{name}.parquet" for name in ("first", "second", "curves", "again")]
    store = tmp_path / "second.db"
    assert netspace("export", ended_in_every_way, "-o", tables[0]).code == 0
    done = netspace("import", tables[0], "--store", store)
    assert done.code == 0, done.err
    assert done.out.splitlines()[:2] == ["A: 1 models, 3 failed", "B: 1 models, 0 failed, 2 not trained yet"]
    assert netspace("export", store, "-o", tables[1]).code == 0
    first, second = (read_table(table).drop(columns=["run_id", "attempts"]) for table in tables[:2])
    first["status"] = first["status"].replace("running", "planned")
    pd.testing.assert_frame_equal(first, second.set_index(second["launch"]).loc[first["launch"]].reset_index(drop=True))
    with Store.open(ended_in_every_way) as before, Store.open(store) as after:
        assert before.studies()[0].spec | {"name": "every"} == after.studies()[0].spec
    refused = netspace("import", tables[0], tables[1], "--store", tmp_path / "third.db")
    assert refused.code == 2
    assert "is not the curves of the study in" in refused.err
    assert not (tmp_path / "third.db").exists()


def test_results_of_another_tool_need_a_name(netspace, tmp_path):
    (tmp_path / "t.csv").write_text("error\n30\n31\n")
    done = netspace("import", tmp_path / "t.csv")
    assert (done.code, done.err) == (2, "error: results of another tool need a name: --study NAME\n")


def test_another_tools_column_called_as_ours_is_imported_and_exported(netspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("run_id,top1,error,lr\nr17,30,0.3,0.1\nr18,31,0.31,0.2\n")
    assert netspace("import", "t.csv", "--name", "t", "--map", "error=top1").code == 0
    assert netspace("export", "t.db", "-o", "again.csv").code == 0
    frame = pd.read_csv("again.csv")
    assert frame["run_id"].tolist() == [1, 2]
    assert frame["error"].tolist() == [30.0, 31.0]
    assert frame["parameters.error"].tolist() == [0.3, 0.31]


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


@pytest.fixture
def peer(tmp_path):
    """A table of 160 models of two spaces, B the better one, without networks or costs; wider is better."""
    draws = np.random.default_rng(0)
    frame = pd.DataFrame({"design": ["A", "B"] * 80, "width": draws.integers(8, 64, 160), "lr": draws.random(160)})
    frame["top1"] = 50 - 0.2 * frame["width"] - 3 * (frame["design"] == "B") + draws.normal(0, 1, 160)
    frame["state"] = ["crashed" if i % 40 == 7 else "finished" for i in range(160)]
    frame.to_csv(tmp_path / "peer.csv", index=False)
    return tmp_path / "peer.csv"


MAPPED = ("--map", "error=top1", "--map", "space=design")


def test_a_report_of_models_without_networks_has_all_that_needs_none_and_says_what_is_left_out(
    netspace, peer, tmp_path
):
    store, folders = tmp_path / "peer.db", [tmp_path / "of-table", tmp_path / "of-store"]
    assert netspace("import", peer, "--study", "peer", "--store", store, *MAPPED).code == 0
    for source, options, folder in ((peer, MAPPED, folders[0]), (store, (), folders[1])):
        done = netspace("report", source, "-o", folder, "--format", "html,md,svg", *options)
        assert done.code == 0, done.err
    names = {path.name for path in folders[0].iterdir()}
    assert names == {path.name for path in folders[1].iterdir()}
    assert {"edf.svg", "efficiency.svg", "evidence.svg", "map.svg", "properties-1-A.svg"} <= names
    assert not {"e-fit.svg", "networks.svg", "complexity.svg", "front.svg", "trends.svg", "networks"} & names
    text = (folders[0] / "report.md").read_text()
    assert "B is better than A" in text
    assert re.search(r"\| B \| width \| ", text)
    left_out = "The networks of 160 models are not known: left out are"
    for page in (text, (folders[0] / "index.html").read_text()):
        assert left_out in page
        assert "Not known of every model: flops, params, activations" in page


def test_costs_that_a_table_knows_are_drawn(netspace, peer, tmp_path):
    frame = pd.read_csv(peer)
    frame["macs"] = 1e6 * frame["width"]
    frame.to_csv(peer, index=False)
    done = netspace("report", peer, "-o", tmp_path / "r", "--format", "md,svg", *MAPPED, "--map", "flops=macs")
    assert done.code == 0, done.err
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"front.svg", "trends.svg"} <= names
    assert "complexity.svg" not in names
    assert "Not known of every model: params, activations;" in (tmp_path / "r" / "report.md").read_text()


def test_refine_and_claims_take_tables_and_stores_too(netspace, peer, tmp_path):
    store = tmp_path / "peer.db"
    assert netspace("import", peer, "--study", "peer", "--store", store, *MAPPED).code == 0
    asked = ("--claim", "B better than A", "--claim", "errors of B fall with width")
    judged = [netspace("claims", peer, *MAPPED, *asked, "--json"), netspace("claims", store, *asked, "--json")]
    assert judged[0].out == judged[1].out
    assert [row["judgement"] for row in json.loads(judged[0].out)] == ["confirmed", "confirmed"]
    refined = [netspace("refine", peer, "B", *MAPPED, "--json"), netspace("refine", store, "B", "--json")]
    assert refined[0].out == refined[1].out
    best = json.loads(refined[0].out)["restrictions"][0]
    assert best["restriction"].startswith("width >= ")
    assert best["advised"]
    done = netspace("refine", store, "B")
    assert "no space is written" in done.out
    for arguments, message in (
        (("claims", store), "there are no claims; give some with --claim"),
        (("refine", store, "C"), "unknown space of study 'peer' 'C'"),
        (("refine", store, "B", "-o", tmp_path / "x.yaml"), "--output has no effect on"),
        (("claims", store, *asked, "--map", "error=top1"), "--map has no effect on"),
        (("report", peer, *MAPPED, "--study", "x"), "--study has no effect with a table"),
    ):
        done = netspace(*arguments)
        assert (done.code, message in done.err) == (2, True), done.err


def test_a_table_has_a_direction_a_unit_and_words_of_its_own(netspace, peer, tmp_path):
    expected = netspace("compare", peer, "--error-column", "top1", "--space-column", "design", "--json")
    assert expected.code == 0, expected.err
    frame = pd.read_csv(peer)
    frame["val_acc"] = (100 - frame.pop("top1")) / 100
    frame["state"] = (frame["state"] != "finished").astype(int)
    frame.to_csv(tmp_path / "scores.tsv", index=False, sep="\t")
    columns = ("--map", "space=design", "--accuracy-column", "val_acc")
    asked = netspace("compare", tmp_path / "scores.tsv", *columns)
    assert "what do '0', '1' mean, for a model with the error" in asked.err
    words = ("--outcome", "0=done", "--outcome", "1=failed")
    done = netspace("compare", tmp_path / "scores.tsv", *columns, *words, "--json")
    assert done.code == 0, done.err
    assert "read as fractions" in done.err
    for row, other in zip(json.loads(done.out), json.loads(expected.out), strict=True):
        assert row.keys() == other.keys()
        assert (row["theta"], row["verdict"], row["failures"]) == (other["theta"], other["verdict"], other["failures"])
    wrong = netspace("compare", peer, "--error-column", "top1", "--unit", "permille")
    assert "unknown unit 'permille'" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "results.db", "-o", "x.xlsx"], "x.xlsx: the file name must end in one of .csv, .parquet, .jsonl"),
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
    assert not Path("x.db").exists()


def test_a_pool_assists_the_verdicts_on_a_table(netspace, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"design": ["old", "new"] * 30, "depth": rng.integers(1, 30, 60), "note": "x"})
    frame["error"] = 40 + frame["depth"] / 5 - (frame["design"] == "new") + rng.normal(0, 0.3, 60)
    pool = pd.DataFrame({"design": ["old", "new"] * 3000, "depth": rng.integers(1, 30, 6000)})
    sweep, drawn = tmp_path / "sweep.csv", tmp_path / "pool.csv"
    frame.to_csv(sweep, index=False)
    pool.to_csv(drawn, index=False)
    asked = ("compare", sweep, "--space-column", "design", "--pool", drawn)
    (found,) = json.loads(netspace(*asked, "--json").out)
    assert found["assisted"]
    assert found["verdict"] == "better"
    assert found["classical_verdict"] == "no difference detected"
    printed = netspace(*asked).out
    assert "Without assistance: no difference detected" in printed
    assert "30 models a space say as much as" in printed
    pool["depth"] += 5
    pool.to_csv(drawn, index=False)
    other = netspace(*asked)
    assert other.code == 0
    assert "not assisted: " in other.out
    assert "the sample does not follow the distribution of its pool" in other.out
    pool.drop(columns="design").to_csv(drawn, index=False)
    refused = netspace(*asked)
    assert refused.code == 2
    assert "unknown column of the pool 'design'" in refused.err


def test_a_table_is_compared_at_equal_flops_of_the_column_that_is_named(netspace, tmp_path):
    generator = np.random.default_rng(0)
    size = np.append(generator.uniform(2, 6, 80), generator.uniform(3, 9, 80))
    frame = pd.DataFrame({"space": ["small"] * 80 + ["large"] * 80, "error": 60 - 3 * size, "MF": size})
    frame["error"] += generator.normal(0, 1, 160)
    frame.to_csv(tmp_path / "sizes.csv", index=False)
    plain = netspace("compare", tmp_path / "sizes.csv", "--json")
    assert (
        json.loads(plain.out)[0]["at_equal_flops"] == "not compared at equal flops: they are not known of every model"
    )
    named = netspace("compare", tmp_path / "sizes.csv", "--map", "flops=MF")
    assert "large is better than small" in named.out
    assert "At equal flops no difference detected between large and small" in named.out
    wrong = netspace("compare", tmp_path / "sizes.csv", "--map", "flops=FLOPs")
    assert (wrong.code, "unknown column 'FLOPs'" in wrong.err) == (2, True)


def test_a_pool_is_of_no_use_to_a_store(results, netspace, tmp_path):
    refused = netspace("compare", results, "--pool", tmp_path / "pool.csv")
    assert refused.code == 2
    assert "--pool" in refused.err
