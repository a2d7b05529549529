"""The layers of the design: imports go down only, and packages on one layer do not import each other."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "netspace"

LAYERS = {
    "_version": 0,
    "checks": 0,
    "displayed": 0,
    "documents": 0,
    "errors": 0,
    "files": 0,
    "masking": 0,
    "pixels": 0,
    "arch": 1,
    "stats": 1,
    "store": 1,
    "code": 2,
    "results": 2,
    "space": 2,
    "zoo": 2,
    "models": 3,
    "spaces": 3,
    "training": 4,
    "report": 5,
    "study": 5,
    "searching": 6,
    "commands": 7,
    "cli": 7,
}
"""Every file and package directly below src/netspace, and its layer."""

WITHIN = {("checks", "errors"), ("documents", "errors"), ("pixels", "errors"), ("cli", "commands"), ("space", "code")}
"""Imports on one layer that are allowed: one is the foundation of the other."""

TORCH = {"torch", "torchvision", "timm"}


def imports(path: Path, *, deferred: bool = True) -> set[str]:
    """Return the modules that a file imports; with `deferred` false, only those imported when it is itself."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module.startswith("netspace"))
        for child in ast.iter_child_nodes(node):
            if deferred or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.If):
                visit(child)

    visit(tree)
    return found


def unit(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "netspace" and len(parts) > 1 else None


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_every_file_has_a_layer():
    units = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES}
    assert units == set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path):
    here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for module in imports(path):
        there = unit(module)
        if there is None or there == here:
            continue
        assert there in LAYERS, f"{path} imports {module}"
        allowed = LAYERS[there] < LAYERS[here] or (here, there) in WITHIN
        assert allowed, f"{path}: layer {LAYERS[here]} imports netspace.{there} of layer {LAYERS[there]}"


def test_no_files_import_each_other_in_a_circle():
    modules = {".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): path for path in FILES}
    graph = {name: imports(path) & modules.keys() for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names them


@pytest.mark.parametrize("package", ["arch", "space", "stats", "store", "results", "report"])
def test_no_torch_is_imported_where_none_is_needed(package):
    for path in (SOURCE / package).rglob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & TORCH, path


@pytest.mark.parametrize(
    "code",
    [
        "import netspace as ns; ns.zoo.get('RegNetX-400MF'); ns.spaces.AnyNetXA().sample(5, seed=0)",
        "import netspace.cli",
        "import netspace.store, netspace.stats, netspace.results, netspace.report",
        "import netspace.study",
    ],
)
def test_torch_is_loaded_only_when_a_model_is_built(code):
    program = f"{code}\nimport sys; print(sorted({TORCH!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_imports_nothing_heavy():
    program = "import netspace.cli, sys; print(sorted({'numpy', 'pandas', 'pydantic', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
