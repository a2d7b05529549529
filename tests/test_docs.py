"""Every command and every Python example of the docs is run, on the files that the docs show."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/guide.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ELSEWHERE = {"uv run netspace demo", "uv run pytest"}
"""Commands that have tests of their own: tests/commands/test_study_commands.py, and this very run."""


def blocks(page: str, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall((ROOT / page).read_text()) if found == language]


def write_files(page: str, folder: Path) -> None:
    """Write the YAML and CSV blocks that begin with a comment naming a file."""
    for language in ("yaml", "csv"):
        for text in blocks(page, language):
            if named := re.match(r"# (\S+\.(?:yaml|csv))\n", text):
                body = text[named.end() :] if language == "csv" else text
                (folder / named[1]).write_text(body)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_runs(page, tmp_path):
    write_files(page, tmp_path)
    commands = [
        line
        for text in blocks(page, "sh")
        for line in text.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]
    assert commands
    for command in commands:
        if command in ELSEWHERE:
            continue
        words = shlex.split(command)
        assert words[:3] == ["uv", "run", "netspace"], f"{page}: no test knows how to run: {command}"
        done = subprocess.run(
            [sys.executable, "-m", "netspace.cli", *words[3:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_python_example_of_the_page_runs(page, tmp_path):
    write_files(page, tmp_path)
    program = "\n".join(blocks(page, "python"))
    assert program
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}\n{done.stderr}"


def test_the_guide_names_every_recipe_key_executor_option_and_column():
    from netspace.results.imported import FIELDS
    from netspace.study.executors import EXECUTORS, get_executor
    from netspace.training.recipe import RECIPES, Augment, Recipe

    guide = (ROOT / "docs" / "guide.md").read_text()
    names = {*RECIPES, *Recipe.model_fields, *Augment.model_fields, *FIELDS, *EXECUTORS}
    names |= {option for name in EXECUTORS for option in get_executor(name).Options.model_fields}
    assert {name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", guide)} == set()


@pytest.mark.parametrize("page", [*PAGES, "docs/log.md"])
def test_links_between_files_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
