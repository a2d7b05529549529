"""The page of a study that runs: `netspace serve` as a user starts it, and a real browser that looks on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml
from chromium import CHROMIUM, Browser
from small_study import SMALL

from netspace.store import Epoch, Outcome, Store
from netspace.store.in_hand import curve_writer, folder_in_hand

pytestmark = pytest.mark.slow


@contextmanager
def served(*arguments: object, inside: Sequence[object] = ()) -> Iterator[str]:
    """Start `netspace serve`, `inside` another command if need be, and give its address."""
    command = [*map(str, inside), sys.executable, "-m", "netspace.cli", "serve", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("http://127.0.0.1:"), line
            yield line.split()[0]
        finally:
            process.terminate()


def answer(address: str, **headers: str) -> str:
    with urlopen(Request(address, headers=headers), timeout=60) as response:
        return response.read().decode()


def end_one(store: Store, error: float | None) -> None:
    """Have the next run of the study end, with an error or by a failure."""
    run = store.lease_next(store.find_study("small").id, "worker-7")
    if error is None:
        store.fail(run.id, "worker-7", "out of <i>memory", max_attempts=1)
    else:
        store.record(run.id, "worker-7", Outcome(status="done", error=error, seconds=3.0))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)")
def test_the_page_follows_a_study_and_keeps_what_was_selected_and_unfolded(make_study, tmp_path):
    store = make_study(n=12, finished=9)
    browser = Browser(tmp_path / "profile", offline=False)
    try:
        with served(store.where) as address:
            browser.open(address)
            assert browser.evaluate("document.querySelector('h1').textContent") == "small"
            assert browser.evaluate("document.getElementById('count').textContent") == "18 of 18"
            browser.evaluate(
                "(() => { const input = document.querySelector('[name=depth-from]');"
                " input.value = '20'; input.dispatchEvent(new Event('change'));"
                " document.querySelector('#legend input').click();"
                " document.querySelector('[data-part=best] details').open = true; })()"
            )
            browser.settle()
            known = "document.getElementById('known').textContent"
            browser.wait(f"{known}.includes('corrected for looking')")
            assert "not assisted: 9 models, at least 16 are needed" in browser.evaluate(known)
            chosen = browser.evaluate("document.getElementById('restriction').textContent")
            unfolded = browser.evaluate("document.querySelector('[data-part=best] details[open] summary').textContent")
            store.lease_next(store.find_study("small").id, "worker-3")
            end_one(store, None)
            end_one(store, 97.0)
            browser.wait("document.getElementById('now').textContent.includes('20 of 24 runs ended')")
            browser.wait("document.getElementById('failures').textContent.includes('out of <i>memory')", 60)
            browser.wait("[...document.querySelectorAll('#legend td:nth-child(2)')].at(-1).textContent === '10'")
            assert "worker-3" in browser.evaluate("document.getElementById('now').textContent")
            assert browser.evaluate("document.querySelector('[name=depth-from]').value") == "20"
            assert browser.evaluate("document.querySelector('#legend input').checked") is False
            assert browser.evaluate("document.getElementById('restriction').textContent") == chosen
            still = browser.evaluate("document.querySelector('[data-part=best] details[open] summary').textContent")
            assert still == unfolded
            assert browser.complaints == []
        browser.wait("document.getElementById('connection').textContent.includes('does not answer')")
    finally:
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)")
def test_the_page_stays_open_through_a_study_whose_worker_is_killed(tmp_path):
    study, browser = tmp_path / "study.yaml", Browser(tmp_path / "profile", offline=False)
    data, recipe = {**SMALL["data"], "train": 512}, {**SMALL["recipe"], "epochs": 60}
    study.write_text(yaml.safe_dump({**SMALL, "spaces": ["RegNetX"], "n": 2, "data": data, "recipe": recipe}))
    command = [sys.executable, "-m", "netspace.cli", "run", str(study), "--workers", "1", "--device", "cpu"]
    points = "document.querySelector('svg.curve polyline')?.points.length"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        try:
            end = time.monotonic() + 90
            while not list(tmp_path.glob(".netspace-checkpoints/*/*.curve")):
                assert driver.poll() is None
                assert time.monotonic() < end, "no epoch ends"
                time.sleep(0.05)
            with served(study) as address:
                browser.open(address)
                browser.wait(f"{points} >= 2", 60)
                browser.wait("document.getElementById('count')?.textContent === '1 of 1'", 60)
                browser.wait(f"{points} >= 25", 60)
                (worker,) = workers_of(driver.pid)
                os.kill(worker, signal.SIGKILL)
                browser.wait(f"{points} < 25", 60)  # it is trained again, from the first epoch
                browser.wait("document.querySelector('.state').textContent === 'complete: 2 runs'", 120)
                browser.wait("document.getElementById('count').textContent === '2 of 2'", 30)
                assert browser.evaluate("document.querySelector('[data-part=failures]').textContent") == "None."
                assert browser.complaints == []
        finally:
            driver.terminate()
            browser.close()
    assert not list(tmp_path.glob(".netspace-checkpoints"))


def workers_of(driver: int) -> list[int]:
    """Return the processes that train for a driver on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_text()
            if parent == driver and "netspace.study.executors.local" in line:
                found.append(int(folder.name))
    return found


