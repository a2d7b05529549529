"""Tables of the paper's further figures, against brute force, planted laws and published numbers."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from netspace.report import (
    baseline_table,
    chosen_curves,
    complexity_fits,
    e_fit_table,
    e_process_table,
    efficiency_table,
    front_table,
    study_tables,
    thresholds,
    trend_table,
)
from netspace.stats.ranges import best_range


def frame_of(**columns) -> pd.DataFrame:
    """Return a table of runs that are done unless their error is NaN."""
    frame = pd.DataFrame(columns)
    frame["launch"] = range(len(frame))
    frame["status"] = np.where(frame["error"].isna(), "failed", "done")
    frame["score"] = frame["error"].fillna(np.inf)
    return frame


def test_the_best_of_m_is_that_of_all_subsets_with_failures_at_chance():
    errors = np.array([41.0, 38.0, np.inf, 52.0, 40.5, 47.0])
    table = efficiency_table({"a": errors}, chance=90.0).set_index("m")
    counted = np.where(np.isinf(errors), 90.0, errors)
    assert table.index.tolist() == [1, 2, 4, 6]
    for m in table.index:
        bests = [min(subset) for subset in combinations(counted, m)]
        assert table.loc[m, "mean"] == pytest.approx(np.mean(bests))
    assert table["low"].notna().tolist() == [True, False, False, False]  # m <= n / 5


def test_efficiency_intervals_stop_where_the_population_does_not_reach():
    errors = np.random.default_rng(0).normal(45, 3, 100)
    table = efficiency_table({"a": errors}, chance=90.0).set_index("m")
    assert table["low"].notna().tolist() == [m <= 16 for m in table.index]
    known = table.dropna()
    assert ((known["low"] <= known["median"]) & (known["median"] <= known["high"])).all()


def test_the_front_is_what_no_network_beats_in_both():
    generator = np.random.default_rng(3)
    errors = generator.integers(30, 40, 60).astype(float)
    errors[5] = np.nan
    runs = frame_of(
        space="a",
        error=errors,
        flops=generator.integers(1, 20, 60),
        params=generator.integers(1, 20, 60),
        activations=generator.integers(1, 20, 60),
    )
    front = front_table(runs)
    assert len(front) == 3 * 59
    for measure, part in front.groupby("measure"):
        points = set(zip(part["value"], part["error"], strict=True))
        kept = part[part["on_front"]]
        expected = {(v, e) for v, e in points if not any((a <= v and b <= e) and (a, b) != (v, e) for a, b in points)}
        assert set(zip(kept["value"], kept["error"], strict=True)) == expected, measure
        assert kept["error"].is_unique


def test_e_fits_are_of_networks_even_over_the_ranks_the_best_first(make_study):
    tables = study_tables(make_study(("a", "b"), n=9, failures={"a": 2}), "small")
    fits = e_fit_table(tables.runs, tables.configs, limit=4)
    assert fits["space"].tolist() == ["a"] * 4 + ["b"] * 4
    for space, part in fits.groupby("space"):
        errors = np.sort(tables.populations[space])
        errors = errors[np.isfinite(errors)]
        assert part["error"].tolist() == [
            errors[0],
            errors[round((len(errors) - 1) / 3)],
            part["error"].iloc[2],
            errors[-1],
        ]
    constant = {1: {"stages": {"depths": [2, 3], "widths": [64, 64]}}}
    runs = frame_of(space=["a"], error=[40.0]).set_index(pd.Index([1], name="run_id"))
    assert e_fit_table(runs, constant)["e_fit"].tolist() == [0.0]


def test_trends_are_the_best_ranges_of_equal_groups_by_flops():
    generator = np.random.default_rng(1)
    n = 80
    runs = frame_of(
        space="a",
        error=generator.normal(45, 3, n),
        flops=generator.permutation(n) + 100.0,
        depth=generator.integers(4, 30, n).astype(float),
    )
    trends = trend_table(runs, ["depth"], regimes=4)
    assert trends["n"].tolist() == [20] * 4
    for row, (low, high) in zip(
        trends.to_dict("records"), [(100, 119), (120, 139), (140, 159), (160, 179)], strict=True
    ):
        models = runs[runs["flops"].between(low, high)]
        found = best_range(models["depth"], models["error"])
        assert (row["low"], row["median"], row["high"]) == (found.low, found.median, found.high)
    assert trend_table(runs.head(15), ["depth"]).empty


def test_planted_laws_of_complexity_are_found():
    flops = np.linspace(1e6, 4e7, 40)
    runs = frame_of(
        space="a",
        error=np.linspace(30, 50, 40),
        flops=flops,
        params=2e5 + 0.04 * flops,
        activations=30 * np.sqrt(flops),
    )
    params, activations = complexity_fits(runs, best=1.0)
    assert (params.a, params.b, params.r_squared) == pytest.approx((2e5, 0.04, 1.0))
    assert (activations.a, activations.b, activations.r_squared) == pytest.approx((0.0, 30.0, 1.0))
    assert complexity_fits(runs.head(2)) == ()


def test_published_networks_have_the_papers_numbers():
    table = baseline_table(1000).set_index("name")
    row = table.loc["RegNetX-400MF"]
    assert (row["flops"], row["params"], row["activations"]) == (397678568, 5157512, 3143272)
    assert row["error"] == 27.382
    assert "RegNetY-128GF" not in table.index
    assert baseline_table(17).empty


def test_chosen_curves_end_at_the_best_median_and_worst_error(make_study):
    tables = study_tables(make_study(("a",), n=7, epochs=3), "small")
    curves = tables.curves
    errors = np.sort(tables.populations["a"])
    last = curves[curves["epoch"] == 3].set_index("role")["val_error"]
    assert last[["best", "median", "worst"]].tolist() == pytest.approx([errors[0], errors[3], errors[6]])
    assert chosen_curves(tables.runs, curves.iloc[:0]).empty


def test_evidence_counts_pairs_by_index_and_stops_at_the_first_that_is_not_complete():
    n = 9
    runs = frame_of(space=["a"] * n + ["b"] * n, error=[50.0] * n + [40.0] * 7 + [50.0, 40.0])
    runs["index"] = [*range(n), *range(n)]
    table = e_process_table(runs, ["a", "b"])
    assert table["pair"].tolist() == list(range(1, 10))
    assert 10 ** table["better"].iloc[6] == pytest.approx(16.883333333)  # statistics.md: (S, F) = (7, 0)
    assert table["better"].iloc[7] == table["better"].iloc[6]  # a tie changes nothing
    runs.loc[3, "status"] = "running"
    assert e_process_table(runs, ["a", "b"])["pair"].tolist() == [1, 2, 3]
    assert e_process_table(runs, ["a"]).empty


def test_thresholds_are_those_of_two_sided_decisions():
    assert thresholds(1) == {"one comparison: 40": pytest.approx(np.log10(40))}
    assert thresholds(5)["chain of 5: 200"] == pytest.approx(np.log10(200))


def test_trends_of_several_windows_are_window_by_window():
    random = np.random.default_rng(0)
    parts = []
    for flops, best in ((100.0, 5), (200.0, 15)):
        depth = random.integers(1, 21, 40)
        score = 40 + np.abs(depth - best) + random.normal(0, 0.1, 40)
        parts.append(
            pd.DataFrame({"space": f"A@{flops:.0f}:{flops + 10:.0f}", "flops": flops, "depth": depth, "score": score})
        )
    few = pd.DataFrame({"space": "A@900:", "flops": 900.0, "depth": range(7), "score": range(7)})
    trends = trend_table(pd.concat([*parts, few], ignore_index=True), ["depth"])
    assert trends["flops"].tolist() == [100.0, 200.0]
    assert trends["n"].tolist() == [40, 40]
    assert trends["median"].tolist() == pytest.approx([5, 15], abs=1)
