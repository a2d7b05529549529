"""The study file: which spaces, how many models of each, on which data, by which recipe."""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from netspace.arch.built import with_code_from
from netspace.arch.complexity import MEASURES
from netspace.arch.config import Activation, AnyBlock, Stem
from netspace.documents import Document, is_document, parse, read_yaml
from netspace.errors import ConfigError, short
from netspace.results.stopping import PAPER_N, Stop
from netspace.space import parse_window
from netspace.stats import parse_claim
from netspace.training import DataSpec, Recipe, parse_recipe
from netspace.training.latency import Latency

Window = tuple[float, float]

STOP_COMPARES = "stop compares neighbouring spaces: at least 2 spaces are needed, got 1"

_NAME = r"[\w.+-]+"  # it names files, and is an argument of commands


def _recipe(data: Any) -> Any:
    return data if isinstance(data, Recipe) else parse_recipe(data, "recipe")


def _window(data: Any) -> Any:
    if isinstance(data, int | float) and not isinstance(data, bool):
        raise ConfigError(
            f"a window has two sides, LO:HI, got {short(data)}; either side may be left out, as in ':400M'"
        )
    return parse_window(data) if isinstance(data, str) else data


def _spaces(data: Any) -> Any:
    """Let a space alone stand for a list of one."""
    return [data] if isinstance(data, str | dict) else data


def _data(data: Any) -> Any:
    """Let a source alone stand for the settings that have one."""
    return {"source": str(data)} if isinstance(data, str | Path) else data


def _name(data: Any) -> Any:
    if isinstance(data, int | float) and not isinstance(data, bool):
        raise ConfigError(f"must be text, got the number {data}; write it in quotes")
    if isinstance(data, str) and not re.fullmatch(_NAME, data):
        near = re.sub(r"[^\w.+-]+", "-", data).strip("-")
        hint = f"; for example '{near}'" if near else ""
        raise ValueError(
            f"may have letters, digits, '.', '_', '+' and '-', no blanks and nothing else, got '{data}'{hint}"
        )
    return data


def _latency(data: Any) -> Any:
    """Let a window alone stand for the settings that have one."""
    return data if data is None or isinstance(data, dict | Latency) else {"window": data}


def _networks(data: Any) -> Any:
    """Let names alone stand for the settings that have them."""
    return {"names": data} if isinstance(data, list | tuple) else {"names": [data]} if isinstance(data, str) else data


class Networks(Document):
    """Single networks beside the spaces: trained by the same recipe, compared with each space, no part of any.

    They are as they were published or written, whatever the study's `network` says: stem and widths are their own.
    Classes and channels are those of the data, and their resolution is the study's; one that does not take it is
    refused. Windows do not apply to them.

    Attributes:
        names: of the zoo (`ResNet-56`), of the paper's tables (`EfficientNet-B0`), of a library
            (`timm:mobilenetv3_small_050`), of code (`FILE.py:NAME`), or YAML files, relative to the study file.
        seeds: how often each is trained, from as many seeds.
    """

    names: Annotated[tuple[str, ...], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1, le=1000)] = 3

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if twice := next((name for name in self.names if self.names.count(name) > 1), None):
            raise ValueError(f"networks must differ, got '{twice}' more than once")
        return self


