"""What goes into the store and what comes out of it, as frozen values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from netspace.checks import check_rule
from netspace.errors import StoreError, short

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Status = Literal["planned", "running", "done", "diverged", "failed", "lost"]
"""`done` has an error, `diverged` met a loss that is not finite, `failed` raised, `lost` vanished with its worker."""

STATUSES: tuple[Status, ...] = get_args(Status)
"""Every status, in the order in which tables have them."""
Ending = Literal["done", "diverged", "failed", "lost"]
"""The statuses of a run that has ended."""
FINAL: tuple[Ending, ...] = get_args(Ending)
"""The statuses of a run that has ended, as a tuple."""
TRAINED: tuple[Ending, ...] = ("done", "diverged")
"""The statuses of a run whose training gave a result, if only that it diverges."""
FAILED: tuple[Ending, ...] = FINAL[1:]
"""The statuses of a run that ended without an error."""
JUDGED: tuple[Status, ...] = ("done", "diverged", "failed")
"""The statuses that say something of a network: without an error it counts as +inf in ranks, as guessing in means.

A lost run says nothing of its network: it is missing, as if it had not been planned.
"""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One model of a population that is to be trained once.

    Raises:
        StoreError: a number that the store cannot hold.
    """

    space: str
    index: int  # position in its space's population, from 0
    launch: int  # position in the whole study, from 0; spaces are interleaved
    digest: str  # identity of the architecture
    config: Mapping[str, Any]  # the network as plain data
    parameters: Mapping[str, Any]  # sampled values: w_0, depth_1, ...
    flops: int  # multiply-adds at the study's resolution
    params: int
    activations: int
    seed: int  # of initialisation and data order, in [0, 2^63)

    def __post_init__(self) -> None:
        for name in ("index", "launch", "flops", "params", "activations", "seed"):
            value = getattr(self, name)
            where = f"run {self.index} of {self.space}: "
            check_rule(0 <= value < 2**63, f"0 <= {name} < 2^63", where=where, error=StoreError, **{name: value})


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One epoch of a training's curve.

    Attributes:
        epoch: from 1.
        train_loss: mean over the epoch's steps, smoothing included; stored as missing if it is not a number.
        val_error: top-1 error on the validation split, %; None if it was not evaluated.
        lr: learning rate of the last step.
        seconds: since the start of training; pauses between a checkpoint and its resumption are not counted.
        balanced_error: mean of the classes' errors on the validation split, %; None if it was not evaluated. The store
            does not hold it.
    """

    epoch: int
    train_loss: float
    val_error: float | None
    lr: float
    seconds: float
    balanced_error: float | None = None


def curve_rows(run_id: int, curve: Sequence[Epoch]) -> list[dict[str, Any]]:
    """Return the rows that the store keeps of a curve: each holds the time of its own epoch."""
    starts = [0.0, *(epoch.seconds for epoch in curve)]
    return [
        {
            "run_id": run_id,
            "epoch": epoch.epoch,
            "train_loss": epoch.train_loss,
            "val_error": epoch.val_error,
            "lr": epoch.lr,
            "seconds": epoch.seconds - start,
        }
        for epoch, start in zip(curve, starts, strict=False)
    ]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended, here or in another tool: see `Status` for what each status means.

    Raises:
        StoreError: `done` without a finite error in [0, 100], anything else with an error, or `failed` or `lost`
            without a message that says why.
    """

    status: Ending
    error: float | None = None  # top-1 on the validation split after the last epoch, %
    curve: Sequence[Epoch] = ()
    seconds: float  # training time of the whole run
    environment: Mapping[str, Any] = field(default_factory=dict)  # versions, device, host
    details: Mapping[str, Any] = field(default_factory=dict)  # anything else the result holds
    message: str | None = None

    def __post_init__(self) -> None:
        if self.status not in FINAL:
            raise StoreError(f"an outcome must be one of {', '.join(FINAL)}, got {short(self.status)}")
        if self.status == "done":
            if self.error is None or not (math.isfinite(self.error) and 0 <= self.error <= 100):
                raise StoreError(f"a run that is done needs a finite error in [0, 100] %, got {self.error}")
        elif self.error is not None:
            raise StoreError(f"a run that is not done ({self.status}) has no error, got {self.error}")
        if self.status in ("failed", "lost") and not self.message:
            raise StoreError(f"a run that is {self.status} needs a message that says why")


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredPool:
    """What very many untrained networks of a study's space are made of, or why there is no such pool.

    Pools that were kept by earlier versions have no sampled parameters.

    Raises:
        StoreError: another number of names than of columns or of parameters than of networks, or not exactly one of
            networks and reason.
    """

    space: str
    names: tuple[str, ...] = ()  # of the features
    values: "NDArray[np.float64] | None" = None  # (networks, features)
    refused: str | None = None  # why there are no networks
    parameters: tuple[str, ...] = ()  # names of what the space draws
    drawn: "NDArray[np.float64] | None" = None  # (networks, parameters)

    def __post_init__(self) -> None:
        if (self.refused is None) == (self.values is None):
            raise StoreError(f"pool of {self.space}: either networks or the reason why there are none")
        if self.values is not None and (self.values.ndim != 2 or self.values.shape[1] != len(self.names)):
            raise StoreError(f"pool of {self.space}: {len(self.names)} names for values of shape {self.values.shape}")
        shape = None if self.drawn is None or self.values is None else (len(self.values), len(self.parameters))
        if (self.drawn is None and self.parameters) or (self.drawn is not None and self.drawn.shape != shape):
            raise StoreError(f"pool of {self.space}: {len(self.parameters)} parameters of other networks")


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as it was started; `digest` is the identity of `spec`, `created` seconds since the epoch."""

    id: int
    name: str
    spec: dict[str, Any]
    digest: str
    created: float

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the single networks beside the study's spaces: runs under these names belong to no space."""
        named = self.spec.get("networks") or ()
        return tuple(str(one["name"]) for one in named if isinstance(one, Mapping) and "name" in one)

    def recipe_of(self, space: str) -> tuple[str, ...]:
        """Return the names of the numbers of the recipe that a space of the study draws for each network."""
        for one in self.spec.get("spaces") or ():
            if isinstance(one, Mapping) and one.get("name") == space:
                return tuple(sorted(one.get("recipe") or ()))
        return ()

    def stages_of(self, space: str) -> int | None:
        """Return the most stages of a space whose networks differ in how many they have; None of any other space."""
        for one in self.spec.get("spaces") or ():
            if isinstance(one, Mapping) and one.get("name") == space and isinstance(one.get("stages"), Mapping):
                return len(one["strides"])
        return None

    def words_of(self, space: str) -> dict[str, tuple[str, ...]]:
        """Return the words of each parameter of a space that has words for values, sorted."""
        found = {}
        for one in self.spec.get("spaces") or ():
            if isinstance(one, Mapping) and one.get("name") == space and one.get("kind") == "builder":
                for name, law in one["parameters"].items():
                    values = law.get("choice", [law.get("fixed")])
                    weights = law.get("weights", [1] * len(values))
                    words = [value for value, weight in zip(values, weights, strict=True) if weight > 0]
                    if all(isinstance(word, str) for word in words):
                        found[name] = tuple(sorted(words))
        return found

    def drawn_recipe(self, run: "RunRecord") -> dict[str, float]:
        """Return the numbers of the recipe that were drawn for a run of the study, by name; empty if none were."""
        return {name: float(run.parameters[name]) for name in self.recipe_of(run.space)}


