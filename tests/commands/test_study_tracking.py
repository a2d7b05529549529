"""`netspace run --track`: what TensorBoard shows is what the store holds."""

from pathlib import Path

import pytest

from netspace.store import Store


def curves_in_tensorboard(folder: Path) -> dict[str, dict[str, dict[int, float]]]:
    """Return the values by run, kind and epoch."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for run in folder.iterdir():
        events = EventAccumulator(str(run)).Reload()
        scalars = events.Tags()["scalars"]
        found[run.name] = {name: {event.step: event.value for event in events.Scalars(name)} for name in scalars}
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the library, at import
def test_the_event_files_hold_the_curves_that_the_store_holds(write_study, netspace):
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    study = write_study(recipe={"base": "quick", "epochs": 2, "augment": {"flip": False}})
    done = netspace("run", study, "--workers", "1", "--device", "cpu", "--track", "tensorboard")
    assert done.code == 0, done.err
    shown = curves_in_tensorboard(study.parent / "small-tracking" / "tensorboard")
    with Store.open(study.parent / "small.db") as store:
        runs = store.runs(1)
        assert set(shown) == {f"{run.space}-{run.index}" for run in runs}
        for run in runs:
            for name in ("train_loss", "val_error", "lr"):
                stored = store.curve(run.id).set_index("epoch")[name].dropna()
                assert len(stored) > 0
                # event files hold single precision
                assert shown[f"{run.space}-{run.index}"][name] == pytest.approx(stored.to_dict(), rel=1e-6)
    before = sorted((study.parent / "small-tracking").rglob("*"))
    assert netspace("run", study, "--device", "cpu", "--track", "tensorboard").code == 0
    assert sorted((study.parent / "small-tracking").rglob("*")) == before


def test_an_unknown_tracker_is_refused_before_anything_is_made(study, netspace):
    done = netspace("run", study, "--track", "tensorbord")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "unknown tracker 'tensorbord' (did you mean 'tensorboard'?)" in done.err
    assert list(study.parent.iterdir()) == [study]
