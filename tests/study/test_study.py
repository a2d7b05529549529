"""What a study plans, and that a study that changed is never mixed with what was started."""

import pytest
import torch

from netspace.arch import AnyNetConfig, complexity
from netspace.errors import ConfigError, StudyError, TrainingError
from netspace.results.verdicts import study_verdicts
from netspace.store import Outcome, Store
from netspace.study import Study


def test_runs_are_planned_with_the_spaces_taking_turns(study_file):
    planned = Study.from_yaml(study_file()).planned_runs()
    assert [run.launch for run in planned] == list(range(6))
    assert [run.space for run in planned] == ["AnyNetXA", "RegNetX"] * 3
    assert [run.index for run in planned] == [0, 0, 1, 1, 2, 2]


def test_planned_networks_fit_the_data_and_the_window(study_file):
    for run in Study.from_yaml(study_file()).planned_runs():
        config = AnyNetConfig(**run.config)
        assert (config.num_classes, config.in_channels, config.stem.width) == (10, 1, 8)
        assert config.digest == run.digest
        assert complexity(config, 20).as_dict() == {
            "flops": run.flops,
            "params": run.params,
            "activations": run.activations,
        }
        assert 20e3 <= run.flops <= 150e3


def test_the_plan_depends_on_the_file_alone_and_a_longer_study_begins_with_the_shorter_one(study_file):
    first, again = (Study.from_yaml(study_file()).planned_runs() for _ in range(2))
    longer = Study.from_yaml(study_file(n=5)).planned_runs()
    other = Study.from_yaml(study_file(seed=6)).planned_runs()
    assert first == again
    assert longer[: len(first)] == first
    assert not {run.seed for run in first} & {run.seed for run in other}
    assert len({run.seed for run in longer}) == len(longer)


def test_a_space_is_sampled_alike_whatever_other_spaces_are_in_the_study(study_file):
    alone = Study.from_yaml(study_file(spaces=["RegNetX"])).planned_runs()
    beside = [run for run in Study.from_yaml(study_file()).planned_runs() if run.space == "RegNetX"]
    assert [(run.digest, run.seed) for run in alone] == [(run.digest, run.seed) for run in beside]


def test_spaces_can_be_files_beside_the_study_or_written_in_place(study_file, tmp_path):
    (tmp_path / "narrow.yaml").write_text("base: AnyNetXA\nparameters: {width: {log_uniform: [8, 64], step: 8}}\n")
    in_place = {"name": "Shared", "base": "AnyNetXA", "constraints": [{"shared": "depth"}]}
    study = Study.from_yaml(study_file(spaces=["narrow.yaml", in_place]))
    assert [space.name for space in study.spaces] == ["narrow", "Shared"]
    for run in study.planned_runs():
        stages = run.config["stages"]
        assert max(stages["widths"]) <= 64 if run.space == "narrow" else len(set(stages["depths"])) == 1


def test_a_file_of_several_spaces_stands_for_all_or_for_one_of_them(study_file, tmp_path):
    chain = (
        "spaces:\n  A: {base: AnyNetXA}\n  B: {base: A, constraints: [{shared: depth}]}\n  C: {base: B, stages: 2}\n"
    )
    (tmp_path / "chain.yaml").write_text(chain.replace(", stages: 2", ", constraints: [{shared: width}]"))
    every = Study.from_yaml(study_file(spaces="chain.yaml", stop={}))
    assert [space.name for space in every.spaces] == ["A", "B", "C"]
    some = Study.from_yaml(study_file(spaces=["chain.yaml#C", "RegNetX"]))
    assert [space.name for space in some.spaces] == ["C", "RegNetX"]
    stages = next(run for run in some.planned_runs() if run.space == "C").config["stages"]
    assert len(set(stages["depths"])) == 1
    assert {run.digest for run in some.planned_runs()} >= {
        run.digest for run in every.planned_runs() if run.space == "C"
    }

    with pytest.raises(ConfigError, match="stop compares neighbouring spaces"):
        Study.from_yaml(study_file(spaces="chain.yaml#C", stop={}))
    (tmp_path / "single.yaml").write_text("base: AnyNetXA\n")
    with pytest.raises(StudyError, match="study 'small': stop compares neighbouring spaces"):
        _ = Study.from_yaml(study_file(spaces="single.yaml", stop={})).spaces
    with pytest.raises(ConfigError, match=r"chain\.yaml: unknown space 'D'; valid: A, B, C"):
        _ = Study.from_yaml(study_file(spaces="chain.yaml#D")).spaces
    (tmp_path / "chain.yaml").write_text(chain)
    with pytest.raises(ConfigError, match=r"chain\.yaml#C: base: stages: .*chain\.yaml#B has its own"):
        _ = Study.from_yaml(study_file(spaces="chain.yaml")).spaces


