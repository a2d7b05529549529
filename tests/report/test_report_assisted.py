"""Tables and figures of assisted statistics in a study's report."""

import numpy as np
import pandas as pd
import pytest
from synthetic_studies import network

from netspace.arch import AnyNetBatch, complexity
from netspace.arch.features import features
from netspace.report.assisted_figures import pool_check_figure
from netspace.report.page import page
from netspace.report.text import markdown
from netspace.report.write import figures
from netspace.results.assisted_tables import (
    assisted_edf_table,
    assisted_summary,
    pool_check_table,
    prediction_table,
)
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
