"""Assisted verdicts of studies in a store and of tables: what is used, and each reason against it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_studies import network

from netspace.arch import AnyNetBatch, AnyNetConfig, complexity
from netspace.arch.features import features
from netspace.documents import parse
from netspace.errors import StatisticsError, UnknownNameError
from netspace.report import study_tables
from netspace.report.page import page
from netspace.report.text import markdown
from netspace.report.write import figures
from netspace.results.assistance import ended_prefix, network_features, study_assistance, table_assistance
from netspace.results.assisted_tables import narrowing_table
from netspace.results.verdicts import study_verdicts
from netspace.stats import compare
from netspace.stats.assistance import Assistance
from netspace.store import StoredPool


def keep_pools(store, spaces=("AnyNetXA", "RegNetX"), networks=4000):
    """Keep pools with the law by which `make_study` draws its networks."""
    generator = np.random.default_rng(1)
    record = store.studies()[0]
    for space in spaces:
        batch = AnyNetBatch.from_configs([network(generator)[0] for _ in range(networks)])
        drawn = features(batch, complexity(batch, 32))
        store.keep_pools(record.id, [StoredPool(space=space, names=drawn.names, values=drawn.values)])


def assistance_of(store):
    record = store.studies()[0]
    return study_assistance(record, store.runs(record.id), store)


def test_the_features_of_runs_are_those_of_their_networks(make_study):
    store = make_study(n=3)
    runs = store.runs(store.studies()[0].id, space="RegNetX")
    batch = AnyNetBatch.from_configs([parse(AnyNetConfig, dict(run.config), "run") for run in runs])
    assert network_features(runs).values == pytest.approx(features(batch, complexity(batch, 32)).values)


def test_verdicts_are_assisted_and_the_classical_figures_stand_beside_them(make_study):
    store = make_study(n=40, gap=2.0)
    before = study_verdicts(store, "small")[0].as_dict()
    keep_pools(store)
    row = study_verdicts(store, "small")[0].as_dict()
    assert row["assisted"]
    assert 0.05 < row["r2"] < 1
    assert row["equivalent_models"] > 40
    assert row["high"] - row["low"] < before["high"] - before["low"]
    for name in ("verdict", "theta", "low", "high", "holm_p_value"):
        assert row[f"classical_{name}"] == before[name]
    assert row["classical"].startswith(f"Without assistance: {before['verdict']}, theta {before['theta']:.3f}")
    assert "models a space say as much as" in row["notes"]
    assert not before["assisted"]
    assert before["not_assisted"] == "AnyNetXA and RegNetX: its store keeps no pool of untrained networks"
    assert f"not assisted: {before['not_assisted']}" in before["notes"]


def test_reports_show_both(make_study):
    store = make_study(n=40)
    bare = study_tables(store, "small")
    keep_pools(store)
    tables = study_tables(store, "small")
    text = markdown(tables)
    shown = page(tables, [])
    for written in (text.replace("\\", ""), shown):
        assert "Without assistance:" in written
        assert "models a space say as much as" in written
        assert "Features that the predictor needs most" in written
    assert "classical verdict" in shown
    assert "Features that the predictor needs most" not in markdown(bare)


def test_outstanding_runs_leave_the_first_in_launch_order(make_study):
    store = make_study(n=40, finished=30)
    keep_pools(store)
    record = store.studies()[0]
    runs = store.runs(record.id, space="AnyNetXA")
    assert [run.index for run in ended_prefix(runs)] == list(range(30))
    holed = [run for run in runs if run.index != 20]
    assert [run.index for run in ended_prefix(holed[::-1])][:20] == list(range(20))
    row = study_verdicts(store, "small")[0].as_dict()
    assert row["assisted"]
    assert row["n"] == 30
    assert "preliminary" in row["notes"]


def test_a_study_whose_later_runs_ended_first_says_which_are_used(make_study):
    store = make_study(n=40)
    keep_pools(store)
    record, runs = store.studies()[0], store.runs(store.studies()[0].id)
    waiting = [replace(run, status="running", error=None) if run.index == 25 else run for run in runs]
    found = study_assistance(record, waiting, store)
    assert found.errors["AnyNetXA"].size == 25
    assert found.warnings["AnyNetXA"] == "the first 25 runs in launch order, of 39 that ended"


@pytest.mark.parametrize(("lost", "refused"), [(2, False), (3, True)])
def test_lost_runs_beyond_one_in_twenty_are_refused(make_study, lost, refused):
    store = make_study(n=40)
    keep_pools(store)
    record, runs = store.studies()[0], store.runs(store.studies()[0].id)
    runs = [
        replace(run, status="lost", error=None) if run.space == "RegNetX" and run.index < lost else run for run in runs
    ]
    found = study_assistance(record, runs, store)
    assert ("RegNetX" in found.refusals) == refused
    assert "AnyNetXA" not in found.refusals
    if refused:
        assert found.refusals["RegNetX"] == "3 of 40 runs were lost with their machines, more than 5%"


def test_a_kept_reason_and_too_few_models_are_given(make_study):
    store = make_study(n=20)
    record = store.studies()[0]
    store.keep_pools(record.id, [StoredPool(space="RegNetX", refused="the networks were chosen by their latency")])
    assert assistance_of(store).refusals["RegNetX"] == "the networks were chosen by their latency"


def test_fewer_than_sixteen_models_are_told_before_the_lack_of_a_pool(make_study):
    assert assistance_of(make_study(n=12)).refusals["AnyNetXA"] == "12 models, at least 16 are needed"


def test_results_of_others_are_not_assisted(make_study):
    store = make_study(n=20, spec={"imported": {"files": []}})
    keep_pools(store)
    row = study_verdicts(store, "small")[0].as_dict()
    assert row["not_assisted"].endswith("results of others: the space that they were drawn from is not known")


def test_a_pool_of_another_window_is_refused_and_the_feature_named(make_study):
    store = make_study(n=30)
    record = store.studies()[0]
    batch = AnyNetBatch.from_configs([network(np.random.default_rng(s))[0] for s in range(600)])
    drawn = features(batch, complexity(batch, 64))  # another resolution: flops and activations are four times as large
    for space in ("AnyNetXA", "RegNetX"):
        store.keep_pools(record.id, [StoredPool(space=space, names=drawn.names, values=drawn.values)])
    refusal = assistance_of(store).refusals["AnyNetXA"]
    assert "does not follow the distribution of its pool" in refusal
    assert "'log_" in refusal


def sweep(n=30, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"space": np.repeat(["old", "new"], n), "depth": rng.normal(size=2 * n), "seconds": 1.0})
    frame["error"] = 40 + frame["depth"] - (frame["space"] == "new") + rng.normal(0, 0.3, 2 * n)
    pool = pd.DataFrame({"space": np.repeat(["old", "new"], 100 * n), "depth": rng.normal(size=200 * n)})
    return frame, pool


def assisted_by(frame, pool):
    samples = {name: frame[frame["space"] == name] for name in ("old", "new")}
    return table_assistance({name: one["error"].to_numpy() for name, one in samples.items()}, samples, pool)


def test_a_table_is_assisted_by_the_columns_of_its_pool():
    found = assisted_by(*sweep())
    assert found.names == ("depth",)
    assert found.r2 > 0.7
    assert found.theta("old", "new").superiority.theta > 0.5


def test_columns_and_spaces_that_the_pool_lacks_or_has_alone_are_told():
    frame, pool = sweep()
    found = assisted_by(frame, pool.assign(width=1.0))
    assert found.refusals["old"] == "sample and pool have different features: 'width' only in the pool"
    found = assisted_by(frame, pool[pool["space"] == "old"])
    assert found.refusals == {"new": "the pool's table has no network of it"}
    with pytest.raises(StatisticsError, match="no columns besides 'space'"):
        assisted_by(frame, pool[["space"]])
    with pytest.raises(UnknownNameError, match="unknown column of the pool 'space'"):
        assisted_by(frame, pool.drop(columns="space"))


def test_the_best_networks_have_shrunken_errors_where_they_are_assisted(make_study):
    store = make_study(n=40, gap=2.0)
    bare = study_tables(store, "small")
    assert bare.best["likely"].isna().all()
    assert bare.likely_note == ""
    keep_pools(store)
    tables = study_tables(store, "small")
    best = tables.best
    assert ((best["low"] < best["likely"]) & (best["likely"] < best["high"])).all()
    assert best["likely"].iloc[0] > best["error"].iloc[0]
    row = best.iloc[0]
    found = assistance_of(store).shrunken(row["space"])
    place = int(np.argmin(assistance_of(store).errors[row["space"]]))
    assert row["likely"] == pytest.approx(found.estimate[place])
    for written in (markdown(tables), page(tables, [])):
        assert f"{row['likely']:.2f} ({row['low']:.2f} to {row['high']:.2f})" in written
        assert "no network was trained repeatedly, so any share of what it cannot explain" in written


def test_the_interval_narrows_to_that_of_the_verdict(make_study):
    store = make_study(n=40)
    assert narrowing_table(assistance_of(store), [("AnyNetXA", "RegNetX")]).empty
    keep_pools(store)
    assistance = assistance_of(store)
    table = narrowing_table(assistance, [("AnyNetXA", "RegNetX"), ("AnyNetXA", "other")])
    assert (table["n"].iloc[0], table["n"].iloc[-1]) == (16, 40)
    assert table["n"].is_monotonic_increasing
    assert set(table["space"]) == {"RegNetX"}
    last, found = table.iloc[-1], assistance.theta("AnyNetXA", "RegNetX").superiority
    assert (last["theta"], last["low"], last["high"]) == pytest.approx((found.theta, *found.interval()))
    plain = compare(assistance.errors["AnyNetXA"], assistance.errors["RegNetX"])
    assert (last["classical_low"], last["classical_high"]) == pytest.approx(plain.interval)
    wide, narrow = (row["high"] - row["low"] for row in (table.iloc[0], last))
    assert narrow < wide
    early = table[table["n"] == 16].iloc[0]
    of_16 = Assistance.of(
        {space: errors[:16] for space, errors in assistance.errors.items()},
        {space: one.sample[:16] for space, one in assistance.features.items()},
        {space: one.pool[:1600] for space, one in assistance.features.items()},
    )
    assert early["theta"] == pytest.approx(of_16.theta("AnyNetXA", "RegNetX").superiority.theta)


def test_the_picture_of_the_interval_is_in_the_report(make_study):
    store = make_study(n=40)
    keep_pools(store)
    drawn = {name: figure for name, _, figure in figures(study_tables(store, "small"))}
    assert len(drawn["narrowing"].axes[0].collections) == 1
