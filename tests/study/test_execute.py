"""Memory that runs out while a run is trained, for real: the kernel limits the address space of a worker."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("resource", reason="this system limits no process's memory")

PROGRAM = """
import json, resource, sys
from pathlib import Path
import torch
from netspace.study import Study
from netspace.study.execute import execute
from netspace.study.jobs import Job

torch.set_num_threads(1)
study = Study.load(sys.argv[1])
(planned,) = study.plan()
small = Job(run_id=1, config=dict(planned.config), seed=1)
stages = {**planned.config["stages"], "bottleneck_ratios": [1] * 4, "group_widths": [WIDTH] * 4, "widths": [WIDTH] * 4}
wide = Job(run_id=2, config={**planned.config, "stages": stages}, seed=1)

execute(small, study.context, "cpu")  # what a worker needs in any case is there before the limit
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + MEBIBYTES * 2**20, resource.RLIM_INFINITY))
events = [execute(job, study.context, "cpu") for job in (wide, small)]
print(json.dumps([[type(event).__name__, getattr(event, "message", "")] for event in events]))
"""


def events(study, width: int, mebibytes: int) -> list[list[str]]:
    program = PROGRAM.replace("WIDTH", str(width)).replace("MEBIBYTES", str(mebibytes))
    done = subprocess.run([sys.executable, "-c", program, study], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("width", "mebibytes", "reason"),
    [
        (256, 100, "out of memory on cpu with 256 images at a time (batch_size=256, accumulate=1)"),
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
