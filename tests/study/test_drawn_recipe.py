"""Numbers of the recipe that are drawn for each network: the draw, the study's identity, the training, assistance."""

import shlex

import numpy as np
import pytest

from netspace.documents import read_yaml
from netspace.errors import ConfigError, StudyError, UnknownNameError
from netspace.report import write_report
from netspace.results.assistance import study_assistance
from netspace.results.study_tables import study_tables
from netspace.space import (
    AnyNetXA,
    RegNetX,
    choice,
    fix,
    fixed,
    load,
    log_uniform,
    relation,
    restrict,
    shared,
    tied,
    uniform,
    where,
)
from netspace.space.pool import parameter_columns, pool_of
from netspace.stats.together import put_together
from netspace.store import Store
from netspace.study import Study
from netspace.study.jobs import Checkpoints, Finished, Job
from netspace.study.workplace import Workplace
from netspace.training.recipe import parse_recipe

LR = log_uniform(0.01, 1.0, 0.01)
DRAWN = {"base": "quick", "epochs": 1, "augment": {"flip": False}, "lr": {"log_uniform": [0.01, 1.0], "step": 0.01}}
MODELS = """
from torch import nn

def build(num_classes, in_channels, width):
    return nn.Sequential(nn.Flatten(), nn.Linear(400 * in_channels, width), nn.ReLU(), nn.Linear(width, num_classes))
"""


def test_the_networks_are_those_of_the_space_without_and_a_longer_sample_begins_with_the_shorter():
    for space in (AnyNetXA(), RegNetX()):
        plain = space.sample(30, seed=3, flops=":1G").frame()
        drawn = space.with_recipe(lr=LR, weight_decay=choice([0, 5e-5])).sample(30, seed=3, flops=":1G").frame()
        assert list(drawn["digest"]) == list(plain["digest"])
        assert set(drawn.columns) - set(plain.columns) == {"lr", "weight_decay"}
        shorter = space.with_recipe(lr=LR, weight_decay=choice([0, 5e-5])).sample(9, seed=3, flops=":1G").frame()
        assert shorter.equals(drawn.head(9))


def test_the_numbers_have_their_law_and_are_independent_of_the_network():
    frame = AnyNetXA().with_recipe(lr=LR).sample(4000, seed=1).frame()
    assert frame["lr"].between(0.01, 1.0).all()
    # what is rounded up to the grid is log-uniform over (0.005, 1]
    assert np.log(frame["lr"]).median() == pytest.approx(np.log(0.005) / 2, abs=0.15)
    assert abs(np.corrcoef(np.log(frame["lr"]), frame["depth"])[0, 1]) < 0.05
    narrow = AnyNetXA().with_recipe(lr=LR).refine(restrict("lr", high=0.1), where("lr >= 0.05"))
    assert narrow.sample(50).frame()["lr"].between(0.05, 0.1).all()


def test_one_network_may_be_there_with_several_numbers():
    alone = AnyNetXA().refine(*(fix(name, 1) for name in ("depth", "bottleneck_ratio", "group_width")), fix("width", 8))
    population = alone.with_recipe(lr=uniform(0.1, 1.0, 0.1)).sample(10)
    assert sorted(population.parameters["lr"].tolist()) == pytest.approx([0.1 * k for k in range(1, 11)])
    assert len({config.digest for config in population}) == 1
    assert alone.with_recipe(lr=LR).size().exact == 100


