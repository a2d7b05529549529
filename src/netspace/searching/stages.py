"""The stages of a search: random networks, chosen ones, the best again, the winner fully; each can go on.

What decides is in the folder alone: what was settled, and the store's results, which are those of the study's runs
whatever interrupted them. A stage is picked from the complete results of the stages before it, so that the networks and
the winner do not depend on which worker was faster.
"""

from collections.abc import Callable, Sequence
from typing import Any

from netspace.errors import DivergedError, StudyError
from netspace.report import write_report
from netspace.results.standing import Standing
from netspace.searching.budget import Budget
from netspace.searching.call import Call
from netspace.searching.candidates import Candidate, Candidates
from netspace.searching.fitting import Pace, affordable, repeats_in_time, round_size, winner_epochs
from netspace.searching.listed import open_listed, train_listed
from netspace.searching.progress import Clock
from netspace.searching.result import PACKAGE, REPORT, SearchResult
from netspace.searching.settled import NAME, STUDY, Settled
from netspace.searching.summary import summary
from netspace.searching.winner import note_test_error, train_winner, with_threads
from netspace.store import PlannedRun, Store
from netspace.study.pools import ensure_pools
from netspace.study.seeds import seed_of
from netspace.study.study import Study
from netspace.training.images.sources import located

_TELLING = 4  # networks whose times say how long the others will take
_LISTED = 5  # of the best, where none was trained again


