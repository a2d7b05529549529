"""Whether every network of a space is one of another: proved from what both declare, else asked of sampled networks.

Where the parameters and constraints of a space are at least as narrow as those of the other, nothing needs drawing. If
they are not, networks of the space are drawn, some of them where a parameter goes beyond the other's, and each is
looked for in the other: a network of stages among all settings that the rule of compatible groups turns into it, one of
RegNet's parameters or of a builder's by these parameters themselves.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch import AnyNetBatch, Code, Template
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.arch.regnet import adjust_compatibility
from netspace.checks import check_number
from netspace.code import is_counted
from netspace.documents import differences
from netspace.errors import ConfigError
from netspace.space.constraints import Restrict, Window
from netspace.space.definition import STAGES, SpaceDefinition
from netspace.space.distributions import Values
from netspace.space.laws import InOrder, Law, Once, Varying
from netspace.space.sampling import (
    CHUNK,
    ONE_GROUP,
    Candidates,
    accepted,
    draw,
    drawn_networks,
    for_stages,
    reads_complexity,
)

MEMBERS = 2_000
"""Networks of the space that are looked for in the other where nothing can be proved."""
COUNTED_MEMBERS = 100
"""The same of networks that must be built to be counted."""
_CHUNKS = 50
"""Chunks of candidates that are drawn at most, to find so many members."""
_BEYOND = 64
"""Networks that are drawn where a parameter goes beyond the other's."""
_SUBSETS = 0x73756273
"""Sets these streams apart from those of samples, whatever their seeds."""

_FITTED = ("stem", "num_classes", "in_channels")
"""What spaces may differ in and be compared all the same: a study sets it for all its spaces alike."""

_HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "non_decreasing": np.less_equal,
    "increasing": np.less,
    "non_increasing": np.greater_equal,
    "decreasing": np.greater,
    "constant": np.equal,
}
_IMPLIED = {
    "constant": {"constant", "non_decreasing", "non_increasing"},
    "increasing": {"increasing", "non_decreasing"},
    "decreasing": {"decreasing", "non_increasing"},
}

Adjusted = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """How a space lies to another, `base`.

    Attributes:
        subset: whether every network of the space is one of the base; None if it cannot be said.
        proved: whether that follows from what both declare, or from a network that is not in the base; False if as
            many networks as were drawn are in it.
        base: the other's name.
        reason: why it is no subset, why none could be proved, or why nothing can be said.
        drawn: networks that were drawn from the space and looked for in the base.
        outside: of these, how many are not in it.
        aside: what the networks of the two differ in, and is left aside: stem, classes, channels,
            and what is drawn of the recipe.
    """

    subset: bool | None
    proved: bool
    base: str
    reason: str = ""
    drawn: int = 0
    outside: int = 0
    aside: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self._said() + (f" ({' and '.join(self.aside)} left aside)" if self.aside else "")

    def _said(self) -> str:
        if self.subset is None:
            return f"subset of {self.base}: cannot be said: {self.reason}"
        if self.subset and self.proved:
            return f"a subset of {self.base}: its parameters and constraints prove it"
        if self.subset:
            return (
                f"a subset of {self.base} as far as {self.drawn:,} of its networks tell, which all are in it; "
                f"not proved: {self.reason}"
            )
        share = f"; {self.outside:,} of {self.drawn:,} networks drawn are not in it" if self.outside else ""
        return f"not a subset of {self.base}: {self.reason}{share}"


@dataclass(frozen=True, kw_only=True)
class _Doubt:
    """Why it is not proved; `beyond` has the values that a parameter has and the base's has not."""

    text: str
    parameter: str = ""
    beyond: tuple[float, ...] = ()


def relation(space: SpaceDefinition, base: SpaceDefinition, *, resolution: int = 224) -> Relation:
    """Return whether every network of `space` is one of `base`.

    Which networks there are counts, not how likely they are. Nothing in the answer depends on chance that is not fixed.

    Args:
        space, base: of any kind.
        resolution: of the image, for windows on complexity, pixels.

    Raises:
        ConfigError: the resolution is out of range, or code of the space cannot be counted.
    """
    check_number(resolution, "resolution", least=1, whole=True)
    other, aside = _network_differences(space, base)
    if other:
        return Relation(subset=False, proved=True, base=base.name, reason=other, aside=aside)
    if base.kind == "regnet" and space.kind != "regnet":
        reason = "which networks of other spaces RegNet's parameters can give is not known"
        return Relation(subset=None, proved=False, base=base.name, reason=reason, aside=aside)
    doubts = list(_doubts(space, base))
    if not doubts:
        return Relation(subset=True, proved=True, base=base.name, aside=aside)
    if space.varies or base.varies:
        reason = f"where the number of stages varies, only declarations are compared, and {doubts[0].text}"
        return Relation(subset=None, proved=False, base=base.name, reason=reason, aside=aside)
    costs = bool(space.windows or base.windows) or any(map(reads_complexity, (*space.conditions, *base.conditions)))
    members = _members(space, resolution, costs=costs)
    if members is None:
        reason = f"no network of {space.name} was found"
        return Relation(subset=None, proved=False, base=base.name, reason=reason, aside=aside)
    inside = _inside(members, space, base)
    drawn, outside = len(inside), int((~inside).sum())
    reason = "; ".join(doubt.text for doubt in doubts[:2])
    if outside:
        if space.kind != base.kind:
            reason = f"such as {_example(members.take(np.flatnonzero(~inside)[:1]))}"
    elif not any(_beyond(doubt, space, base, resolution, costs=costs) for doubt in doubts if doubt.beyond):
        return Relation(subset=True, proved=False, base=base.name, reason=reason, drawn=drawn, aside=aside)
    return Relation(subset=False, proved=True, base=base.name, reason=reason, drawn=drawn, outside=outside, aside=aside)


