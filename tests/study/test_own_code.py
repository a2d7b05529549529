"""Studies of networks that code of one's own makes: trained, resumed, reported, refused once the code has changed."""

import shutil
from pathlib import Path

import pytest

from netspace.arch.built import read_network
from netspace.code import load as load_code
from netspace.errors import ConfigError, StudyError, WeightsError
from netspace.models import build
from netspace.models.hub import from_pretrained, save_pretrained
from netspace.report import study_tables, write_report
from netspace.results.assistance import study_assistance
from netspace.results.study_tables import network_file
from netspace.space import load
from netspace.store import Store
from netspace.study import Study
from netspace.study.jobs import Failed, Finished, Job
from netspace.study.workplace import Workplace

SPACES = Path(__file__).parents[2] / "examples" / "spaces"

MODELS = """
from torch import nn

def build(num_classes, in_channels, width, kernel, act):
    after = {"relu": nn.ReLU, "silu": nn.SiLU}[act]
    layers = [nn.Conv2d(in_channels, width[0], kernel, stride=2), nn.BatchNorm2d(width[0]), after()]
    layers += [nn.Conv2d(width[0], width[1], 3, stride=2), nn.BatchNorm2d(width[1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width[1], num_classes))
"""
OWN = {"name": "Own", "builder": "models.py:build"}
OWN["parameters"] = {"width": {"uniform": [4, 16], "stages": 2}, "kernel": {"choice": [1, 3]}}
OWN["parameters"]["act"] = {"choice": ["relu", "silu"]}
GHOST = {"name": "Ghost", "base": "AnyNetXA", "network": {"block": "ghost.py:GhostBottleneck", "stem": {"width": 8}}}
GHOST["parameters"] = {"expansion": {"choice": [1, 2]}, "depth": {"choice": [1, 2]}}
TWO = {"spaces": [OWN, GHOST], "flops": "5K:1M", "network": {}}


@pytest.fixture
def file(study_file, tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    shutil.copy(SPACES / "ghost.py", tmp_path)
    return lambda **changes: study_file(**(TWO | changes))


@pytest.mark.slow
def test_a_study_of_both_is_trained_resumed_reported_and_refused_after_a_change(file, tmp_path):
    path = file(n=16)
    with Store.open(tmp_path / "s.db") as store:
        standing = Study.from_yaml(path).run(store, workers=2, device="cpu")
        assert standing.complete
        runs = store.runs(1)
        assert {run.status for run in runs} == {"done"}
        assert {"width_1", "width_2", "kernel"} <= set(store.frame(1))
        pools = store.pools(1)
        assert {name: len(pool.values) for name, pool in pools.items()} == {"Own": 160, "Ghost": 1600}
        # nothing is left to do, and nothing has changed
        assert Study.from_yaml(path).run(store, workers=1, device="cpu").complete
        written = write_report(store, "small", tmp_path / "report")
        page = next(one for one in written if one.suffix == ".html").read_text()
        assert "kernel" in page
        assert {"models.py", "ghost.py"} <= {one.name for one in written if one.parent.name == "networks"}
        assert "act=silu" in page
        assistance = study_assistance(store.find_study("small"), store.states(1), store)
        assert {"act=relu", "act=silu", "log_kernel"} <= set(assistance.features["Own"].names)
        assert "group width" not in page  # a ghost block has no groups
        assert "it was not found here" not in page
        (tmp_path / "models.py").write_text(MODELS + "\n# changed\n")
        with pytest.raises(StudyError, match=r"was started with spaces\.0\.network\.builder\.digest = "):
            Study.from_yaml(path).run(store, workers=1, device="cpu")
        write_report(store, "small", tmp_path / "again", ["md"])
        assert "lay models.py into networks/: it was not found here" in (tmp_path / "again" / "report.md").read_text()
        # with their code beside them the best networks can be built from the first report's folder
        best = study_tables(store, "small").best["digest"]
        assert [read_network(tmp_path / "report" / network_file(one)).digest for one in best] == list(best)


def test_a_worker_finds_the_code_and_trains_with_none_that_has_changed(file, tmp_path):
    study = Study.from_yaml(file(n=2, spaces=[OWN]))
    run = study.planned_runs()[0]
    job = Job(run_id=1, config=dict(run.config), seed=run.seed)
    context = study.context
    assert context.code == ((tmp_path / "models.py").resolve(),)
    assert isinstance(Workplace(context, "cpu").execute(job), Finished)
    (tmp_path / "models.py").write_text(MODELS + "# changed while it ran\n")
    load_code.cache_clear()  # as in a worker that starts now
    event = Workplace(context, "cpu").execute(job)
    assert isinstance(event, Failed)
    assert "the code has changed, and results must not be mixed" in event.message


def test_a_run_whose_code_raises_is_failed_with_the_call(file, tmp_path):
    raising = MODELS.replace(
        "layers = ", "assert not (in_channels == 1 and torch.empty(0).device.type == 'cpu')\n    layers = "
    )
    study = Study.from_yaml(file(n=1, spaces=[OWN]))
    (tmp_path / "models.py").write_text("import torch\n" + raising)
    run = study.planned_runs()[0]
    event = Workplace(study.context, "cpu").execute(Job(run_id=1, config=dict(run.config), seed=run.seed))
    assert isinstance(event, Failed)
    assert "models.py:build(num_classes=10, act=" in event.message
    assert "raised AssertionError" in event.message


def test_a_block_in_the_network_of_a_study_is_beside_the_study_file(file):
    study = Study.from_yaml(file(n=1, spaces=["AnyNetVA"], network={"block": "models.py:build"}))
    with pytest.raises(ConfigError, match=r"models\.py:build: .*"):
        study.planned_runs()


@pytest.mark.parametrize("name", ["ghost", "mobilenetv2"])
def test_a_package_brings_its_code_and_runs_it_only_when_trusted(name, tmp_path):
    config = load(SPACES / f"{name}.yaml").with_network(num_classes=3).sample(1, resolution=32, flops=":4M")[0]
    model = build(config, seed=0)
    save_pretrained(model, tmp_path / "package")
    assert [path.suffix for path in (tmp_path / "package" / "code").iterdir()] == [".py"]
    with pytest.raises(
        WeightsError, match=r"built by code from outside netspace, \w+ in .*would run on this machine"
    ) as error:
        from_pretrained(tmp_path / "package")
    assert "\n" not in str(error.value)
    again = from_pretrained(tmp_path / "package", trust_code=True)
    assert all((again.state_dict()[key] == value).all() for key, value in model.state_dict().items())
    for path in (tmp_path / "package" / "code").iterdir():
        path.write_text("print('anything at all')\n")
    with pytest.raises(WeightsError, match="missing or has changed since the package was written"):
        from_pretrained(tmp_path / "package", trust_code=True)
