"""The properties of networks that tables and pictures show: one table of their names, units, scales and order."""

from dataclasses import dataclass
from typing import NamedTuple

from netspace.arch.config import STAGE_PROPERTIES


@dataclass(frozen=True, kw_only=True)
class Property:
    """A property, of a whole network or of each of its stages.

    Attributes:
        key: its column in tables; of a stage `key_1`, `key_2`, ...
        label: how it is written.
        unit: of the values shown; empty for counts and ratios.
        scale: what values are divided by where they are shown, so that they have that unit.
        logarithmic: whether it is drawn on a logarithmic axis: what is sampled log-uniformly, and complexities.
    """

    key: str
    label: str
    unit: str = ""
    scale: float = 1.0
    logarithmic: bool = True


PROPERTIES = {
    one.key: one
    for one in (
        Property(key="depth", label="depth", logarithmic=False),
        Property(key="stages", label="stages", logarithmic=False),
        Property(key="w_m", label="w_m", logarithmic=False),
        Property(key="width", label="width"),
        Property(key="bottleneck_ratio", label="bottleneck ratio"),
        Property(key="group_width", label="group width"),
        Property(key="lr", label="learning rate"),
        Property(key="weight_decay", label="weight decay"),
        Property(key="momentum", label="momentum", logarithmic=False),
        Property(key="label_smoothing", label="label smoothing", logarithmic=False),
        Property(key="drop_path", label="drop path", logarithmic=False),
        Property(key="flops", label="flops", unit="MF", scale=1e6),
        Property(key="params", label="params", unit="M", scale=1e6),
        Property(key="activations", label="activations", unit="M", scale=1e6),
        Property(key="latency_ms", label="latency", unit="ms"),
    )
}
"""What is known of properties, in their order; any other column is logarithmic and has neither unit nor label."""

_OF_A_STAGE = frozenset(STAGE_PROPERTIES.values())


class Column(NamedTuple):
    """What a column of a table holds: a property, and its stage, from 1; 0 for the whole network."""

    property: Property
    stage: int


def column(name: str) -> Column:
    """Return what the column `name` holds."""
    key, _, number = name.rpartition("_")
    if number.isdecimal() and key in _OF_A_STAGE:
        return Column(PROPERTIES[key], int(number))
    is_word = "=" in name  # 1 for the networks that have the word
    return Column(PROPERTIES.get(name) or Property(key=name, label=name, logarithmic=not is_word), 0)


def label(name: str) -> str:
    """Return how a column is written in pictures and tables, with its unit."""
    found, stage = column(name)
    if stage:
        return f"{found.label}, stage {stage}"
    return f"{found.label} ({found.unit})" if found.unit else found.label


def unit(name: str) -> float:
    """Return what a column's values are divided by where they are shown."""
    return column(name).property.scale


def is_logarithmic(name: str) -> bool:
    """Return whether a column is drawn on a logarithmic axis."""
    return column(name).property.logarithmic


def place(name: str) -> tuple[int, int, int, str]:
    """Order columns: total depth, what was drawn once, stage by stage, complexity."""
    found, stage = column(name)
    known = list(PROPERTIES).index(found.key) if found.key in PROPERTIES else 0
    if stage:
        return 2, known, stage, name
    if found.unit:
        return 3, known, 0, name
    return (0 if name == "depth" else 1), 0, 0, name
