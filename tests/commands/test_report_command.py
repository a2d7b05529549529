"""What a report says to run, run: in the report's folder, as it stands there."""

import html
import re
import shlex

import numpy as np
import pytest
import yaml
from PIL import Image

from netspace.store import Outcome, Store
from netspace.study import Study
from netspace.training.training_folder import TrainingFolder

DATA = {"source": "images", "train": 24, "validation": 8, "channels": 1, "normalise": {"mean": [0.5], "std": [0.2]}}


@pytest.fixture
def study(tmp_path):
    """A finished study of one space on an image folder beside the study file, both away from the report."""
    folder = tmp_path / "study"
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / "images" / "train" / label).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / "train" / label / f"{i}.png")
    settings = {
        "name": "small",
        "spaces": ["RegNetX"],
        "n": 2,
        "flops": "20K:150K",
        "resolution": 20,
        "data": DATA,
        "network": {"stem": {"kind": "simple", "width": 8}},
        "recipe": {"base": "quick", "epochs": 1, "batch_size": 8, "augment": {"flip": False}},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings))
    with Store.open(folder / "small.db") as store:
        record = Study.from_yaml(path).open(store)
        for error in (12.5, 30.0):
            run = store.lease_next(record.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=error, seconds=1.0))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("named", ["study.yaml", "small.db"])
def test_the_printed_command_trains_a_network_as_the_study_did(study, netspace, tmp_path, monkeypatch, named):
    report = tmp_path / "elsewhere" / "report"
    assert netspace("report", study.with_name(named), "-o", report, "--format", "html").code == 0
    monkeypatch.chdir(report)
    command = re.search(r"<code>netspace (train .*?)</code>", (report / "index.html").read_text())[1]
    done = netspace(*shlex.split(html.unescape(command)), "--device", "cpu")
    assert done.code == 0, done.err
    trained = TrainingFolder.read(next((report / "trained").iterdir()))
    spec = Study.from_yaml(study).spec
    source = str((study.parent / "images").resolve())
    assert trained.data == spec.data.model_copy(update={"source": source})
    assert trained.resolution == spec.resolution
    assert trained.recipe.resolved() == spec.recipe.resolved()
