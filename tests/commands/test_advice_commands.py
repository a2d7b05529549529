"""`netspace plan`, `refine`, `claims`, early stopping in `run`, and tables of other tools in `compare`."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml

from netspace.code import complexity_of
from netspace.models import build
from netspace.results.study_tables import study_tables
from netspace.stats import detectable_theta, operating_characteristics
from netspace.stats.sequential import StoppingRule
from netspace.store import Outcome, Store
from netspace.study import Study, planning
from netspace.study.planning import Speed
from netspace.study.pools import ensure_pools
from netspace.training.device import training_memory

SMALL = {
    "name": "small",
    "spaces": ["AnyNetXA", "RegNetX"],
    "n": 70,
    "flops": "50K:400K",
    "resolution": 20,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 2, "augment": {"flip": False}},
    "stop": {"alpha": 0.05, "delta": 0.1},
    "claims": ["RegNetX better than AnyNetXA", "best depth between 1 and 8", "errors of RegNetX rise with depth"],
}


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({**SMALL, **changes}))
        return path

    return write


@pytest.fixture
def finished(write, tmp_path):
    """The small study with results in which RegNetX is better and shallow networks are."""
    path = write()
    rng = np.random.default_rng(0)
    with Store.open(tmp_path / "small.db") as store:
        record = Study.from_yaml(path).open(store)
        for run in store.runs(record.id):
            store.lease(run.id, "me")
            depth = run.parameters["depth"]
            error = 60 - 10 * (depth <= 8) + depth / 2 - 6 * (run.space == "RegNetX") + rng.normal()
            store.record(run.id, "me", Outcome(status="done", error=error, seconds=2.0))
    return path


@pytest.mark.slow
def test_plan_measures_this_machine_before_the_first_run(netspace, write, monkeypatch):
    monkeypatch.setattr(planning, "measure_speed", partial(planning.measure_speed, seconds=0.5))
    done = netspace("plan", write(), "--workers", 4, "--device", "cpu", "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert (plan["models"], plan["ended"], plan["workers"]) == (140, 0, 4)
    assert plan["speed"].endswith("networks on cpu, measured now")
    assert 0 < plan["seconds_per_model"] < 60
    assert plan["wall_hours_left"] == pytest.approx(plan["core_hours"] / 4)
    assert plan["detectable_theta"] == pytest.approx(0.5 + 2.8016 / 420**0.5, abs=1e-4)
    assert [row["models_per_space"] for row in plan["needed"] if row["r2"] == 0] == [524, 131, 59, 33]
    assert [row["models_per_space"] for row in plan["needed"] if row["r2"] == 0.7] == [166, 42, 19, 16]
    assert plan["r2"] is None
    assert [row["theta"] for row in plan["stopping"] if row["r2"] == 0.7] == [0.5, 0.6, 0.7, 0.8]
    assert [row["pairs"] for row in plan["stopping"] if row["r2"] == 0.7] == [66, 55, 20, 20]


@pytest.mark.slow
def test_plan_tries_no_network_that_would_fill_the_memory(netspace, write, monkeypatch):
    study = Study.from_yaml(write())
    planned = study.planned_runs()
    needed = [training_memory(run.params, run.activations, study.recipe.batch_size) for run in planned]
    monkeypatch.setattr(planning, "free_memory", lambda _: 2 * sorted(needed)[len(needed) // 2])
    tried = []
    monkeypatch.setattr(planning, "build", lambda config, **rest: tried.append(config) or build(config, **rest))
    speed = planning.measure_speed(study, planned, seconds=0.5)
    largest = max(complexity_of(config, study.data.resolution).activations for config in tried)
    assert largest < max(run.activations for run in planned)
    assert f"(not of {len(planned) - len(planned) // 2 - 1} that would take up to " in speed.source
    assert (speed.seconds > 0).all()
    monkeypatch.setattr(planning, "free_memory", lambda _: 1000)
    done = netspace("plan", write(), "--device", "cpu")
    assert done.code == 2
    assert "the smallest network would take about " in done.err


def test_plan_takes_the_times_of_finished_runs(netspace, finished):
    done = netspace("plan", finished)
    assert done.code == 0, done.err
    assert "140 models: 70 from each of 2 spaces; 140 have ended." in done.out
    assert "2 s per model, from the times of 140 finished runs" in done.out
    assert "Left: 0 core-hours" in done.out


def test_a_plan_corrects_for_the_pairs_within_windows_alone(netspace, write, monkeypatch):
    def in_a_second(study, planned, *, device):  # noqa: ARG001 (measured ones have them)
        return Speed(source="here", seconds=np.ones(len(planned)))

    monkeypatch.setattr(planning, "measure_speed", in_a_second)
    done = netspace("plan", write(flops=["50K:150K", "150K:400K"], stop=None, claims=[]), "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["spaces"] == 4
    # of the two pairs the first is tested at alpha / 2; three, across windows, would ask for a larger difference
    assert plan["detectable_theta_in_chain"] == pytest.approx(detectable_theta(70, alpha=0.025))


@pytest.mark.parametrize("method", ["betting", "sign"])
def test_a_plan_of_bets_tells_what_they_cost_at_most(netspace, write, monkeypatch, method):
    def in_a_second(study, planned, *, device):  # noqa: ARG001 (measured ones have them)
        return Speed(source="here", seconds=np.ones(len(planned)))

    monkeypatch.setattr(planning, "measure_speed", in_a_second)
    path = write(stop={"alpha": 0.05, "delta": 0.1, "method": method})
    plan = json.loads(netspace("plan", path, "--json").out)
    assert plan["stopping_method"] == method
    exact = operating_characteristics(0.7, StoppingRule(alpha=0.05, delta=0.1), horizon=70)
    row = next(row for row in plan["stopping"] if row["theta"] == 0.7)
    assert {name: row[name] for name in exact._fields} == pytest.approx(exact._asdict())
    shown = netspace("plan", path).out
    assert "mean pairs, and how often each decision falls" in shown
    assert ("without a predictor, when bets are the sign process. With one they need fewer" in shown) == (
        method == "betting"
    )


def test_refine_advises_and_writes_the_next_study(netspace, finished, tmp_path):
    target = tmp_path / "next" / "study.yaml"
    done = netspace("refine", finished, "RegNetX", "--apply", target, "--json")
    assert done.code == 0, done.err
    advice = json.loads(done.out)
    best = advice["restrictions"][0]
    assert best["advised"]
    assert best["restriction"].startswith("depth <= ")
    assert yaml.safe_load(best["yaml"])["constraints"] == [
        {"restrict": {"depth": {"high": int(best["space"].split("-")[-1])}}}
    ]
    assert [space.name for space in Study.from_yaml(target).declared_spaces] == ["RegNetX", *advice["next"]]
    shown = netspace("refine", finished, "RegNetX")
    assert "corrected p" in shown.out
    again = netspace("refine", finished, "RegNetX", "--apply", target)
    assert (again.code, again.err) == (2, f"error: {target}: the file exists already; name a new one\n")


def test_refine_says_which_features_matter(netspace, finished):
    found = json.loads(netspace("refine", finished, "RegNetX", "--json").out)
    assert found["not_assisted"] is None
    assert found["r2"] > 0.5
    first, *rest = found["importances"]
    assert first["feature"] in {"depth", "log_depth", "log_flops", "log_depth_3"}
    assert first["importance"] > max(row["importance"] for row in rest)
    assert first["low"] < first["importance"] < first["high"]
    shown = netspace("refine", finished, "RegNetX").out
    assert "Features that the predictor of errors needs most" in shown
    assert first["feature"] in shown


def test_refine_scores_restrictions_with_assistance_and_says_what_it_changes(netspace, finished):
    found = json.loads(netspace("refine", finished, "AnyNetXA", "--json").out)
    assert found["scores_assisted"]
    assert found["scores_not_assisted"] is None
    assert found["scores_r2"] > 0.5
    for row in found["restrictions"]:
        assert row["low"] <= row["theta"] <= row["high"]
    assert {row["plain_theta"] for row in found["restrictions"]} != {row["theta"] for row in found["restrictions"]}
    shown = netspace("refine", finished, "AnyNetXA").out
    assert "Assisted: a predictor explains" in shown
    assert "Without it, " in shown


def test_refine_goes_on_without_assistance_on_a_pool_of_an_earlier_version(netspace, finished, tmp_path):
    with Store.open(tmp_path / "new.db") as new, Store.open(tmp_path / "small.db") as store:
        record = Study.from_yaml(finished).open(new)
        ensure_pools(record, new)
        kept = new.pools(record.id).values()
        store.keep_pools(store.studies()[0].id, [replace(pool, parameters=(), drawn=None) for pool in kept])
    earlier = json.loads(netspace("refine", finished, "AnyNetXA", "--json").out)
    assert not earlier["scores_assisted"]
    assert "drawn by an earlier version" in earlier["scores_not_assisted"]
    assert earlier["not_assisted"] is None
    for row in earlier["restrictions"]:
        assert (row["theta"], row["p_value"]) == (row["plain_theta"], row["plain_p_value"])
    assert (
        "Scores are not assisted: its pool was drawn by an earlier version"
        in netspace("refine", finished, "AnyNetXA").out
    )


def test_claims_are_judged_with_their_evidence(netspace, finished):
    done = netspace("claims", finished, "--json")
    assert done.code == 0, done.err
    judged = json.loads(done.out)
    assert [one["judgement"] for one in judged] == ["confirmed", "confirmed", "confirmed"]
    assert "early stopping" in judged[0]["evidence"]
    assert "RegNetX better than AnyNetXA: confirmed." in netspace("claims", finished).out


def test_status_shows_what_is_likely_beside_the_best_of_many_errors(netspace, finished, tmp_path):
    assert json.loads(netspace("status", finished, "--json").out)["best"]["likely"] is None  # no pools yet
    with Store.open(tmp_path / "small.db") as store:
        ensure_pools(store.studies()[0], store)
        tables = study_tables(store, "small")
    best = json.loads(netspace("status", finished, "--json").out)["best"]
    row = tables.best.iloc[0]
    assert [best[name] for name in ("error", "likely", "low", "high")] == pytest.approx(
        row[["error", "likely", "low", "high"]].tolist()
    )
    assert best["low"] < best["likely"] < best["high"]
    assert f"likely {best['likely']:.2f} % ({best['low']:.2f} to" in netspace("status", finished).out


def test_status_and_compare_tell_what_early_stopping_decided(netspace, finished):
    stopping = json.loads(netspace("status", finished, "--json").out)["stopping"]
    assert [(row["space"], row["against"], row["decision"]) for row in stopping] == [("RegNetX", "AnyNetXA", "better")]
    out = netspace("compare", finished).out
    assert "RegNetX against AnyNetXA: better, decided after" in out
    assert "140 models trained" in out


def test_the_template_of_the_papers_claims_is_a_study(netspace, tmp_path):
    target = tmp_path / "new" / "paper.yaml"
    done = netspace("claims", "--template", "-o", target)
    assert done.code == 0, done.err
    study = Study.from_yaml(target)
    assert study.spec.n == 500
    assert len(study.claims) == len(study.spec.claims) == 30
    words = {word for claim in study.claims for word in claim.text.split()}
    assert {space.name for space in study.spaces} <= words
    assert netspace("claims", "--template", "-o", target).code == 2


@pytest.mark.slow
def test_the_template_is_scaled_by_a_budget(netspace, tmp_path):
    done = netspace("claims", "--template", "-o", tmp_path / "small.yaml", "--budget", 10)
    assert done.code == 0, done.err
    assert 8 <= Study.from_yaml(tmp_path / "small.yaml").spec.n <= 500
    refused = netspace("claims", "--template", "-o", tmp_path / "none.yaml", "--budget", 0.001)
    assert refused.code == 2
    assert "at least 8 are needed" in refused.err
    assert not (tmp_path / "none.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("refine", "STUDY", "RegNetQ"), "unknown space of study 'small' 'RegNetQ'"),
        (("claims",), "claims takes either a study file, a store or a table, or --template"),
        (("claims", "STUDY", "--template"), "claims takes either a study file, a store or a table, or --template"),
        (("plan", "nowhere.yaml"), "nowhere.yaml: no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(netspace, finished, arguments, message):
    done = netspace(*(finished if word == "STUDY" else word for word in arguments))
    assert done.code == 2
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": ["RegNetX is best"]}, "has none of the valid forms: SPACE better than SPACE"),
        ({"claims": ["RegNetY better than RegNetX"]}, "unknown space in a claim 'RegNetY'"),
        ({"claims": ["best dept between 1 and 2"]}, "property of RegNetX in the claim"),
        ({"stop": {"alpha": 2}}, "stop.alpha"),
    ],
)  # fmt: skip
def test_mistakes_in_the_study_file_are_told_when_it_is_read(netspace, write, changes, message):
    done = netspace("claims", write(**changes))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_too_few_models_are_told_with_the_number_needed(netspace, write, tmp_path):
    path = write(n=5)
    with Store.open(tmp_path / "small.db") as store:
        Study.from_yaml(path).open(store)
    assert netspace("refine", path, "RegNetX").err == "error: RegNetX: errors: at least 60 models are needed, got 0\n"
    assert "no run of study 'small' has ended" in netspace("claims", path).err


@pytest.fixture
def table(tmp_path):
    """Results of another tool: a CSV file with its own column names."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"design": ["old"] * 60 + ["new"] * 60, "top1": np.r_[rng.normal(50, 3, 60), rng.normal(46, 3, 60)]}
    )
    frame["state"] = "done"
    frame.loc[3, ["top1", "state"]] = [np.nan, "crashed"]
    path = tmp_path / "sweep.csv"
    frame.to_csv(path, index=False)
    return path


