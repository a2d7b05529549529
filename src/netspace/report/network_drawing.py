"""Networks one can see: stem, stages and head as SVG, with what each of them is and costs.

Written as text: a drawing is a few dozen bars and words, which stand in a page, a notebook and a paper as they are.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt

from netspace.arch import MEASURES, AnyNetConfig, complexity, parts
from netspace.arch.complexity import Part
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.report.style import COLOURS, GRID, INK, MUTED, SHADE
from netspace.report.text import figure_text
from netspace.results.properties import PROPERTIES

_COLUMN, _LABELS, _ROW, _BARS, _MARGIN = 84, 104, 16, 84, 12
"""Sizes in pixels: width of a part's column and of the labels, height of a row of the table and of the bars."""
_SMALL_WIDTH, _SMALL_BARS = 210, 60


def network_svg(networks: Mapping[str, AnyNetConfig], resolution: int = 224) -> str:
    """Return networks side by side as SVG, block by block, over a table of what each part is and costs.

    Bars are blocks: their height is the root of the width, to one scale for all. Shades in the table are a part's share
    of the whole network.

    Args:
        networks: by their names, at least one.
        resolution: of the images, in pixels, for resolutions and costs.

    Raises:
        ConfigError: the resolution is not a positive integer.
    """
    widest = max(max(config.stem.width, *config.block_widths) for config in networks.values())
    drawn, left, below = [], _MARGIN, 0
    for name, config in networks.items():
        body, width, height = _drawing(name, config, resolution, widest)
        drawn.append(f'<g transform="translate({left},{_MARGIN})">{body}</g>')
        left, below = left + width + 3 * _MARGIN, max(below, height)
    described = "; ".join(f"{name}: {_words(config, resolution)}" for name, config in networks.items())
    drawn.insert(0, '<rect width="100%" height="100%" fill="white"/>')
    return _svg(drawn, left - 2 * _MARGIN, below + 2 * _MARGIN, described)


