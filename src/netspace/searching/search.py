"""The search: random networks, chosen ones, the best again, the winner fully; each stage goes on where it stopped.

What decides is in the folder alone: what was settled, and the store's results, which are those of the study's runs
whatever interrupted them. A stage is picked from the complete results of the stages before it, so that the networks and
the winner do not depend on which worker was faster.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from netspace.arch import AnyNetConfig, complexity, zoo
from netspace.arch.config import StemKind
from netspace.arch.features import FeatureTable
from netspace.documents import parse
from netspace.errors import DivergedError, StudyError, WindowError
from netspace.files import write_whole
from netspace.models.backbone import Described
from netspace.models.hub import from_pretrained
from netspace.models.package import Package
from netspace.report import write_report
from netspace.results.standing import Standing
from netspace.searching.budget import LAST_SECONDS, Budget
from netspace.searching.choices import Choice
from netspace.searching.listed import Hands, listed_run, open_listed, train_listed
from netspace.searching.progress import Clock, Progress
from netspace.searching.promising import Predictor, Promise, Trained
from netspace.searching.published import fitted_to, settle_published
from netspace.searching.settling import (
    CHOSEN,
    FEWEST_CHOSEN,
    MOST_CHOSEN,
    NAME,
    STRETCH,
    STUDY,
    FromPublished,
    SearchSpec,
    Settled,
    settle,
)
from netspace.searching.summary import Candidate, published_summary, summary
from netspace.searching.winner import note_test_error, train_winner
from netspace.space import DesignSpace, Population
from netspace.space.pool import features_of
from netspace.store import PlannedRun, RunRecord, Store
from netspace.study.executors import executor_options
from netspace.study.pools import ensure_pools
from netspace.study.seeds import seed_of
from netspace.study.study import Study
from netspace.training.device import usable_device
from netspace.training.images.data import DataSpec, ImageData, load_data
from netspace.training.images.sources import located
from netspace.training.recipe import Recipe
from netspace.training.threads import fastest_threads

POOL = 2000
"""Networks of each space that are considered, if it has as many."""
PATIENCE = 100
"""Networks timed in a row outside the window after which no more are tried."""
_TELLING_BEST = 5  # networks whose times say how long the next ones and the winner's training will take
_TELLING = 4  # networks whose times say how long the others will take
_FRUITLESS = 200_000  # candidates drawn in a row without a new network after which a space counts as exhausted
PACKAGE, REPORT, SUMMARY = "package", "report", "summary.txt"

_Bounds = str | tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    Attributes:
        folder: of the search: the study file, its store, `package`, `report`, `summary.txt`.
        best: the best networks, the winner first.
        choices: what was chosen, with the reasons.
        package: what is known of the winner.
        summary: all of it, as text.
    """

    folder: Path
    best: tuple[Candidate, ...]
    choices: tuple[Choice, ...]
    package: Package
    summary: str

    @cached_property
    def model(self) -> Described:
        """The winner, trained, with its `transform` and `classes`; in evaluation mode."""
        return from_pretrained(self.folder / PACKAGE).eval()

    def as_dict(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {
            "folder": str(self.folder),
            "package": str(self.folder / PACKAGE),
            "choices": [choice.model_dump() for choice in self.choices],
            "best": [one.as_dict() for one in self.best],
            "errors": [error.model_dump() for error in self.package.errors],
        }

    def __repr__(self) -> str:
        return self.summary


def search(
    data: str | Path | DataSpec,
    output: str | Path,
    *,
    params: _Bounds | None = None,
    flops: _Bounds | None = None,
    activations: _Bounds | None = None,
    latency: Any = None,
    hours: float | None = None,
    spaces: Sequence[str] | None = None,
    resolution: int | None = None,
    stem: StemKind | None = None,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    cheap_epochs: int | None = None,
    pretrained: bool = False,
    seed: int = 0,
    executor: str = "local",
    workers: int | None = None,
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
    licence: str | None = None,
    tell: Callable[[Choice], None] = lambda _: None,
    observe: Callable[[Progress], None] = lambda _: None,
) -> SearchResult:
    """Search the best network for some images inside a limit, train it and write its package.

    The same call goes on with a search that was interrupted, and ends with the same network.

    Args:
        data: a folder of class folders, or any source or `DataSpec`.
        output: folder of the search.
        params, flops, activations: windows, as "LO:HI".
        latency: window in milliseconds an image on one core, as "LO:HI", or a mapping, see `Latency`.
        hours: that the whole should take: networks and epochs are fitted into them by the speed seen on the way, over
            all calls; None for no limit.
        spaces: to search in; None for RegNet without and with squeeze-and-excitation, constrained as in the paper.
        resolution, stem, recipe, epochs, cheap_epochs: None to choose.
        pretrained: choose the best of the published networks inside the limit, by their errors on ImageNet, and train
            on from its weights.
        seed: of everything that is drawn.
        executor, workers, device, options: what trains the population, as for `netspace run`. The winner is trained
            here.
        licence: of the package, an SPDX identifier.
        tell: called with each choice.
        observe: called with the progress.

    Raises:
        DataError: the images cannot be used, or a class has too few.
        WindowError: no network is inside the windows; the message has the nearest.
        StudyError: the hours are too few for the smallest search, or the folder holds a search for something else.
        DivergedError: all of the best networks diverged when trained fully.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same call goes on.
    """
    import torch

    began = time.monotonic()
    images = data if isinstance(data, DataSpec) else DataSpec(source=str(data))
    asked = parse(
        SearchSpec,
        {
            "data": images,
            "params": params,
            "flops": flops,
            "activations": activations,
            "latency": latency,
            "hours": hours,
            "spaces": None if spaces is None else tuple(spaces),
            "resolution": resolution,
            "stem": stem,
            "recipe": recipe,
            "epochs": epochs,
            "cheap_epochs": cheap_epochs,
            "pretrained": pretrained,
            "seed": seed,
        },
        "search",
    )
    executor_options(executor, options)
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    usable_device(place)
    folder = Path(output)
    settled = Settled.read(folder)
    kind = place.partition(":")[0]
    if settled is None and pretrained:
        settled = settle_published(asked, folder, device=kind, tell=tell)
    elif settled is None:
        settled = settle(
            asked,
            folder,
            device=kind,
            workers=workers or (len(os.sched_getaffinity(0)) if place == "cpu" else max(1, torch.cuda.device_count())),
            tell=tell,
        )
    else:
        settled.check_unchanged(asked, folder)
        for choice in settled.choices:
            tell(choice)
    if settled.published is not None:
        return _fine_tuned(folder, settled, settled.published, str(images.source), place, licence, observe)
    hands = Hands(executor=executor, workers=workers, device=device, options=options)
    with Store.open(folder / f"{NAME}.db") as store:
        budget = Budget(folder, settled.hours, began)
        return _Search(folder, settled, store, hands, place, licence, budget, tell, observe).run(str(images.source))


def _fine_tuned(
    folder: Path,
    settled: Settled,
    published: FromPublished,
    source: str,
    device: str,
    licence: str | None,
    observe: Callable[[Progress], None],
) -> SearchResult:
    """Train a published network on; goes on from where it was interrupted."""
    images = load_data(published.data, published.resolution)
    config = fitted_to(zoo.get(published.network), images.num_classes, images.channels)
    settled = _with_threads(settled, folder, config, images, device)
    budget = Budget(folder, None, time.monotonic())
    clock = Clock(settled=settled, networks=0, budget=budget, observe=observe, seconds=lambda: None)
    clock.begin("the winner")
    train_winner(
        folder / PACKAGE,
        config,
        images,
        name=published.network,
        data=published.data,
        recipe=settled.recipe,
        seed=seed_of(int(settled.asked["seed"]), "the winner"),
        device=device,
        threads=settled.threads or 1,
        licence=licence,
        published=published.network,
        on_epoch=lambda epoch: clock.epoch(epoch, settled.recipe.epochs),
    )
    package = note_test_error(folder / PACKAGE, device)
    text = published_summary(source, settled.choices, config, package, folder)
    write_whole(folder / SUMMARY, text)
    cost = complexity(config, published.resolution)
    winner = Candidate(
        space="published",
        row=0,
        config=config,
        flops=int(cost.flops),
        params=int(cost.params),
        errors=(),
        likely=None,
    )
    return SearchResult(folder=folder, best=(winner,), choices=settled.choices, package=package, summary=text)


def _with_threads(settled: Settled, folder: Path, config: AnyNetConfig, images: ImageData, device: str) -> Settled:
    """Return what was settled with the threads of the winner's training, measured once and written down."""
    if settled.threads is not None:
        return settled
    threads = 1
    if device == "cpu":
        threads = fastest_threads(config, settled.recipe, images.resolution, len(images.train_labels))
    settled = settled.model_copy(update={"threads": threads})
    settled.write(folder)
    return settled


class _Search:
    def __init__(
        self,
        folder: Path,
        settled: Settled,
        store: Store,
        hands: Hands,
        device: str,
        licence: str | None,
        budget: Budget,
        tell: Callable[[Choice], None],
        observe: Callable[[Progress], None],
    ) -> None:
        self._folder = folder
        self._settled = settled
        self._store = store
        self._hands = hands
        self._device = device
        self._licence = licence
        self._budget = budget
        self._tell = tell
        self._study = Study.from_yaml(folder / STUDY).as_started(store)
        random = self._study.spec.n * len(self._study.spaces)
        networks = random + settled.chosen + settled.repeats
        self._clock = Clock(
            settled=settled, networks=networks, budget=budget, observe=observe, seconds=self._model_seconds
        )
        self._reasons: list[str] = []
        self._counts: dict[str, int] = {}

    def run(self, source: str) -> SearchResult:
        self._random()
        number = 1
        while size := self._round(number):
            self._chosen(number, size)
            number += 1
        self._repeats()
        best = self._trained_fully(self._best())
        package = note_test_error(self._folder / PACKAGE, self._device)
        record = self._study.open(self._store)
        ensure_pools(record, self._store)
        write_report(self._store, NAME, self._folder / REPORT, ("html", "md"), root=self._folder)
        seconds = sum(self._store.training_seconds(study.id) for study in self._store.studies())
        self._budget.keep()
        hours = self._settled.hours
        took = "" if hours is None else f" {self._budget.spent.seconds / 3600:.3g} of {hours:g} hours went by."
        text = summary(
            source, self._settled.choices, self._counts, self._reasons, best, package, self._folder, seconds, took
        )
        write_whole(self._folder / SUMMARY, text)
        return SearchResult(
            folder=self._folder, best=tuple(best), choices=self._settled.choices, package=package, summary=text
        )

    def _random(self) -> None:
        """Train the random networks: an ordinary study."""
        self._clock.begin("random networks")
        hands = self._hands
        with self._budget.trains():
            end = self._study.run(
                self._store,
                executor=hands.executor,
                workers=hands.workers,
                device=hands.device,
                options=hands.options,
                checkpoint_seconds=hands.checkpoint_seconds,
                observe=self._clock.standing,
            )
        self._ended("random", end, end.total)
        if not end.number("done"):
            raise StudyError(
                f"{self._folder}: no network could be trained; `netspace status {self._folder / STUDY}` says why"
            )

    def _round(self, number: int) -> int:
        """Return how many networks are chosen in a round; 0 if there is none. What the hours allow is settled now."""
        settled = self._settled
        if number <= len(settled.rounds):
            return settled.rounds[number - 1]
        if not settled.more_rounds:
            return 0
        each, winner = self._speed()
        affordable = int((self._budget.left - LAST_SECONDS - winner) / each) - settled.repeats
        # the next but one is picked by what this one shows
        size = affordable if affordable <= 2 * CHOSEN else min(MOST_CHOSEN, affordable // 2)
        before = self._store.find_study(f"{NAME}-chosen-{number - 1}")
        fruitless = before is not None and not self._store.runs(before.id)
        if size >= FEWEST_CHOSEN and not fruitless:
            self._settle(rounds=(*settled.rounds, size))
            self._clock.expect(affordable + settled.repeats)
            return size
        shortest = winner / STRETCH if settled.free_epochs else winner
        in_time = self._budget.left - LAST_SECONDS >= shortest + settled.repeats * each
        self._settle(more_rounds=False, repeats=settled.repeats if in_time else 0)
        self._clock.expect(self._settled.repeats)
        return 0

    def _speed(self) -> tuple[float, float]:
        """Return the seconds by the clock that one more network takes, and those that the winner's training may.

        The first holds everything: workers that start, and others that want the machine. Both are of networks as large
        as the best are.
        """
        took: dict[tuple[str, int | None], list[float]] = {}
        for study in self._store.studies():
            for run in self._store.runs(study.id, status="done"):
                took.setdefault((run.space, self._place(run)), []).append(run.seconds or 0.0)
        every = [seconds for several in took.values() for seconds in several]
        mean = sum(every) / len(every)
        large = [seconds for one in self._ranked()[:_TELLING_BEST] for seconds in took[one.space, one.row]]
        best = sum(large) / len(large)
        each = max(self._budget.spent.training, mean) / len(every) * best / mean
        return each, best * self._settled.recipe.epochs / self._study.spec.recipe.epochs

    def _settle(self, **changes: Any) -> None:
        self._settled = self._settled.model_copy(update=changes)
        self._settled.write(self._folder)

    def _chosen(self, number: int, size: int) -> None:
        """Train the most promising of the networks that are not trained."""
        self._clock.begin(f"chosen networks, round {number}")

        def pick() -> tuple[Sequence[PlannedRun], str]:
            predictor = Predictor.of(self._trained(), self._features)
            if predictor is None:
                return [], "none was chosen, since too few networks trained for a predictor"
            promise = predictor.promise(self._features)
            picked = self._inside_latency(promise, size)
            runs = [
                listed_run(self._pools[space], row, space, self._study.spec.seed, launch)
                for launch, (space, row) in enumerate(picked)
            ]
            return runs, f"before round {number} of chosen networks, {promise}"

        self._listed(f"{NAME}-chosen-{number}", "chosen", pick, size)

    def _repeats(self) -> None:
        """Train the best once more, from another seed: how much of an error is luck is known only so."""
        self._clock.begin("the best again")

        def pick() -> tuple[Sequence[PlannedRun], str]:
            best = self._ranked()[: self._settled.repeats]
            again = seed_of(self._study.spec.seed, "the best again")
            return [
                listed_run(self._pools[one.space], one.row, one.space, again, launch) for launch, one in enumerate(best)
            ], "the best again, to know the noise of training"

        if self._settled.repeats:
            self._listed(f"{NAME}-again", "again", pick, self._settled.repeats)

    def _listed(self, name: str, what: str, pick: Callable[[], tuple[Sequence[PlannedRun], str]], planned: int) -> None:
        record = open_listed(self._study, self._store, name, pick)
        self._reasons.append(str(record.spec["picked"]))
        runs = self._store.runs(record.id)
        if not runs:
            self._clock.end(0, planned)
            return
        with self._budget.trains():
            end = train_listed(self._study, self._store, record, self._hands, self._clock.standing)
        self._ended(what, end, planned)

    def _ended(self, what: str, end: Standing, planned: int) -> None:
        self._counts[what] = self._counts.get(what, 0) + end.ended
        self._clock.end(end.ended, planned)

    def _model_seconds(self) -> float | None:
        """Return how long a network of the population took on average; None before a few ended."""
        took = [run.seconds for study in self._store.studies() for run in self._store.runs(study.id, status="done")]
        known = [seconds for seconds in took if seconds is not None]
        return sum(known) / len(known) if len(known) >= _TELLING else None

    def _inside_latency(self, promise: Promise, wanted: int) -> list[tuple[str, int]]:
        """Return the most promising networks; with a limit on the latency, those that are inside it, timed here."""
        latency = self._study.spec.latency
        if latency is None:
            return list(promise.order[:wanted])
        picked: list[tuple[str, int]] = []
        outside = 0
        for space, row in promise.order:
            if len(picked) == wanted or outside == PATIENCE:
                break
            if latency.contains(latency.measure(self._pools[space][row], self._study.data.resolution)):
                picked.append((space, row))
                outside = 0
            else:
                outside += 1
        return picked

    def _trained(self) -> list[Trained]:
        """Return the networks that trained, in launch order, each with all its errors."""
        found: dict[tuple[str, int], list[float]] = {}
        for study in self._store.studies():
            for run in self._store.runs(study.id, status="done"):
                place = self._place(run)
                if run.error is not None and place is not None:
                    found.setdefault((run.space, place), []).append(run.error)
        return [Trained(space=space, row=row, errors=tuple(errors)) for (space, row), errors in found.items()]

    def _place(self, run: RunRecord) -> int | None:
        """Return the row of a run's network in its space's pool."""
        return self._rows.get(run.space, {}).get(run.digest)

    def _ranked(self) -> list[Candidate]:
        """Return the networks that trained, the best first, by the error that is likely."""
        trained = self._trained()
        predictor = Predictor.of(trained, self._features)
        if predictor is None:
            ranked = sorted(trained, key=lambda one: (sum(one.errors) / len(one.errors), one.space, one.row))
            return [self._candidate(one) for one in ranked]
        both = zip(predictor.trained, predictor.likely(), strict=True)
        return [
            self._candidate(one, likely)
            for one, likely in sorted(both, key=lambda pair: (pair[1].estimate, pair[0].space, pair[0].row))
        ]

    def _candidate(self, one: Trained, likely: Any = None) -> Candidate:
        population = self._pools[one.space]
        config = population[one.row]
        assert isinstance(config, AnyNetConfig)  # a search looks at the spaces of the catalogue alone
        return Candidate(
            space=one.space,
            row=one.row,
            config=config,
            flops=int(population.complexity.flops[one.row]),
            params=int(population.complexity.params[one.row]),
            errors=one.errors,
            likely=likely,
        )

    def _best(self) -> list[Candidate]:
        """Return the few best: of those that were trained again, if there are, the others being less sure."""
        ranked = self._ranked()
        again = [one for one in ranked if len(one.errors) > 1]
        return (again or ranked)[: max(1, self._settled.repeats or 5)]

    def _trained_fully(self, best: Sequence[Candidate]) -> list[Candidate]:
        """Train the first fully, the next one if it diverges; return them all, with the one that trained first."""
        first, *others = best
        given_up = self._folder / f"diverged-{first.name.replace(' ', '-')}"
        if not given_up.exists():
            try:
                self._train_fully(first)
            except DivergedError:
                if not others:
                    raise
                (self._folder / PACKAGE).rename(given_up)
            else:
                return [first, *others]
        self._reasons.append(f"trained fully, {first.name} diverged, and the next best took its place")
        return [*self._trained_fully(others), first]

    def _train_fully(self, winner: Candidate) -> None:
        self._clock.begin("the winner")
        study = self._study
        config: AnyNetConfig = winner.config
        if self._settled.threads is None:
            self._fit_epochs()
        self._settled = settled = _with_threads(self._settled, self._folder, config, study.data, self._device)
        train_winner(
            self._folder / PACKAGE,
            config,
            study.data,
            name=winner.name.replace(" ", "-"),
            data=study.spec.data.model_copy(update={"source": located(study.spec.data.source, study.root)}),
            recipe=settled.recipe,
            seed=seed_of(study.spec.seed, "the winner"),
            device=self._device,
            threads=settled.threads or 1,
            licence=self._licence,
            on_epoch=lambda epoch: self._clock.epoch(epoch, settled.recipe.epochs),
        )

    def _fit_epochs(self) -> None:
        """Fit the epochs of the winner's training into the time that is left, if they were left open."""
        settled = self._settled
        if settled.hours is None or not settled.free_epochs:
            return
        _, seconds = self._speed()
        planned, left = settled.recipe.epochs, self._budget.left - LAST_SECONDS
        epochs = max(-(-planned // STRETCH), min(planned * STRETCH, int(planned * left / seconds)))
        choice = Choice(
            what="epochs of the winner",
            value=str(epochs),
            reason=f"instead of {planned}, by the {max(0.0, left) / 3600:.2g} h that are left for them",
            option="--epochs",
        )
        self._tell(choice)
        self._settled = settled.model_copy(
            update={
                "recipe": settled.recipe.model_copy(update={"epochs": epochs}),
                "choices": (*settled.choices, choice),
            }
        )

    @cached_property
    def _pools(self) -> dict[str, Population]:
        """The networks that are considered, by space: those of the study are their beginning, or among them."""
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
