import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from netspace.store import Worker


def test_a_worker_is_read_back_from_its_text():
    worker = Worker.current()
    assert Worker.parse(str(worker)) == worker
    assert worker.host.split()[0] == socket.gethostname()
    assert worker.pid == os.getpid()
    assert Worker.parse("a SLURM job") is None
    assert Worker.parse("host|pid|0|token") is None


def test_two_workers_of_one_process_are_told_apart():
    assert str(Worker.current()) != str(Worker.current())


def test_the_living_are_not_gone():
    assert not Worker.current().is_gone()


def test_the_dead_are_gone_even_before_their_parent_takes_notice():
    script = "from netspace.store import Worker; print(Worker.current(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True) as process:
        worker = Worker.parse(process.stdout.readline().strip())
        assert not worker.is_gone()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert worker.is_gone()
    assert worker.is_gone()


def test_a_process_that_took_over_the_number_is_another():
    assert replace(Worker.current(), started="1").is_gone()


def test_processes_of_other_machines_are_never_known_to_be_gone():
    assert not replace(Worker.current(), host="another-machine", started="1").is_gone()


def test_what_was_written_before_hosts_were_told_apart_by_more_than_their_name_is_left_to_its_lease():
    worker = Worker.parse(f"{socket.gethostname()}|{os.getpid()}|1|01234567")
    assert worker is not None
    assert worker.pid == os.getpid()
    assert not worker.is_gone()


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode != 0,
    reason="no process here may make a container",
)
def test_processes_in_another_container_of_the_same_host_name_are_never_known_to_be_gone():
    inside = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    script = (
        "import sys; from netspace.store import Worker; print(Worker.parse(sys.argv[1]).is_gone(), Worker.current())"
    )
    here = replace(Worker.current(), pid=2**22)  # no process of the container has this number
    answer = subprocess.run([*inside, script, str(here)], check=True, capture_output=True, text=True).stdout
    gone, _, text = answer.strip().partition(" ")
    assert gone == "False"
    there = Worker.parse(text)
    assert there is not None
    assert there.host.split()[0] == socket.gethostname()
    assert not there.is_gone()
