"""Draws the packages of netspace and their imports as they are: `python docs/package_graph.py` rewrites packages.svg.

Rows are the layers of `tests/test_layers.py`. An arrow points from what imports to what is imported; the ones that
follow from a chain of others are faint. A test fails when the picture is out of date.
"""

import ast
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "netspace"
PICTURE = ROOT / "docs" / "packages.svg"

WIDTH, ROW, BOX, HEIGHT = 760, 86, 112, 34
"""In pixels: the picture's width, the distance of rows, and a box's width and height."""

OMITTED = {"_version", "spaces", "zoo"}
"""Modules that only give a name of a package another home."""


def layers() -> dict[str, int]:
    """Return the layer of each package, as the layer test has it."""
    tree = ast.parse((ROOT / "tests" / "test_layers.py").read_text())
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "LAYERS"
    )
    return {name: layer for name, layer in ast.literal_eval(table).items() if name not in OMITTED}


def imports() -> set[tuple[str, str]]:
    """Return the pairs (importer, imported) of packages; imports inside functions count, those for types do not."""
    names = set(layers())
    found = set()
    for path in SOURCE.rglob("*.py"):
        here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in _at_run_time(ast.parse(path.read_text())):
            modules = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                modules = [f"{base}.{name}" for name in modules] if base == "netspace" else [base]
            parts = [module.split(".") for module in modules if module.startswith("netspace.")]
            found |= {(here, part[1]) for part in parts if {here, part[1]} <= names and here != part[1]}
    return found


def _at_run_time(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
        return []
    children = [found for child in ast.iter_child_nodes(node) for found in _at_run_time(child)]
    return [node, *children] if isinstance(node, ast.Import | ast.ImportFrom) else children


def implied(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs that a chain of at least two others joins as well."""
    joined = set(pairs)
    while True:
        longer = {(a, d) for (a, b), (c, d) in product(joined, joined) if b == c} - joined
        if not longer:
            break
        joined |= longer
    return {(a, d) for a, d in pairs if any((a, b) in joined and (b, d) in joined for b in layers())}


def picture() -> str:
    """Return the picture as SVG."""
    rows: dict[int, list[str]] = {}
    for name, layer in layers().items():
        rows.setdefault(layer, []).append(name)
    top = max(rows)
    pairs = imports()
    faint = implied(pairs)
    place: dict[str, tuple[float, float]] = {}
    for layer in sorted(rows):  # from below, each package above the middle of what it imports
        middles = {name: [place[b][0] for a, b in pairs - faint if a == name and b in place] for name in rows[layer]}
        row = sorted(rows[layer], key=lambda name: sum(middles[name]) / max(1, len(middles[name])))
        for i, name in enumerate(row):
            place[name] = (WIDTH * (i + 1) / (len(row) + 1), 40 + ROW * (top - layer))
    height = 40 + ROW * top + 50
    lines = []
    for a, b in sorted(pairs, key=lambda pair: (pair not in faint, pair)):
        (x1, y1), (x2, y2) = place[a], place[b]
        middle = (y1 + y2) / 2
        same_row = y1 == y2
        start, end = (y1, y2) if same_row else (y1 + HEIGHT / 2, y2 - HEIGHT / 2 - 5)
        if same_row:
            side = 1 if x2 > x1 else -1
            x1, x2 = x1 + side * BOX / 2, x2 - side * (BOX / 2 + 5)
        style = "faint" if (a, b) in faint else "strong"
        curve = f"M{x1:.0f},{start:.0f} C{x1:.0f},{middle:.0f} {x2:.0f},{middle:.0f} {x2:.0f},{end:.0f}"
        lines.append(f'<path class="{style}" d="{curve}"><title>{a} imports {b}</title></path>')
    boxes = [
        f'<rect x="{x - BOX / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{BOX}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x:.0f}" y="{y + 5:.0f}">{name}</text>'
        for name, (x, y) in place.items()
    ]
    labels = [f'<text class="layer" x="8" y="{40 + ROW * (top - layer) + 4}">L{layer}</text>' for layer in rows]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            "<title>The packages of netspace and their imports</title>",
            "<style>",
            "rect { fill: #eef3f8; stroke: #41607f } text { font-size: 14px; text-anchor: middle; fill: #1c2833 }",
            ".layer { fill: #7f8c8d; text-anchor: start; font-size: 12px }",
            "path { fill: none } .strong { stroke: #41607f; stroke-width: 1.6; marker-end: url(#head) }",
            ".faint { stroke: #b9c6d2; stroke-width: 0.8; marker-end: url(#pale) }",
            "</style>",
            '<defs><marker id="head" markerWidth="7" markerHeight="7" refX="3" refY="3" orient="auto">'
            '<polygon points="0,0 6,3 0,6" fill="#41607f"/></marker>',
            '<marker id="pale" markerWidth="7" markerHeight="7" refX="3" refY="3" orient="auto">'
            '<polygon points="0,0 6,3 0,6" fill="#b9c6d2"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" style="fill: white; stroke: none"/>',
            *lines,
            *boxes,
            *labels,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture())