def test_two_spaces_of_one_name_are_refused(study_file):
    with pytest.raises(StudyError, match="two spaces are named 'RegNetX'"):
        Study.from_yaml(study_file(spaces=["RegNetX", {"name": "RegNetX", "base": "RegNetY"}])).planned_runs()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"n": 4}, r"n = 3 \(now 4\)"),
        ({"seed": 6}, r"seed = 5 \(now 6\)"),
        ({"flops": "20K:160K"}, r"flops\.1 = 150000\.0 \(now 160000\.0\)"),
        ({"recipe": {"base": "quick", "epochs": 2, "augment": {"flip": False}}}, r"recipe\.epochs = 1 \(now 2\)"),
        ({"spaces": ["AnyNetXA", "RegNetY"]}, r"spaces\.1\..* \(now "),
        ({"spaces": ["AnyNetXA"]}, r"spaces = \['AnyNetXA', 'RegNetX'\] \(now \['AnyNetXA'\]\)"),
        ({"data": {"source": "mnist-5k", "train": 256, "validation": 101}}, r"data\.validation = 100 \(now 101\)"),
    ],
)
def test_a_study_that_changed_is_refused_with_what_changed(study_file, tmp_path, changes, what):
    with Store.open(tmp_path / "s.db") as store:
        started = Study.from_yaml(study_file()).open(store)
        with pytest.raises(
            StudyError, match=f"study 'small' was started with .*{what}.*Results must not be mixed"
        ) as caught:
            Study.from_yaml(study_file(**changes)).open(store)
        assert "\n" not in str(caught.value)
        assert Study.from_yaml(study_file()).open(store) == started


