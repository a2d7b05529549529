"""A user's own design space, from a YAML file.

name: MySpace
base: AnyNetXC                     # a catalogue space, or instead kind: anynet | regnet
stages: 4                          # or a law of their number, {uniform: [2, 5]}
strides: [1, 2, 2, 2]
parameters:
  width: {log_uniform: [8, 512], step: 8}
  depth: {choice: [1, 2, 4]}
recipe:                            # numbers of the recipe that are drawn for each network
  lr: {log_uniform: [0.01, 1.0], step: 0.01}
constraints:
  - {non_decreasing: width}
  - {flops: "360M:400M"}
  - {where: "depth <= 40 and width_4 <= 8 * width_1"}
network: {stem: {kind: cifar, width: 16}, num_classes: 10}

A block of one's own is `network: {block: my_blocks.py:Name}`; networks that a function builds have `builder:
my_models.py:build` in the place of `base`. Paths are relative to the file.

A file may hold several spaces, and `base` then names one of them too; from elsewhere it is FILE.yaml#NAME:

spaces:
  A: {base: AnyNetXA, parameters: {width: {log_uniform: [8, 512], step: 8}}}
  B: {base: A, refines: true, constraints: [{shared: bottleneck_ratio}]}
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pydantic import Field, WrapValidator

from netspace.arch import MEASURES, BuiltTemplate, Template
from netspace.arch.built import with_code_from
from netspace.arch.code import code_from
from netspace.documents import Document, is_document, parse, read_yaml
from netspace.errors import ConfigError, NetspaceError, UnknownNameError, raise_unknown, short
from netspace.files import is_file
from netspace.space import catalog, distributions
from netspace.space.constraints import Constraint, ordered, restrict, shared, tied, where, window
from netspace.space.definition import STAGES, changed_network, check_values, fitting
from netspace.space.design_space import DesignSpace
from netspace.space.distributions import Distribution
from netspace.space.laws import ORDERS
from netspace.space.subsets import relation


def _law_or(value: Any, number: Callable[[Any], int]) -> Any:
    """Leave the law of a number to be read by the rules of laws."""
    return value if isinstance(value, Mapping) else number(value)


class SpaceFile(Document):
    """The keys of a space's file; `parameters`, `constraints` and `network` are read by their own rules.

    `refines` says that the space is a subset of its base, and is held to it.
    """

    name: str | None = None
    description: str | None = None
    base: str | None = None
    kind: str | None = None
    builder: str | None = None
    stages: Annotated[int, Field(ge=1), WrapValidator(_law_or)] | None = None
    strides: list[int] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    constraints: list[Any] = Field(default_factory=list)
    network: dict[str, Any] = Field(default_factory=dict)
    refines: bool = False


class SpacesFile(Document):
    """A file of several spaces: what describes each, by name."""

    spaces: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]


class Loaded(NamedTuple):
    """A space, and the one that it is based on; None if that is none."""

    space: DesignSpace
    base: DesignSpace | None


@dataclass(frozen=True)
class _Place:
    """Where a space is described.

    Attributes:
        folder: what paths are relative to.
        path: the file; None for a space written in place.
        spaces: of a file that holds several: what describes each, by name.
        name: of the space in the file; empty if it is the only one.
        above: the spaces that are being read, file and name, each because the one before is based on it.
    """

    folder: Path
    path: Path | None = None
    spaces: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    above: tuple[tuple[Path | None, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.path}#{self.name}" if self.name else str(self.path)


def load(name_or_path: Path | str) -> DesignSpace:
    """Return the catalogue space of this name, or read the space in the file at this path.

    Anything that exists as a file, or ends in .yaml, .yml or .json, is a path; of a file that holds several spaces,
    FILE.yaml#NAME is one.

    Raises:
        ConfigError: the file cannot be read, what it holds breaks a rule, or it holds several spaces.
        UnknownNameError: it is neither a file nor a catalogue space.
    """
    found = load_all(name_or_path)
    if len(found) > 1:
        names = [one.space.name for one in found]
        raise ConfigError(f"{name_or_path}: holds {len(names)} spaces: name one, such as {name_or_path}#{names[0]}")
    return found[0].space


def load_all(name_or_path: Path | str, folder: Path | str = ".") -> tuple[Loaded, ...]:
    """Return the space that `load` does, or all that the file holds, each with the one that it is based on.

    Args:
        name_or_path: see `load`.
        folder: a file is looked for here first.

    Raises:
        ConfigError, UnknownNameError: as for `load`.
    """
    place = _place_of(str(name_or_path), Path(folder), Path())
    if place is None:
        return (Loaded(catalog.get(str(name_or_path)), None),)
    names = [place.name] if place.name else list(place.spaces)
    return tuple(_read(replace(place, name=name)) for name in names)


def _place_of(text: str, *folders: Path) -> _Place | None:
    """Return the file, in the first folder that has it, and the space in it that a text names; None if it is none."""
    name = ""
    path = _file(text, folders)
    if path is None:
        file, _, name = text.rpartition("#")
        path = _file(file, folders) if file else None
    if path is None:
        return None
    data = read_yaml(path)
    if not isinstance(data, Mapping) or not isinstance(data.get("spaces"), Mapping):
        if name:
            raise ConfigError(f"{path}#{name}: the file holds a single space: leave out '#{name}'")
        return _Place(folder=path.parent, path=path, spaces={"": data})
    spaces = parse(SpacesFile, data, str(path)).spaces
    if bad := next((one for one in spaces if not one.strip() or "#" in one), None):
        raise ConfigError(f"{path}: spaces: a space cannot be called {short(bad)}")
    if name and name not in spaces:
        try:
            raise_unknown("space", name, spaces)
        except NetspaceError as error:
            raise ConfigError(f"{path}: {error}") from None
    return _Place(folder=path.parent, path=path, spaces=spaces, name=name)


def _file(text: str, folders: Sequence[Path]) -> Path | None:
    found = next((path for folder in folders if is_file(path := folder / text)), None)
    return folders[-1] / text if found is None and is_document(text) else found


def space_from_dict(
    data: Any,
    where: str,
    *,
    name: str = "unnamed",
    folder: Path | str = ".",
    recipe: Mapping[str, Distribution] = MappingProxyType({}),
) -> DesignSpace:
    """Return the space that plain `data` describes, as a file would.

    Args:
        data: a mapping with the keys of `SpaceFile`.
        where: what begins the message of an error: the file, and the key inside it if there is one.
        name: for a space without one.
        folder: what paths in it are relative to: of its code, and of the space that it is based on.
        recipe: laws of numbers of the recipe for which neither the space nor its base has one.

    Raises:
        ConfigError: `data` breaks a rule; the message names the key and what is valid.
    """
    return _made(data, where, name, _Place(folder=Path(folder)), recipe).space


def _read(place: _Place) -> Loaded:
    assert place.path is not None
    return _made(place.spaces[place.name], str(place), place.name or place.path.stem, place)


def _made(
    data: Any, where: str, name: str, place: _Place, recipe: Mapping[str, Distribution] = MappingProxyType({})
) -> Loaded:
    file = parse(SpaceFile, data, where)
    if [file.base, file.kind, file.builder].count(None) != 2:
        raise ConfigError(f"{where}: exactly one of the keys 'base', 'kind' and 'builder' must be given")
    if file.refines and file.base is None:
        raise ConfigError(f"{where}: refines: a space refines its 'base', and this one has none")
    most, _ = _stages(file, where)
    with _at(where, "base"):
        base = _based_on(file, place, most)
    space = _space(file, base, where, name, place.folder, recipe)
    if file.refines and base is not None and not (found := relation(space, base)).subset:
        raise ConfigError(f"{where}: refines: {found}")
    return Loaded(space, base)


def _space(
    file: SpaceFile,
    base: DesignSpace | None,
    where: str,
    name: str,
    folder: Path,
    given: Mapping[str, Distribution],
) -> DesignSpace:
    kind = base.kind if base else "builder" if file.builder is not None else file.kind
    if kind == "builder" and (file.stages is not None or file.strides is not None):
        raise ConfigError(f"{where}: a builder's networks have no stages or strides; parameters may have 'stages' each")
    with _at(where, "network" if file.builder is None else "builder"):
        network = _network(file, base, kind, with_code_from(file.network, folder, ""), folder)
    laws = dict(base.parameters) if base else {}
    lengths = dict(base.lengths) if base else {}
    for parameter, spec in file.parameters.items():
        with _at(where, f"parameters.{parameter}"):
            laws[parameter], length = _law(spec, builder=kind == "builder")
            lengths.pop(parameter, None)
            if length is not None:
                lengths[parameter] = length
    if kind == "anynet" and STAGES in file.parameters:
        raise ConfigError(f"{where}: parameters.stages: the number of stages is given by 'stages', beside 'parameters'")
    stages, counts = _stages(file, where)
    if counts is not None:
        if kind != "anynet":
            raise ConfigError(f"{where}: stages: {_ONE_NUMBER}")
        laws[STAGES] = counts
    recipe = {**given, **(base.recipe if base else {})}
    for number, spec in file.recipe.items():
        with _at(where, f"recipe.{number}"):
            recipe[number] = distributions.from_spec(spec)
    constraints = list(base.constraints) if base else []
    for i, spec in enumerate(file.constraints):
        with _at(where, f"constraints.{i}"):
            constraints.append(constraint_from_spec(spec))
    shape: dict[str, Any] = {
        "name": file.name or name,
        "network": network,
        "lengths": lengths,
        "recipe": recipe,
    }
    if file.description is not None:
        shape["description"] = file.description
    if file.strides is not None:
        shape["strides"] = tuple(file.strides)
    with _at(where):
        if base is None:
            most = {} if stages is None else {"stages": stages}
            return DesignSpace(kind=kind, **most, **shape, parameters=laws, constraints=tuple(constraints))  # type: ignore[arg-type]
        kept, own = fitting(base, network)
        laws = {name: law for name, law in laws.items() if name in {*kept, *file.parameters, STAGES}}
        constraints = [*own, *constraints[len(base.constraints) :]]
        changed = counts or file.parameters or file.constraints or recipe != base.recipe
        paper_size = None if changed else base.paper_size
        return replace(base, **shape, parameters=laws, constraints=tuple(constraints), paper_size=paper_size)


_ONE_NUMBER = (
    "a law of their number belongs to AnyNet spaces; RegNet's follows from its parameters: give one number, and "
    "settings that give another are left out"
)


def _stages(file: SpaceFile, where: str) -> tuple[int | None, Distribution | None]:
    """Return the most stages that a file gives, and the law of their number if that varies."""
    given: Any = file.stages
    if not isinstance(given, Mapping):
        return given, None
    with _at(where, STAGES):
        law = distributions.from_spec(given)
    with _at(where):
        check_values(STAGES, law)
    return int(law.values[-1]), law


def _based_on(file: SpaceFile, place: _Place, stages: int | None) -> DesignSpace | None:
    if file.base is None:
        return None
    above = (*place.above, (place.path and place.path.resolve(), place.name))
    if place.name and file.base in place.spaces and file.base != place.name:
        found: _Place | None = replace(place, name=file.base)
    else:
        found = _place_of(file.base, place.folder)
    if found is None:
        try:
            return catalog.get(file.base) if stages is None else catalog.get(file.base, stages=stages)
        except UnknownNameError:
            raise_unknown("design space", file.base, [*filter(None, place.spaces), *catalog.CATALOG])
    if not found.name and "" not in found.spaces:
        raise ConfigError(f"{found} holds {len(found.spaces)} spaces: name one, as in {file.base}#{min(found.spaces)}")
    here = (found.path and found.path.resolve(), found.name)
    if here in above:
        raise ConfigError(f"{found}: is based on itself")
    if file.stages is not None:
        raise ConfigError(f"stages: {found} has its own; give another number to a space of the catalogue alone")
    return _read(replace(found, above=above)).space


def _network(
    file: SpaceFile, base: DesignSpace | None, kind: str | None, given: Mapping[str, Any], folder: Path
) -> Template | BuiltTemplate:
    if kind == "builder":
        valid: Mapping[str, Any] = BuiltTemplate.model_fields
        if file.builder is not None:
            given = {**given, "builder": code_from(file.builder, folder)}
        elif base is None and "builder" not in given:
            raise ConfigError("a space of kind 'builder' needs the key 'builder'")
    else:
        valid = Template.model_fields
    if unknown := [key for key in given if key not in valid]:
        raise ConfigError(f"unknown key '{unknown[0]}'; valid: {', '.join(valid)}")
    if base is not None:
        return changed_network(base.network, given)
    return BuiltTemplate(**given) if kind == "builder" else changed_network(Template(), given)


def _law(spec: Any, *, builder: bool) -> tuple[Distribution, int | None]:
    """Return a parameter's distribution, and how many values it has if it is a list of a builder's."""
    if not builder or not isinstance(spec, Mapping) or "stages" not in spec:
        return distributions.from_spec(spec, words=builder), None
    length = spec["stages"]
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ConfigError(f"stages must be a whole number >= 1, got {short(length)}")
    law = {key: value for key, value in spec.items() if key != "stages"}
    return distributions.from_spec(law, words=True), length


def constraint_from_spec(spec: Any) -> Constraint:
    """Return the constraint that a file writes as a mapping of one key, such as `{shared: bottleneck_ratio}`.

    Raises:
        ConfigError, UnknownNameError: the key is unknown, or its value is not what the key needs.
    """
    valid = ["shared", *ORDERS, "tied", "restrict", *MEASURES, "where"]
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise ConfigError(f"must be a mapping with one of the keys {', '.join(valid)}, got {short(spec)}")
    ((key, value),) = spec.items()
    if key in MEASURES:
        return window(key, value)
    if key == "where":
        return where(value if isinstance(value, str) else "")
    if key in {"tied", "restrict"}:
        if not isinstance(value, Mapping) or len(value) != 1:
            raise ConfigError(f"{key}: must be a mapping of one parameter, got {short(value)}")
        ((parameter, argument),) = value.items()
        if key == "tied" and not isinstance(argument, str):
            raise ConfigError(f"tied: must map a parameter to the name of another, got {short(value)}")
        return tied(parameter, to=argument) if key == "tied" else _restriction(parameter, argument)
    if key not in valid:
        raise ConfigError(f"unknown constraint '{key}'; valid: {', '.join(valid)}")
    if not isinstance(value, str):
        raise ConfigError(f"{key}: must be the name of a parameter, got {short(value)}")
    return shared(value) if key == "shared" else ordered(value, key)


def _restriction(parameter: str, bounds: Any) -> Constraint:
    valid = ("low", "high", "values")
    if not isinstance(bounds, Mapping) or not set(bounds) <= set(valid):
        raise ConfigError(
            f"restrict: {parameter}: must be a mapping with the keys {', '.join(valid)}, got {short(bounds)}"
        )
    if not isinstance(bounds.get("values", []), list | tuple):
        raise ConfigError(f"restrict: {parameter}: values must be a list, got {short(bounds['values'])}")
    return restrict(parameter, **bounds)


@contextmanager
def _at(where: str, key: str = "") -> Iterator[None]:
    """Begin every mistake's message with the place, and make it a ConfigError whatever it was."""
    try:
        yield
    except NetspaceError as error:
        raise ConfigError(f"{where}: {key + ': ' if key else ''}{error}") from None
