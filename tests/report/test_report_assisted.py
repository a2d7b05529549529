"""Tables and figures of assisted statistics in a study's report."""

import numpy as np
import pandas as pd
import pytest
from synthetic_studies import network

from netspace.arch import AnyNetBatch, complexity
from netspace.arch.features import features
from netspace.report.assisted_figures import pool_check_figure
from netspace.report.notebook import tables_html
from netspace.report.page import page
from netspace.report.text import markdown
from netspace.report.write import figures
from netspace.results.assisted_tables import (
    assisted_edf_table,
    assisted_summary,
    pool_check_table,
    prediction_table,
)
from netspace.results.stopping import e_process_table, sequence_table, stopping_chain
from netspace.results.study_tables import study_tables
from netspace.store import StoredPool

SPACES = ("AnyNetXA", "RegNetX")


@pytest.fixture
def tables(make_study):
    """A study of 30 models a space, of which one fails, with a pool that fits the first space alone."""
    store = make_study(n=30, failures={"RegNetX": 1})
    generator = np.random.default_rng(1)
    batch = AnyNetBatch.from_configs([network(generator)[0] for _ in range(3000)])
    for space, resolution in zip(SPACES, (32, 64), strict=True):
        drawn = features(batch, complexity(batch, resolution))
        pool = StoredPool(space=space, names=drawn.names, values=drawn.values)
        store.keep_pools(store.studies()[0].id, [pool])
    return study_tables(store, "small")


def test_the_tables_show_assisted_spaces_alone(tables):
    edf = assisted_edf_table(tables.assistance)
    assert set(edf["space"]) == {"AnyNetXA"}
    assert list(edf.columns) == list(tables.edf.columns)
    assert (edf["lower"] <= edf["share"]).all()
    assert (edf["share"] <= edf["upper"]).all()
    means = assisted_summary(tables.assistance).iloc[0]
    assert means["plain_mean"] == pytest.approx(tables.summary.loc["AnyNetXA", "mean"])
    assert means["low"] < means["mean"] < means["high"]
    assert means["median_low"] <= means["median"] <= means["median_high"]
    assert means["failing_low"] == 0
    predictions = prediction_table(tables.assistance)
    assert len(predictions) == 30
    assert predictions["expected"].between(0, 100).all()


def test_page_and_text_have_assisted_means_and_medians(tables):
    mean = f"{assisted_summary(tables.assistance).iloc[0]['mean']:.2f}"
    assert "Assisted means and medians" in page(tables, [])
    assert mean in page(tables, [])
    assert mean in markdown(tables)


def test_the_features_of_a_doubtful_sample_are_shown(tables):
    checked = pool_check_table(tables.assistance)
    assert set(checked["space"]) == {"RegNetX"}
    off = checked.set_index("feature")["z"].abs()
    assert off["log_flops"] > 3
    assert off["log_depth"] < 3


def test_the_report_draws_them(tables):
    drawn = {name: caption for name, caption, _ in figures(tables)}
    assert {"edf-assisted", "predictor", "pool-check"} <= set(drawn)


def test_a_study_without_pools_has_no_such_figures(make_study):
    drawn = {name for name, _, _ in figures(study_tables(make_study(n=16), "small"))}
    assert not {"edf-assisted", "predictor", "pool-check"} & drawn


def test_every_feature_of_a_sample_has_a_bar():
    checked = pd.DataFrame({"space": ["a"] * 3, "feature": ["x", "y", "z"], "z": [1.0, -4.0, 0.5]})
    (axes,) = pool_check_figure(checked).axes
    assert [round(bar.get_width(), 1) for bar in axes.patches] == [1.0, -4.0, 0.5]


def stopped(make_study, method):
    """Return a study of 40 models a space that one process judges, with pools of both, and where it stands."""
    store = make_study(n=40, spec={"stop": {"alpha": 0.05, "delta": 0.1, "method": method}})
    generator = np.random.default_rng(1)
    batch = AnyNetBatch.from_configs([network(generator)[0] for _ in range(2000)])
    drawn = features(batch, complexity(batch, 32))
    pools = [StoredPool(space=space, names=drawn.names, values=drawn.values) for space in SPACES]
    store.keep_pools(store.studies()[0].id, pools)
    return store, stopping_chain(store.studies()[0], store)


def test_a_study_that_a_confidence_sequence_judges_shows_its_intervals_and_no_signs(make_study):
    store, chain = stopped(make_study, "confidence_sequence")
    process = chain.pairs[SPACES].process
    drawn = {name: (caption, figure) for name, caption, figure in figures(study_tables(store, "small"))}
    assert "evidence" not in drawn
    caption, figure = drawn["sequence"]
    assert "assisted confidence sequence" in caption
    looks, theta = figure.axes[0].lines[0].get_data()
    table = sequence_table(chain)
    assert looks.tolist() == table["n"].tolist()
    assert looks[0] == 20
    # the last interval drawn is the one that the decision rests on
    assert theta[-1] == process.last[1].theta
    assert tuple(table[["low", "high"]].iloc[-1]) == process.interval
    heights = {round(float(line.get_ydata()[0]), 9) for line in figure.axes[0].lines if len(set(line.get_ydata())) == 1}
    assert {0.4, 0.5, 0.6} <= heights


def test_a_study_that_bets_shows_its_own_bets(make_study):
    store, chain = stopped(make_study, "betting")
    tables = study_tables(store, "small")
    evidence = e_process_table(tables.runs, SPACES, chain)
    comparison = chain.pairs[SPACES]
    assert evidence["pair"].tolist() == list(range(1, comparison.pairs + 1))
    largest = max(evidence["better"].max(), evidence["worse"].max())
    assert 2 * 10**-largest == pytest.approx(comparison.p_value) or comparison.p_value == 1
    signs = e_process_table(tables.runs, SPACES).head(comparison.pairs)
    assert not np.allclose(evidence["better"], signs["better"], atol=0.05)
    drawn = {name: caption for name, caption, _ in figures(tables)}
    assert "sequence" not in drawn
    assert "assisted bets" in drawn["evidence"]
    assert "sign process" not in drawn["evidence"]


def test_early_stopping_goes_on_from_where_it_stood(make_study):
    store, chain = stopped(make_study, "confidence_sequence")
    record = store.studies()[0]
    looked = chain.pairs[SPACES].process.looked
    again = stopping_chain(record, store, chain)
    assert again is chain
    assert chain.pairs[SPACES].process.looked is looked
    assert again.table() == stopping_chain(record, store).table()


def test_early_stopping_begins_anew_where_a_predictor_was_missing(make_study):
    store = make_study(n=30, spec={"stop": {"alpha": 0.05, "delta": 0.1, "method": "confidence_sequence"}})
    record = store.studies()[0]
    refused = stopping_chain(record, store)
    assert refused.refused
    assert stopping_chain(record, store, refused) is not refused


def test_the_best_error_stands_beside_its_likely_one_in_a_notebook(tables):
    row = tables.best[tables.best["likely"].notna()].iloc[0]
    shown = tables_html(tables)
    assert "likely error" in shown
    assert f"{row['likely']:.2f}" in shown
    assert f"{row['low']:.2f} to {row['high']:.2f}" in shown