def test_a_space_without_keeps_its_identity_and_one_with_survives_its_file(tmp_path):
    assert "recipe" not in AnyNetXA().to_dict()
    space = RegNetX().with_recipe(lr=LR, momentum=choice([0.8, 0.9])).refine(restrict("lr", low=0.05))
    assert space.digest != RegNetX().refine(restrict("depth", low=1)).digest
    space.to_yaml(tmp_path / "space.yaml")
    assert load(tmp_path / "space.yaml").to_dict() == space.to_dict()
    (tmp_path / "on.yaml").write_text("base: space.yaml\nrecipe: {momentum: 0.5}\n")
    assert load(tmp_path / "on.yaml").recipe["momentum"].values.tolist() == [0.5]
    assert str(relation(space, RegNetX())).endswith("prove it (recipe left aside)")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnyNetXA().with_recipe(epochs=fixed(3)), "unknown number of the recipe of AnyNetXA 'epochs'; valid:"),
        (lambda: AnyNetXA().with_recipe(lr=fixed(0)), "recipe: lr > 0 must hold, got 0"),
        (lambda: AnyNetXA().with_recipe(momentum=fixed(1)), "0 <= momentum < 1 must hold, got 1"),
        (lambda: AnyNetXA().with_recipe(lr=LR).refine(shared("lr")), "does not apply: 'lr' belongs to the recipe"),
        (lambda: AnyNetXA().with_recipe(lr=LR).refine(tied("lr", to="width")), "'lr' belongs to the recipe"),
        (lambda: AnyNetXA().refine(restrict("lr", low=1)), "unknown parameter of AnyNetXA.* 'lr'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(make, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        make()


def test_pools_have_the_numbers_among_features_and_parameters():
    space = AnyNetXA().with_recipe(lr=LR)
    assert "lr" in parameter_columns(space)
    pool = pool_of(space, 20, 1, samples=3)
    assert {"recipe_lr", "log_recipe_lr"} <= set(pool.features.names)
    drawn = pool.parameters.values[:, pool.parameters.names.index("lr")]
    assert (pool.features.values[:, pool.features.names.index("recipe_lr")] == drawn).all()
    assert len(set(drawn)) > 20


def test_a_study_draws_records_and_identifies_them(study_file, tmp_path):
    own = {"name": "Own", "base": "AnyNetXA", "recipe": {"lr": 0.2, "weight_decay": {"choice": [0, 1e-4]}}}
    path = study_file(spaces=["RegNetX", own], recipe=DRAWN, n=4)
    study = Study.from_yaml(path)
    planned = study.planned_runs()
    assert len({run.parameters["lr"] for run in planned if run.space == "RegNetX"}) > 1
    assert {run.parameters["lr"] for run in planned if run.space == "Own"} == {0.2}
    plain = Study.from_yaml(study_file(spaces=["RegNetX"], n=4))
    assert [run.digest for run in plain.planned_runs()] == [run.digest for run in planned if run.space == "RegNetX"]
    assert "recipe_laws" not in plain.record()

    path = study_file(spaces=["RegNetX", own], recipe=DRAWN, n=4)
    with Store.open(tmp_path / "s.db") as store:
        record = Study.from_yaml(path).open(store)
        assert (record.recipe_of("RegNetX"), record.recipe_of("Own")) == (("lr",), ("lr", "weight_decay"))
        Study.from_yaml(path).open(store)
        changed = study_file(spaces=["RegNetX", own], recipe={**DRAWN, "lr": {"uniform": [0.1, 0.2], "step": 0.1}}, n=4)
        with pytest.raises(StudyError, match=r"was started with spaces\.0\.recipe\.lr\."):
            Study.from_yaml(changed).open(store)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"lr": {"log_unifrm": [1, 2]}}, r"study 'small': recipe\.lr: unknown distribution 'log_unifrm'"),
        ({"epochs": {"uniform": [1, 2]}}, "study 'small': recipe: unknown number of the recipe of AnyNetXA 'epochs'"),
        ({"lr": {"uniform": [0, 1]}}, "recipe: lr > 0 must hold, got 0"),
        ({"base": "quick", "momentum": {"choice": [0, 0.9]}}, "recipe of AnyNetXA: nesterov needs optimizer 'sgd'"),
    ],
)
def test_mistakes_in_a_study_s_recipe_are_told_in_a_line(study_file, recipe, message):
    with pytest.raises(ConfigError, match=message) as caught:
        _ = Study.from_yaml(study_file(spaces=["AnyNetXA", "RegNetX"], recipe=recipe)).spaces
    assert "\n" not in str(caught.value)


def test_a_network_is_trained_with_its_own_numbers(study_file):
    study = Study.from_yaml(study_file(recipe={**DRAWN, "schedule": "constant", "warmup_epochs": 0}, n=1))
    run = study.planned_runs()[0]
    work, curves = Workplace(study.context, "cpu", study.data), []
    for lr in (0.02, 0.5):
        event = work.execute(Job(run_id=1, config=dict(run.config), seed=run.seed, recipe={"lr": lr}))
        assert isinstance(event, Finished)
        assert event.outcome.curve[0].lr == pytest.approx(lr * 64 / 128)  # scaled to the batch
        curves.append(event.outcome.curve[0].train_loss)
    assert curves[0] != curves[1]


def test_a_checkpoint_belongs_to_the_numbers_too(tmp_path):
    folder = Checkpoints(folder=tmp_path)
    jobs = [Job(run_id=1, config={}, seed=0, recipe=recipe) for recipe in ({}, {"lr": 0.1}, {"lr": 0.2})]
    assert len({folder.path(job) for job in jobs}) == 3


@pytest.mark.slow
def test_a_study_of_drawn_recipes_is_trained_with_them_and_assisted(study_file, tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    own = {"name": "Own", "builder": "models.py:build", "parameters": {"width": {"uniform": [4, 16]}}}
    any_net = {"name": "AnyNetXA", "base": "AnyNetXA", "stages": {"uniform": [2, 4]}}
    path = study_file(spaces=[any_net, own], recipe=DRAWN, n=16, network={}, flops=":1M")
    with Store.open(tmp_path / "s.db") as store:
        assert Study.from_yaml(path).run(store, workers=2, device="cpu").complete
        record = store.find_study("small")
        runs = store.runs(record.id)
        assert {run.status for run in runs} == {"done"}
        highest = store.curves(record.id).groupby("run_id")["lr"].max()
        rates = [run.parameters["lr"] for run in runs]
        assert np.corrcoef(np.log(rates), np.log([highest[run.id] for run in runs]))[0, 1] > 0.999
        assistance = study_assistance(record, store.states(record.id), store)
        assert assistance.spaces == ("AnyNetXA", "Own")
        assert {"stages", "log_width_4"} <= set(assistance.features["AnyNetXA"].names)
        # the learning rate is the same thing for both, what their networks are made of is not
        together = put_together(assistance.features, assistance.alike)
        column = together["Own"].names.index("log_recipe_lr")
        assert all(np.isfinite(together[space].sample[:, column]).all() for space in assistance.spaces)

        written = write_report(store, "small", tmp_path / "report", formats=["md"])
        best = study_tables(store, "small").best.iloc[0]
        run = next(run for run in runs if run.id == best["run_id"])
        command = shlex.split(best["command"])
        file = tmp_path / "report" / command[command.index("--recipe") + 1]
        assert file in written
        known = {key: value for key, value in record.spec["recipe"].items() if key != "peak_lr"}
        assert parse_recipe(read_yaml(file), "") == parse_recipe({**known, "lr": run.parameters["lr"]}, "")
