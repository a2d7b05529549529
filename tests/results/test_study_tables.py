"""Tables of a study, held against direct arithmetic on what was recorded."""

import math

import numpy as np
import pytest
import yaml
from scipy.stats import mannwhitneyu

from netspace.arch import AnyNetConfig
from netspace.errors import StatisticsError, StudyError, UnknownNameError
from netspace.report import study_tables
from netspace.report.page import page
from netspace.report.text import markdown
from netspace.results.stopping import judge_claims, stopping_chain
from netspace.results.verdicts import study_verdicts
from netspace.store import STATUSES, Outcome, PlannedRun, Store


def test_a_failed_run_is_plus_infinity_in_the_population_and_chance_in_the_mean(make_study):
    store = make_study(n=12, failures={"AnyNetXA": 2})
    tables = study_tables(store, "small")
    runs = store.runs(tables.study.id, space="AnyNetXA")
    errors = [run.error if run.status == "done" else math.inf for run in runs]
    assert tables.populations["AnyNetXA"].tolist() == errors
    done = [e for e in errors if math.isfinite(e)]
    row = tables.summary.loc["AnyNetXA"]
    assert row["n"] == 12
    assert row["failures"] == 2
    assert row["min"] == min(done)
    assert row["mean"] == pytest.approx((sum(done) + 2 * 90.0) / 12)
    assert tables.chance == 90.0


def test_the_edf_counts_errors_strictly_below(make_study):
    tables = study_tables(make_study(n=10, failures={"RegNetX": 1}), "small")
    errors = tables.populations["RegNetX"]
    steps = tables.edf[tables.edf["space"] == "RegNetX"]
    for x in [0.0, *errors[np.isfinite(errors)], *(errors[np.isfinite(errors)] + 1e-9), 100.0]:
        reached = steps.loc[steps["error"] < x, "share"]
        assert (reached.iloc[-1] if len(reached) else 0.0) == pytest.approx(np.mean(errors < x))
    assert (steps["lower"] <= steps["share"]).all()
    assert (steps["share"] <= steps["upper"]).all()


def test_chance_is_told_by_the_classes_where_no_result_recorded_it(make_study):
    store = make_study(n=4, failures={"AnyNetXA": 4, "RegNetX": 4}, chance=None)
    assert study_tables(store, "small").chance == 90.0


def test_theta_agrees_with_mann_whitney_and_the_sentence_names_both_spaces(make_study):
    store = make_study(("first", "second", "third"), n=15, failures={"second": 2})
    verdicts = study_verdicts(store, "small")
    populations = study_tables(store, "small").populations
    assert [(one.against, one.space) for one in verdicts] == [("first", "second"), ("second", "third")]
    for one in verdicts:
        a, b = populations[one.against], populations[one.space]
        assert one.theta == pytest.approx(mannwhitneyu(a, b).statistic / (len(a) * len(b)))
        assert one.space in one.sentence
        assert one.against in one.sentence
    assert "2 of 15 models of second failed" in verdicts[0].notes


def test_chosen_spaces_are_compared_in_the_order_given(make_study):
    store = make_study(("a", "b", "c"), n=5)
    (verdict,) = study_verdicts(store, "small", ["c", "a"])
    assert (verdict.against, verdict.space) == ("c", "a")
    with pytest.raises(UnknownNameError, match=r"unknown space 'd'.*a, b, c"):
        study_verdicts(store, "small", ["a", "d"])
    with pytest.raises(StatisticsError, match="at least 2 different spaces, got a, a"):
        study_verdicts(store, "small", ["a", "a"])


def test_a_single_space_has_no_verdict_and_a_single_run_is_not_judged(make_study):
    alone = study_tables(make_study(("only",), n=3, name="alone"), "alone")
    assert alone.verdicts == []
    single = study_tables(make_study(n=1, name="single"), "single")
    assert [one.verdict for one in single.verdicts] == ["not judged"]
    assert np.isnan(single.verdicts[0].theta)
    assert single.ranges.empty


def test_equal_errors_are_no_difference_and_have_no_best_range(make_study):
    tables = study_tables(make_study(n=10, equal_errors=True), "small")
    assert [one.theta for one in tables.verdicts] == [0.5]
    assert [one.verdict for one in tables.verdicts] == ["no difference detected"]
    assert "all errors of both spaces are 50" in tables.verdicts[0].notes
    assert tables.ranges.empty


