"""Hooks of MkDocs: links to files outside docs/ become paths, and packages that load lazily list what they offer."""

import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "src"

MEMBER = """
::: {name}
    options:
      show_root_heading: true
      show_root_toc_entry: true
      show_root_full_path: false
"""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the text of a page for MkDocs."""
    # nothing but docs/ is part of the site, and the repository has no address of its own
    text = re.sub(r"\[`?([^\]`]+)`?\]\(\.\./([\w./-]+)\)", _as_path, markdown)
    return re.sub(r"^::: netspace\.(\w+)$", _with_members, text, flags=re.MULTILINE)


def _as_path(link: re.Match[str]) -> str:
    label, path = link.groups()
    return f"`{path}`" if label == path else f"{label} (`{path}`)"


def _with_members(directive: re.Match[str]) -> str:
    """Return the directive of a package, and of what mkdocstrings cannot see: a stub's names, or else all modules."""
    package = SOURCE / "netspace" / directive[1]
    initial = package / "__init__.py"
    if not initial.exists() or re.search(r"^__all__ = \[", initial.read_text(), re.MULTILINE):
        return directive[0]
    stub = package / "__init__.pyi"
    if stub.exists():
        found = re.findall(r"^from \.([\w.]+) import (\w+)", stub.read_text(), re.MULTILINE)
        members = [f"{module}.{name}" for module, name in found]
    else:
        members = sorted(path.stem for path in package.glob("[!_]*.py"))
    return directive[0] + "\n" + "".join(MEMBER.format(name=f"netspace.{directive[1]}.{name}") for name in members)
