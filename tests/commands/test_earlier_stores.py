"""Stores written by earlier versions, as users have them: everything reads them, and the study in them goes on.

`store/data/VERSION-schema-N.sqlite` holds what that version wrote: the study `begun-early`, interrupted after 5 of 12
runs, with a lost run and one whose driver vanished, and `imported`, two spaces of 12 models from a table.
"""

import csv
import json
import math
import shutil
import sqlite3
from pathlib import Path

import pytest
from loaded_modules import loaded_by

from netspace.store import Store
from netspace.study import Study

DATA = Path(__file__).parents[1] / "store" / "data"
STUDY = DATA / "begun-early.yaml"


@pytest.fixture(params=sorted(DATA.glob("*.sqlite")), ids=lambda path: path.stem)
def earlier(request, tmp_path):
    """Give a copy of an earlier version's store."""
    return Path(shutil.copy(request.param, tmp_path / "store.sqlite"))


def ended(path):
    """Return what the file itself says of the runs that ended, without our code."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        query = 'SELECT study_id, space, "index", digest, status, error, seconds FROM runs WHERE finished IS NOT NULL'
        return set(connection.execute(query))


def imported_errors(path, space):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT error FROM runs WHERE study_id = 2 AND space = ?", (space,))
        return [math.inf if error is None else error for (error,) in rows]


def test_status_reads_an_earlier_store(netspace, earlier):
    done = netspace("status", earlier, "--study", "begun-early", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert (found["ended"], found["total"]) == (6, 12)
    assert {"space": "RegNetX", "index": 0, "error": 86.0}.items() <= found["best"].items()
    assert [run["status"] for run in found["failures"]] == ["lost"]
    assert [(row["pairs"], row["decision"]) for row in found["stopping"]] == [(2, "undecided")]


def test_verdicts_of_an_earlier_store_are_the_same(netspace, earlier):
    (own,) = json.loads(netspace("compare", earlier, "--study", "begun-early", "--json").out)
    # the third run was lost with its worker, which that version still counted as a failure
    assert (own["n"], own["failures"], own["n_against"]) == (2, 0, 3)
    assert own["verdict"] == "undecided"
    (imported,) = json.loads(netspace("compare", earlier, "--study", "imported", "--json").out)
    assert (imported["verdict"], imported["failures"], imported["failures_against"]) == ("better", 1, 1)
    old, new = (imported_errors(earlier, space) for space in ("old", "new"))
    wins = sum((b < a) + (b == a) / 2 for a in old for b in new)
    assert imported["theta"] == pytest.approx(wins / (12 * 12))


def test_the_populations_of_an_earlier_study_are_drawn_again_the_same(earlier):
    planned = {
        (run.space, run.index): (run.digest, run.seed, run.flops) for run in Study.from_yaml(STUDY).planned_runs()
    }
    with Store.open(earlier, create=False) as store:
        runs = store.runs(store.find_study("begun-early").id)
    assert planned == {(run.space, run.index): (run.digest, run.seed, run.flops) for run in runs}


def test_curves_of_an_earlier_store_are_exported(netspace, earlier, tmp_path):
    assert netspace("export", earlier, "--study", "begun-early", "--curves", "-o", tmp_path / "c.csv").code == 0
    rows = (tmp_path / "c.csv").read_text().splitlines()
    assert len(rows) == 1 + 5 * 2
    with sqlite3.connect(f"file:{earlier}?mode=ro", uri=True) as connection:
        query = "SELECT run_id, sum(seconds) FROM curves GROUP BY run_id"
        spent = {str(run): seconds for run, seconds in connection.execute(query)}
    table = list(csv.DictReader(rows))
    # the store holds each epoch's own time, the table the time since the start
    assert {row["run_id"]: float(row["seconds"]) for row in table if row["epoch"] == "2"} == pytest.approx(spent)


@pytest.mark.parametrize("command", ["status", "compare"])
def test_a_look_at_results_loads_neither_tables_nor_pictures_nor_torch(earlier, command):
    _, loaded = loaded_by(command, earlier, "--study", "begun-early")
    assert loaded == "[]"


@pytest.mark.slow
def test_an_earlier_study_goes_on_to_its_end_and_is_reported(netspace, earlier, tmp_path):
    before = ended(earlier)
    assert len(before) == 6 + 24
    done = netspace("run", STUDY, "--store", earlier, "--workers", 1)
    assert done.code == 0, done.err
    after = ended(earlier)
    assert before < after
    assert len(after) == 12 + 24
    assert {run[4] for run in after - before} == {"done"}
    assert netspace("report", earlier, "--study", "begun-early", "-o", tmp_path / "report").code == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "the worker vanished: killed by signal 9" in page
