"""Claims on planted populations, where the truth is known."""

import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.results.claims import judge, property_values
from netspace.stats import SequentialChain, StoppingRule
from netspace.stats.assistance import Assistance
from netspace.stats.fit import e_fit

N = 300


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A and B alike, C clearly better; in C the error is least near depth 20 and rises with w_m."""
    rng = np.random.default_rng(0)
    parts = []
    for name, mean in (("SpaceA", 50.0), ("SpaceB", 50.0), ("SpaceC", 46.0)):
        depth, w_m = rng.integers(4, 60, N), rng.uniform(1.5, 3, N)
        error = rng.normal(mean, 3, N)
        if name == "SpaceC":
            error = mean + 0.3 * np.abs(depth - 20) + 6 * (w_m - 1.5) + rng.normal(0, 0.5, N) - 14
        parts.append(pd.DataFrame({"space": name, "error": error, "depth": depth, "w_m": w_m, "status": "done"}))
    table = pd.concat(parts, ignore_index=True)
    table.loc[[0, N], "status"] = "diverged"
    table.loc[[0, N], "error"] = np.nan
    return table


@pytest.mark.parametrize(
    ("claim", "judgement"),
    [
        ("C better than A", "confirmed"),
        ("A worse than C", "confirmed"),
        ("A better than C", "refuted"),
        ("B equivalent to A within 0.15", "confirmed"),
        ("C equivalent to A within 0.1", "refuted"),
        ("B equivalent to A within 0.01", "undecided"),
        ("best depth between 10 and 30 in SpaceC", "confirmed"),
        ("best depth between 40 and 60 in SpaceC", "refuted"),
        ("best depth between 19 and 21 in SpaceC", "undecided"),
        ("best depth between 1 and 100 in SpaceA", "undecided"),
        ("errors of SpaceC rise with w_m", "confirmed"),
        ("errors of SpaceC fall with w_m", "refuted"),
        ("errors of SpaceA fall with w_m", "undecided"),
    ],
)
def test_claims_are_judged_as_planted(frame, claim, judgement) -> None:
    (judged,) = judge([claim], frame, status="status")
    assert judged.judgement == judgement, judged.evidence
    assert judged.claim == claim
    assert "nan" not in judged.evidence


def test_better_is_refuted_by_equivalence() -> None:
    rng = np.random.default_rng(1)
    large = pd.DataFrame({"space": ["A", "B"] * 4000, "error": rng.normal(50, 3, 8000)})
    (judged,) = judge(["B better than A"], large)
    assert judged.judgement == "refuted"
    assert judged.evidence.endswith("equivalent within 0.1")


def test_claims_of_order_share_their_level() -> None:
    rng = np.random.default_rng(0)
    spaces = list("ABCDEFGH")
    frame = pd.DataFrame({"space": spaces * 50, "error": rng.normal(50, 3, 400)})
    # a difference that alone would pass at 0.05 but not at 0.05 / 7
    errors = np.sort(frame.loc[frame["space"] == "A", "error"])
    frame.loc[frame["space"] == "B", "error"] = errors - 1.3
    alone = judge(["B better than A"], frame)[0]
    among = judge(["B better than A", *(f"{name} better than A" for name in spaces[2:])], frame)[0]
    assert alone.judgement == "confirmed"
    assert among.judgement == "undecided"


def test_e_fit_is_computed_from_the_stages() -> None:
    rng = np.random.default_rng(0)
    n = 60
    first = rng.integers(2, 8, n) * 8
    ratio = rng.uniform(0.25, 2.5, n)
    frame = pd.DataFrame(
        {"space": "E", "depth_1": 2, "depth_2": 2, "width_1": first, "width_2": (first * ratio).astype(int)}
    )
    # widths that fall cannot be met by the rule: their e_fit is large
    frame["error"] = 50 + 5 * (frame["width_2"] < frame["width_1"]) + rng.normal(0, 0.5, n)
    (judged,) = judge(["errors of E rise with e_fit"], frame)
    assert judged.judgement == "confirmed", judged.evidence


def test_e_fit_is_that_of_the_stages_that_the_space_has() -> None:
    rng = np.random.default_rng(0)
    n = 60
    frame = pd.DataFrame({"space": ["Three"] * n + ["Four"] * n})
    for stage in (1, 2, 3, 4):
        frame[f"depth_{stage}"] = 2.0
        frame[f"width_{stage}"] = 8.0 * rng.integers(2, 12, 2 * n)
    frame.loc[frame["space"] == "Three", ["depth_4", "width_4"]] = np.nan
    three = frame[frame["space"] == "Three"]
    expected = [e_fit(np.repeat([row.width_1, row.width_2, row.width_3], 2)) for row in three.itertuples()]
    assert property_values(three, "e_fit") == pytest.approx(expected)
    frame["error"] = rng.normal(50, 0.5, 2 * n)
    frame.loc[frame["space"] == "Three", "error"] = 50 + 10 * np.array(expected)
    judged = judge(["errors of Three rise with e_fit", "errors of Four rise with e_fit"], frame)
    assert judged[0].judgement == "confirmed", judged[0].evidence
    assert "n = 60" in judged[1].evidence


def test_early_stopping_decides_the_claims_about_its_own_pairs(frame) -> None:
    plain = frame.assign(error=frame["error"].fillna(np.inf))
    by_space = {name: group["error"].tolist() for name, group in plain.groupby("space")}
    errors = {name: dict(enumerate(values[:40])) for name, values in by_space.items()}
    chain = SequentialChain(["SpaceA", "SpaceC", "SpaceB"], StoppingRule(delta=None))
    chain.update(errors)
    judged = judge(["C better than A", "A better than C", "C equivalent to A", "B worse than C"], plain, chain=chain)
    assert [one.judgement for one in judged] == ["confirmed", "refuted", "undecided", "confirmed"]
    assert all("early stopping" in one.evidence for one in judged)
    apart = judge(["B better than A", "B equivalent to A"], plain, chain=chain)
    assert all(one.evidence.count("only indicative") == 1 for one in apart)
    assert "indicative" not in judge(["B better than A"], plain)[0].evidence


def test_too_few_models_leave_a_claim_undecided_and_say_how_many_are_needed(frame) -> None:
    few = frame.groupby("space").head(1).assign(status="done", error=[1.0, 2.0, 3.0])
    claims = ["B better than A", "B equivalent to A", "best depth between 1 and 2", "errors of B rise with w_m"]
    judged = judge(claims, few)
    assert {one.judgement for one in judged} == {"undecided"}
    assert judged[0].evidence == "2 finished models of each space are needed, SpaceB has 1 and SpaceA has 1"
    assert judged[2].evidence == "8 finished models of each space are needed, SpaceC has 1"


def test_a_space_without_models_and_errors_all_equal_are_undecided(frame) -> None:
    (judged,) = judge(["D better than A"], frame, spaces=["SpaceA", "SpaceD"], status="status")
    assert (judged.judgement, "SpaceD has 0" in judged.evidence) == ("undecided", True)
    flat = frame.assign(error=90.0)
    claims = ["C better than A", "C equivalent to A", "best depth between 1 and 99", "errors of SpaceC rise with depth"]
    judged_flat = judge(claims, flat)
    assert {one.judgement for one in judged_flat} == {"undecided"}
    assert "nan" not in " ".join(one.evidence for one in judged_flat)
    assert "all 300 errors are 90" in judged_flat[2].evidence


def test_a_mistake_in_a_claim_is_an_error(frame) -> None:
    with pytest.raises(StatisticsError, match="valid forms"):
        judge(["C is better"], frame, status="status")
    with pytest.raises(UnknownNameError, match="valid: depth, w_m"):
        judge(["best width between 1 and 2"], frame, status="status")


def test_a_mistake_in_a_claim_leaves_the_others_judged_where_that_is_asked_for(frame) -> None:
    claims = ["C is better", "C better than A", "best width between 1 and 2"]
    judged = judge(claims, frame, status="status", lenient=True)
    assert [(one.claim, one.judgement) for one in judged] == list(
        zip(claims, ["undecided", "confirmed", "undecided"], strict=True)
    )
    assert judged[1] == judge(claims[1:2], frame, status="status")[0]


def test_claims_about_two_spaces_are_judged_with_assistance_and_the_evidence_says_so():
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(40, 1)) for name in ("old", "new", "same")}
    pools = {name: rng.normal(size=(4000, 1)) for name in features}
    shift = {"old": 0.0, "new": 0.5, "same": 0.0}
    errors = {name: 40 + x[:, 0] - shift[name] + rng.normal(0, 0.2, 40) for name, x in features.items()}
    frame = pd.DataFrame({"space": np.repeat(list(errors), 40), "error": np.concatenate(list(errors.values()))})
    claims = ["new better than old", "same equivalent to old within 0.08"]
    alone = judge(claims, frame)
    assisted = judge(claims, frame, assistance=Assistance.of(errors, features, pools))
    assert [one.judgement for one in alone] == ["undecided", "undecided"]
    assert [one.judgement for one in assisted] == ["confirmed", "confirmed"]
    assert all("assisted, without it 0." in one.evidence for one in assisted)
    assert judge(claims, frame, assistance=Assistance.of(errors, {}, {})) == alone
