"""Study: what a study file describes: its spaces, its data, the runs it plans, and where they are stored."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from netspace.arch.built import NetworkConfig, code_of
from netspace.arch.code import Code, known_file
from netspace.arch.naming import find_network
from netspace.checks import check_number
from netspace.code import complexity_of
from netspace.displayed import Displayed
from netspace.documents import Document, differences, digest, is_document, parse, plain
from netspace.errors import ConfigError, NetspaceError, StudyError, TrainingError, UnknownNameError
from netspace.models import build
from netspace.results.standing import Standing
from netspace.results.stopping import DEFAULT_METHOD, stop_of
from netspace.space import DesignSpace, Population, load_all, space_from_dict, window
from netspace.space.distributions import Distribution, from_spec
from netspace.stats import Claim, parse_claim, resolve_claim
from netspace.stats.claims import FITTED
from netspace.stats.regimes import of_regime
from netspace.store import PlannedRun, Store, StudyRecord
from netspace.study.executors import make_executor
from netspace.study.jobs import CHECKPOINT_SECONDS, Checkpoints, JobContext, identity
from netspace.study.pools import ensure_pools
from netspace.study.runner import run_study
from netspace.study.seeds import seed_of
from netspace.study.spec import STOP_COMPARES, StudySpec
from netspace.training.images.data import DataSpec, ImageData, as_recorded, completed, load_data
from netspace.training.latency import LATENCY, Latency, Timings, sample_timed
from netspace.training.preconditions import check_batches, check_network_fits
from netspace.training.recipe import Recipe

_UNDECISIVE = {"storage"}
"""Settings of the data that do not affect results: a study may go on with others."""


@dataclass(frozen=True, kw_only=True)
class Study(Displayed):
    """A study and the place its relative paths start from.

    Attributes:
        spec: what the study file says.
        root: the study file's folder.
    """

    spec: StudySpec
    root: Path = Path()

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """Read a study file.

        Raises:
            ConfigError, UnknownNameError: the file is missing or breaks a rule; the message names file and key.
        """
        study = cls(spec=StudySpec.from_yaml(path), root=Path(path).parent)
        try:
            _ = study.claims
        except UnknownNameError as error:
            raise error.at(str(path)) from None
        return study

    @property
    def default_store(self) -> Path:
        """Where the results go unless a store is named: `NAME.db` beside the study file."""
        return self.root / f"{self.spec.name}.db"

    @cached_property
    def data(self) -> ImageData:
        """The images, decoded and split at first use.

        Raises:
            DataError: they are missing or broken.
        """
        return load_data(self.spec.data, self.spec.resolution, root=self.root)

    @property
    def context(self) -> JobContext:
        """What a worker needs to know of the study."""
        return JobContext(
            data=self.spec.data,
            root=self.root.resolve(),
            resolution=self.data.resolution,
            recipe=self.recipe,
            images=identity(self.data),
            code=tuple(dict.fromkeys(known_file(code) for code in self._code if code is not None and code.in_file)),
        )

    @property
    def _code(self) -> list[Code | None]:
        """The code of someone's own that each space and each single network is made by."""
        return [*(space.code for space in self.spaces), *map(code_of, self.networks.values())]

    @cached_property
    def networks(self) -> dict[str, NetworkConfig]:
        """The single networks beside the spaces, by name (of a file its stem), with the data's classes and channels.

        Raises:
            ConfigError, UnknownNameError: there is no such network, or its file breaks a rule.
            StudyError: two networks, or a network and a space, have one name.
        """
        found: dict[str, NetworkConfig] = {}
        spaces = {space.name for space in self.declared_spaces}
        for entry in () if self.spec.networks is None else self.spec.networks.names:
            name = Path(entry).stem if is_document(entry) else entry
            if name in found or name in spaces:
                raise StudyError(
                    f"study '{self.spec.name}': networks: '{name}' is the name of "
                    f"{'a space' if name in spaces else 'two networks'}; rename the file of one"
                )
            try:
                network = find_network(entry, self.root)
            except NetspaceError as error:
                raise error.at(f"study '{self.spec.name}', networks") from None
            found[name] = network.changed(num_classes=self.data.num_classes, in_channels=self.data.channels)
        return found

    @property
    def recipe(self) -> Recipe:
        """How networks are trained; if the study file leaves it open, the last epoch alone is evaluated."""
        recipe = self.spec.recipe
        return recipe if recipe.evaluate_every else recipe.model_copy(update={"evaluate_every": recipe.epochs})

    @cached_property
    def spaces(self) -> tuple[DesignSpace, ...]:
        """The design spaces, their networks fitted to the data (classes, channels) and to the study's `network`.

        Raises:
            ConfigError, UnknownNameError: a space is unknown or breaks a rule, or two have one name.
        """
        changes = self.spec.network.changes() | {
            "num_classes": self.data.num_classes,
            "in_channels": self.data.channels,
        }
        return tuple(space.with_network(**changes) for space in self.declared_spaces)

    @cached_property
    def declared_spaces(self) -> tuple[DesignSpace, ...]:
        """The design spaces as the study file declares them, not yet fitted to the data.

        Raises:
            ConfigError, UnknownNameError: a space is unknown or breaks a rule, or two have one name.
        """
        spaces = tuple(space for entry in self.spec.spaces for space in self._spaces_of(entry))
        for space in spaces:
            self._check_recipe_of(space)
        if self.spec.stop is not None and len(spaces) < 2:
            raise StudyError(f"study '{self.spec.name}': {STOP_COMPARES}")
        if self.spec.regimes:
            windows = [window("flops", bounds) for bounds in self.spec.regimes]
            spaces = tuple(space.refine(one, name=of_regime(space.name, one)) for one in windows for space in spaces)
        names = [space.name for space in spaces]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise StudyError(f"study '{self.spec.name}': two spaces are named '{twice}'; rename one")
        return spaces

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of the study file, with the full names of its spaces.

        Raises:
            UnknownNameError: a claim names a space or a property that there is not.
        """
        if not self.spec.claims:
            return ()
        measured = [] if self.spec.latency is None else [LATENCY]
        columns = {space.name: [*space.column_names, FITTED, *measured] for space in self.declared_spaces}
        return tuple(resolve_claim(parse_claim(text), list(columns), columns.__getitem__) for text in self.spec.claims)

    def _spaces_of(self, entry: str | dict[str, Any]) -> list[DesignSpace]:
        where = f"study '{self.spec.name}'"
        if isinstance(entry, dict):
            return [space_from_dict(entry, f"{where}, spaces", folder=self.root, recipe=self._drawn_recipe)]
        spaces = [loaded.space for loaded in load_all(entry, self.root)]
        if not self._drawn_recipe:
            return spaces
        try:
            return [space.with_recipe(**{**self._drawn_recipe, **space.recipe}) for space in spaces]
        except NetspaceError as error:
            raise ConfigError(f"{where}: recipe: {error}") from None

    @cached_property
    def _drawn_recipe(self) -> dict[str, Distribution]:
        """The laws of the recipe's numbers that spaces draw which have none of their own."""
        laws = {}
        for name, law in self.spec.recipe_laws.items():
            try:
                laws[name] = from_spec(law)
            except NetspaceError as error:
                raise ConfigError(f"study '{self.spec.name}': recipe.{name}: {error}") from None
        return laws

    def _check_recipe_of(self, space: DesignSpace) -> None:
        """Raise unless the ends of what a space draws of the recipe go with the rest of it."""
        for name in space.recipe:
            values = space.laws[name].distribution.values
            for value in (values[0].item(), values[-1].item()):
                where = f"study '{self.spec.name}': recipe of {space.name}"
                parse(Recipe, {**self.spec.recipe.model_dump(), name: value}, where)

    def sample(self, observe: Callable[[Timings], None] = lambda _: None) -> dict[str, Population]:
        """Return the population of each space, by name; with `latency_ms` if the study times its networks.

        It depends on the spaces, n, the windows and the seed alone; with a latency window, on the timings here too.

        Args:
            observe: called after each network that is timed.

        Raises:
            WindowError: a space holds, or has inside the windows, fewer than n models.
            TrainingError: the device on which networks are to be timed cannot be used.
        """
        return {space.name: self._population(space, observe) for space in self.spaces}

    def _population(self, space: DesignSpace, observe: Callable[[Timings], None]) -> Population:
        n, seed, resolution = self.spec.n, seed_of(self.spec.seed, space.name), self.data.resolution
        windows: dict[str, Any] = self.spec.windows
        if self.spec.latency is None:
            return space.sample(n, seed=seed, resolution=resolution, **windows)
        return sample_timed(
            space, n, self.spec.latency, seed=seed, resolution=resolution, windows=windows, observe=observe
        )

    def planned_runs(self, observe: Callable[[Timings], None] = lambda _: None) -> list[PlannedRun]:
        """Return every run of the study in launch order: the spaces take turns, so that a part of it is balanced.

        Single networks take their turns too, after the spaces.

        Args:
            observe: as for `sample`.

        Raises:
            WindowError, TrainingError: as for `sample`.
            TrainingError: a batch cannot be divided as the recipe says.
            StudyError: a network cannot be trained on these images.
        """
        check_batches(self.spec.recipe, self.data)
        if self.spec.latency is not None:  # one network of each space, before any is timed
            self._check_fit(replace(self, spec=self.spec.model_copy(update={"latency": None, "n": 1})).sample())
        populations = self.sample(observe)
        self._check_fit(populations)
        planned = []
        for name, population in populations.items():
            frame = population.frame()
            for index, config in enumerate(population.configs()):
                planned.append(
                    PlannedRun(
                        space=name,
                        index=index,
                        launch=0,
                        digest=config.digest,
                        config=config.to_dict(),
                        parameters=_parameters(frame.iloc[index].to_dict()),
                        flops=int(population.complexity.flops[index]),
                        params=int(population.complexity.params[index]),
                        activations=int(population.complexity.activations[index]),
                        seed=seed_of(self.spec.seed, name, index),
                    )
                )
        # a stable sort: in each round the spaces in their order, then the single networks
        rounds = sorted([*planned, *self._runs_of_networks()], key=lambda run: run.index)
        return [replace(run, launch=launch) for launch, run in enumerate(rounds)]

    def _runs_of_networks(self) -> Iterator[PlannedRun]:
        """Yield the runs of the single networks: each is built first, as it would be trained.

        Raises:
            StudyError: one does not take the images or the recipe.
        """
        for name, config in self.networks.items():
            try:
                check_network_fits(config, self.data)
                cost = complexity_of(config, self.data.resolution)
                build(config, seed=0, **self.spec.recipe.build_options())
            except (ConfigError, TrainingError) as error:
                raise StudyError(f"study '{self.spec.name}': {name} cannot be trained: {error}") from None
            assert self.spec.networks is not None
            for index in range(self.spec.networks.seeds):
                yield PlannedRun(
                    space=name,
                    index=index,
                    launch=0,
                    digest=config.digest,
                    config=config.to_dict(),
                    parameters={},
                    flops=int(cost.flops),
                    params=int(cost.params),
                    activations=int(cost.activations),
                    seed=seed_of(self.spec.seed, name, index),
                )

    def _check_fit(self, populations: Mapping[str, Population]) -> None:
        """Raise unless all networks take the images."""
        for name, population in populations.items():
            for index, config in enumerate(population.configs()):
                try:
                    check_network_fits(config, self.data)
                except TrainingError as error:
                    raise StudyError(f"study '{self.spec.name}': {name} {index} cannot be trained: {error}") from None

    def record(self) -> dict[str, Any]:
        """Return all that decides the results, as plain values: the store keeps it; a resumed study is held to it."""
        spec = self.spec.model_dump(
            mode="json",
            exclude={
                "hours": True,
                "run_limit": True,
                "attempts": True,
                "claims": True,
                "recipe_laws": True,  # each space has its own
                "data": _UNDECISIVE,
            },
        )
        for key in ("stop", "latency", "regimes", "networks"):
            if not spec[key]:
                del spec[key]
        if self.spec.networks is not None:
            seeds = self.spec.networks.seeds
            spec["networks"] = [
                {"name": name, "seeds": seeds, "network": network.to_dict()} for name, network in self.networks.items()
            ]
        if self.spec.stop is not None:
            spec["stop"]["method"] = self.spec.stop.method or DEFAULT_METHOD
        spec |= self.spec.windows
        spec |= {
            "spaces": [space.to_dict() for space in self.spaces],
            "recipe": self.recipe.resolved(),
            "resolution": self.data.resolution,
            "split_digest": self.data.split_digest,
            "train_digest": self.data.train_digest,
        }
        found: dict[str, Any] = plain(spec)
        return found

    def as_started(self, store: Store) -> Self:
        """Return the study with what its file leaves open as it was when the study was started in `store`.

        That is the split, for which the file need not ask and which may be older, which epochs are evaluated, and how
        early stopping judges pairs.
        """
        known = store.find_study(self.spec.name)
        if known is None:
            return self
        settled: dict[str, Any] = {}
        if isinstance(recorded := known.spec.get("data"), dict):
            settled["data"] = as_recorded(self.spec.data, recorded)
        if isinstance(recorded := known.spec.get("recipe"), dict) and self.spec.recipe.evaluate_every is None:
            every = recorded.get("evaluate_every") or 1
            settled["recipe"] = self.spec.recipe.model_copy(update={"evaluate_every": every})
        if self.spec.stop is not None and (stop := stop_of(known)) is not None:
            settled["stop"] = self.spec.stop.model_copy(update={"method": self.spec.stop.method or stop.method})
        changed = {key: value for key, value in settled.items() if value != getattr(self.spec, key)}
        if not changed:
            return self
        started = replace(self, spec=self.spec.model_copy(update=changed))
        if "data" not in changed and "data" in vars(self):
            vars(started)["data"] = self.data  # the same images, which are open already
        return started

    def open(
        self,
        store: Store,
        planned: Sequence[PlannedRun] | None = None,
        observe: Callable[[Timings], None] = lambda _: None,
    ) -> StudyRecord:
        """Return the study as `store` holds it, planning it there (in one transaction) if it is new.

        Only then are networks timed: what was planned stays planned, on whichever machine the study goes on. The record
        says in `timed_on` where they were timed.

        Args:
            store: where the study is, or is to be.
            planned: its runs, if they are known already; unused if the store has the study.
            observe: as for `sample`.

        Raises:
            StudyError: the store holds a study of this name that was started from something else; the message says what
                changed.
        """
        known = store.find_study(self.spec.name)
        record = self.as_started(store).record()
        if known is not None:
            decisive = {key: value for key, value in known.spec.items() if key not in ("claims", "timed_on")}
            # of what was started before this was recorded, only the validation split identifies the images
            decisive.setdefault("train_digest", record["train_digest"])
            if (stop := stop_of(known)) is not None:
                decisive["stop"] = stop.model_dump(mode="json")
            self._check_unchanged(_with_defaults(decisive), record, store.where)
            return known
        # claims decide no result, so they may change later; the report judges those that the study was started with
        noted: dict[str, Any] = {"claims": list(self.spec.claims)} if self.spec.claims else {}
        noted |= {} if self.spec.latency is None else {"timed_on": self.spec.latency.machine()}
        return store.insert_study(self.spec.name, record | noted, digest(record), planned or self.planned_runs(observe))

    def run(
        self,
        store: Store,
        *,
        executor: str = "local",
        workers: int | None = None,
        device: str | None = None,
        options: Mapping[str, Any] | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        run_limit: float | None = None,
        observe: Callable[[Standing], None] = lambda _: None,
        recorded: Callable[[int], None] = lambda _: None,
    ) -> Standing:
        """Train every run that is not at an end, and return where the study then stands: what `netspace run` does.

        Args:
            store: where the study is planned, and each run recorded.
            executor: where runs are trained: local, ray or slurm.
            workers: how many at a time; None for one per core or device.
            device: "cpu" or "cuda"; None for CUDA if there is a GPU.
            options: the executor's own, by name.
            checkpoint_seconds: of training between two checkpoints of a run at least; a shorter run has none.
            run_limit: minutes that a worker may spend on one run; None for the study file's.
            observe: called when something has happened, and every few seconds.
            recorded: called with the id of each run whose result was stored.

        Raises:
            ConfigError: a limit that is not above 0.
            KeyboardInterrupt: Ctrl-C or SIGTERM; finished runs are recorded, the others are planned again.
            NetspaceError: the study, its data, its spaces, the store or the executor cannot be used.
        """
        limit = self.spec.run_limit if run_limit is None else run_limit
        if limit is not None:
            check_number(limit, "run_limit", above=0, error=ConfigError)
        study = self.as_started(store)
        record = study.open(store)
        ensure_pools(record, store)
        checkpoints = Checkpoints.of(record, self.root, seconds=checkpoint_seconds)
        context = replace(study.context, checkpoints=checkpoints)
        hands = make_executor(executor, context, workers=workers, device=device, options=options)
        return run_study(
            record,
            store,
            hands,
            attempts=self.spec.attempts,
            hours=self.spec.hours,
            run_limit=None if limit is None else 60 * limit,
            checkpoints=checkpoints,
            observe=observe,
            recorded=recorded,
        )

    def _check_unchanged(self, before: dict[str, Any], now: dict[str, Any], where: str) -> None:
        changed = list(differences(before, now))
        if not changed:
            return
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        raise StudyError(
            f"{where}: study '{self.spec.name}' was started with {'; '.join(changed[:3])}{more}. "
            f"Results must not be mixed: restore the file, or give the changed study another name"
        )


def _parameters(row: dict[Hashable, Any]) -> dict[str, Any]:
    """Return a row of a population's frame without the columns for which a run has fields, or that have no value."""
    own = {"digest", "flops", "params", "activations"}

    def is_nan(value: Any) -> bool:
        return isinstance(value, float) and math.isnan(value)

    return {str(name): value for name, value in row.items() if name not in own and not is_nan(value)}


def _with_defaults(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored study with the settings that netspace has gained since at their defaults: they change nothing."""
    filled = dict(stored)
    models: dict[str, type[Document]] = {"data": DataSpec, "recipe": Recipe, "latency": Latency}
    for key, model in ((key, model) for key, model in models.items() if key in stored):
        known = completed(stored[key]) if key == "data" else stored[key]
        settings = {name: value for name, value in known.items() if name in model.model_fields}
        with suppress(ConfigError):  # a setting that is no longer valid is reported as a difference
            filled[key] = known | model(**settings).model_dump(mode="json", exclude=_UNDECISIVE)
    return filled