def test_a_partial_study_says_so(make_study):
    tables = study_tables(make_study(n=10, finished=6), "small")
    assert not tables.standing.complete
    assert tables.standing.state == "PARTIAL: 12 of 20 runs ended; figures and verdicts are preliminary"
    assert tables.verdicts[0].notes.startswith("preliminary")
    assert tables.standing.counts["RegNetX"] == dict.fromkeys(STATUSES, 0) | {"planned": 4, "done": 6}
    assert tables.summary["n"].tolist() == [6, 6]


def test_a_study_without_ended_runs_is_told_in_one_line(make_study):
    store = make_study(n=3, finished=0)
    for call in (study_tables, study_verdicts):
        with pytest.raises(StudyError, match=r"no run of study 'small' has ended yet \(6 planned, 0 of them running\)"):
            call(store, "small")
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        study_tables(store, "smal")


def test_models_without_a_network_are_reported_by_what_is_known_of_them(tmp_path):
    runs = [
        PlannedRun(
            space="ab"[i % 2], index=i // 2, launch=i, digest=f"d{i}", config={}, seed=0,
            parameters={"lr": i / 10, "depth": 3 + i, "depth_1": i, "name": f"n{i}", "gap": float(i)} | (
                {} if i else {"gap": None}
            ), flops=0, params=1000 + i, activations=0,
        )
        for i in range(8)
    ]  # fmt: skip
    with Store.open(tmp_path / "plain.db") as store:
        record = store.insert_study("plain", {}, "digest", runs)
        for i in range(8):
            run = store.lease_next(record.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=10.0 + i, seconds=1.0))
        assert [one.n for one in study_verdicts(store, "plain")] == [4]
        tables = study_tables(store, "plain")
    assert tables.configs == {}
    assert tables.properties == {
        "a": ("depth", "lr", "depth_1", "params"),
        "b": ("depth", "gap", "lr", "depth_1", "params"),
    }
    assert tables.populations["a"].tolist() == [10.0, 12.0, 14.0, 16.0]
    assert tables.best["params"].tolist() == [1000.0 + i for i in range(8)]
    assert set(tables.best["yaml"]) == set(tables.best["command"]) == {""}
    assert tables.runs["flops"].isna().all()
    networks, costs, gaps = tables.notes
    assert networks.startswith("The networks of 8 models are not known: left out are their structure, YAML and")
    assert costs.startswith("Not known of every model: flops, activations; ")
    assert gaps == "Numbers that some models lack have no ranges or figures: gap of a."


def test_the_best_networks_are_the_least_errors_and_their_yaml_is_the_network(make_study):
    store = make_study(n=12)
    tables = study_tables(store, "small")
    done = sorted(run.error for run in store.runs(tables.study.id))
    assert tables.best["error"].tolist() == done[:10]
    for row in tables.best.to_dict("records"):
        assert AnyNetConfig(**yaml.safe_load(row["yaml"])).digest == row["digest"]
        words = f"train networks/{row['digest']}.yaml --data mnist --recipe quick --resolution 32"
        assert row["command"] == f"netspace {words} -o trained/{row['digest']}"


def test_properties_are_what_was_built_and_varies(make_study):
    tables = study_tables(make_study(n=12), "small")
    run = tables.runs.iloc[0]
    stages = tables.configs[tables.runs.index[0]]["stages"]
    assert run["depth"] == sum(stages["depths"])
    assert [run[f"width_{i}"] for i in (1, 2, 3, 4)] == stages["widths"]
    names = tables.properties["AnyNetXA"]
    assert names[:3] == ("depth", "bottleneck_ratio", "group_width")
    assert "bottleneck_ratio_1" not in names  # shared: one column says it all
    assert names[-3:] == ("flops", "params", "activations")


def test_failures_keep_their_message_and_show_the_line_with_the_reason(make_study):
    diverged, failed = study_tables(make_study(n=4, failures={"AnyNetXA": 2}), "small").standing.failures
    assert (diverged.status, diverged.reason) == ("diverged", "the loss was not finite")
    assert (failed.status, failed.reason) == ("failed", "RuntimeError: <b>boom</b>")
    assert failed.message.startswith("Traceback")


