"""What a worker makes of its surroundings, and of memory that runs out while a run is trained.

The latter for real: the kernel limits the address space of a worker.
"""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest

from netspace.errors import StudyError
from netspace.store import Store
from netspace.study import Study
from netspace.study import workplace as module
from netspace.study.jobs import Finished, Job, Unfit
from netspace.study.workplace import Workplace

PROGRAM = """
import json, resource, sys
from pathlib import Path
import torch
from netspace.study import Study
from netspace.study.workplace import Workplace
from netspace.study.jobs import Job

torch.set_num_threads(1)
study = Study.from_yaml(sys.argv[1])
(planned,) = study.planned_runs()
small = Job(run_id=1, config=dict(planned.config), seed=1)
stages = {**planned.config["stages"], "bottleneck_ratios": [1] * 4, "group_widths": [WIDTH] * 4, "widths": [WIDTH] * 4}
wide = Job(run_id=2, config={**planned.config, "stages": stages}, seed=1)

Workplace(study.context, "cpu").execute(small)  # what a worker needs in any case is there before the limit
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + MEBIBYTES * 2**20, resource.RLIM_INFINITY))
events = [Workplace(study.context, "cpu").execute(job) for job in (wide, small)]
print(json.dumps([[type(event).__name__, getattr(event, "message", "")] for event in events]))
"""


def events(study, width: int, mebibytes: int) -> list[list[str]]:
    program = PROGRAM.replace("WIDTH", str(width)).replace("MEBIBYTES", str(mebibytes))
    done = subprocess.run([sys.executable, "-c", program, study], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("resource") is None, reason="this system limits no process's memory")
@pytest.mark.parametrize(
    ("width", "mebibytes", "reason"),
    [
        (256, 100, "out of memory on cpu with 256 images per step (batch_size=256, accumulate=1)"),
        (8192, 500, "out of memory: RuntimeError: "),  # the weights alone do not fit: a convolution has 2.25 GiB
    ],
)
def test_a_run_that_does_not_fit_fails_as_out_of_memory_and_its_worker_goes_on(study_file, width, mebibytes, reason):
    recipe = {"base": "quick", "epochs": 1, "batch_size": 256, "augment": {"flip": False}}
    study = study_file(spaces=["RegNetX"], n=1, recipe=recipe)
    (kind, message), (after, _) = events(study, width, mebibytes)
    assert kind == "Failed"
    assert message.splitlines()[0].startswith(reason)
    assert after == "Finished"


@pytest.fixture
def study(study_file, images) -> Study:
    recipe = {"base": "quick", "epochs": 1, "batch_size": 8, "augment": {"flip": False}}
    return Study.from_yaml(study_file(spaces=["RegNetX"], n=2, data={"source": str(images)}, recipe=recipe))


def jobs(study: Study) -> list[Job]:
    return [Job(run_id=i, config=dict(run.config), seed=run.seed) for i, run in enumerate(study.planned_runs())]


def test_images_are_opened_once_and_a_worker_that_has_them_needs_their_source_no_more(study, images, monkeypatch):
    opened = []
    load_data = module.load_data
    monkeypatch.setattr(module, "load_data", lambda *args, **named: opened.append(args) or load_data(*args, **named))
    first, second = jobs(study)
    context, away = study.context, images.with_name("away")
    workplace = Workplace(context, "cpu")

    images.rename(away)
    event = workplace.execute(first)
    assert isinstance(event, Unfit)
    assert event.run_id == first.run_id
    assert "images: no such file or folder" in event.message

    away.rename(images)
    assert isinstance(workplace.execute(first), Finished)
    images.rename(away)
    assert isinstance(workplace.execute(second), Finished)
    assert len(opened) == 2


def test_streamed_images_that_go_away_while_a_worker_trains_are_no_fault_of_the_run(study, images):
    first, _ = jobs(study)
    context = replace(study.context, data=study.spec.data.model_copy(update={"storage": "streamed"}))
    workplace = Workplace(context, "cpu")
    assert isinstance(workplace.execute(first), Finished)
    images.rename(images.with_name("away"))
    assert isinstance(workplace.execute(first), Unfit)


def test_images_that_changed_while_the_study_runs_are_not_trained_on(study, images):
    first, _ = jobs(study)
    context = study.context
    (images / "no" / "more.png").write_bytes((images / "no" / "0.png").read_bytes())
    event = Workplace(context, "cpu").execute(first)
    assert isinstance(event, Unfit)
    assert "images: the images have changed since the study was started on them" in event.message
    (images / "no" / "more.png").unlink()
    assert isinstance(Workplace(context, "cpu").execute(first), Finished)


def test_a_device_that_is_not_there_is_no_fault_of_the_run(study):
    event = Workplace(study.context, "gpu").execute(jobs(study)[0])
    assert isinstance(event, Unfit)
    assert event.message.startswith("cannot use the device 'gpu' (")


@pytest.mark.slow
def test_a_study_whose_images_are_away_is_spared_until_they_are_back(study, images, tmp_path):
    with Store.open(tmp_path / "study.db") as store:
        record, _ = study.open(store), study.context  # the driver has seen them
        images.rename(tmp_path / "away")
        with pytest.raises(StudyError, match=r"no worker can train: .*images: no such file or folder"):
            study.run(store, workers=2, device="cpu")
        assert [(run.status, run.attempts) for run in store.runs(record.id)] == [("planned", 0)] * 2
        (tmp_path / "away").rename(images)
        assert study.run(store, workers=2, device="cpu").number("done") == 2