class Stages:
    """A search that was settled.

    Args:
        call: what it was given.
        settled: in its folder.
        store: of its trainings.
    """

    def __init__(self, call: Call, settled: Settled, store: Store) -> None:
        self._call = call
        self._folder = call.folder
        self._settled = settled
        self._store = store
        self._budget = Budget(call.folder, settled.hours, call.began)
        self._study = Study.from_yaml(call.folder / STUDY).as_started(store)
        self._candidates = Candidates(self._study, store)
        self._clock = Clock(
            settled=settled,
            networks=self._study.spec.n * len(self._study.spaces) + settled.chosen + settled.repeats,
            budget=self._budget,
            observe=call.observe,
            seconds=lambda: self._candidates.mean_seconds(_TELLING),
        )
        self._reasons: list[str] = []
        self._counts: dict[str, int] = {}

    def run(self) -> SearchResult:
        """Go through all of them.

        Raises:
            StudyError: no network could be trained.
            DivergedError: all of the best diverged when trained fully.
            KeyboardInterrupt: Ctrl-C or SIGTERM.
        """
        self._random()
        number = 1
        while size := self._round(number):
            self._chosen(number, size)
            number += 1
        self._repeats()
        best = self._trained_fully(self._best())
        self._clock.begin("test error and page")
        package = note_test_error(self._folder / PACKAGE, self._call.device)
        record = self._study.open(self._store)
        ensure_pools(record, self._store)
        write_report(self._store, NAME, self._folder / REPORT, ("html", "md"), root=self._folder)
        seconds = sum(self._store.training_seconds(study.id) for study in self._store.studies())
        self._budget.keep()
        hours = self._settled.hours
        took = "" if hours is None else f"Time: {self._budget.spent}, of {hours:g} h that were given."
        text = summary(
            self._call.source,
            self._settled.choices,
            self._counts,
            self._reasons,
            best,
            package,
            self._folder,
            seconds,
            took,
            self._study.spec.latency,
        )
        found = SearchResult(
            folder=self._folder, best=tuple(best), choices=self._settled.choices, package=package, summary=text
        )
        found.write_summary()
        return found

    def _random(self) -> None:
        """Train the random networks: an ordinary study."""
        self._clock.begin("random networks")
        hands = self._call.hands
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
        pace, left = self._pace(), self._budget.left
        before = self._store.find_study(f"{NAME}-chosen-{number - 1}")
        fruitless = before is not None and not self._store.runs(before.id)
        networks = affordable(settled, left, pace)
        size = 0 if fruitless else round_size(networks)
        if size:
            self._settle(rounds=(*settled.rounds, size))
            self._clock.expect(networks + settled.repeats)
        else:
            self._settle(more_rounds=False, repeats=repeats_in_time(settled, left, pace))
            self._clock.expect(self._settled.repeats)
        return size

    def _pace(self) -> Pace:
        longer = self._settled.recipe.epochs / self._study.spec.recipe.epochs
        return Pace.of(self._candidates, self._budget.spent.training, longer)

    def _settle(self, **changes: Any) -> None:
        self._settled = self._settled.model_copy(update=changes)
        self._settled.write(self._folder)

    def _chosen(self, number: int, size: int) -> None:
        """Train the most promising of the networks that are not trained."""
        self._clock.begin(f"chosen networks, round {number}")

        def pick() -> tuple[Sequence[PlannedRun], str]:
            picked, said = self._candidates.pick(size)
            return self._candidates.runs(
                picked, self._study.spec.seed
            ), f"before round {number} of chosen networks, {said}"

        self._listed(f"{NAME}-chosen-{number}", "chosen", pick, size)

    def _repeats(self) -> None:
        """Train the best once more, from another seed: how much of an error is luck is known only so."""
        self._clock.begin("the best again")

        def pick() -> tuple[Sequence[PlannedRun], str]:
            best = [(one.space, one.row) for one in self._candidates.ranked()[: self._settled.repeats]]
            again = seed_of(self._study.spec.seed, "the best again")
            return self._candidates.runs(best, again), "the best were trained once more, to know the noise of training"

        if self._settled.repeats:
            self._listed(f"{NAME}-again", "again", pick, self._settled.repeats)

    def _listed(self, name: str, what: str, pick: Callable[[], tuple[Sequence[PlannedRun], str]], planned: int) -> None:
        record = open_listed(self._study, self._store, name, pick)
        self._reasons.append(str(record.spec["picked"]))
        if not self._store.runs(record.id):
            self._clock.end(0, planned)
            return
        with self._budget.trains():
            end = train_listed(self._study, self._store, record, self._call.hands, self._clock.standing)
        self._ended(what, end, planned)

    def _ended(self, what: str, end: Standing, planned: int) -> None:
        self._counts[what] = self._counts.get(what, 0) + end.ended
        self._clock.end(end.ended, planned)

    def _best(self) -> list[Candidate]:
        """Return the few best: of those that were trained again, if there are, the others being less sure."""
        ranked = self._candidates.ranked()
        again = [one for one in ranked if len(one.errors) > 1]
        return (again or ranked)[: max(1, self._settled.repeats or _LISTED)]

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
        if self._settled.threads is None:
            self._fit_epochs()
        self._settled = settled = with_threads(
            self._settled, self._folder, winner.config, study.data, self._call.device
        )
        train_winner(
            self._folder / PACKAGE,
            winner.config,
            study.data,
            name=winner.name.replace(" ", "-"),
            data=study.spec.data.model_copy(update={"source": located(study.spec.data.source, study.root)}),
            recipe=settled.recipe,
            seed=seed_of(study.spec.seed, "the winner"),
            device=self._call.device,
            threads=settled.threads or 1,
            licence=self._call.licence,
            on_epoch=lambda epoch: self._clock.epoch(epoch, settled.recipe.epochs),
        )

    def _fit_epochs(self) -> None:
        """Fit the epochs of the winner's training into the time that is left, if they were left open."""
        settled = self._settled
        if settled.hours is None or not settled.free_epochs:
            return
        choice = winner_epochs(settled, self._budget.left, self._pace())
        self._call.tell(choice)
        # written down with the threads, when the training can begin
        self._settled = settled.model_copy(
            update={
                "recipe": settled.recipe.model_copy(update={"epochs": int(choice.value)}),
                "choices": (*settled.choices, choice),
            }
        )
