"""Which networks of one space are networks of another: their parameters looked for among its settings.

A network of stages is looked for among all settings that the rule of compatible groups turns into it, one of RegNet's
parameters or of a builder's by these parameters themselves.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch import AnyNetBatch, Code, Template
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.arch.regnet import adjust_compatibility
from netspace.space.definition import SpaceDefinition
from netspace.space.distributions import Values
from netspace.space.laws import InOrder, Law, Once, Varying
from netspace.space.sampling import ONE_GROUP, Candidates, accepted, for_stages

_HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "non_decreasing": np.less_equal,
    "increasing": np.less,
    "non_increasing": np.greater_equal,
    "decreasing": np.greater,
    "constant": np.equal,
}
"""What each order says of a stage and the next."""

Adjusted = NDArray[np.int64]


def law_of(space: SpaceDefinition, name: str) -> Law:
    """Return the law that a parameter follows, its own or that of the one that it is tied to."""
    return space.laws[space.ties.get(name, name)]


def order_of(law: Law) -> str | None:
    """Return in which order a law's values are over the stages, None if in any."""
    if isinstance(law, Once) or len(law.distribution) == 1:
        return "constant"
    return law.order if isinstance(law, InOrder | Varying) else None


def stages_of(space: SpaceDefinition, name: str) -> int | None:
    """Return over how many stages a parameter goes, None if it is one number for the network."""
    if space.kind == "builder":
        return space.lengths.get(name)
    return space.stages if space.kind == "anynet" else None


def inside(members: Candidates, space: SpaceDefinition, base: SpaceDefinition) -> NDArray[np.bool_]:
    """Return which of n networks of `space` are in `base`, (n,)."""
    found = np.zeros(len(members), dtype=bool)
    if space.kind == base.kind:
        settings, fits = _as_settings(members, base, recipe=space.recipe)
        rows = np.flatnonzero(fits)
        if len(rows):
            of_rows = {name: values[rows] for name, values in settings.items()}
            found[rows] = _meets(members.take(rows), of_rows, base)
    if isinstance(members.networks, AnyNetBatch) and base.kind == "anynet":
        for row in np.flatnonzero(~found):
            one = members.take(np.array([row]))
            setting = _setting_of(one.networks, base) if isinstance(one.networks, AnyNetBatch) else None
            found[row] = setting is not None and bool(_meets(one, setting, base)[0])
    return found


def _meets(members: Candidates, settings: Mapping[str, Values], base: SpaceDefinition) -> NDArray[np.bool_]:
    """Return which networks, made by these settings, meet windows and conditions of the base."""
    numbered = replace(members, positions=np.arange(len(members)), parameters=settings)
    met = np.zeros(len(members), dtype=bool)
    met[accepted(numbered, base, base.windows).positions] = True
    return met


def _as_settings(
    members: Candidates, base: SpaceDefinition, *, recipe: Container[str]
) -> tuple[dict[str, Values], NDArray[np.bool_]]:
    """Return what was drawn as settings of the base, and which of them it has."""
    n = len(members)
    has = np.ones(n, dtype=bool)
    settings: dict[str, Values] = {}
    for name in base.parameter_names:
        values = members.parameters.get(name)
        if values is None:
            absent = {"bottleneck_ratio": 1, "group_width": ONE_GROUP}.get(name)
            if absent is None:
                return {}, np.zeros(n, dtype=bool)
            values = np.full(n, absent)
        settings[name], fits = _as_drawn(values, base, name)
        has &= fits
    for name, values in members.parameters.items():
        if name not in settings and name not in recipe:
            has &= (values == 1).reshape(n, -1).all(axis=1) if name == "bottleneck_ratio" else False
    for name, source in base.ties.items():
        has &= _same(settings[name], settings[source])
    return settings, has


def _as_drawn(values: Values, base: SpaceDefinition, name: str) -> tuple[Values, NDArray[np.bool_]]:
    """Return a parameter's values in the shape in which the base draws it, and which it can draw."""
    law, stages = law_of(base, name), stages_of(base, name)
    fits = np.asarray(np.isin(values, law.distribution.values).reshape(len(values), -1).all(axis=1))
    if stages is None:
        return values, fits
    each = for_stages(values, stages)
    if (order := order_of(law)) is not None:
        fits = fits & _HOLDS[order](each[:, :-1], each[:, 1:]).all(axis=1)
    return (each[:, 0] if isinstance(law, Once) else each), fits


