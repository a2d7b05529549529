"""The page of a study that runs: `netspace serve` as a user starts it, and a real browser that looks on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from chromium import CHROMIUM, Browser

from netspace.store import Outcome, Store

pytestmark = pytest.mark.slow


@contextmanager
def served(*arguments: object) -> Iterator[str]:
    """Start `netspace serve` and give its address."""
    command = [sys.executable, "-m", "netspace.cli", "serve", *map(str, arguments)]
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
