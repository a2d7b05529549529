import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.results.claims import judge
from netspace.results.populations import Reading, looks_like_a_score, models_of, populations_from_frame
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
    with pytest.raises(StatisticsError, match=r"'top1': 1 of 4 rows have no number \(the first is row 3"):
        populations_from_frame(FRAME, space="design", error="top1")


def test_a_row_without_a_space_and_an_empty_table_are_refused() -> None:
    with pytest.raises(StatisticsError, match="1 rows have no space"):
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


def table(errors, **columns):
    return pd.DataFrame({"space": ["A"] * len(errors), "error": errors} | columns)


def test_models_that_have_not_ended_are_neither_done_nor_failed() -> None:
    frame = table([30.0, 20.0, np.nan, np.nan], status=["COMPLETE", "RUNNING", "WAITING", "FAIL"])
    np.testing.assert_array_equal(populations_from_frame(frame, status="status")["A"], [30, np.inf])
    assert models_of(frame, Reading(status="status")).left_out == ("left out: 2 models that have not ended",)


def test_an_unknown_word_beside_an_error_is_asked_about_and_can_be_explained() -> None:
    frame = table([30.0, np.nan], status=["0", "137"])
    with pytest.raises(
        StatisticsError, match=r"column 'status', row 1: what does '0' mean, .* error 30\? Say so with --out"
    ):
        populations_from_frame(frame, status="status")
    explained = populations_from_frame(frame, status="status", outcomes={"0": "done"})
    # without an error, whatever the word says, the model came to nothing
    np.testing.assert_array_equal(explained["A"], [30, np.inf])
    with pytest.raises(StatisticsError, match="row 2: neither the status 'status' nor an error is given"):
        populations_from_frame(table([30.0, np.nan], status=["done", None]), status="status")


@pytest.mark.parametrize("errors", [[50.0, -1.0], [50.0, 100.5], [50.0, 480.0], [0.5, -np.inf]])
def test_errors_that_no_percentage_can_be_are_refused(errors) -> None:
    with pytest.raises(StatisticsError, match=r"row 2, column 'error': error must lie in \[0, 100\] %, got"):
        populations_from_frame(table(errors))


def test_what_a_model_that_did_not_end_well_says_of_its_error_does_not_matter() -> None:
    frame = table([50.0, -1.0, 1e9], status=["done", "failed", "running"])
    np.testing.assert_array_equal(populations_from_frame(frame, status="status")["A"], [50, np.inf])


def test_fractions_are_recognised_and_said() -> None:
    models = models_of(table([0.5, 0.25, np.inf]), Reading())
    np.testing.assert_array_equal(models.errors, [50, 25, np.inf])
    assert models.notes == (
        "column 'error': all values are between 0 and 1, so they are read as fractions, not percentages",
    )
    np.testing.assert_array_equal(models_of(table([0.5]), Reading(unit="percent")).errors, [0.5])
    np.testing.assert_array_equal(models_of(table([0.5, 1.0]), Reading(unit="fraction")).errors, [50, 100])
    with pytest.raises(StatisticsError, match=r"error must lie in \[0, 1\], got 1.5"):
        models_of(table([1.5]), Reading(unit="fraction"))
    # what this project exported is in %, however small
    ours = table([0.5], run_id=[1], launch=[0], digest=["d"], attempts=[1])
    np.testing.assert_array_equal(models_of(ours, Reading()).errors, [0.5])


@pytest.mark.parametrize(("scores", "errors"), [([97.5, 100.0], [2.5, 0.0]), ([0.975, 1.0], [2.5, 0.0])])
def test_of_a_score_more_is_better(scores, errors) -> None:
    frame = table([1.0, 1.0]).assign(top1=scores)
    np.testing.assert_allclose(models_of(frame, Reading(error="top1", maximize=True)).errors, errors)


@pytest.mark.parametrize(
    "name", ["accuracy", "acc", "top1_acc", "val_acc1", "valAcc", "metrics.test_accuracy", "acc@1"]
)
def test_a_score_that_is_given_as_an_error_is_refused_with_the_hint(name) -> None:
    frame = table([30.0]).rename(columns={"error": name})
    with pytest.raises(StatisticsError, match="is named like a score; if higher is better, give it as the accuracy"):
        populations_from_frame(frame, error=name)
    with pytest.raises(
        StatisticsError, match=r"no column 'error'; '.*' looks like a score, for which higher is better"
    ):
        populations_from_frame(frame)
    np.testing.assert_array_equal(populations_from_frame(frame, error=name, maximize=True)["A"], [70])


@pytest.mark.parametrize("name", ["top1", "error", "acc_error", "val_err1", "accumulated_loss", "macc"])
def test_other_names_are_no_scores(name) -> None:
    assert not looks_like_a_score(name)


def test_an_error_that_is_to_be_maximized_is_refused() -> None:
    with pytest.raises(
        StatisticsError, match="given as a score, for which higher is better, but is named like an error"
    ):
        populations_from_frame(table([30.0]), maximize=True)


def test_blanks_around_a_name_make_no_other_space() -> None:
    frame = table([30.0, 31.0]).assign(space=["A", "A "])
    assert list(populations_from_frame(frame)) == ["A"]