def _network_differences(space: SpaceDefinition, base: SpaceDefinition) -> tuple[str, tuple[str, ...]]:
    """Return in what the networks differ so that none can be one of the other's, and in what that does not count."""
    builder = "builder" in (space.kind, base.kind)
    recipe = () if _recipe(space) == _recipe(base) else ("recipe",)
    if builder and space.kind != base.kind:
        return f"its kind is {space.kind}, that of {base.name} {base.kind}", ()
    if not builder and not {*space.stage_counts} <= {*base.stage_counts}:
        return f"its networks have {_counts(space)} stages, those of {base.name} {_counts(base)}", ()
    if not builder and space.strides != base.strides[: space.stages]:
        return f"its strides are {list(space.strides)}, those of {base.name} {list(base.strides)}", ()
    mine, theirs = space.network.model_dump(), base.network.model_dump()
    aside = (*(key for key in _FITTED if mine.get(key) != theirs.get(key)), *recipe)
    for key in mine.keys() | theirs.keys():
        if key not in _FITTED and mine.get(key) != theirs.get(key):
            before, now = (str(getattr(one.network, key, None)) for one in (base, space))
            text = f"{key} is {now}, that of {base.name} {before}"
            return text if now != before else next(differences(theirs, mine)), aside
    return "", aside


def _counts(space: SpaceDefinition) -> str:
    return " or ".join(map(str, space.stage_counts))


def _recipe(space: SpaceDefinition) -> dict[str, list[float]]:
    return {name: space.laws[name].distribution.values.tolist() for name in space.recipe}


def _law(space: SpaceDefinition, name: str) -> Law:
    return space.laws[space.ties.get(name, name)]


def _order(law: Law) -> str | None:
    if isinstance(law, Once) or len(law.distribution) == 1:
        return "constant"
    return law.order if isinstance(law, InOrder | Varying) else None


def _doubts(space: SpaceDefinition, base: SpaceDefinition) -> Iterator[_Doubt]:
    """Yield what keeps the declarations from proving that the space lies in the base."""
    if space.kind != base.kind:
        yield _Doubt(text=f"a {space.kind} space has other parameters than the {base.kind} space {base.name}")
        return
    names, others = (
        dict.fromkeys(name for name in one.parameter_names if not (one.varies and name == STAGES))
        for one in (space, base)
    )
    for name in (*(one for one in names if one not in others), *(one for one in others if one not in names)):
        fixed = name in names and name == "bottleneck_ratio" and list(_law(space, name).distribution.values) == [1]
        one_is_in = name in others and name == "bottleneck_ratio" and 1 in _law(base, name).distribution.values
        if not fixed and not one_is_in:
            whose = space.name if name in names else base.name
            yield _Doubt(text=f"'{name}' is a parameter of {whose} alone")
    for name in (one for one in names if one in others):
        yield from _doubts_of_parameter(space, base, name)
    for name, source in base.ties.items():
        if space.ties.get(name) != source:
            yield _Doubt(text=f"'{name}' is tied to '{source}' in {base.name} alone")
    windows: dict[str, Window] = {}
    for one in space.windows:
        known = windows.get(one.measure, one)
        windows[one.measure] = Window(one.measure, max(known.low, one.low), min(known.high, one.high))
    for limit in base.windows:
        mine = windows.get(limit.measure)
        if mine is None or mine.low < limit.low or mine.high > limit.high:
            yield _Doubt(text=f"{limit.measure} of {base.name} are limited to {limit}")
    for condition in base.conditions:
        if condition not in space.conditions:
            yield _Doubt(text=f"{base.name} has the condition {next(iter(condition.spec().values()))}")


