"""What `import netspace` offers, and that it stays light."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import netspace

ROOT = Path(__file__).parents[1]


def fresh(code: str) -> list[str]:
    """Return what `code` prints in a new interpreter, line by line."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_names_are_listed_before_anything_is_used():
    listed, loaded = fresh(
        "import netspace, sys; print(*dir(netspace)); print(*{'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    assert {"AnyNetConfig", "Recipe", "train", "spaces", "zoo", "__version__"} <= set(listed.split())
    assert not loaded


@pytest.mark.parametrize("package", ["netspace", "netspace.store", "netspace.study", "netspace.training"])
def test_every_listed_name_is_there_and_is_what_the_stub_names(package):
    module = import_module(package)
    assert dir(module) == sorted(module.__all__)
    assert module.__doc__
    for name in dir(module):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = module.nothing_like_this


def test_spaces_and_zoo_are_modules_that_can_be_imported():
    lines = fresh(
        "import netspace.spaces, netspace.zoo, netspace as ns\n"
        "print(netspace.spaces is ns.spaces, netspace.zoo is ns.zoo)\n"
        "print(ns.spaces.AnyNetXA().name, ns.zoo.get('x400mf').block)"
    )
    assert lines == ["True True", "AnyNetXA bottleneck"]


def test_the_version_is_that_of_the_package():
    assert netspace.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_guide_needs_nothing_below_the_root():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), flags=re.DOTALL)
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert blocks
    assert not {module for module in imported if module.startswith("netspace.")}
