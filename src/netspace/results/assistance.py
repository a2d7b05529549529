"""What assists the statistics of a study in a store: its runs' features, its pools, and the reasons against it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netspace.arch import MEASURES, Complexity
from netspace.arch.batch import AnyNetBatch
from netspace.arch.built import batch_of, network_from
from netspace.arch.features import FeatureTable, features, recipe_features
from netspace.errors import ConfigError, StatisticsError, raise_unknown
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import LEAST_MODELS, RefusedError, too_few
from netspace.store import FINAL, JUDGED, RunRecord, RunState, Store, StudyRecord

if TYPE_CHECKING:
    import pandas as pd

    from netspace.stats.assisted_restrictions import SampledSpace

MOST_LOST = 0.05
"""Share of a space's runs that may have been lost with their machines: more, and the rest is no fair sample."""
RESULTS_OF_OTHERS = "results of others: the space that they were drawn from is not known"
NO_POOL = "its store keeps no pool of untrained networks"


def study_assistance(study: StudyRecord, runs: Sequence[RunState], store: Store) -> Assistance:
    """Return what assists the statistics of a study's spaces, and why some are not.

    While runs are outstanding, a space is judged by its first runs in launch order, all of which ended: small networks
    end first, and would be too many among those that happen to have ended.

    Args:
        study, runs: as `store` holds them.
        store: where the pools are kept, and the networks.
    """
    pools = store.pools(study.id)
    networks: dict[int, RunRecord] = {}
    if any(pool.values is not None for pool in pools.values()):
        networks = {run.id: run for run in store.runs(study.id)}
    errors: dict[str, np.ndarray] = {}
    sampled: dict[str, dict[str, np.ndarray]] = {}
    pooled: dict[str, dict[str, np.ndarray]] = {}
    refused: dict[str, str] = {}
    notes: dict[str, str] = {}
    for space in dict.fromkeys(run.space for run in runs if run.space not in study.networks):
        of_space = [run for run in runs if run.space == space]
        first = ended_prefix(of_space)
        if (ended := sum(run.status in JUDGED for run in of_space)) > len(first):
            notes[space] = f"the first {len(first)} runs in launch order, of {ended} that ended"
        errors[space] = np.array([run.score for run in first])
        pool = pools.get(space)
        lost = sum(run.status == "lost" for run in of_space)
        if len(first) < LEAST_MODELS:
            refused[space] = too_few(len(first))
        elif "imported" in study.spec:
            refused[space] = RESULTS_OF_OTHERS
        elif lost > MOST_LOST * (lost + len(first)):
            refused[space] = (
                f"{lost} of {lost + len(first)} runs were lost with their machines, more than {MOST_LOST:.0%}"
            )
        elif pool is not None and pool.refused is not None:
            refused[space] = pool.refused
        elif pool is not None and pool.values is not None:
            try:
                known = network_features(
                    [networks[run.id] for run in first],
                    study.recipe_of(space),
                    stages=study.stages_of(space),
                    words=study.words_of(space),
                )
                sampled[space] = _columns(known)
            except ConfigError as error:
                refused[space] = f"its networks cannot be read ({error})"
            pooled[space] = _columns(FeatureTable(names=tuple(pool.names), values=pool.values))
    return Assistance.of(
        errors, sampled, pooled, refused=refused, without_pool=NO_POOL, notes=notes, alike=_alike(study)
    )


def sampled_space(
    study: StudyRecord, runs: Sequence[RunState], store: Store, space: str
) -> "tuple[SampledSpace, list[int]]":
    """Return what assists the search for restrictions of one space of a study, and which runs it holds.

    Besides the features of every network, what the space sampled is a feature here.

    Args:
        study, runs, store: see `study_assistance`.
        space: one of the study's.

    Returns:
        With it, the ids of the runs that it holds, in launch order.

    Raises:
        RefusedError: the space is not assisted, or its pool was kept by a version that did not keep what it sampled.
    """
    import pandas as pd

    from netspace.stats.assisted_restrictions import SampledSpace  # with pandas, which a verdict need not load

    of_space = [run for run in runs if run.space == space]
    known = study_assistance(study, of_space, store)
    if space in known.refusals:
        raise RefusedError(known.refusals[space])
    pool = store.pools(study.id)[space]
    if pool.drawn is None:
        raise RefusedError("its pool was drawn by an earlier version, which did not keep the sampled parameters")
    ids = [run.id for run in ended_prefix(of_space)]
    networks = {run.id: run for run in store.runs(study.id, space=space)}
    features, names = known.features[space], list(pool.parameters)
    try:
        sampled = np.array([[float(networks[run].parameters[name]) for name in names] for run in ids])
    except (KeyError, TypeError, ValueError):
        raise RefusedError("the sampled parameters are not recorded for every run") from None
    assistance = Assistance.of(
        {space: known.errors[space]},
        {space: np.hstack([features.sample, sampled])},
        {space: np.hstack([features.pool, pool.drawn])},
    )
    if space in assistance.refusals:
        raise RefusedError(assistance.refusals[space])
    return SampledSpace(assistance, space, pd.DataFrame(pool.drawn, columns=names)), ids


