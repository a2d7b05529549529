"""What a design space is: parameters with their laws, constraints and what the networks share, as a frozen value."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from netspace.arch import MEASURES, BuiltTemplate, Code, Template
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.arch.regnet import is_whole_ratio
from netspace.checks import check_number
from netspace.code import load
from netspace.documents import digest, dump_yaml
from netspace.errors import ConfigError, raise_unknown
from netspace.space.constraints import Constraint, Ordered, Restrict, Shared, Tied, Where, Window
from netspace.space.distributions import Distribution
from netspace.space.expressions import Expression
from netspace.space.laws import InOrder, Law, Once, PerStage, Varying
from netspace.space.population import column_names

Kind = Literal["anynet", "regnet", "builder"]

STAGES = "stages"
"""The parameter of an AnyNet space whose networks differ in how many stages they have."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "anynet": (STAGES, "depth", "width", "bottleneck_ratio", "group_width"),
    "regnet": ("depth", "w_0", "w_a", "w_m", "group_width", "bottleneck_ratio"),
    "builder": (),
}
"""The parameters of each kind of space, in the order in which they are drawn; those that code names follow by name."""

OPTIONAL = frozenset({"bottleneck_ratio", "group_width"})
"""Left out, the ratio is 1 and the 3x3 convolutions have one group."""

RESERVED = frozenset({*MEASURES, "digest", "error", "index", "latency_ms", "num_classes", "score", "space", "status"})
"""Names that a parameter of one's own cannot have: those of other columns, and of what networks are given anyway."""


RECIPE: dict[str, dict[str, float]] = {
    "lr": {"above": 0},
    "weight_decay": {"least": 0},
    "momentum": {"least": 0, "below": 1},
    "label_smoothing": {"least": 0, "below": 1},
    "drop_path": {"least": 0, "below": 1},
}
"""The numbers of a recipe that can be drawn for each network, and their ranges."""