def test_a_page_shows_the_curves_and_decisions_of_the_moment(make_study, tmp_path):
    stop = {"alpha": 0.05, "delta": 0.1, "method": "sign"}
    spec = {"stop": stop, "recipe": {"epochs": 5}}
    store = make_study(n=40, finished=30, gap=12.0, spec=spec)
    record = store.find_study("small")
    run = store.lease_next(record.id, "worker-3")
    folder = folder_in_hand(record, tmp_path)
    folder.mkdir(parents=True)
    write = curve_writer(folder, run.id)
    for number, loss in enumerate((2.25, 1.5, 1.25), start=1):
        write(Epoch(epoch=number, train_loss=loss, val_error=61.5 if number == 2 else None, lr=0.1, seconds=number))
    with served(store.where) as address:
        now = json.loads(answer(f"{address}study/1/now"))["parts"]["now"]
    assert "3 of 5: loss 1.25, error 61.50 %" in now
    assert 'aria-label="training loss from 2.25 to 1.25 in 3 epochs"' in now
    assert "<p data-decided>RegNetX against AnyNetXA: better, decided after" in now


def test_what_cannot_be_judged_is_told(make_study):
    store = make_study(n=6)
    with served(store.where) as address:
        for query, told in (
            ("space=RegNetX&bounds=%5B1", "bounds must be JSON"),
            ("space=RegNetX&bounds=%7B%22depth%22:%20%5B1%5D%7D", "bounds must be JSON"),
            ("space=Regnet&bounds=%7B%22depth%22:%20%5B1,2%5D%7D", "unknown space"),
            ("bounds=%7B%7D&space=RegNetX", "nothing is selected"),
        ):
            assert told in json.loads(answer(f"{address}study/1/selection?{query}"))["refused"]


def test_a_store_in_postgresql_is_followed(make_study, postgresql_url):
    store = make_study(n=3, finished=2, target=postgresql_url)
    with served(postgresql_url) as address:
        first = json.loads(answer(f"{address}study/1/now"))
        assert "4 of 6 runs ended" in first["parts"]["now"]
        end_one(store, 42.0)
        second = json.loads(answer(f"{address}study/1/now"))
        assert "5 of 6 runs ended" in second["parts"]["now"]
        assert second["version"] != first["version"]
        assert len(json.loads(answer(f"{address}study/1/content"))["data"]["error"]) == 5


def test_a_store_on_a_read_only_file_system_is_followed_while_a_driver_writes_it(make_study, tmp_path):
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && ! touch "$0/written" 2>/dev/null && exec "$@"'
    inside = ["unshare", "--mount", "sh", "-c", script, tmp_path]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no read-only mount can be made here")
    store = make_study(n=3, finished=2)
    store.close()  # what it wrote is in the file now, and there is no log beside it
    before = {path.name for path in tmp_path.iterdir()}
    with served(tmp_path / "store.db", inside=inside) as address:
        assert "4 of 6 runs ended" in answer(f"{address}study/1/now")
        assert {path.name for path in tmp_path.iterdir()} == before
        with Store.open(tmp_path / "store.db") as driver:
            for number in (5, 6):
                end_one(driver, 40.0 + number)
                assert f"{number} of 6 runs ended" in answer(f"{address}study/1/now")
        assert "complete: 6 runs" in answer(address)


def test_before_the_first_result_the_page_waits_and_several_studies_are_listed(make_study):
    store = make_study(n=2, finished=0)
    with served(store.where) as address:
        waiting = answer(address)
        assert "0 of 4 runs ended" in waiting
        assert 'http-equiv="refresh"' in waiting
        make_study(n=2, name="another")
        listed = answer(address)
        assert ">small<" in listed
        assert ">another<" in listed


def test_only_this_machine_is_answered_and_nothing_is_written(make_study):
    store = make_study(n=2)
    before = [run.status for run in store.states(1)]
    with served(store.where, "--study", "small") as address:
        assert json.loads(answer(f"{address}study/1/content"))["data"]["spaces"] == ["AnyNetXA", "RegNetX"]
        for place, headers, code in (("study/1/now", {"Host": "evil.example"}, 400), ("study/2/now", {}, 404)):
            with pytest.raises(HTTPError) as refused:
                answer(address + place, **headers)
            assert refused.value.code == code
            refused.value.close()
    assert [run.status for run in store.states(1)] == before
