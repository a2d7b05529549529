"""Refinement advice on populations whose truth is planted, and the study that it writes."""

import numpy as np
import pytest
import yaml

from netspace.errors import StatisticsError, StudyError, UnknownNameError
from netspace.space import AnyNetXA, AnyNetXC, AnyNetXE, RegNetX, load, space_from_dict
from netspace.store import Outcome, Store
from netspace.study import Study
from netspace.study.advice import advice_rows, advise, advise_population, next_study


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(1000 + seed).normal(50, 3, n)


def test_a_planted_stage_range_is_found_and_its_space_holds_only_what_it_keeps():
    frame = AnyNetXA().sample(400, seed=1).frame()
    found = advise_population(AnyNetXA(), frame, noise(400) - 5 * (frame["width_4"] >= 256))
    best = found.advised[0]
    assert best.restriction.parameter == "width_4"
    assert best.score.p_value <= 0.05
    assert best.score.theta > 0.6
    again = space_from_dict(yaml.safe_load(best.space.to_yaml()), "advice")
    widths = again.sample(50, seed=9).frame()["width_4"]
    assert (widths >= best.restriction.low).all()


@pytest.mark.parametrize(
    ("space", "plant", "restrict"),
    [
        (RegNetX(), lambda m: m["w_m"] >= 2, "w_m"),
        (RegNetX(), lambda m: m["depth"] <= 20, "depth"),
        (AnyNetXC(), lambda m: m["group_width"] >= 8, "group_width"),
    ],
)
def test_a_parameter_drawn_once_becomes_a_restriction_of_its_law(space, plant, restrict):
    frame = space.sample(400, seed=2).frame()
    best = advise_population(space, frame, noise(400) - 5 * plant(frame)).advised[0]
    assert best.restriction.parameter == restrict
    assert best.constraint.spec().keys() == {"restrict"}
    kept = best.space.sample(50, seed=3).frame()[restrict]
    low, high = best.restriction.low, best.restriction.high
    assert ((kept >= (-np.inf if low is None else low)) & (kept <= (np.inf if high is None else high))).all()


def test_total_depth_of_an_anynet_is_a_condition():
    frame = AnyNetXA().sample(400, seed=3).frame()
    best = advise_population(AnyNetXA(), frame, noise(400) - 6 * (frame["depth"] >= 20)).advised[0]
    assert best.restriction.parameter == "total_depth"
    assert (best.space.sample(50, seed=3).frame()["depth"] >= best.restriction.low).all()


def test_what_chance_rarely_meets_is_left_to_fresh_samples():
    frame = AnyNetXA().sample(300, seed=0).frame()
    found = advise_population(AnyNetXA(), frame, noise(300))
    fresh = {one.restriction.name: one for one in found.fresh}
    assert {"bottleneck_ratio shared by all stages", "group_width shared by all stages"} <= set(fresh)
    assert {"width non-decreasing over the stages", "bottleneck_ratio = 1"} <= set(fresh)
    shared = fresh["bottleneck_ratio shared by all stages"]
    assert shared.score is None
    assert shared.claim == "AnyNetXA-shared-bottleneck_ratio equivalent to AnyNetXA"
    ratios = shared.space.sample(30, seed=0).networks.bottleneck_ratios
    assert (ratios == ratios[:, :1]).all()
    assert not [one for one in found.fresh if "<=" in one.restriction.name or ">=" in one.restriction.name]


def test_a_space_that_shares_and_orders_already_is_not_told_to():
    frame = AnyNetXE().sample(200, seed=0).frame()
    names = {one.restriction.name for one in advise_population(AnyNetXE(), frame, noise(200)).fresh}
    assert not {name for name in names if "bottleneck" in name or "group" in name or "non-decreasing" in name}


@pytest.mark.slow
def test_pure_noise_is_advised_upon_in_at_most_6_of_100_populations():
    advised = 0
    for seed in range(100):
        frame = AnyNetXA().sample(120, seed=seed).frame()
        advised += bool(advise_population(AnyNetXA(), frame, noise(120, seed), seed=seed).advised)
    assert advised <= 6


def test_too_few_models_and_equal_errors_get_a_clear_answer():
    frame = AnyNetXA().sample(59, seed=0).frame()
    with pytest.raises(StatisticsError, match="at least 60 models are needed, got 59"):
        advise_population(AnyNetXA(), frame, noise(59))
    with pytest.raises(StatisticsError, match="at least 60 models are needed, got 0"):
        advise_population(AnyNetXA(), frame.iloc[:0], [])
    with pytest.raises(StatisticsError, match="they say nothing about a restriction"):
        advise_population(AnyNetXA(), AnyNetXA().sample(60, seed=0).frame(), np.full(60, 90.0))


