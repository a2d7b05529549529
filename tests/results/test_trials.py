"""Trials of Optuna, made by Optuna, and of Ray Tune, in folders as it leaves them."""

import json

import pytest

from netspace.errors import DataError
from netspace.results.imported import import_results
from netspace.results.table_rows import Meaning
from netspace.store import Store

optuna = pytest.importorskip("optuna")


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "imported.db") as store:
        yield store


def searched(url, name, direction):
    """A study of 4 trials, one of them pruned and one failed, and one that waits."""
    study = optuna.create_study(storage=url, study_name=name, direction=direction)

    def objective(trial):
        width = trial.suggest_int("width", 8, 64)
        trial.set_user_attr("flops", 1000 * width)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise ValueError
        return 0.25 if direction == "maximize" else 30.0 + trial.number

    study.optimize(objective, n_trials=4, catch=(ValueError,))
    study.enqueue_trial({"width": 8})
    return study


@pytest.mark.parametrize(("direction", "errors"), [("maximize", [75.0, 75.0]), ("minimize", [30.0, 33.0])])
def test_an_optuna_storage_comes_in_with_its_direction_states_and_parameters(store, tmp_path, direction, errors):
    url = f"sqlite:///{tmp_path}/searches.db"
    study = searched(url, "first", direction)
    searched(url, "second", direction)
    record = import_results(store, "trials", [url])
    runs = store.runs(record.id)
    assert list(store.counts(record.id)) == ["first", "second"]
    first = [run for run in runs if run.space == "first"]
    assert [(run.status, run.message) for run in first] == [
        ("done", None),
        ("failed", "PRUNED"),
        ("failed", "FAIL"),
        ("done", None),
    ]
    assert [first[0].error, first[3].error] == errors
    assert [run.parameters["width"] for run in first] == [trial.params["width"] for trial in study.trials[:4]]
    assert [run.flops for run in first] == [1000 * run.parameters["width"] for run in first]
    assert record.spec["imported"]["left_out"] == 2
    assert "4 models were pruned and count as failed" not in record.spec["imported"]["notes"]
    assert "2 models were pruned and count as failed" in record.spec["imported"]["notes"]


def test_a_user_may_take_another_column_of_the_trials(store, tmp_path):
    url = f"sqlite:///{tmp_path}/searches.db"
    study = optuna.create_study(storage=url, study_name="s", direction="maximize")
    study.optimize(lambda trial: trial.set_user_attr("top1", 40.0 + trial.number) or 1e9, n_trials=2)
    record = import_results(store, "trials", [url], "optuna", Meaning.of({"error": "top1"}))
    assert [run.error for run in store.runs(record.id)] == [40.0, 41.0]


def test_storages_that_are_none_are_told_and_not_made(store, tmp_path):
    with pytest.raises(DataError, match=r"nothing\.db: no such file"):
        import_results(store, "x", [f"sqlite:///{tmp_path}/nothing.db"])
    assert not (tmp_path / "nothing.db").exists()
    (tmp_path / "text.db").write_text("no database, and much longer than a header of one would be " * 9)
    with pytest.raises(DataError, match="cannot be read as an Optuna storage"):
        import_results(store, "x", [f"sqlite:///{tmp_path}/text.db"])
    url = f"sqlite:///{tmp_path}/two.db"
    for name, direction in (("a", "maximize"), ("b", "minimize")):
        optuna.create_study(storage=url, study_name=name, direction=direction)
    with pytest.raises(DataError, match="its studies have different directions"):
        import_results(store, "x", [url])


def ray_trial(root, number, status, results, error=""):
    """A trial as Ray Tune 2.60 leaves it; what its experiment's state says of it."""
    folder = root / f"f_{number}_lr=0.{number}"
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(json.dumps({"lr": number / 10, "net": {"w": 8}}))
    common = {"trial_id": f"2c854_{number}", "done": False, "hostname": "vm", "pid": 7, "time_total_s": 2.5}
    (folder / "result.json").write_text("".join(json.dumps({**one, **common}) + "\n" for one in results))
    if error:
        (folder / "error.txt").write_text(error)
    return [json.dumps({"trial_id": f"2c854_{number}", "relative_logdir": folder.name, "status": status}), "{}"]


def test_the_folder_of_a_ray_tune_experiment_comes_in_with_its_last_results(store, tmp_path):
    root = tmp_path / "exp"
    trials = [
        ray_trial(root, 1, "TERMINATED", [{"val": {"acc": 50.0}}, {"val": {"acc": 60.0}}]),
        ray_trial(root, 2, "ERROR", [{"val": {"acc": 70.0}}], "Traceback\nRuntimeError: boom\n"),
        ray_trial(root, 3, "RUNNING", [{"val": {"acc": 80.0}}]),
        ray_trial(root, 4, "ERROR", [], "Traceback\nValueError: at once"),
    ]
    (root / "experiment_state-2026-11-25_14-54-54.json").write_text(json.dumps({"trial_data": trials}))
    record = import_results(store, "rays", [root], meaning=Meaning.of({"accuracy": "val/acc"}))
    runs = store.runs(record.id)
    assert [(run.space, run.status, run.error, run.message) for run in runs] == [
        ("exp", "done", 40.0, None),
        ("exp", "failed", None, "RuntimeError: boom"),
        ("exp", "failed", None, "ValueError: at once"),
    ]
    assert runs[0].parameters == {"config/lr": 0.1, "config/net/w": 8}
    assert runs[0].seconds == 2.5
    assert record.spec["imported"]["left_out"] == 1
    with pytest.raises(DataError, match="not a Ray Tune experiment"):
        import_results(store, "x", [tmp_path])


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        # what the table of W&B's page and `mlflow.search_runs().to_csv()` write
        (
            "Name,State,Runtime,val_acc,lr\nr-1,finished,12,0.7,0.1\nr-2,crashed,3,0.2,0.2\nr-3,running,5,0.6,0.3\n",
            {"accuracy": "val_acc", "seconds": "Runtime"},
        ),
        (
            "run_id,status,artifact_uri,metrics.val_acc,params.lr\nf3,FINISHED,s3://x,0.7,0.1\n"
            "f4,KILLED,s3://x,,0.2\nf5,SCHEDULED,s3://x,,0.3\n",
            {"accuracy": "metrics.val_acc"},
        ),
    ],
)
def test_exports_of_trackers_come_in(store, tmp_path, content, columns):
    path = tmp_path / "export.csv"
    path.write_text(content)
    record = import_results(store, "tracked", [path], meaning=Meaning.of(columns))
    runs = store.runs(record.id)
    assert [(run.status, run.error) for run in runs] == [("done", pytest.approx(30.0)), ("failed", None)]
    assert record.spec["imported"]["left_out"] == 1