COLUMNS = ("--space-column", "design", "--error-column", "top1")


def test_a_table_of_another_tool_is_compared(netspace, table):
    done = netspace("compare", table, *COLUMNS, "--status-column", "state", "--json")
    assert done.code == 0, done.err
    (verdict,) = json.loads(done.out)
    assert (verdict["space"], verdict["against"], verdict["verdict"]) == ("new", "old", "better")
    assert (verdict["n_against"], verdict["failures_against"]) == (60, 1)
    turned = json.loads(netspace("compare", table, "new", "old", *COLUMNS, "--status-column", "state", "--json").out)
    assert turned[0]["verdict"] == "worse"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--space-column", "desing", "--error-column", "top1"), "unknown column 'desing' (did you mean 'design'?)"),
        ((*COLUMNS, "--accuracy-column", "top1"), "a table has an error or an accuracy, not both"),
        ((*COLUMNS, "--status-column", "top1"), "column 'top1', row 1: what do "),
        (("new", "old", "older", *COLUMNS), "compare takes two spaces, or none"),
        (("new", "odl", *COLUMNS, "--status-column", "state"), "unknown space 'odl' (did you mean 'old'?)"),
    ],
)
def test_mistakes_about_a_table_are_one_line(netspace, table, arguments, message):
    done = netspace("compare", table, *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_a_table_with_one_space_or_without_rows_is_refused(netspace, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("space,error\nA,1\nA,2\n")
    assert "at least 2 spaces" in netspace("compare", path).err
    path.write_text("")
    assert netspace("compare", path).code == 2
