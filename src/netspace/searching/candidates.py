"""The networks of a search: those that are considered, those that were trained, and which of these is the best.

Considered are the first thousands of each space's stream, of which the random networks of the study are the beginning,
or, with a limit on the latency, some.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch.built import NetworkConfig
from netspace.arch.features import FeatureTable
from netspace.errors import WindowError
from netspace.searching.listed import listed_run
from netspace.searching.promising import Likely, Predictor, Promise, Trained
from netspace.searching.settled import NAME
from netspace.searching.timed import Place, chances_inside, pick_inside
from netspace.space import DesignSpace, Population
from netspace.space.pool import features_of
from netspace.store import PlannedRun, RunRecord, Store
from netspace.study.seeds import seed_of
from netspace.study.study import Study
from netspace.training.latency import Latency

POOL = 2000
"""Networks of each space that are considered, if it has as many."""
_FRUITLESS = 200_000  # candidates drawn in a row without a new network after which a space counts as exhausted
Floats = NDArray[np.float64]
_PLAIN = ("name", "space", "row", "flops", "params", "errors", "latency_ms")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of the best networks.

    Attributes:
        space: its space.
        row: its place there.
        config: the network.
        flops, params: at the search's resolution.
        errors: of its trainings in the cheap regime, %.
        likely: freed of luck; None if there was no predictor.
        latency_ms: as timed here, in milliseconds; None if it is not limited.
    """

    space: str
    row: int
    config: NetworkConfig
    flops: int
    params: int
    errors: tuple[float, ...]
    likely: Likely | None
    latency_ms: float | None = None

    @property
    def name(self) -> str:
        """Space and place."""
        return f"{self.space} {self.row}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        likely = None if self.likely is None else asdict(self.likely)
        return {**{key: getattr(self, key) for key in _PLAIN}, "likely": likely, "network": self.config.to_dict()}


class Candidates:
    """The networks of a search.

    Args:
        study: of the random networks.
        store: of all that are trained.
    """

    def __init__(self, study: Study, store: Store) -> None:
        self._study = study
        self._store = store

    def trained(self) -> list[Trained]:
        """Return the networks that trained, in launch order, each with all its errors."""
        found: dict[Place, list[float]] = {}
        for run in self._done():
            place = self._place(run)
            if run.error is not None and place is not None:
                found.setdefault(place, []).append(run.error)
        return [Trained(space=space, row=row, errors=tuple(errors)) for (space, row), errors in found.items()]

    def seconds(self) -> dict[Place | None, list[float]]:
        """Return how long the trainings of each network took; of those that no pool has, under None."""
        took: dict[Place | None, list[float]] = {}
        for run in self._done():
            took.setdefault(self._place(run), []).append(run.seconds or 0.0)
        return took

    def mean_seconds(self, least: int) -> float | None:
        """Return how long a training took on average; None if fewer than `least` ended."""
        took = [seconds for study in self._store.studies() for _, seconds in self._store.trained(study.id)]
        return sum(took) / len(took) if len(took) >= least else None

    def ranked(self) -> list[Candidate]:
        """Return the networks that trained, the best first, by the error that is likely."""
        trained = self.trained()
        predictor = Predictor.of(trained, self._features)
        if predictor is None:
            ranked = sorted(trained, key=lambda one: (sum(one.errors) / len(one.errors), one.space, one.row))
            return [self._candidate(one, None) for one in ranked]
        both = zip(predictor.trained, predictor.likely(), strict=True)
        return [
            self._candidate(one, likely)
            for one, likely in sorted(both, key=lambda pair: (pair[1].estimate, pair[0].space, pair[0].row))
        ]

    def promise(self) -> Promise | None:
        """Return what is expected of the others; None if too few trained for a predictor."""
        predictor = Predictor.of(self.trained(), self._features)
        return None if predictor is None else predictor.promise(self._features)

    def pick(self, wanted: int) -> tuple[list[Place], str]:
        """Return the most promising networks that were not trained, and in words how they were picked.

        With a limit on the latency they are inside it, as timed here.
        """
        promise = self.promise()
        if promise is None:
            return [], "none was chosen, since too few networks trained for a predictor"
        latency = self._study.spec.latency
        if latency is None:
            return list(promise.order[:wanted]), str(promise)
        chances = chances_inside(latency, self._features, self._timed_at_first(latency))
        picked = pick_inside(
            promise.order, wanted, chances, lambda place: latency.contains(self._timed(place, latency))
        )
        return list(picked.places), f"{promise}; {picked}"

    def _timed_at_first(self, latency: Latency) -> dict[str, Floats]:
        """Return the latencies of the beginning of each pool, up to the last network of the study of random ones."""
        study = self._store.find_study(NAME)
        runs = [] if study is None else self._store.runs(study.id)
        places = [place for place in map(self._place, runs) if place is not None]
        last = {name: max((row for space, row in places if space == name), default=-1) for name in self._pools}
        return {
            name: np.array([self._timed((name, row), latency) for row in range(last[name] + 1)], dtype=np.float64)
            for name in self._pools
        }

    def _timed(self, place: Place, latency: Latency) -> float:
        """Return the latency of a network in milliseconds; what was timed before is known."""
        space, row = place
        return latency.measure(self._pools[space][row], self._study.data.resolution)

    def runs(self, places: Sequence[Place], seed: int) -> list[PlannedRun]:
        """Return the runs of some networks, whose seeds follow from `seed`."""
        return [listed_run(self._pools[space], row, space, seed, launch) for launch, (space, row) in enumerate(places)]

    def _done(self) -> list[RunRecord]:
        return [run for study in self._store.studies() for run in self._store.runs(study.id, status="done")]

    def _place(self, run: RunRecord) -> Place | None:
        row = self._rows.get(run.space, {}).get(run.digest)
        return None if row is None else (run.space, row)

    def _candidate(self, one: Trained, likely: Likely | None) -> Candidate:
        latency = self._study.spec.latency
        population = self._pools[one.space]
        config = population[one.row]
        return Candidate(
            space=one.space,
            row=one.row,
            config=config,
            flops=int(population.complexity.flops[one.row]),
            params=int(population.complexity.params[one.row]),
            errors=one.errors,
            likely=likely,
            latency_ms=None if latency is None else self._timed((one.space, one.row), latency),
        )

    @cached_property
    def _pools(self) -> dict[str, Population]:
        return {space.name: self._pool(space) for space in self._study.spaces}

    def _pool(self, space: DesignSpace) -> Population:
        spec = self._study.spec
        seed, size, windows = seed_of(spec.seed, space.name), POOL, dict[str, Any](spec.windows)
        while size > spec.n:
            try:
                return space.sample(
                    size, seed=seed, resolution=self._study.data.resolution, patience=_FRUITLESS, **windows
                )
            except WindowError:  # the space has not as many
                size //= 2
        return space.sample(spec.n, seed=seed, resolution=self._study.data.resolution, **windows)

    @cached_property
    def _rows(self) -> dict[str, dict[str, int]]:
        return {
            name: {config.digest: row for row, config in enumerate(population.configs())}
            for name, population in self._pools.items()
        }

    @cached_property
    def _features(self) -> dict[str, FeatureTable]:
        return {name: features_of(population) for name, population in self._pools.items()}