def test_the_report_names_a_lost_runs_reason_not_the_end_of_its_log(make_study):
    lost = "the worker vanished: killed by signal 9\nthe last lines of its log:\nepoch 1 of 2"
    tables = study_tables(make_study(n=4, failures={"AnyNetXA": 2}, message=lost), "small")
    assert tables.standing.failures[1].reason == "the worker vanished: killed by signal 9"
    assert "<summary>the worker vanished: killed by signal 9</summary>" in page(tables)
    assert "the worker vanished: killed by signal 9 |" in markdown(tables)


def test_early_stopping_gives_the_verdicts_and_completes_a_study(make_study):
    store = make_study(("a", "b"), n=60, finished=40, gap=20, spec={"stop": {"alpha": 0.05, "delta": 0.1}})
    tables = study_tables(store, "small")
    assert tables.standing.chain.pairs["a", "b"].decision == "better"
    assert tables.standing.state == "complete: stopped early, every pair decided with 80 of 120 runs"
    (row,) = study_verdicts(store, "small")
    assert row.verdict == "better"
    assert row.sentence.startswith("b is better than a: 9 pairs in launch order (9 won, 0 lost).")
    assert np.isnan(row.low)
    assert row.p_value <= 0.05


def test_early_stopping_gives_one_verdict_on_a_pair_whichever_space_is_named_first(make_study):
    store = make_study(("a", "b"), n=60, finished=40, gap=20, spec={"stop": {"alpha": 0.05, "delta": 0.1}})
    forth, back = (study_verdicts(store, "small", pair)[0] for pair in (["a", "b"], ["b", "a"]))
    assert (forth.verdict, back.verdict) == ("better", "worse")
    assert back.sentence.startswith("a is worse than b: 9 pairs in launch order (0 won, 9 lost).")
    assert back.p_value == forth.p_value
    assert np.isnan(back.low)


def test_a_pair_that_early_stopping_has_not_decided_is_undecided(make_study):
    store = make_study(("a", "b", "c"), n=8, finished=4, spec={"stop": {"alpha": 0.05, "delta": None}})
    tables = study_tables(store, "small")
    assert [one.verdict for one in tables.verdicts] == ["undecided", "undecided"]
    assert tables.standing.state.startswith("PARTIAL")
    (apart,) = study_verdicts(store, "small", ["a", "c"])
    assert "only indicative" in apart.notes


def test_claims_of_the_study_are_judged(make_study):
    claims = ["b better than a", "a better than b", "errors of a rise with bottleneck_ratio"]
    tables = study_tables(make_study(("a", "b"), n=30, gap=10, spec={"claims": claims}), "small")
    assert [one.claim for one in tables.claims] == claims
    assert [one.judgement for one in tables.claims][:2] == ["confirmed", "refuted"]
    assert min(len(one.evidence) for one in tables.claims) > 10


def test_a_claim_is_judged_by_report_and_command_alike(make_study):
    claims = [
        "b better than a",
        "errors of a rise with group_width_4",
        "errors of a fall with drawn_width_1",
        "best flops between 1 and 1e12 in a",
    ]
    columns = {"group_width_4": 4, "drawn_width_1": 24}
    spec = {"claims": claims, "stop": {"alpha": 0.05, "delta": 0.1}}
    store = make_study(("a", "b"), n=12, spec=spec, drawn=columns)
    tables = study_tables(store, "small")
    judged = judge_claims(tables.study, store, claims, stopping_chain(tables.study, store))
    assert tables.claims == judged
    assert "early stopping" in judged[0].evidence


def test_a_claim_that_cannot_be_judged_is_a_row_of_the_report(make_study):
    claims = ["errors of a rise with nothing", "b better than a", "a is good"]
    found = study_tables(make_study(("a", "b"), n=30, gap=10, spec={"claims": claims}), "small").claims
    assert [one.claim for one in found] == claims
    assert [one.judgement for one in found] == ["undecided", "confirmed", "undecided"]
    assert found[0].evidence.startswith("unknown property of a in the claim 'errors of a rise with nothing'")
    assert "has none of the valid forms" in found[2].evidence
