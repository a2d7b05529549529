import os
import socket
import subprocess
import sys
from dataclasses import replace

from netspace.store import Worker


def test_a_worker_is_read_back_from_its_text():
    worker = Worker.current()
    assert Worker.parse(str(worker)) == worker
    assert (worker.host, worker.pid) == (socket.gethostname(), os.getpid())
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
