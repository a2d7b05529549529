"""The docs are true: commands and examples run, links lead somewhere, the site and its picture are built."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/guide.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

WITH_COMMANDS = [*PAGES, "CONTRIBUTING.md", "docs/index.md"]
WITH_LINKS = [*WITH_COMMANDS, "docs/architecture.md", "docs/assisted.md", "docs/log.md", "docs/paper.md"]

ELSEWHERE = {"uv run netspace demo", "uv run pytest", "uv run pytest -m ''"}
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
@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_of_the_page_runs(page, tmp_path):
    write_files(page, tmp_path)
    commands = [
        line.partition("  #")[0].strip()
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
@pytest.mark.parametrize("page", [*PAGES, "docs/assisted.md"])
def test_every_python_example_of_the_page_runs(page, tmp_path):
    write_files(page, tmp_path)
    program = "\n".join(blocks(page, "python"))
    assert program
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}\n{done.stderr}"


def test_the_guide_names_every_recipe_key_executor_option_and_column():
    from netspace.results.table_rows import FIELDS
    from netspace.study.executors import EXECUTORS, get_executor
    from netspace.training.recipe import RECIPES, Augment, Recipe

    guide = (ROOT / "docs" / "guide.md").read_text()
    names = {*RECIPES, *Recipe.model_fields, *Augment.model_fields, *FIELDS, *EXECUTORS}
    names |= {option for name in EXECUTORS for option in get_executor(name).Options.model_fields}
    assert {name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", guide)} == set()


@pytest.mark.parametrize("page", WITH_LINKS)
def test_links_between_files_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_packages_shows_the_imports_as_they_are():
    script = load_script("package_graph")
    assert script.PICTURE.read_text() == script.picture(), "run: python docs/package_graph.py"
    assert ("training", "models") in script.imports()
    assert ("models", "training") not in script.imports()
    assert ("study", "models") in script.implied(script.imports())


def test_the_architecture_page_names_every_package_and_only_files_that_exist():
    page = (ROOT / "docs" / "architecture.md").read_text()
    source = ROOT / "src" / "netspace"
    packages = {path.parent.name for path in source.glob("*/__init__.py")}
    assert {name for name in packages if f"`{name}`" not in page} == set()
    for path in re.findall(r"`(\w+/[\w/.-]+\.\w+)`", page):
        assert (source / path).exists() or (ROOT / path).exists(), path


def test_every_package_has_a_page_in_the_reference():
    packages = {path.parent.name for path in (ROOT / "src" / "netspace").glob("*/__init__.py")} - {"commands"}
    assert packages <= {path.stem for path in (ROOT / "docs" / "reference").glob("*.md")}


@pytest.mark.slow
def test_the_site_is_built_without_warnings_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {path: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    outside = r"""(?:<script|<img|<iframe)[^>]*src="https?:|<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*https?:"""
    assert {str(path) for path, text in pages.items() if re.search(outside, text)} == set()
    reference = pages[tmp_path / "site" / "reference" / "training" / "index.html"]
    assert "netspace.training.loop.train" in reference


def test_the_citation_and_the_changelog_know_the_version():
    import yaml

    import netspace

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == netspace.__version__
    assert f"## {netspace.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()
