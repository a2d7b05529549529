"""A search on real clusters, inside a latency window: interrupted, it goes on there."""

import os
import signal

import pytest

from netspace.searching import search, sizes
from netspace.searching.progress import Progress
from netspace.store import Store
from netspace.study import Study
from netspace.study.executors import get_executor
from netspace.study.jobs import Job
from netspace.training.latency import LATENCY

ASKED = {
    "flops": "20K:300K",
    "latency": ":200",
    "spaces": ["RegNetX"],
    "resolution": 20,
    "stem": "simple",
    "epochs": 1,
    "cheap_epochs": 1,
}


@pytest.fixture(autouse=True)
def few_networks(monkeypatch, given_speed):
    for name, number in {"RANDOM": 3, "ROUNDS": 1, "CHOSEN": 1, "REPEATS": 1, "FEWEST_RANDOM": 2}.items():
        monkeypatch.setattr(sizes, name, number)
    given_speed(1.0)
    monkeypatch.setattr("netspace.searching.candidates.POOL", 40)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ray", "slurm"])
def test_a_search_on_a_cluster_goes_on_there(kind, cluster_options, photos, tmp_path, monkeypatch):
    executor, submitted = get_executor(kind), []
    submit = executor.submit

    def counted(self, job: Job) -> None:
        submitted.append(job.run_id)
        submit(self, job)

    monkeypatch.setattr(executor, "submit", counted)

    def interrupt(now: Progress) -> None:
        if now.done and now.stage == "random networks":
            os.kill(os.getpid(), signal.SIGINT)

    given = {**ASKED, "executor": kind, "workers": 2, "device": "cpu", "options": cluster_options(kind)}
    images, folder = photos(cats=40, dogs=40), tmp_path / "found"
    with pytest.raises(KeyboardInterrupt):
        search(images, folder, **given, observe=interrupt)
    with Store.open(folder / "search.db") as store:
        before = {run.id for study in store.studies() for run in store.runs(study.id, status="done")}
    assert 1 <= len(before) < 3

    first = len(submitted)
    found = search(images, folder, **given)
    assert not before & set(submitted[first:])
    with Store.open(folder / "search.db") as store:
        ended = {study.name: store.runs(study.id) for study in store.studies()}
        latencies = store.frame(store.find_study("search").id)[LATENCY]
    assert {name: len(runs) for name, runs in ended.items()} == {
        "search": 3,
        "search-chosen-1": 0,  # too few for a predictor
        "search-again": 1,
    }
    assert {run.id for runs in ended.values() for run in runs} == set(submitted)
    assert all(run.status == "done" for runs in ended.values() for run in runs)
    assert all(map(Study.from_yaml(folder / "study.yaml").spec.latency.contains, latencies))
    assert found.model.classes == ("class cats", "class dogs")