def test_what_does_not_decide_results_may_change(study_file, tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        assert Study.from_yaml(study_file()).open(store) == Study.from_yaml(study_file(attempts=9)).open(store)


@pytest.mark.parametrize("flops", [":150K", "20K:"])
def test_a_window_may_be_open_at_either_side(study_file, tmp_path, flops):
    study = Study.from_yaml(study_file(flops=flops, params=":1M", n=1))
    with Store.open(tmp_path / "s.db") as store:
        assert study.open(store) == study.open(store)
        with pytest.raises(StudyError, match=r"flops\..* = .* \(now "):
            Study.from_yaml(study_file(params=":1M", n=1)).open(store)


def test_claims_are_kept_with_the_study_and_may_change_later(study_file, tmp_path):
    with Store.open(tmp_path / "s.db") as store:
        started = Study.from_yaml(study_file(claims=["RegNetX better than AnyNetXA"])).open(store)
        assert started.spec["claims"] == ["RegNetX better than AnyNetXA"]
        for claims in ([], ["RegNetX worse than AnyNetXA"]):
            assert Study.from_yaml(study_file(claims=claims)).open(store) == started


def test_a_study_started_before_netspace_gained_a_setting_goes_on(study_file, tmp_path):
    study = Study.from_yaml(study_file())
    older = study.record()
    del older["recipe"]["clip_norm"], older["recipe"]["augment"]["mixup"], older["data"]["broken"]
    with Store.open(tmp_path / "s.db") as store:
        started = store.insert_study("small", older, "older", study.planned_runs())
        assert study.open(store) == started
        changed = Study.from_yaml(
            study_file(recipe={"base": "quick", "epochs": 1, "clip_norm": 1.0, "augment": {"flip": False}})
        )
        with pytest.raises(StudyError, match=r"recipe\.clip_norm = .* \(now 1\.0\)"):
            changed.open(store)


def test_a_study_does_not_go_on_with_other_training_images(study_file, images, tmp_path):
    file = study_file(spaces=["RegNetX"], n=1, data={"source": str(images)})
    study = Study.from_yaml(file)
    with Store.open(tmp_path / "s.db") as store, Store.open(tmp_path / "older.db") as older:
        study.open(store)
        record = study.record()
        del record["train_digest"]
        started = older.insert_study("small", record, "older", study.planned_runs())
        (images / "no" / "0.png").write_bytes((images / "yes" / "0.png").read_bytes())
        changed = Study.from_yaml(file)
        assert changed.data.split_digest == study.data.split_digest
        with pytest.raises(StudyError, match=r"was started with train_digest = '\w+' \(now '\w+'\)\. Results must not"):
            changed.open(store)
        assert changed.open(older) == started


@pytest.mark.parametrize(
    "device",
    [
        "gpu",
        "cuda:99",
        pytest.param("cuda", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_anything_is_trained(study_file, tmp_path, device):
    study = Study.from_yaml(study_file())
    with Store.open(tmp_path / "s.db") as store:
        record = study.open(store)
        planned = store.runs(record.id)
        with pytest.raises(TrainingError, match=f"^cannot use the device '{device}' "):
            study.run(store, device=device)
        assert store.runs(record.id) == planned


def test_networks_are_evaluated_after_the_last_epoch_alone_unless_asked_for(study_file):
    recipe = {"base": "quick", "epochs": 3}
    assert Study.from_yaml(study_file(recipe=recipe)).record()["recipe"]["evaluate_every"] == 3
    assert Study.from_yaml(study_file(recipe={**recipe, "evaluate_every": 2})).record()["recipe"]["evaluate_every"] == 2


def test_a_study_begun_when_every_epoch_was_evaluated_goes_on_so(study_file, tmp_path):
    recipe = {"base": "quick", "epochs": 2, "augment": {"flip": False}}
    with Store.open(tmp_path / "s.db") as store:
        Study.from_yaml(study_file(n=1, recipe={**recipe, "evaluate_every": 1})).open(store)
        study = Study.from_yaml(study_file(n=1, recipe=recipe))
        study.run(store, workers=1, device="cpu")
        runs = store.runs(study.open(store).id)
        assert all(store.curve(run.id)["val_error"].notna().all() for run in runs)
    with Store.open(tmp_path / "new.db") as store:
        study.run(store, workers=1, device="cpu")
        again = store.runs(study.open(store).id)
        assert [store.curve(run.id)["val_error"].notna().tolist() for run in again] == [[False, True]] * 2
    assert [run.error for run in again] == [run.error for run in runs]


@pytest.mark.parametrize("asked", [{}, {"split": "unchecked"}])
def test_a_study_that_was_started_before_splits_were_stratified_goes_on_with_its_own(study_file, tmp_path, asked):
    data = {"source": "mnist-5k", "train": 256, "validation": 100}
    with Store.open(tmp_path / "store.db") as store:
        before = Study.from_yaml(study_file(data={**data, "split": "unchecked"}))
        record = before.record()
        for key in ("split", "duplicates", "background"):
            del record["data"][key]
        # as a store of the first versions holds it
        store.insert_study("small", record, "0" * 16, before.planned_runs())
        study = Study.from_yaml(study_file(data=data | asked)).as_started(store)
        assert study.open(store).spec["split_digest"] == before.data.split_digest == study.data.split_digest
        assert study.context.data.split == "unchecked"
        with pytest.raises(StudyError, match=r"data\.split = 'unchecked' \(now 'stratified'\)"):
            Study.from_yaml(study_file(data={**data, "split": "stratified"})).open(store)


def test_a_new_study_records_its_split(study_file, tmp_path):
    with Store.open(tmp_path / "store.db") as store:
        assert Study.from_yaml(study_file()).open(store).spec["data"]["split"] == "stratified"
        # what was recorded holds, whatever becomes of the default
        again = Study.from_yaml(study_file()).as_started(store)
        assert again.spec.data.split == "stratified"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 10}, "AnyNetXA 0 cannot be trained: resolution 10 is too small for the network's total stride"),
        ({"latency": ":500", "resolution": 10}, "AnyNetXA 0 cannot be trained: resolution 10 is too small"),
    ],
)
def test_what_planning_can_know_is_refused_before_a_run_is_planned(study_file, tmp_path, changes, message):
    study = Study.from_yaml(study_file(**changes))
    with Store.open(tmp_path / "store.db") as store:
        with pytest.raises(StudyError, match=message):
            study.open(store)
        assert store.studies() == []


