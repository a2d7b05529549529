"""Whether every network of a space is one of another: proved from what both declare, else asked of sampled networks.

Where the parameters and constraints of a space are at least as narrow as those of the other, nothing needs drawing. If
they are not, networks of the space are drawn, some of them where a parameter goes beyond the other's, and each is
looked for in the other (`netspace.space.membership`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from netspace.arch import AnyNetBatch
from netspace.checks import check_number
from netspace.code import is_counted
from netspace.documents import differences
from netspace.errors import ConfigError
from netspace.space.constraints import Restrict, Window
from netspace.space.definition import STAGES, SpaceDefinition
from netspace.space.membership import inside, law_of, order_of, stages_of
from netspace.space.sampling import (
    CHUNK,
    Candidates,
    accepted,
    draw,
    drawn_networks,
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

_IMPLIED = {
    "constant": {"constant", "non_decreasing", "non_increasing"},
    "increasing": {"increasing", "non_decreasing"},
    "decreasing": {"decreasing", "non_increasing"},
}
"""The orders that follow from an order."""


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
    found = inside(members, space, base)
    drawn, outside = len(found), int((~found).sum())
    reason = "; ".join(doubt.text for doubt in doubts[:2])
    if outside:
        if space.kind != base.kind:
            reason = f"such as {_example(members.take(np.flatnonzero(~found)[:1]))}"
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
        fixed = name in names and name == "bottleneck_ratio" and list(law_of(space, name).distribution.values) == [1]
        one_is_in = name in others and name == "bottleneck_ratio" and 1 in law_of(base, name).distribution.values
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
    law, limit = law_of(space, name), law_of(base, name)
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
    wanted, has = order_of(limit), order_of(law)
    if wanted is not None and wanted != has and wanted not in _IMPLIED.get(has or "", set()) and stages_of(base, name):
        said = "the same in all stages" if wanted == "constant" else wanted.replace("_", "-") + " over the stages"
        yield _Doubt(text=f"'{name}' is {said} in {base.name} alone")


def _number(value: float) -> str:
    return f"{value:,.10g}"


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
    return members is not None and not inside(members, space, base).all()


def _example(one: Candidates) -> str:
    networks = one.networks
    if not isinstance(networks, AnyNetBatch):
        return str(networks.config(0))
    return f"depths {networks.depths[0].tolist()}, widths {networks.widths[0].tolist()}"