MOST = {"stages": 16, "depth": 10_000, "width": 65_536, "group_width": 65_536, "w_0": 65_536, "w_a": 65_536}
"""The largest values of parameters: one layer of more would take tens of GB, or building the network minutes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpaceDefinition:
    """A set of networks and the law by which they are drawn.

    Attributes:
        name: for people; not part of the identity, nor is the description.
        kind: `anynet`, whose parameters (depth, width, bottleneck_ratio, group_width) are drawn for each stage, or
            `regnet`, whose parameters (depth, w_0, w_a, w_m, group_width, bottleneck_ratio) are drawn once and become
            stages by the quantized linear rule; or `builder`, whose networks a function builds that names its own.
        stages: how many stages every network has; RegNet settings that give another number are rejected. Where
            `stages` is a parameter too, of an AnyNet space, it is the most that a network may have.
        parameters: the distribution of each parameter.
        constraints: see `netspace.space.constraints`, in the order in which they were added.
        lengths: of a space of kind `builder`: how many values the parameters have that are lists, by name.
        recipe: distributions of numbers of the recipe, drawn for each network after all else; see `RECIPE`.
        network: what all networks share: block, stem, classes, ...; or the function that builds them.
        strides: of the first block of each stage, 1 or 2; a network with fewer stages has the first ones.
        description: what the space is and where it comes from.
        paper_size: how many networks the RegNet paper counts where its arithmetic does not follow from the parameters.

    Raises:
        ConfigError, UnknownNameError: at construction, when parameters, constraints and network do not fit together.
    """

    name: str
    kind: Kind
    stages: int = 4
    parameters: Mapping[str, Distribution]
    constraints: tuple[Constraint, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    recipe: Mapping[str, Distribution] = field(default_factory=dict)
    network: Template | BuiltTemplate = field(default_factory=Template)
    strides: tuple[int, ...] = ()
    description: str = ""
    paper_size: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in PARAMETERS:
            raise_unknown("kind of design space", str(self.kind), PARAMETERS)
        check_number(self.stages, "stages", least=1, whole=True)
        object.__setattr__(self, "strides", tuple(self.strides) or (2,) * self.stages)
        if len(self.strides) != self.stages or not set(self.strides) <= {1, 2}:
            raise ConfigError(f"strides must be one 1 or 2 for each of {self.stages} stages, got {self.strides}")
        if isinstance(self.network, BuiltTemplate) != (self.kind == "builder"):
            raise ConfigError(f"{self.name}: a builder belongs to spaces of kind 'builder', got kind '{self.kind}'")
        self._check_parameters()
        self._check_recipe()
        self._check_lengths()
        self._check_constraints()

    @property
    def code(self) -> Code | None:
        """The block of one's own, or the function that builds the networks; None if there is neither."""
        made_by = self.network.builder if isinstance(self.network, BuiltTemplate) else self.network.block
        return made_by if isinstance(made_by, Code) else None

    @property
    def varies(self) -> bool:
        """Whether the networks differ in how many stages they have."""
        return self.kind == "anynet" and STAGES in self.parameters

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The parameters that code names, in the order in which they are drawn."""
        return tuple(sorted(self.parameters.keys() - set(PARAMETERS[self.kind])))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The parameters of this space, in the order in which they are drawn."""
        return (*(name for name in PARAMETERS[self.kind] if name in self.parameters), *self.own)

    def _check_parameters(self) -> None:
        for name, distribution in self.parameters.items():
            if distribution.words and self.kind != "builder":
                raise ConfigError(f"{self.name}: {name}: words are values of a builder's parameters alone")
            if name not in self.own:
                check_values(name, distribution)
        if self.varies and (most := int(self.parameters[STAGES].values[-1])) != self.stages:
            raise ConfigError(f"{self.name}: stages: the law goes up to {most}, but the space has {self.stages} stages")
        if isinstance(self.network, BuiltTemplate):
            valid: list[str] = []
        else:
            block = self.network.block
            valid = [
                name
                for name in PARAMETERS[self.kind]
                if block in BOTTLENECK_BLOCKS or isinstance(block, Code) or name not in OPTIONAL
            ]
            for name in self.parameters:
                if name not in valid and not isinstance(block, Code):
                    raise_unknown(f"parameter of the {self.kind} space {self.name} (block {block})", name, valid)
        if self.code is not None:
            self._check_reaches(self.code)
        missing = [name for name in valid if name not in self.parameters and name not in (*OPTIONAL, STAGES)]
        if missing:
            raise ConfigError(f"{self.name}: the parameter '{missing[0]}' has no distribution")

    def _check_reaches(self, code: Code) -> None:
        """Raise unless the parameters that code names reach it."""
        maker = load(code)
        for name in (*self.own, *(OPTIONAL & self.parameters.keys())):
            if name in RESERVED or not name.isidentifier():
                raise ConfigError(f"{self.name}: a parameter of one's own cannot be called '{name}'")
            listed = name in maker.names if name in OPTIONAL and self.kind != "builder" else maker.takes(name)
            if not listed:
                raise_unknown(f"parameter of {code}", name, maker.names)

    def _check_recipe(self) -> None:
        for name, distribution in self.recipe.items():
            if name not in RECIPE:
                raise_unknown(f"number of the recipe of {self.name}", name, RECIPE)
            if name in self.parameters:
                raise ConfigError(f"{self.name}: '{name}' cannot be both a parameter of its networks and of the recipe")
            for value in (distribution.values[0], distribution.values[-1]):
                check_number(value.item(), name, **RECIPE[name], where=f"{self.name}: recipe: ")  # type: ignore[arg-type]

    def _check_lengths(self) -> None:
        for name, length in self.lengths.items():
            if self.kind != "builder":
                raise ConfigError(f"{self.name}: {name}: 'stages' belongs to parameters of spaces of kind 'builder'")
            self._check_name(name)
            check_number(length, f"{name}: stages", least=1, whole=True)

    def _check_constraints(self) -> None:
        for constraint in self.constraints:
            if isinstance(constraint, Shared | Ordered) and self.kind == "regnet":
                raise ConfigError(
                    f"{self.name}: {constraint.spec()} does not apply: "
                    "the parameters of a regnet space are drawn once for the network"
                )
            if isinstance(constraint, Shared | Ordered | Tied | Restrict):
                self._check_name(constraint.parameter)
                if constraint.parameter in self.recipe and not isinstance(constraint, Restrict):
                    what = f"'{constraint.parameter}' belongs to the recipe"
                    raise ConfigError(f"{self.name}: {constraint.spec()} does not apply: {what}")
                named = (constraint.parameter, constraint.source if isinstance(constraint, Tied) else "")
                if self.varies and STAGES in named and not isinstance(constraint, Restrict):
                    what = f"'{STAGES}' says how many values the others have"
                    raise ConfigError(f"{self.name}: {constraint.spec()} does not apply: {what}")
            if isinstance(constraint, Shared | Ordered) and self.kind == "builder":
                self._check_name(constraint.parameter)
                if constraint.parameter not in self.lengths:
                    raise ConfigError(
                        f"{self.name}: {constraint.spec()} does not apply: '{constraint.parameter}' is one number; "
                        "with 'stages' beside its distribution it is a list"
                    )
            if isinstance(constraint, Shared | Ordered | Restrict) and constraint.parameter in self.ties:
                source = self.ties[constraint.parameter]
                raise ConfigError(
                    f"{self.name}: {constraint.spec()} does not apply: "
                    f"'{constraint.parameter}' is tied to '{source}'; constrain '{source}'"
                )
            if isinstance(constraint, Tied):
                self._check_name(constraint.source)
                if constraint.source == constraint.parameter or constraint.source in self.ties:
                    raise ConfigError(
                        f"{self.name}: '{constraint.source}' is itself tied; tie to a parameter that is drawn"
                    )
                if self.lengths.get(constraint.parameter) != self.lengths.get(constraint.source):
                    raise ConfigError(
                        f"{self.name}: '{constraint.parameter}' and '{constraint.source}' cannot be tied: "
                        "they differ in how many values they have"
                    )
                one, other = (self.parameters[name].words for name in (constraint.parameter, constraint.source))
                if one != other:
                    raise ConfigError(
                        f"{self.name}: '{constraint.parameter}' and '{constraint.source}' cannot be tied: "
                        "they differ in their words"
                    )
                if self.ties[constraint.parameter] != constraint.source:
                    raise ConfigError(f"{self.name}: '{constraint.parameter}' is tied to more than one parameter")
            if isinstance(constraint, Where) and isinstance(constraint.condition, Expression):
                known = self.column_names
                unknown = sorted(constraint.condition.names - known)
                if unknown:
                    raise_unknown(f"column in '{constraint.condition.text}'", unknown[0], known)
                for column in constraint.condition.names:
                    parameter = column if column in self.parameters else column.rpartition("_")[0]
                    words = self.parameters[parameter].words if parameter in self.parameters else ()
                    self._check_words(constraint.condition, column, words)
        _ = self.laws  # contradictions between constraints show here

    def _check_words(self, condition: Expression, column: str, words: tuple[str, ...]) -> None:
        """Raise unless a condition takes a column for what it has: numbers, or these words."""
        compared = condition.words.get(column, frozenset())
        if words and column in condition.numbers:
            raise ConfigError(f"{self.name}: '{condition.text}': compare '{column}' by == or != with one of its words")
        if unknown := sorted(compared - set(words)):
            what = f"it has {', '.join(words)}" if words else "it has numbers"
            raise ConfigError(f"{self.name}: '{condition.text}': '{column}' is never '{unknown[0]}': {what}")

    @property
    def words(self) -> dict[str, tuple[str, ...]]:
        """The words of each parameter that has words for values."""
        return {name: law.words for name, law in self.parameters.items() if law.words}

    def _check_name(self, parameter: str) -> None:
        if parameter not in self.parameters and parameter not in self.recipe:
            raise_unknown(f"parameter of {self.name}", str(parameter), [*self.parameters, *self.recipe])

    @cached_property
    def ties(self) -> dict[str, str]:
        """The parameters that are not drawn, and the one whose value each takes."""
        return {c.parameter: c.source for c in self.constraints if isinstance(c, Tied)}

    @cached_property
    def laws(self) -> dict[str, Law]:
        """The joint law over the stages of every parameter that is drawn, in the order in which they are drawn."""
        drawn = (*self.parameter_names, *(name for name in RECIPE if name in self.recipe))
        return {name: self._law(name) for name in drawn if name not in self.ties}

    def _law(self, name: str) -> Law:
        distribution = self.recipe[name] if name in self.recipe else self.parameters[name]
        for c in self.constraints:
            if isinstance(c, Restrict) and c.parameter == name:
                try:
                    distribution = distribution.restricted(low=c.low, high=c.high, values=c.values)
                except ConfigError as error:
                    raise error.at(f"{self.name}: {name}") from None
        stages = self.lengths.get(name) if self.kind == "builder" else self.stages
        if self.kind == "regnet" or stages is None or name in self.recipe or (self.varies and name == STAGES):
            return Once(distribution)
        orders = {c.order for c in self.constraints if isinstance(c, Ordered) and c.parameter == name}
        if distribution.words and orders - {"constant"}:
            raise ConfigError(f"{self.name}: '{name}' cannot be {min(orders).replace('_', '-')}: words have no order")
        if len(orders) > 1:
            raise ConfigError(f"{self.name}: '{name}' has more than one order: {', '.join(sorted(orders))}")
        order = next(iter(orders), None)
        if order == "constant" or Shared(name) in self.constraints:
            if order in {"increasing", "decreasing"}:
                raise ConfigError(f"{self.name}: '{name}' cannot be both shared and {order}")
            return Once(distribution)
        if self.varies:
            return Varying({number: _over(distribution, number, order) for number in self.stage_counts}, stages)
        return _over(distribution, stages, order)

    @cached_property
    def stage_counts(self) -> tuple[int, ...]:
        """The numbers of stages that networks may have, ascending; of a space of kind `builder` it says nothing."""
        if not self.varies:
            return (self.stages,)
        return tuple(self._law(STAGES).distribution.values.tolist())

    def total(self, count: Callable[[Law], Fraction]) -> Fraction:
        """Return how many settings there are, over all numbers of stages, if each law has as many as `count` says."""
        if not self.varies:
            return math.prod(map(count, self.laws.values()), start=Fraction(1))
        total = Fraction(0)
        for number in self.stage_counts:
            laws = (law for name, law in self.laws.items() if name != STAGES)
            of_number = (law.by_stages[number] if isinstance(law, Varying) else law for law in laws)
            total += math.prod(map(count, of_number), start=Fraction(1))
        return total

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows on complexity that belong to the space."""
        return tuple(c for c in self.constraints if isinstance(c, Window))

    @property
    def conditions(self) -> tuple[Where, ...]:
        """The free predicates."""
        return tuple(c for c in self.constraints if isinstance(c, Where))

    @property
    def column_names(self) -> frozenset[str]:
        """The columns that conditions may read."""
        if self.kind == "builder":
            lists = {f"{name}_{s + 1}" for name, length in self.lengths.items() for s in range(length)}
            return frozenset({*(self.parameters.keys() - self.lengths.keys()), *lists, *self.recipe, *MEASURES})
        per_stage = {
            name: self.kind == "anynet" and not isinstance(self.laws.get(self.ties.get(name, name)), Once)
            for name in self.parameters
        }
        return column_names(per_stage, self.stages, self.own) | self.recipe.keys()

    @cached_property
    def digest(self) -> str:
        """The identity of what is sampled: 16 hexadecimal digits, the same for spaces that differ in name alone."""
        return digest({key: value for key, value in self.to_dict().items() if key not in {"name", "description"}})

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain values, as its YAML file has them. A Python predicate is there by name only."""
        stages = dict(self.parameters[STAGES].spec) if self.varies else self.stages
        shape = {} if self.kind == "builder" else {STAGES: stages, "strides": list(self.strides)}
        return {
            "name": self.name,
            "description": self.description,
            "kind": self.kind,
            **shape,
            "parameters": {
                name: {**self.parameters[name].spec, **({"stages": self.lengths[name]} if name in self.lengths else {})}
                for name in self.parameter_names
                if not (self.varies and name == STAGES)
            },
            # younger than most digests, which a space without it must keep
            **({"recipe": {name: dict(law.spec) for name, law in sorted(self.recipe.items())}} if self.recipe else {}),
            "constraints": [constraint.spec() for constraint in self.constraints],
            "network": self.network.model_dump(),
        }

    def to_yaml(self, path: Path | str | None = None) -> str:
        """Return the space as YAML; with `path`, write it there too, for `netspace.spaces.load` to read.

        Raises:
            ConfigError: a condition is a Python function.
        """
        for condition in self.conditions:
            if not isinstance(condition.condition, Expression):
                raise ConfigError(
                    f"{self.name}: the Python predicate {condition.spec()['python']} cannot be written to YAML; "
                    'write it as where("...")'
                )
        text = dump_yaml(self.to_dict())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text