def test_batches_that_cannot_be_divided_are_refused_before_a_run_is_planned(study_file):
    recipe = {"base": "quick", "epochs": 1, "batch_size": 64, "accumulate": 16}
    with pytest.raises(TrainingError, match="each part of a batch must hold 2 images or more"):
        Study.from_yaml(
            study_file(recipe=recipe, data={"source": "mnist-5k", "train": 20, "validation": 50})
        ).planned_runs()


REGIMES = {"n": 4, "flops": ["20K:60K", "60K:120K"], "claims": ["RegNetX@60K:120K better than AnyNetXA@60K:120K"]}


def test_several_windows_are_the_spaces_once_for_each(study_file):
    study = Study.from_yaml(study_file(**REGIMES))
    planned = study.planned_runs()
    names = ["AnyNetXA@20K:60K", "RegNetX@20K:60K", "AnyNetXA@60K:120K", "RegNetX@60K:120K"]
    assert [run.space for run in planned] == names * 4
    for run in planned:
        low, high = (20e3, 60e3) if run.space.endswith("@20K:60K") else (60e3, 120e3)
        assert low <= run.flops <= high
    assert study.record()["regimes"] == [[20e3, 60e3], [60e3, 120e3]]
    assert [claim.text for claim in study.claims] == REGIMES["claims"]
    # a study of one window has the record that it always had
    assert "regimes" not in Study.from_yaml(study_file(flops=["20K:60K"])).record()
    assert (
        Study.from_yaml(study_file(flops=["20K:60K"])).record() == Study.from_yaml(study_file(flops="20K:60K")).record()
    )
    assert Study.from_yaml(study_file(flops=[20000, 60000])).spec.flops == (20e3, 60e3)


def test_each_window_is_compared_by_itself(study_file, tmp_path):
    study = Study.from_yaml(study_file(**REGIMES))
    with Store.open(tmp_path / "small.db") as store:
        record = study.open(store)
        for place, run in enumerate(store.runs(record.id)):
            assert store.lease(run.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=40.0 + place, seconds=1.0))
        pairs = [(one.against, one.space) for one in study_verdicts(store, "small")]
        assert pairs == [
            ("AnyNetXA@20K:60K", "RegNetX@20K:60K"),
            ("AnyNetXA@60K:120K", "RegNetX@60K:120K"),
        ]
        asked = ["RegNetX@20K:60K", "RegNetX@60K:120K"]
        assert [(one.against, one.space) for one in study_verdicts(store, "small", asked)] == [tuple(asked)]
        assert study.open(store) == record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flops": ["20K:60K", "50K:90K"]}, "must not overlap"),
        ({"flops": ["20K:60K", "60K:90K"], "stop": {}}, "stop works in one window"),
        ({"flops": ["20K:60K", "60K:90K"], "n": "auto"}, "stop works in one window"),
        ({"flops": ["20K:60K", "wide"]}, "wide"),
        ({"regimes": ["20K:60K"]}, "as a list of two windows or more"),
    ],
)
def test_windows_that_are_none_are_refused_in_a_line(study_file, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Study.from_yaml(study_file(**changes))
    assert "\n" not in str(caught.value)
