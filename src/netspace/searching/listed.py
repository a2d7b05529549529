"""Studies of networks that were picked one by one: trained as those of a study file are, in the same store.

They are no sample of their space, and their record says so: it names no space to draw pools from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netspace.documents import digest
from netspace.results.standing import Standing
from netspace.space import Population
from netspace.store import PlannedRun, Store, StudyRecord
from netspace.study import run_study
from netspace.study.executors import make_executor
from netspace.study.jobs import CHECKPOINT_SECONDS, Checkpoints
from netspace.study.seeds import seed_of
from netspace.study.study import Study


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What trains networks.

    Attributes:
        executor, workers, device, options: as `Study.run` takes them.
        checkpoint_seconds: of training between two checkpoints of a run at least.
    """

    executor: str = "local"
    workers: int | None = None
    device: str | None = None
    options: Mapping[str, Any] | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS


def listed_run(population: Population, row: int, space: str, seed: int, launch: int) -> PlannedRun:
    """Return the run of a network of a population.

    Args:
        population: the space's.
        row: the network's.
        space: its name.
        seed: of the study that the run belongs to.
        launch: position in that study.
    """
    config = population[row]
    own = population.complexity
    return PlannedRun(
        space=space,
        index=row,
        launch=launch,
        digest=config.digest,
        config=config.to_dict(),
        parameters={},
        flops=int(own.flops[row]),
        params=int(own.params[row]),
        activations=int(own.activations[row]),
        seed=seed_of(seed, space, row),
    )


def open_listed(
    study: Study, store: Store, name: str, runs: Callable[[], tuple[Sequence[PlannedRun], str]]
) -> StudyRecord:
    """Return a study of picked networks as the store holds it; if it is new, they are picked now.

    Args:
        study: whose images, recipe and resolution they share.
        store: where to.
        name: of the new study.
        runs: picks them, and says how in a sentence; called once in the life of a search.
    """
    known = store.find_study(name)
    if known is not None:
        return known
    planned, said = runs()
    spec = {key: value for key, value in study.record().items() if key not in ("spaces", "n", "latency")}
    record = spec | {"name": name, "picked": said}
    return store.insert_study(name, record, digest(record), planned)


def train_listed(
    study: Study, store: Store, record: StudyRecord, hands: Hands, observe: Callable[[Standing], None]
) -> Standing:
    """Train a study of picked networks as far as it is not trained.

    Raises: as for `Study.run`.
    """
    checkpoints = Checkpoints.of(record, study.root, seconds=hands.checkpoint_seconds)
    context = replace(study.context, checkpoints=checkpoints)
    executor = make_executor(hands.executor, context, workers=hands.workers, device=hands.device, options=hands.options)
    return run_study(record, store, executor, attempts=study.spec.attempts, checkpoints=checkpoints, observe=observe)