class Network(Document):
    """What every network of the study has, whatever its space defines; if left out, the space decides.

    The number of classes and of input channels always come from the data.
    """

    block: AnyBlock | None = None
    stem: Stem | None = None
    se_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    head_width: Annotated[int, Field(ge=0)] | None = None
    activation: Activation | None = None

    def changes(self) -> dict[str, Any]:
        """Return what is set, by the names of `Template`."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


class StudySpec(Document):
    """A study: n models of each space, sampled in a complexity window, trained by one recipe on one data set.

    Attributes:
        name: the study's name in the store.
        spaces: names of the catalogue, paths of YAML files (relative to the study file; a file of several spaces
            stands for all of them, FILE.yaml#NAME for one), or spaces written in place; one alone needs no list.
        n: models of each space, or `auto`, or `{auto: N}`: as many as early stopping needs, at most 500 or N.
        seed: of the sampling and of every training; a run's own seed follows from it, its space and its index.
        flops, params, activations: windows on the complexity at `resolution`, as "LO:HI"; None for no limit.
        regimes: several windows on the flops, as `flops: [LO:HI, LO:HI]` gives them: each space is in the study once
            for each, as NAME@LO:HI, with n models, and is compared within its window.
        resolution: height and width of the images in pixels; None for that of the data.
        latency: how networks are timed when they are sampled, see `Latency`, or its window alone; None for untimed.
        data: the images, see `DataSpec`, or their source alone.
        network: what all networks share, see `Network`.
        networks: single networks beside the spaces, see `Networks`, or their names alone.
        recipe: a recipe's name, or settings that may start from one with `base`, see `Recipe`.
        recipe_laws: distributions of numbers of the recipe that are drawn for each network of every space, as `recipe`
            gives them: `recipe: {lr: {log_uniform: [0.01, 1.0], step: 0.01}}`; a space may have its own.
        hours: of training, over all models, after which none is begun any more, as `netspace plan` counts core-hours;
            None for no limit. Raised, the study goes on.
        run_limit: minutes that a worker may spend on one run before it is ended and the run counts as failed, or, if
            nothing was heard of the worker either, as lost; None for 20 times as long as like runs of the study take,
            and never less than 10 minutes.
        attempts: how often a run that fails or whose worker vanishes is started at most.
        claims: what the study is to confirm or refute, in the forms of `netspace.stats.claims.FORMS`.
        stop: early stopping of each pair of neighbouring spaces, see `Stop`; None trains all n models of each.
            `n: auto` has it by itself.
    """

    name: Annotated[str, BeforeValidator(_name), Field(max_length=100)]
    spaces: Annotated[tuple[str | dict[str, Any], ...], BeforeValidator(_spaces), Field(min_length=1)]
    n: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    flops: Annotated[Window | None, BeforeValidator(_window)] = None
    params: Annotated[Window | None, BeforeValidator(_window)] = None
    activations: Annotated[Window | None, BeforeValidator(_window)] = None
    regimes: tuple[Annotated[Window, BeforeValidator(_window)], ...] = ()
    resolution: Annotated[int, Field(ge=1)] | None = None
    latency: Annotated[Latency | None, BeforeValidator(_latency)] = None
    data: Annotated[DataSpec, BeforeValidator(_data)] = DataSpec()
    network: Network = Network()
    networks: Annotated[Networks | None, BeforeValidator(_networks)] = None
    recipe: Annotated[Recipe, BeforeValidator(_recipe)] = Recipe()
    recipe_laws: dict[str, Any] = Field(default_factory=dict)
    hours: Annotated[float, Field(gt=0)] | None = None
    run_limit: Annotated[float | None, Field(gt=0)] = None
    attempts: Annotated[int, Field(ge=1)] = 3
    stop: Stop | None = None
    claims: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _several_windows(cls, data: Any) -> Any:
        """Read a list of windows on the flops as regimes."""
        if not isinstance(data, Mapping) or not isinstance(given := data.get("flops"), list | tuple):
            return data
        if not given or any(isinstance(one, int | float) for one in given):
            return data  # the two ends of one window
        if len(given) == 1:
            return {**data, "flops": given[0]}
        return {**data, "flops": None, "regimes": given}

    @model_validator(mode="before")
    @classmethod
    def _drawn_recipe(cls, data: Any) -> Any:
        """Read distributions among the numbers of the recipe."""
        if not isinstance(data, Mapping) or not isinstance(recipe := data.get("recipe"), Mapping):
            return data
        laws = {key: value for key, value in recipe.items() if isinstance(value, Mapping) and key != "augment"}
        if not laws:
            return data
        kept = {key: value for key, value in recipe.items() if key not in laws}
        return {**data, "recipe": kept, "recipe_laws": {**data.get("recipe_laws", {}), **laws}}

    @model_validator(mode="before")
    @classmethod
    def _until_decided(cls, data: Any) -> Any:
        """Read `n: auto` as early stopping of a study of many models."""
        if not isinstance(data, Mapping):
            return data
        at_most = data.get("n")
        if at_most == "auto":
            at_most = PAPER_N
        elif isinstance(at_most, Mapping):
            if set(at_most) != {"auto"}:
                raise ValueError(f"n must be a whole number, auto or {{auto: N}}, got {dict(at_most)}")
            at_most = at_most["auto"]
        else:
            return data
        if data.get("stop", {}) is None:
            raise ValueError("n: auto goes on until early stopping has decided; leave out stop: null")
        return {"stop": {}, **data, "n": at_most}

    @field_validator("claims")
    @classmethod
    def _claims_can_be_read(cls, claims: tuple[str, ...]) -> tuple[str, ...]:
        for claim in claims:
            parse_claim(claim)
        return claims

    @model_validator(mode="after")
    def _spaces_differ(self) -> Self:
        names = [space for space in self.spaces if isinstance(space, str)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"spaces must differ, got '{twice}' more than once")
        return self

    @model_validator(mode="after")
    def _regimes_are_apart(self) -> Self:
        if not self.regimes:
            return self
        if self.flops is not None or len(self.regimes) < 2:
            raise ValueError("regimes are given by flops, as a list of two windows or more")
        if self.stop is not None:
            raise ValueError("stop works in one window: give flops a single one, or leave out stop and n: auto")
        ordered = sorted(self.regimes)
        for (_, high), (low, _) in pairwise(ordered):
            if low < high:
                raise ValueError(f"the windows of flops must not overlap, got one up to {high:g} and one from {low:g}")
        return self

    @model_validator(mode="after")
    def _stopping_compares(self) -> Self:
        alone = self.spaces[0] if len(self.spaces) == 1 else None
        several = isinstance(alone, str) and is_document(alone)  # a file may hold more than one: see Study
        if self.stop is not None and alone is not None and not several:
            raise ValueError(STOP_COMPARES)
        return self

    @property
    def windows(self) -> dict[str, Window]:
        """The complexity windows that are set, by measure."""
        return {measure: window for measure in MEASURES if (window := getattr(self, measure)) is not None}

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """Read a study file.

        Raises:
            ConfigError: it cannot be read, or what it holds breaks a rule; the message names file and key.
            UnknownNameError: it names a recipe that does not exist.
        """
        data = read_yaml(path)
        if isinstance(data, dict) and "network" in data:
            data = {**data, "network": with_code_from(data["network"], Path(path).parent, f"{path}: network")}
        return parse(cls, data, str(path))