def _same(one: Values, other: Values) -> NDArray[np.bool_]:
    shape = (len(one), -1)
    return np.asarray((one.reshape(shape) == other.reshape(shape)).all(axis=1))


def _setting_of(networks: AnyNetBatch, base: SpaceDefinition) -> dict[str, Values] | None:
    """Return a setting of the base that makes this single network, None if there is none."""
    known: dict[str, NDArray[Any]] = {"depth": networks.depths, **networks.own}
    if networks.own.keys() != set(base.own):
        return None
    if "bottleneck_ratio" in base.parameters:
        known["bottleneck_ratio"] = networks.bottleneck_ratios
    elif (networks.bottleneck_ratios != 1).any():
        return None
    settings: dict[str, Values] = {}
    for name, values in known.items():
        settings[name], fits = _as_drawn(values, base, name)
        if not fits[0]:
            return None
    found = _before_adjustment(networks, base)
    if found is None:
        return None
    settings["width"], _ = _as_drawn(found[None, :, 0], base, "width")
    if "group_width" in base.parameters:
        settings["group_width"], _ = _as_drawn(found[None, :, 1], base, "group_width")
    same = all(_same(settings[name], settings[source])[0] for name, source in base.ties.items())
    return settings if same else None


def _before_adjustment(networks: AnyNetBatch, base: SpaceDefinition) -> Adjusted | None:
    """Return widths and group widths (stages, 2) of the base that become those of a network, None if there are none.

    Stage by stage, of all pairs that become the stage's, those are kept that follow one kept before in the order that
    the base has.
    """
    relations = [order_of(law_of(base, name)) for name in ("width", "group_width") if name in base.parameters]
    paths: list[tuple[Adjusted, Adjusted]] = []
    for s in range(networks.num_stages):
        pairs = _pairs(
            base,
            int(networks.widths[0, s]),
            float(networks.bottleneck_ratios[0, s]),
            int(networks.group_widths[0, s]),
        )
        parents = np.zeros(len(pairs), dtype=np.int64)
        if paths:
            before = paths[-1][0]
            follows = np.ones((len(before), len(pairs)), dtype=bool)
            for column, order in enumerate(relations):
                if order is not None:
                    follows &= _HOLDS[order](before[:, None, column], pairs[None, :, column])
            reached = follows.any(axis=0)
            pairs, parents = pairs[reached], follows.argmax(axis=0)[reached]
        if not len(pairs):
            return None
        paths.append((pairs, parents))
    place, found = 0, []
    for pairs, parents in reversed(paths):
        found.append(pairs[place])
        place = int(parents[place])
    return np.array(found[::-1])


@lru_cache(maxsize=20_000)
def _pairs(base: SpaceDefinition, width: int, ratio: float, group: int) -> Adjusted:
    """Return the widths and group widths (k, 2) of the base that the rule of compatibility turns into these."""
    block = base.network.block if isinstance(base.network, Template) else None
    allowed = law_of(base, "width").distribution.values
    adjusts = block in BOTTLENECK_BLOCKS or (
        isinstance(block, Code) and {"bottleneck_ratio", "group_width"} & {*base.parameters}
    )
    if not adjusts:
        widths = allowed[allowed == width]
        return np.column_stack([widths, widths]).astype(np.int64)
    near = allowed[(allowed >= width / 4) & (allowed <= 4 * width)]  # further the rule moves none
    groups = np.array([ONE_GROUP])
    if "group_width" in base.parameters:
        groups = law_of(base, "group_width").distribution.values
        groups = groups[groups >= group]  # it never widens a group
    pairs = np.stack(np.meshgrid(near, groups, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.int64)
    if not len(pairs):
        return pairs
    widths, adjusted = adjust_compatibility(pairs[:, 0], ratio, pairs[:, 1])
    found: Adjusted = pairs[(widths == width) & (adjusted == group)]
    if {"width", "group_width"} in [{name, source} for name, source in base.ties.items()]:
        found = found[found[:, 0] == found[:, 1]]
    return found
