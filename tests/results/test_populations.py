import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.results.claims import judge
from netspace.results.populations import populations_from_frame
from netspace.stats import compare_chain

FRAME = pd.DataFrame(
    {
        "design": ["B", "A", "B", "A"],
        "top1": [44.0, 48.0, np.nan, 47.0],
        "state": ["done", "DONE", "failed", "completed"],
    }
)


def test_each_space_gets_its_errors_and_failures_are_kept() -> None:
    populations = populations_from_frame(FRAME, space="design", error="top1", status="state")
    assert list(populations) == ["B", "A"]
    np.testing.assert_array_equal(populations["A"], [48, 47])
    np.testing.assert_array_equal(populations["B"], [44, np.inf])


def test_a_failed_model_is_a_failure_whatever_its_error() -> None:
    frame = FRAME.assign(top1=[1.0, 2.0, 3.0, 4.0])
    assert populations_from_frame(frame, space="design", error="top1", status="state")["B"][1] == np.inf


@pytest.mark.parametrize("argument", ["space", "error", "status"])
def test_an_unknown_column_lists_the_known_ones(argument: str) -> None:
    names = {"space": "design", "error": "top1", "status": "state"} | {argument: "desing"}
    with pytest.raises(UnknownNameError, match=r"column 'desing'.*valid: design, state, top1"):
        populations_from_frame(FRAME, **names)


def test_a_missing_error_is_not_dropped_silently() -> None:
    with pytest.raises(StatisticsError, match=r"'top1': 1 of 4 rows have no number \(the first is row 2"):
        populations_from_frame(FRAME, space="design", error="top1")


def test_a_row_without_a_space_and_an_empty_table_are_refused() -> None:
    with pytest.raises(StatisticsError, match="1 rows name no space"):
        populations_from_frame(FRAME.assign(design=["A", None, "B", "B"]), space="design", error="top1")
    with pytest.raises(StatisticsError, match="no rows"):
        populations_from_frame(FRAME.iloc[:0], space="design", error="top1")


def test_results_of_another_tool_are_compared_and_judged_as_the_docstring_shows() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "design": ["old"] * 80 + ["new"] * 80,
            "top1": np.concatenate([rng.normal(50, 3, 80), rng.normal(46, 3, 80)]),
            "state": ["done"] * 159 + ["crashed"],
        }
    )
    columns = {"space": "design", "error": "top1", "status": "state"}
    assert compare_chain(populations_from_frame(frame, **columns))["old", "new"].verdict == "better"
    (judged,) = judge(["new better than old"], frame, **columns)
    assert judged.judgement == "confirmed"