def planned_assistance(study: StudyRecord, runs: Sequence[RunState], store: Store) -> Assistance:
    """Return what assists early stopping: all networks planned, and their pools, whatever became of the runs.

    Nothing in it depends on an error or on which runs have ended, so that all who ask get the same; its errors are 0.

    Args:
        study, runs: as `store` holds them.
        store: where the pools are kept.
    """
    return study_assistance(study, [replace(run, status="done", error=0.0) for run in runs], store)


def table_assistance(
    errors: Mapping[str, np.ndarray],
    samples: Mapping[str, "pd.DataFrame"],
    pool: "pd.DataFrame",
    *,
    space: str = "space",
) -> Assistance:
    """Return what assists the statistics of a table of results.

    Features are the columns of the pool's table besides the space; the table of results has them by the same names,
    and others that are no features.

    Args:
        errors: by space, in the order of the rows of `samples`.
        samples: one row for each model, by space.
        pool: one row for each untrained network, drawn as the models were.
        space: the pool's column with the name of each network's space.

    Raises:
        UnknownNameError: the pool has no such column.
        StatisticsError: the pool has no features.
    """
    if space not in pool.columns:
        raise_unknown("column of the pool", space, map(str, pool.columns))
    names = [name for name in pool.columns if name != space]
    if not names:
        raise StatisticsError(f"the pool's table has no columns besides '{space}': no features")
    home = pool[space].astype(str)
    return Assistance.of(
        errors,
        {name: sample[[column for column in names if column in sample]] for name, sample in samples.items()},
        {name: pool.loc[home == name, names] for name in errors if (home == name).any()},
        without_pool="the pool's table has no network of it",
    )


def ended_prefix(runs: Sequence[RunState]) -> list[RunState]:
    """Return a space's runs in launch order up to the first that has not ended, without those that were lost."""
    ordered = sorted(runs, key=lambda run: run.index)
    stop = next((place for place, run in enumerate(ordered) if run.status not in FINAL), len(ordered))
    return [run for run in ordered[:stop] if run.status in JUDGED]


def network_features(
    runs: Sequence[RunRecord],
    recipe: Sequence[str] = (),
    *,
    stages: int | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
) -> FeatureTable:
    """Return the features of the networks of one space's runs, see `netspace.arch.features`.

    Args:
        runs: of one space.
        recipe: the numbers of the recipe that the space draws.
        stages: the most that a network may have; None if all have the same number.
        words: all words of each parameter that has words for values.

    Raises:
        ConfigError: a stored network is none, or they differ in template or, where they may not, in number of stages.
    """
    networks = batch_of([network_from(run.config, "stored network") for run in runs])
    costs = ([getattr(run, measure) for run in runs] for measure in ("flops", "params", "activations"))
    drawn = {name: np.array([float(run.parameters[name]) for run in runs]) for name in recipe}
    if stages is None and isinstance(networks, AnyNetBatch) and not networks.depths.all():
        raise ConfigError("they differ in how many stages they have, which their space does not say")
    return features(
        networks, Complexity(*(np.array(values) for values in costs)), drawn, stages=stages, words=words or {}
    )


def _alike(study: StudyRecord) -> Collection[str] | None:
    """Return the features that mean the same in all spaces of a study; None if all do, as among AnyNets.

    What a builder calls its depth may be a number of blocks or a factor; what its networks cost, and how they are
    trained, is what it is.
    """
    entries = study.spec.get("spaces", ())
    spaces = [entry for entry in entries if isinstance(entry, Mapping)]
    if not any(space.get("kind") == "builder" for space in spaces):
        return None
    drawn = {name for space in spaces for name in study.recipe_of(str(space.get("name")))}
    return [*(f"log_{measure}" for measure in MEASURES), *(name for one in drawn for name in recipe_features(one))]


def _columns(table: FeatureTable) -> dict[str, np.ndarray]:
    """Return features by name, and not as a data frame: a verdict need not pay the half second that pandas takes."""
    return dict(zip(table.names, table.values.T, strict=True))