@pytest.fixture
def finished(study_file, tmp_path):
    """A study of 70 models per space whose errors fall with total depth; two of them diverged."""
    path = study_file(n=70, spaces=["AnyNetXA", "RegNetX"])
    study = Study.from_yaml(path)
    with Store.open(tmp_path / "s.db") as store:
        record = study.open(store)
        for run in store.runs(record.id):
            store.lease(run.id, "me")
            error = 60 - 10 * (run.parameters["depth"] <= 8) + run.seed % 100 / 50
            outcome = Outcome(status="done", error=error, seconds=1.0)
            store.record(run.id, "me", outcome if run.index > 1 else Outcome(status="diverged", seconds=1.0))
        yield path, study, record, store


def test_advice_reads_the_store_and_counts_failures(finished):
    _, study, record, store = finished
    found = advise(study, record, store, "RegNetX")
    assert found.advice.n == 70
    assert found.advice.failures == 2
    best = found.advised[0]
    assert best.restriction.parameter == "depth"
    assert advice_rows(found.scored)[0]["yaml"] == best.space.to_yaml()
    with pytest.raises(UnknownNameError, match=r"space of study 'small' 'AnyNetXB'.*valid: AnyNetXA, RegNetX"):
        advise(study, record, store, "AnyNetXB")


def test_the_next_study_is_ready_to_run_on_fresh_models(finished, tmp_path):
    path, study, record, store = finished
    found = advise(study, record, store, "AnyNetXA")
    target = tmp_path / "sub" / "next.yaml"
    target.parent.mkdir()
    target.write_text(next_study(path, found, target))
    following = Study.from_yaml(target)
    assert [space.name for space in following.spaces] == ["AnyNetXA", *(one.space.name for one in found.next)]
    assert [claim.text for claim in following.claims] == [one.claim for one in found.next]
    assert following.spec.seed == study.spec.seed + 1
    for declared, proposal in zip(following.declared_spaces[1:], found.next, strict=True):
        assert declared.digest == proposal.space.digest
    before = {run.digest for run in study.planned_runs()}
    planned = following.planned_runs()
    assert len(planned) == 70 * len(following.spaces)
    assert len([run for run in planned if run.space == "AnyNetXA" and run.digest in before]) < 10


def test_the_next_study_of_a_regime_has_its_window_alone(study_file, tmp_path):
    path = study_file(flops=["20K:60K", "60K:120K"])
    space = Study.from_yaml(path).declared_spaces[2]
    frame = space.sample(100, seed=0, resolution=20).frame()
    found = advise_population(space, frame, noise(100) - 8 * (frame["group_width_1"] >= 8))
    (tmp_path / "next.yaml").write_text(next_study(path, found, tmp_path / "next.yaml"))
    following = Study.from_yaml(tmp_path / "next.yaml")
    assert [one.name for one in following.spaces] == ["AnyNetXA@60K:120K", *(one.space.name for one in found.next)]
    assert all(60e3 <= run.flops <= 120e3 for run in following.planned_runs())


def test_the_next_study_keeps_a_space_of_a_file_and_finds_all_files_from_its_own_folder(study_file, tmp_path):
    (tmp_path / "mine.yaml").write_text("base: AnyNetXA\nconstraints: [{shared: depth}]\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "plain.py").write_text("def block(w_in, w_out, stride): ...\n")
    path = study_file(
        spaces=["mine.yaml", "RegNetX"],
        data={"source": "images", "train": 10},
        network={"block": "plain.py:block"},
        networks=["ResNet-20", "one.yaml", "plain.py:block"],
    )
    (tmp_path / "one.yaml").write_text("stages: {depths: [1], widths: [8]}\n")
    space = load(tmp_path / "mine.yaml")
    frame = space.sample(100, seed=0).frame()
    found = advise_population(space, frame, noise(100) - 8 * (frame["group_width_1"] >= 8))
    target = tmp_path / "sub" / "next.yaml"
    target.parent.mkdir()
    target.write_text(next_study(path, found, target))
    following = Study.from_yaml(target)
    assert following.declared_spaces[0].digest == space.digest
    assert following.spec.data.source == "../images"
    assert following.spec.network == Study.from_yaml(path).spec.network
    assert following.spec.networks.names == ("ResNet-20", "../one.yaml", "../plain.py:block")
    assert "&" not in target.read_text()  # nothing that a reader must look up


def test_nothing_advised_writes_no_study(study_file, tmp_path):
    path = study_file(spaces=["RegNetX"])
    space = RegNetX()
    frame = space.sample(100, seed=0).frame()
    found = advise_population(space, frame, noise(100))
    assert found.next == ()
    with pytest.raises(StudyError, match="no restriction of RegNetX is advised"):
        next_study(path, found, tmp_path / "next.yaml")