def networks_svg(networks: Sequence[tuple[str, AnyNetConfig]], *, columns: int = 4) -> str:
    """Return networks as small multiples: bars of their blocks, and depth, width and group width of each stage.

    Args:
        networks: pairs of title and network, at least one.
        columns: networks side by side.
    """
    widest = max(max(config.stem.width, *config.block_widths) for _, config in networks)
    deepest = max(config.total_depth for _, config in networks)
    tall = _SMALL_BARS + 5 * _ROW
    drawn = []
    for place, (title, config) in enumerate(networks):
        x, y = _MARGIN + place % columns * (_SMALL_WIDTH + 2 * _MARGIN), _MARGIN + place // columns * (tall + _MARGIN)
        body = [_text(0, 10, title, weight="bold")]
        step = min(12.0, _SMALL_WIDTH / deepest)
        bars, right = _blocks(config, 0.0, _SMALL_BARS + 18, step, widest, _SMALL_BARS)
        body += [bars, _line(0, _SMALL_BARS + 18, max(right, 1.0))]
        rows = {
            "d": [stage.depth for stage in config.stages],
            "w": [stage.width for stage in config.stages],
            "g": [stage.group_width for stage in config.stages] if config.block in BOTTLENECK_BLOCKS else [],
        }
        for number, (key, values) in enumerate(rows.items()):
            if values:
                words = f"{key} {', '.join(map(str, values))}"
                body.append(_text(0, _SMALL_BARS + 18 + _ROW * (number + 1), words, colour=MUTED))
        drawn.append(f'<g transform="translate({x},{y})">{"".join(body)}</g>')
    across = min(columns, len(networks))
    width = across * (_SMALL_WIDTH + 2 * _MARGIN)
    height = -(-len(networks) // columns) * (tall + _MARGIN) + _MARGIN
    described = "; ".join(f"{title}: {_structure(config)}" for title, config in networks)
    return _svg(drawn, width, height, described)


def _drawing(name: str, config: AnyNetConfig, resolution: int, widest: int) -> tuple[str, int, int]:
    """Return a network's drawing with its width and height."""
    found = parts(config, resolution)
    total = complexity(config, resolution)
    columns = [*found, Part("total", resolution, total)]
    rows = _rows(config, columns)
    top = 34 + _BARS
    body = [_text(0, 10, name, size=13, weight="bold"), _text(0, 25, f"images of {resolution} px", colour=MUTED)]
    for place, part in enumerate(columns):
        x = _LABELS + place * _COLUMN
        body.append(_text(x + _COLUMN / 2, top + _ROW, part.name, anchor="middle", weight="bold"))
    body.append(_bar(_LABELS + _COLUMN / 2 - 4, top, 8, config.stem.width, widest, _BARS, COLOURS[6]))
    for place, stage in enumerate(config.stages):
        start = _LABELS + (place + 1) * _COLUMN
        step = min(12.0, (_COLUMN - 12) / stage.depth)
        first = start + (_COLUMN - step * stage.depth) / 2
        body += [
            _bar(first + step * block, top, step * 0.86, stage.width, widest, _BARS, COLOURS[place % len(COLOURS)])
            for block in range(stage.depth)
        ]
    right = _LABELS + _COLUMN * len(columns)
    body.append(_line(_LABELS, top, right - _LABELS))
    for number, (label, cells, shares) in enumerate(rows):
        y = top + _ROW * (number + 2) + 2
        body.append(_text(0, y, label, colour=MUTED))
        for place, (cell, share) in enumerate(zip(cells, shares, strict=True)):
            x = _LABELS + place * _COLUMN
            if share:
                wide = round((_COLUMN - 8) * share, 1)
                body.append(f'<rect x="{x + 4}" y="{y - 11}" width="{wide}" height="14" fill="{SHADE}" opacity="0.3"/>')
            body.append(_text(x + _COLUMN / 2, y, cell, anchor="middle"))
    return "".join(body), right, top + _ROW * (len(rows) + 2)


def _rows(config: AnyNetConfig, columns: Sequence[Part]) -> list[tuple[str, list[str], list[float]]]:
    """Return the table: for each row its label, a cell for each part, and the share of the total that is shaded."""
    stages = config.stages
    grouped = config.block in BOTTLENECK_BLOCKS
    settings = {
        "resolution": [f"{part.resolution} px" for part in columns[:-2]] + ["pooled", ""],
        "depth": ["", *(str(stage.depth) for stage in stages), "", str(config.total_depth)],
        "width": [
            str(config.stem.width),
            *(str(stage.width) for stage in stages),
            str(config.head_width or config.num_classes),
            "",
        ],
    }
    if grouped:
        settings["groups"] = ["", *(str(stage.bottleneck_width // stage.group_width) for stage in stages), "", ""]
        settings["group width"] = ["", *(str(stage.group_width) for stage in stages), "", ""]
        settings["bottleneck ratio"] = ["", *(f"{stage.bottleneck_ratio:g}" for stage in stages), "", ""]
    rows: list[tuple[str, list[str], list[float]]] = [
        (label, cells, [0.0] * len(cells)) for label, cells in settings.items()
    ]
    for measure in MEASURES:
        known = PROPERTIES[measure]
        values = [getattr(part.cost, measure) for part in columns]
        shares = [value / max(values[-1], 1) for value in values[:-1]]
        cells = [figure_text(value / known.scale) for value in values]
        rows.append((f"{known.label} ({known.unit})", cells, [*shares, 0.0]))
    return rows


def _blocks(config: AnyNetConfig, x: float, base: float, step: float, widest: int, tall: float) -> tuple[str, float]:
    """Return the bars of all blocks from `x` on, and where they end."""
    bars = []
    for place, stage in enumerate(config.stages):
        for _ in range(stage.depth):
            bars.append(_bar(x, base, step * 0.86, stage.width, widest, tall, COLOURS[place % len(COLOURS)]))
            x += step
    return "".join(bars), x


def _bar(x: float, base: float, wide: float, width: int, widest: int, tall: float, colour: str) -> str:
    height = max(tall * sqrt(width / widest), 1.0)
    place = f'x="{x:.1f}" y="{base - height:.1f}"'
    return f'<rect {place} width="{max(wide, 0.5):.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(x: float, y: float, wide: float) -> str:
    return f'<path d="M{x:.1f} {y:.1f}h{wide:.1f}" stroke="{GRID}" fill="none"/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 11, weight: str = "normal", colour: str = INK
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">'
        f"{escape(words)}</text>"
    )


def _svg(drawn: Sequence[str], width: float, height: float, described: str) -> str:
    """Return a whole picture; what it shows in words is its description for a screen reader."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="DejaVu Sans, Verdana, sans-serif">'
        f"<title>{escape(described)}</title>{''.join(drawn)}</svg>\n"
    )


def _structure(config: AnyNetConfig) -> str:
    changes = [f"{stage.depth} blocks of width {stage.width}" for stage in config.stages]
    return f"block {config.block}, " + ", then ".join(changes)


def _words(config: AnyNetConfig, resolution: int) -> str:
    cost = complexity(config, resolution)
    known = [(getattr(cost, key) / PROPERTIES[key].scale, PROPERTIES[key].unit, key) for key in MEASURES]
    costs = (f"{figure_text(value)} {unit} {key}" for value, unit, key in known)
    return f"{_structure(config)}; {', '.join(costs)}"
