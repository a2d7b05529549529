"""Refinement advice: which restriction of a space the results support, and the study that would test it."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netspace.arch import MEASURES
from netspace.arch.built import with_code_from
from netspace.arch.code import known_file
from netspace.documents import dump_yaml, is_document, parse, read_yaml, whole_if_whole
from netspace.errors import StatisticsError, StudyError, raise_unknown
from netspace.results.assistance import sampled_space
from netspace.results.runs import number_columns, properties_of, runs_table
from netspace.space import DesignSpace, fix, get, ordered, restrict, shared, where
from netspace.space.constraints import Constraint
from netspace.space.pool import parameter_columns
from netspace.space.spec import space_from_dict
from netspace.stats import Advice, Restriction, Score, candidate_restrictions
from netspace.stats import refine as score_restrictions
from netspace.stats.assisted_restrictions import SampledSpace
from netspace.stats.pool_check import RefusedError
from netspace.stats.refinement import MIN_KEPT, MIN_SIDE
from netspace.stats.regimes import apart
from netspace.store import JUDGED, Store, StudyRecord
from netspace.study.spec import StudySpec
from netspace.study.study import Study

TOTAL_DEPTH = "total_depth"
"""What the blocks of all stages are called among the candidates, if stages have depths of their own."""
MOST_ADVISED = 3
"""Advised restrictions that a next study takes up, each of a different parameter."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposal:
    """A restriction and the space it gives.

    Attributes:
        restriction: what is restricted.
        constraint: the same as a space takes it.
        space: the restricted space.
        score: how the population at hand judges it; None if only fresh samples can.
        claim: what a study of both spaces should confirm.
    """

    restriction: Restriction
    constraint: Constraint
    space: DesignSpace
    score: Score | None
    claim: str


@dataclass(frozen=True, kw_only=True, eq=False)
class SpaceAdvice:
    """The advice for one space of a study.

    Attributes:
        space: as the study declares it.
        advice: every candidate's score.
        scored: the candidates with their spaces, best first.
        fresh: shared parameters, orders and fixed values that too few models met by chance.
    """

    space: DesignSpace
    advice: Advice
    scored: tuple[Proposal, ...]
    fresh: tuple[Proposal, ...]

    @property
    def advised(self) -> tuple[Proposal, ...]:
        """The restrictions that the population supports, best first."""
        return tuple(one for one in self.scored if one.score is not None and one.score.advised)

    @property
    def next(self) -> tuple[Proposal, ...]:
        """What the next study should sample: the best advised restriction of each parameter, and the fresh ones."""
        by_parameter: dict[str, Proposal] = {}
        for proposal in self.advised:
            by_parameter.setdefault(proposal.restriction.parameter, proposal)
        return (*list(by_parameter.values())[:MOST_ADVISED], *self.fresh)


def advise(
    study: Study | None, record: StudyRecord, store: Store, space_name: str, *, alpha: float = 0.05
) -> SpaceAdvice:
    """Score the restrictions of one space of a study by the runs that ended.

    Args:
        study: as its file says; None takes the spaces as the store records them.
        record: the study in `store`.
        store: where the runs are.
        space_name: a space of the study.
        alpha: probability of advising anything at all if no parameter matters.

    Raises:
        UnknownNameError: the study has no such space.
        StudyError: the store does not record how the space is defined.
        StatisticsError: fewer than 60 models ended, or their errors are all equal.
    """
    if study is not None:
        spaces = {space.name: space for space in study.declared_spaces}
        if space_name not in spaces:
            raise_unknown(f"space of study '{record.name}'", space_name, spaces)
        space = spaces[space_name]
    else:
        recorded = recorded_space(record, store, space_name)
        if recorded is None:
            raise StudyError(f"{store.where}: the definition of the space '{space_name}' is not recorded")
        space = recorded
    runs = store.frame(record.id)
    runs = runs[(runs["space"] == space_name) & runs["status"].isin(JUDGED)]
    sampled, reason = None, ""
    try:
        found, ids = sampled_space(record, store.states(record.id), store, space_name)
        if len(ids) < 2 * MIN_SIDE <= len(runs):
            reason = f"of {len(runs)} runs that ended, only the first {len(ids)} in launch order are a fair sample"
        else:
            runs, sampled = runs.loc[ids], found
    except RefusedError as refusal:
        reason = str(refusal)
    try:
        return advise_population(
            space,
            runs,
            runs["error"].fillna(np.inf).to_numpy(),
            alpha=alpha,
            sampled=sampled,
            not_assisted=reason,
        )
    except StatisticsError as error:
        raise error.at(space_name) from None


def recorded_space(record: StudyRecord, store: Store, name: str) -> DesignSpace | None:
    """Return a space as the store records it; None if only its name is known, as of imported results.

    Raises:
        UnknownNameError: the study has no such space.
    """
    known = list(store.counts(record.id))
    if name not in known:
        raise_unknown(f"space of study '{record.name}'", name, known)
    for described in record.spec.get("spaces", ()):
        if isinstance(described, Mapping) and described.get("name") == name:
            if any("python" in constraint for constraint in described.get("constraints") or ()):
                return None  # a Python predicate is recorded by its name alone
            return space_from_dict(dict(described), store.where, name=name)
    return None