def _doubts_of_parameter(space: SpaceDefinition, base: SpaceDefinition, name: str) -> Iterator[_Doubt]:
    if space.lengths.get(name) != base.lengths.get(name):
        yield _Doubt(text=f"'{name}' has another number of values in {base.name}")
        return
    law, limit = _law(space, name), _law(base, name)
    values, allowed = law.distribution.values, limit.distribution.values
    beyond = values[~np.isin(values, allowed)]
    if len(beyond):
        if law.distribution.words or limit.distribution.words:
            text = f"'{name}' can be {beyond[0]}, which that of {base.name} cannot"
        elif values[-1] > allowed[-1]:
            text = f"'{name}' goes up to {_number(values[-1])}, that of {base.name} to {_number(allowed[-1])}"
        elif values[0] < allowed[0]:
            text = f"'{name}' goes down to {_number(values[0])}, that of {base.name} to {_number(allowed[0])}"
        else:
            text = f"'{name}' can be {_number(beyond[0])}, which that of {base.name} cannot"
        yield _Doubt(text=text, parameter=space.ties.get(name, name), beyond=tuple(beyond[:1000].tolist()))
    wanted, has = _order(limit), _order(law)
    if wanted is not None and wanted != has and wanted not in _IMPLIED.get(has or "", set()) and _stages(base, name):
        said = "the same in all stages" if wanted == "constant" else wanted.replace("_", "-") + " over the stages"
        yield _Doubt(text=f"'{name}' is {said} in {base.name} alone")


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _stages(space: SpaceDefinition, name: str) -> int | None:
    """Return over how many stages a parameter goes, None if it is one number for the network."""
    if space.kind == "builder":
        return space.lengths.get(name)
    return space.stages if space.kind == "anynet" else None


def _members(space: SpaceDefinition, resolution: int, *, costs: bool, stream: int = 0) -> Candidates | None:
    """Return networks of a space, None if none was found."""
    counted = costs and is_counted(space.network)
    wanted = COUNTED_MEMBERS if counted else _BEYOND if stream else MEMBERS
    parts: list[Candidates] = []
    for k in range(_CHUNKS):
        generator = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(_SUBSETS, stream, k)))
        if counted:
            drawn = draw(space, generator, COUNTED_MEMBERS, resolution)
        elif costs:
            drawn = draw(space, generator, CHUNK, resolution)
        else:
            drawn = drawn_networks(space, generator, CHUNK)
        met = accepted(drawn, space, space.windows).take(slice(0, wanted - sum(map(len, parts))))
        parts += [met] if len(met) else []
        if sum(map(len, parts)) == wanted:
            break
    return Candidates.stack(parts) if parts else None


def _beyond(doubt: _Doubt, space: SpaceDefinition, base: SpaceDefinition, resolution: int, *, costs: bool) -> bool:
    """Return whether a network is outside the base where a parameter goes beyond it: too rare to be met by chance."""
    try:
        only = replace(space, constraints=(*space.constraints, Restrict(doubt.parameter, values=doubt.beyond)))
    except ConfigError:  # such as an order that so few values cannot have
        return False
    members = _members(only, resolution, costs=costs, stream=1)
    return members is not None and not _inside(members, space, base).all()


def _example(one: Candidates) -> str:
    networks = one.networks
    if not isinstance(networks, AnyNetBatch):
        return str(networks.config(0))
    return f"depths {networks.depths[0].tolist()}, widths {networks.widths[0].tolist()}"


def _inside(members: Candidates, space: SpaceDefinition, base: SpaceDefinition) -> NDArray[np.bool_]:
    """Return which networks are in the base."""
    inside = np.zeros(len(members), dtype=bool)
    if space.kind == base.kind:
        settings, fits = _as_settings(members, base, recipe=space.recipe)
        rows = np.flatnonzero(fits)
        if len(rows):
            of_rows = {name: values[rows] for name, values in settings.items()}
            inside[rows] = _meets(members.take(rows), of_rows, base)
    if isinstance(members.networks, AnyNetBatch) and base.kind == "anynet":
        for row in np.flatnonzero(~inside):
            one = members.take(np.array([row]))
            setting = _setting_of(one.networks, base) if isinstance(one.networks, AnyNetBatch) else None
            inside[row] = setting is not None and bool(_meets(one, setting, base)[0])
    return inside


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
    law, stages = _law(base, name), _stages(base, name)
    fits = np.asarray(np.isin(values, law.distribution.values).reshape(len(values), -1).all(axis=1))
    if stages is None:
        return values, fits
    each = for_stages(values, stages)
    if (order := _order(law)) is not None:
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
    relations = [_order(_law(base, name)) for name in ("width", "group_width") if name in base.parameters]
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
    allowed = _law(base, "width").distribution.values
    adjusts = block in BOTTLENECK_BLOCKS or (
        isinstance(block, Code) and {"bottleneck_ratio", "group_width"} & {*base.parameters}
    )
    if not adjusts:
        widths = allowed[allowed == width]
        return np.column_stack([widths, widths]).astype(np.int64)
    near = allowed[(allowed >= width / 4) & (allowed <= 4 * width)]  # further the rule moves none
    groups = np.array([ONE_GROUP])
    if "group_width" in base.parameters:
        groups = _law(base, "group_width").distribution.values
        groups = groups[groups >= group]  # it never widens a group
    pairs = np.stack(np.meshgrid(near, groups, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.int64)
    if not len(pairs):
        return pairs
    widths, adjusted = adjust_compatibility(pairs[:, 0], ratio, pairs[:, 1])
    found: Adjusted = pairs[(widths == width) & (adjusted == group)]
    if {"width", "group_width"} in [{name, source} for name, source in base.ties.items()]:
        found = found[found[:, 0] == found[:, 1]]
    return found
