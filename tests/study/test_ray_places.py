"""What the Ray executor makes of the nodes that a cluster has."""

import pytest

from netspace.errors import DataError, StudyError
from netspace.study import Study
from netspace.study.executors import make_executor
from netspace.study.executors.ray import worker_places


def node(*, alive: bool = True, **resources: float) -> dict[str, object]:
    """A node as `ray.nodes()` tells it."""
    return {"NodeID": "ab12", "Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "places"),
    [
        ([node(CPU=4), node(CPU=2)], 1, 0, 6),
        # no worker is spread over two nodes
        ([node(CPU=3), node(CPU=3)], 2, 0, 2),
        # a worker needs both in one place
        ([node(CPU=16, GPU=2), node(CPU=16)], 1, 1, 2),
        ([node(CPU=2, GPU=8)], 1, 0.25, 2),
        ([node(CPU=1), node(CPU=64, alive=False)], 1, 0, 1),
        ([node(CPU=1)], 0.1, 0, 10),
        # who reserves nothing is counted by cores, and finds a place where there are none
        ([node(CPU=3)], 0, 0, 3),
        ([node()], 0, 0, 1),
    ],
)
def test_a_cluster_holds_as_many_workers_as_its_nodes_each_hold(nodes, cpus, gpus, places):
    assert worker_places(nodes, cpus=cpus, gpus=gpus) == places


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "told"),
    [
        ([node(CPU=16), node(CPU=8)], 64, 0, "(cpus=64); nodes have: cpus=16; cpus=8"),
        ([node(CPU=16), node(CPU=16)], 1, 1, "(cpus=1, gpus=1); nodes have: cpus=16, gpus=0"),
        ([node(CPU=1, GPU=1), node(CPU=8)], 4, 1, "(cpus=4, gpus=1); nodes have: cpus=1, gpus=1; cpus=8, gpus=0"),
        ([node(CPU=8, alive=False)], 1, 0, "(cpus=1); nodes have: nothing"),
    ],
)
def test_workers_that_no_node_can_hold_are_refused_with_what_there_is(nodes, cpus, gpus, told):
    with pytest.raises(StudyError) as raised:
        worker_places(nodes, cpus=cpus, gpus=gpus)
    assert str(raised.value) == f"no node of the Ray cluster has what a worker needs {told}"


@pytest.mark.slow
def test_an_executor_that_cannot_start_leaves_no_connection_behind(ray_cluster, study_file, monkeypatch):
    import ray

    context, options = Study.from_yaml(study_file()).context, {"address": ray_cluster.address}
    with pytest.raises(StudyError, match=r"\(cpus=1, gpus=1\); nodes have: cpus=1, gpus=0$"):
        make_executor("ray", context, device="cuda", options=options)
    assert not ray.is_initialized()
    with pytest.raises(StudyError, match=r"\(cpus=2\); nodes have: cpus=1$"):
        make_executor("ray", context, workers=2, device="cpu", options=options | {"cpus": 2})
    assert not ray.is_initialized()

    def refuse(*_args, **_options):
        raise DataError("no such images")

    monkeypatch.setattr("netspace.study.executors.ray.load_data", refuse)
    with pytest.raises(DataError, match="no such images"):
        make_executor("ray", context, workers=1, device="cpu", options=options)
    assert not ray.is_initialized()