def score_columns(record: StudyRecord, store: Store, space_name: str, *, alpha: float = 0.05) -> Advice:
    """Score restrictions of the numbers that are known of a space's models, if its definition is not.

    Raises:
        StatisticsError: fewer than 60 models ended, their errors are all equal, or no number differs between them.
    """
    runs = runs_table(store.runs(record.id))
    models = runs[(runs["space"] == space_name) & runs["status"].isin(JUDGED)]
    names = [name for name in properties_of(models, number_columns(models)) if name not in MEASURES]
    if not names:
        raise StatisticsError(f"{space_name}: no recorded property differs between its models")
    try:
        return score_restrictions(candidate_restrictions(models[names]), models["score"].to_numpy(), alpha=alpha)
    except StatisticsError as error:
        raise error.at(space_name) from None


def advise_population(
    space: DesignSpace,
    parameters: pd.DataFrame,
    errors: Any,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    sampled: SampledSpace | None = None,
    not_assisted: str = "",
) -> SpaceAdvice:
    """Score the restrictions of a space by a population of it.

    Args:
        space: what was sampled.
        parameters: one row per model with the columns of `Population.frame()`; others do not matter.
        errors: (n,), in %; +inf is a failed model.
        alpha: see `advise`.
        seed: of the halves and permutations.
        sampled: what assists the scores, for these models in this order, with the columns of `parameter_columns`.
        not_assisted: why nothing does.

    Raises:
        StatisticsError: fewer than 60 models, or errors that are all equal.
    """
    if sampled is not None:
        sampled = sampled._replace(parameters=_own_parameters(space, sampled.parameters))
    candidates = candidate_restrictions(_own_parameters(space, parameters)) if len(parameters) else []
    advice = score_restrictions(candidates, errors, alpha=alpha, seed=seed, sampled=sampled)
    advice = replace(advice, not_assisted=not_assisted)
    scored = tuple(_proposal(space, score.restriction, score) for score in advice.scores)
    fresh = tuple(_proposal(space, one, None) for one in advice.unsettled if _needs_fresh_samples(one))
    return SpaceAdvice(space=space, advice=advice, scored=scored, fresh=fresh)


def next_study(study: Path, advice: SpaceAdvice, target: Path) -> str:
    """Return the study file that samples a space afresh beside its proposed restrictions.

    It keeps the data, windows, recipe and n of `study`, takes the next seed, so that no model is one that gave the
    advice, and claims of each restriction what the advice expects.

    Args:
        study: the file of the study that gave the advice.
        advice: for one of its spaces.
        target: where the file will lie; relative paths in it are made relative to that folder.

    Raises:
        StudyError: the advice proposes nothing, so that there is nothing to study.
    """
    if not advice.next:
        raise StudyError(
            f"{study}: no restriction of {advice.space.name} is advised, so there is no next study to write"
        )
    document: dict[str, Any] = dict(read_yaml(study))
    entry: Any = None
    if apart(advice.space.name)[1]:
        document.pop("flops")  # the window of a regime is a part of its space
    else:
        given = document["spaces"] if isinstance(document["spaces"], list) else [document["spaces"]]
        entry = next((one for one in given if _names_in_catalogue(one, advice.space.name, study.parent)), None)
    named = isinstance(entry, str)
    named_like = re.sub(r"[^\w.+-]+", "-", advice.space.name)  # as the name of a study may be
    document |= {
        "name": f"{document['name']}-refine-{named_like}",
        "spaces": [
            entry if named else _in_place(advice.space, target.parent),
            *(_based_on(entry, one) if named else _in_place(one.space, target.parent) for one in advice.next),
        ],
        "seed": int(document.get("seed", 0)) + 1,
        "claims": [proposal.claim for proposal in advice.next],
    }
    document = _moved(document, study.parent, target.parent)
    network = with_code_from(document.get("network", {}), target.parent, f"{target}: network")
    parse(StudySpec, {**document, "network": network}, str(target))
    return f"# Restrictions of {advice.space.name}, proposed by `netspace refine`.\n{dump_yaml(document)}"


def _names_in_catalogue(entry: Any, name: str, folder: Path) -> bool:
    """Return whether an entry of a study's `spaces` is the name of this space of the catalogue."""
    if not isinstance(entry, str) or is_document(entry.rpartition("#")[0] or entry) or (folder / entry).is_file():
        return False
    return bool(get(entry).name == name)


