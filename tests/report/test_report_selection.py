"""What is known of a selection, against the estimates of the statistics and counts by hand."""

import numpy as np
import pytest
from synthetic_studies import network

from netspace.arch import AnyNetBatch, complexity
from netspace.arch.features import features
from netspace.errors import StudyError, UnknownNameError
from netspace.report.selection import judge_selection, selection_rows
from netspace.results.study_tables import study_tables
from netspace.stats.superiority import superiority
from netspace.store import StoredPool

INF = float("inf")


@pytest.fixture
def networks():
    generator = np.random.default_rng(1)
    return AnyNetBatch.from_configs([network(generator)[0] for _ in range(3000)])


@pytest.fixture
def study(make_study, networks):
    """A study of 30 models a space; the first space's pool has what was drawn, the other space has none."""
    store = make_study(n=30, drawn={"w_a": 10})
    drawn = features(networks, complexity(networks, 32))
    w_a = np.arange(3000.0)[:, None] % 10
    pool = StoredPool(space="AnyNetXA", names=drawn.names, values=drawn.values, parameters=("w_a",), drawn=w_a)
    store.keep_pools(1, [pool])
    return study_tables(store, "small"), pool


def test_a_selection_is_assisted_where_its_space_is(study, networks):
    tables, pool = study
    found = judge_selection(tables, "AnyNetXA", {"depth": (-INF, 18)}, pool)
    runs = tables.runs[tables.runs["space"] == "AnyNetXA"]
    keep = (runs["depth"] <= 18).to_numpy()
    plain = superiority(runs["score"].to_numpy()[~keep], runs["score"].to_numpy()[keep])
    assert (found.kept, found.models) == (keep.sum(), 30)
    assert found.share == (networks.depths.sum(axis=1) <= 18).mean()
    assert found.assisted
    assert found.theta.se < plain.se
    assert abs(found.theta.theta - plain.theta) < 2 * plain.se
    assert found.corrected_low < found.low < found.theta.theta < found.high < found.corrected_high
    assert found.luck_p_value > found.theta.t_p_value
    assert found.r2 is not None
    said = dict(selection_rows(found))
    assert said["judged by"] == f"{keep.sum()} of 30 networks"
    assert "(assisted)" in said["θ against the rest"]


def test_without_a_pool_it_is_the_classical_estimate_and_says_why(study):
    tables, _ = study
    found = judge_selection(tables, "RegNetX", {"depth": (5, 18), "flops": (0, 1e12)})
    runs = tables.runs[tables.runs["space"] == "RegNetX"]
    keep = runs["depth"].between(5, 18).to_numpy()
    assert found.theta == superiority(runs["score"].to_numpy()[~keep], runs["score"].to_numpy()[keep])
    assert (found.share, found.size, found.r2) == (None, None, None)
    assert "not assisted: its store keeps no pool" in dict(selection_rows(found))["θ against the rest"]


def test_what_the_space_drew_is_looked_up_in_its_stored_pool(study):
    tables, pool = study
    assert judge_selection(tables, "AnyNetXA", {"w_a": (3, 5)}, pool).share == 0.3
    without = judge_selection(tables, "AnyNetXA", {"w_a": (3, 5)})
    assert not without.assisted
    assert "its pool does not say" in without.reason


@pytest.mark.parametrize("name", ["depth", "width_2", "bottleneck_ratio", "group_width", "flops", "activations"])
def test_the_bounds_of_a_pool_are_those_of_its_networks(study, networks, name):
    tables, pool = study
    cost = complexity(networks, 32)
    values = {
        "depth": networks.depths.sum(axis=1),
        "width_2": networks.widths[:, 1],
        "bottleneck_ratio": networks.bottleneck_ratios[:, 0],
        "group_width": networks.group_widths[:, 0],
        "flops": cost.flops,
        "activations": cost.activations,
    }[name]
    runs = tables.runs[tables.runs["space"] == "AnyNetXA"]
    low, high = np.sort(runs[name])[[5, 15]]
    found = judge_selection(tables, "AnyNetXA", {name: (low, high)}, pool)
    assert found.share == ((values >= low) & (values <= high)).mean()


def test_too_little_or_the_wrong_is_refused_in_a_line(study):
    tables, _ = study
    with pytest.raises(UnknownNameError, match="unknown space 'B'"):
        judge_selection(tables, "B", {"depth": (0, 1)})
    with pytest.raises(UnknownNameError, match="unknown property of RegNetX 'deep'"):
        judge_selection(tables, "RegNetX", {"deep": (0, 1)})
    with pytest.raises(StudyError, match="nothing is selected"):
        judge_selection(tables, "RegNetX", {})
    with pytest.raises(StudyError, match="at least 3 networks must be selected, and 3 not; got 0 of 30"):
        judge_selection(tables, "RegNetX", {"depth": (900, INF)})
