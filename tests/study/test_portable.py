"""A study that was exported goes on elsewhere as if it had never moved."""

import pandas as pd

from netspace.commands.results import export
from netspace.results.imported import read_results
from netspace.store import Store
from netspace.study import Study


def test_a_study_moves_as_tables_and_is_gone_on_with(study_file, tmp_path):
    file, here = study_file(), tmp_path / "here.db"
    with Store.open(here) as store:
        Study.from_yaml(file).run(store, workers=1)
    tables = [tmp_path / "runs.parquet", tmp_path / "curves.parquet"]
    export(str(file), tables[0], store=str(here))
    export(str(file), tables[1], curves=True, store=str(here))
    frame = pd.read_parquet(tables[0])
    frame.loc[frame["launch"] == 5, ["status", "error", "seconds"]] = ["planned", None, None]  # as if not trained yet
    frame.to_parquet(tables[0])

    with Store.open(tmp_path / "there.db") as there, Store.open(here) as store:
        moved = read_results(None, tables).add_to(there)
        begun = store.studies()[0]
        assert (moved.name, moved.spec, moved.digest) == (begun.name, begun.spec, begun.digest)
        end = Study.from_yaml(file).run(there, workers=1)
        assert (end.number("done"), end.number("planned")) == (6, 0)
        for key in ("digest", "error", "seed", "config"):
            assert [getattr(run, key) for run in there.runs(moved.id)] == [
                getattr(run, key) for run in store.runs(begun.id)
            ], key
        columns = ["epoch", "train_loss", "val_error", "lr"]
        assert there.curves(moved.id)[columns].equals(store.curves(begun.id)[columns])