def _moved(document: dict[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Return a study whose relative paths, of images and of code and networks, are relative to another folder."""

    def moved(path: Any) -> Any:
        return os.path.relpath((old / str(path)).resolve(), new.resolve()) if (old / str(path)).exists() else path

    def moved_file(name: Any) -> Any:
        """Return the name of a network or of code; of one that is not in a file as it is."""
        if (old / str(name)).is_file():
            return moved(name)
        source, colon, thing = str(name).rpartition(":")
        return f"{moved(source)}{colon}{thing}" if source.endswith(".py") else name

    changed = dict(document)
    data, network, networks = (changed.get(key) for key in ("data", "network", "networks"))
    if isinstance(data, Mapping):
        changed["data"] = {**data, "source": moved(data["source"])} if "source" in data else data
    elif data is not None:
        changed["data"] = moved(data)
    if isinstance(network, Mapping) and "block" in network:
        changed["network"] = {**network, "block": moved_file(network["block"])}
    if isinstance(networks, Mapping):
        changed["networks"] = {**networks, "names": [moved_file(one) for one in networks["names"]]}
    elif networks is not None:
        changed["networks"] = [moved_file(one) for one in ([networks] if isinstance(networks, str) else networks)]
    return changed


def _in_place(space: DesignSpace, folder: Path) -> dict[str, Any]:
    """Return a space as a study file in `folder` holds it: code of someone's own by the path of its file."""
    described = space.to_dict()
    code = space.code
    if code is not None:
        path = os.path.relpath(known_file(code), folder.resolve()) if code.in_file else code.source
        key = "builder" if space.kind == "builder" else "block"
        described["network"] = {**described["network"], key: f"{path}:{code.name}"}
    return described


def _based_on(name: str, proposal: Proposal) -> dict[str, Any]:
    """Return a restriction of a catalogue space as a study file writes it in few words."""
    return {
        "name": proposal.space.name,
        "description": proposal.space.description,
        "base": name,
        "constraints": [proposal.constraint.spec()],
    }


def _own_parameters(space: DesignSpace, models: pd.DataFrame) -> pd.DataFrame:
    """Return the columns on which restrictions are sought: what the space draws, once or for each stage."""
    own = models[list(parameter_columns(space))]
    return own if space.kind in ("regnet", "builder") else own.rename(columns={"depth": TOTAL_DEPTH})


def _needs_fresh_samples(restriction: Restriction) -> bool:
    """Return whether a restriction is worth sampling for: a step, not a mere cut, that is rarely met by chance."""
    structural = restriction.kind != "range" or restriction.low == restriction.high
    return structural and float(restriction.keep.mean()) < MIN_KEPT


def _proposal(space: DesignSpace, restriction: Restriction, score: Score | None) -> Proposal:
    constraint = _constraint(space, restriction)
    refined = space.refine(
        constraint,
        name=f"{space.name}-{_slug(restriction)}",
        description=f"{space.name} with {restriction.name}",
    )
    # a shared parameter simplifies the space: it is to lose nothing
    relation = "equivalent to" if restriction.kind == "shared" else "better than"
    claim = f"{refined.name} {relation} {space.name}"
    return Proposal(restriction=restriction, constraint=constraint, space=refined, score=score, claim=claim)


def _constraint(space: DesignSpace, restriction: Restriction) -> Constraint:
    parameter, low, high = restriction.parameter, whole_if_whole(restriction.low), whole_if_whole(restriction.high)
    if restriction.kind == "shared":
        return shared(parameter)
    if restriction.kind == "non-decreasing":
        return ordered(parameter, "non_decreasing")
    if parameter in space.laws:
        return fix(parameter, low) if low is not None and low == high else restrict(parameter, low=low, high=high)
    column = "depth" if parameter == TOTAL_DEPTH else parameter
    bounds = [f"{column} >= {low}"] * (low is not None) + [f"{column} <= {high}"] * (high is not None)
    return where(" and ".join(bounds))


def _slug(restriction: Restriction) -> str:
    if restriction.kind == "shared":
        return f"shared-{restriction.parameter}"
    if restriction.kind == "non-decreasing":
        return f"rising-{restriction.parameter}"
    low, high = whole_if_whole(restriction.low), whole_if_whole(restriction.high)
    if low == high:
        return f"{restriction.parameter}-{low}"
    bounds = [f"min-{low}"] * (low is not None) + [f"max-{high}"] * (high is not None)
    return "-".join([restriction.parameter, *bounds])


def advice_rows(proposals: Sequence[Proposal]) -> list[dict[str, Any]]:
    """Return one plain row per scored proposal: the restriction, its score, and the space as YAML."""
    return [
        {
            "restriction": one.restriction.name,
            "kept": one.score.fraction,
            "theta": one.score.theta,
            "low": one.score.low,
            "high": one.score.high,
            "gain": one.score.gain,
            "z": one.score.z,
            "p_value": one.score.p_value,
            "advised": one.score.advised,
            "plain_theta": one.score.plain_theta,
            "plain_p_value": one.score.plain_p_value,
            "space": one.space.name,
            "yaml": one.space.to_yaml(),
        }
        for one in proposals
        if one.score is not None
    ]
