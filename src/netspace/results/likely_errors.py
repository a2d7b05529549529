"""What the errors of trained networks are likely to be, freed of the luck of their training."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netspace.documents import digest
from netspace.results.assistance import ended_prefix, study_assistance
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import RefusedError
from netspace.stats.shrinkage import repeat_noise
from netspace.store import RunRecord, RunState, Store, StudyRecord


class Likely(NamedTuple):
    """The error of a run freed of the luck of its training, with its 95 % interval, all in %."""

    error: float
    low: float
    high: float


def training_of(study: StudyRecord, run: RunRecord) -> str:
    """Return what is equal for the runs of a study that train one network by one recipe."""
    return digest([run.digest, study.drawn_recipe(run)])


def likely_errors(
    runs: Sequence[RunState], trainings: Mapping[int, str], assistance: Assistance
) -> tuple[dict[int, Likely], str]:
    """Return each run's error freed of the luck of its training, and how that was done, in sentences.

    The noise of training is taken from networks that the study trained more than once, if there are enough.

    Args:
        runs: of one study, in launch order.
        trainings: what each run trained, by run id, see `training_of`.
        assistance: of the same runs.

    Returns:
        The errors by run id, only of runs of assisted spaces that trained; the sentences are empty if there are none.
    """
    repeats: dict[str, list[float]] = {}
    for run in runs:
        if run.error is not None and run.id in trainings:
            repeats.setdefault(trainings[run.id], []).append(run.error)
    noise = repeat_noise(list(repeats.values()))
    likely: dict[int, Likely] = {}
    share = None
    for space in assistance.spaces:
        try:
            found = assistance.shrunken(space, noise=noise)
        except RefusedError:
            continue
        share = found.noise_share
        first = ended_prefix([run for run in runs if run.space == space])
        for run, values in zip(first, np.column_stack(found[:3]).tolist(), strict=True):
            if not np.isnan(values).any():
                likely[run.id] = Likely(*values)
    if share is None:
        return likely, ""
    source = (
        "no network was trained repeatedly, so any share of what it cannot explain may be the noise of training"
        if noise is None
        else f"{share:.0%} of what it cannot explain is the noise of training, by the networks trained repeatedly"
    )
    return likely, (
        "The least of many measured errors is partly luck. The likely error is the measured one shrunk towards what a "
        f"predictor expects that did not see the network, with a 95 % interval: {source}."
    )


def likely_error(record: StudyRecord, store: Store, run: RunState) -> Likely | None:
    """Return the error of one run of a study freed of luck, see `likely_errors`; None if it is refused.

    Args:
        record: the study in `store`.
        store: where its runs and pools are.
        run: one that ended.
    """
    if run.space not in store.pooled(record.id):
        return None
    states = store.states(record.id)
    trainings = {one.id: training_of(record, one) for one in store.runs(record.id)}
    return likely_errors(states, trainings, study_assistance(record, states, store))[0].get(run.id)
