"""The pools of a study: drawn from what its store has recorded, kept there, or the reason why not."""

from dataclasses import replace

import numpy as np
import pytest

from netspace.space import load
from netspace.space.constraints import window
from netspace.space.pool import features_of, pool_of
from netspace.store import Store
from netspace.study import Study, StudySpec
from netspace.study.pools import ensure_pools
from netspace.study.seeds import seed_of


@pytest.fixture
def study(tmp_path):
    spec = StudySpec(
        name="pooled",
        spaces=("AnyNetXA", "RegNetX"),
        n=16,
        flops="0.3M:0.6M",
        data={"source": "mnist-5k", "train": 40, "validation": 20},
        network={"stem": {"kind": "simple", "width": 8}},
    )
    return Study(spec=spec, root=tmp_path)


def test_a_pool_is_drawn_as_the_sample_was_and_kept(study, tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        record = study.open(store)
        ensure_pools(record, store)
        kept = store.pools(record.id)
        assert {name: pool.values.shape for name, pool in kept.items()} == {
            "AnyNetXA": (1600, 21),
            "RegNetX": (1600, 21),
        }
        sample = features_of(study.sample()["RegNetX"]).values
        pool = kept["RegNetX"].values
        spread = pool.std(axis=0) / 4
        assert (np.abs(sample.mean(axis=0) - pool.mean(axis=0)) < 5 * spread + 1e-9).all()
        again = pool_of(
            study.spaces[1],
            16,
            seed_of(study.spec.seed, "RegNetX"),
            windows=(window("flops", "0.3M:0.6M"),),
            resolution=study.data.resolution,
        )
        assert (again.features.values == pool).all()
        before = {name: pool.values for name, pool in kept.items()}
        ensure_pools(record, store)
        assert all((store.pools(record.id)[name].values == values).all() for name, values in before.items())


def test_networks_that_were_picked_by_hand_are_noticed(study, tmp_path):
    honest = study.planned_runs()
    deep = load("RegNetX").sample(400, seed=9, flops="0.3M:0.6M", resolution=study.data.resolution)
    picked = sorted(deep.configs(), key=lambda config: -sum(stage.depth for stage in config.stages))[:16]
    planned = [
        replace(run, digest=picked[run.index].digest, config=picked[run.index].to_dict())
        if run.space == "RegNetX" and run.index < 5
        else run
        for run in honest
    ]
    with Store.open(tmp_path / "s.db") as store:
        record = store.insert_study("pooled", study.record(), "digest", planned)
        ensure_pools(record, store)
        kept = store.pools(record.id)
    assert kept["AnyNetXA"].refused is None
    assert kept["RegNetX"].refused.startswith("5 of its 16 networks are not those that its space, n and seed give")


def record_of(store, **spec):
    entries = [load(name).to_dict() for name in ("AnyNetXA", "RegNetX")]
    settings = {"spaces": entries, "n": 16, "seed": 0, "resolution": 32, **spec}
    return store.insert_study("other", settings, "digest")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"latency": {"window": [1.0, None]}}, "chosen by their latency"),
        ({"flops": [1.0, 2.0]}, "cannot be sampled again"),
        ({"spaces": [{"name": "AnyNetXA", "kind": "anynet", "nonsense": 1}]}, "cannot be sampled again"),
    ],
)
def test_the_reason_is_kept_where_there_can_be_no_pool(tmp_path, spec, reason, monkeypatch):
    monkeypatch.setattr("netspace.study.pools.PATIENCE", 10_000)
    with Store.open(tmp_path / "s.db") as store:
        record = record_of(store, **spec)
        ensure_pools(record, store)
        assert reason in store.pools(record.id)["AnyNetXA"].refused


@pytest.mark.parametrize("spec", [{"n": 15}, {"spaces": []}, {"spaces": ["A", "B"]}])
def test_studies_too_small_and_results_of_others_get_no_pools(tmp_path, spec):
    with Store.open(tmp_path / "s.db") as store:
        record = record_of(store, **spec)
        ensure_pools(record, store)
        assert store.pools(record.id) == {}


def test_a_latency_that_is_only_measured_does_not_matter(tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        record = record_of(store, latency={"window": [None, None]}, spaces=[load("AnyNetXA").to_dict()])
        ensure_pools(record, store)
        assert store.pools(record.id)["AnyNetXA"].values.shape == (1600, 21)