def _over(distribution: Distribution, stages: int, order: Any) -> PerStage | InOrder:
    return PerStage(distribution, stages) if order is None else InOrder(distribution, stages, order)


def changed_network(network: Template | BuiltTemplate, changes: Mapping[str, Any]) -> Template | BuiltTemplate:
    """Return `network` with some keys changed; a mapping for `stem` may hold some of its keys only.

    Raises:
        ConfigError: a key is unknown or its value is not valid.
    """
    if isinstance(network, BuiltTemplate):
        return BuiltTemplate(**(network.model_dump() | dict(changes)))
    values = network.model_dump() | dict(changes)
    if isinstance(values["stem"], Mapping):
        values["stem"] = network.stem.model_dump() | dict(values["stem"])
    return Template(**values)


def fitting(
    space: SpaceDefinition, network: Template | BuiltTemplate
) -> tuple[dict[str, Distribution], tuple[Constraint, ...]]:
    """Return the parameters and constraints of a space that are left with another block.

    A block of one's own that has no parameter `bottleneck_ratio` or `group_width` goes without it, as V blocks do.
    """
    block = None if isinstance(network, BuiltTemplate) else network.block
    if not isinstance(block, Code):
        return dict(space.parameters), space.constraints
    absent = OPTIONAL - load(block).names
    parameters = {name: law for name, law in space.parameters.items() if name not in absent}
    return parameters, tuple(c for c in space.constraints if getattr(c, "parameter", None) not in absent)


def check_values(name: str, distribution: Distribution) -> None:
    """Raise unless a parameter, of those that AnyNet and RegNet spaces have, can take all values of a law.

    Raises:
        ConfigError: which it cannot.
    """
    values = distribution.values
    if name == "bottleneck_ratio":
        good, rule = is_whole_ratio(values), "whole, or 1 / whole"
    elif name == "w_a":
        good, rule = values >= 0, ">= 0"
    elif name == "w_m":
        good, rule = values > 1, "> 1"
    else:
        good, rule = (values >= 1) & (values == np.rint(values)), "whole and >= 1"
    if not good.all():
        raise ConfigError(f"{name}: every value must be {rule}, got {values[~good][0]:g}")
    if name in MOST and values[-1] > MOST[name]:
        raise ConfigError(f"{name}: every value must be at most {MOST[name]}, got {values[-1]:g}: it cannot be built")