@dataclass(frozen=True, kw_only=True)
class RunState:
    """What became of a run, without its network; times are seconds since the epoch (UTC)."""

    id: int
    space: str
    index: int
    launch: int
    flops: int
    params: int
    activations: int
    status: Status
    error: float | None  # top-1, %; None unless done
    attempts: int  # times it was started and not released
    started: float | None  # of the last attempt
    finished: float | None  # None unless the status is final
    message: str | None  # why the last attempt failed
    losses: int  # times that its worker vanished or did not answer any more
    heard: float | None  # when its driver last knew its worker at work; None unless it has begun

    @property
    def score(self) -> float:
        """The error, +inf if the run ended without one; NaN until it ends, and if it was lost."""
        return math.inf if self.status in JUDGED[1:] else math.nan if self.error is None else self.error

    @property
    def reason(self) -> str:
        """Why the last attempt failed, in a line.

        A message begins with the reason, and evidence follows: the log's last lines, a traceback. One that is a
        traceback alone, of another tool, has the reason at its end.
        """
        lines = [line.strip() for line in (self.message or "").splitlines() if line.strip()]
        if not lines:
            return "the loss was not finite" if self.status == "diverged" else "no reason was recorded"
        return lines[-1] if lines[0].startswith("Traceback (most recent call last)") else lines[0]


@dataclass(frozen=True, kw_only=True)
class RunRecord(RunState):
    """A run as the store holds it. For the planned part see `PlannedRun`."""

    study_id: int
    digest: str
    config: dict[str, Any]
    parameters: dict[str, Any]
    seed: int
    worker: str | None  # who holds it or held it last
    lease_until: float | None  # None unless running
    seconds: float | None  # training time; None unless done or diverged
    environment: dict[str, Any] | None
    details: dict[str, Any] | None
