"""The published results of the paper's study: its page says what its kept tables say."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loaded_modules import loaded_by

from netspace.store import Store

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")


def page_script():
    spec = importlib.util.spec_from_file_location("page", ROOT / "examples" / "paper" / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a store with the study of the steps, and its pools."""
    script, path = page_script(), tmp_path_factory.mktemp("kept") / "paper.db"
    with Store.open(path) as store:
        script.kept_study(store, script.STEPS)
    return path


@pytest.mark.slow
def test_the_page_shows_the_verdicts_that_the_kept_results_give(kept, tmp_path):
    script = page_script()
    with Store.open(kept) as store:
        [study] = store.studies()
        tables = script.tables(store, study)
    further = {}
    with Store.open(tmp_path / "further.db") as store:
        for one in (script.VARIANTS, script.WINDOWS):
            further |= script.further_tables(store, script.kept_study(store, one))
    shown = dict(re.findall(r"<!-- begin ([\w-]+) -->\n\n(.*?)\n\n<!-- end -->", PAGE, re.DOTALL))
    assert shown == tables | further
    windows = [f"windows-{name}" for name in script.WINDOW_FIGURES]
    pictures = [*script.FIGURES, *script.OPPOSITES, *windows]
    assert all((ROOT / "docs" / "paper" / f"{name}.svg").is_file() for name in pictures)

    found = subprocess.run(
        [sys.executable, "-m", "netspace.cli", "compare", kept, "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for verdict in json.loads(found.stdout):
        [row] = [line for line in tables["verdicts"].splitlines() if f" to {verdict['space']} |" in line]
        assert f"| {verdict['verdict']} |" in row


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "compare"])
def test_a_look_at_assisted_results_loads_neither_tables_nor_pictures_nor_torch(kept, command):
    printed, loaded = loaded_by(command, kept)
    assert ("likely" if command == "status" else "assisted by") in printed
    assert loaded == "[]"


@pytest.mark.slow
def test_the_kept_tables_are_imported_by_the_command_of_the_page(tmp_path):
    [command] = re.findall(r"^uv run netspace (import .* kept.db)$", PAGE, re.MULTILINE)
    words = [str(ROOT / word) if word.startswith("examples/") else word for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-m", "netspace.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Compare them with: netspace compare {tmp_path / 'kept.db'}"
