"""What a study will cost and what it can find, before anything is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from netspace.arch.built import network_from
from netspace.errors import StatisticsError, TrainingError
from netspace.models import build
from netspace.results.stopping import DEFAULT_METHOD, Stop
from netspace.stats import SequentialChain, detectable_theta, models_needed, operating_characteristics, smallest_delta
from netspace.stats.pool_check import LEAST_MODELS
from netspace.stats.power import pairs_to_decide
from netspace.stats.regimes import neighbours
from netspace.stats.sequential import Method
from netspace.store import FINAL, PlannedRun, RunRecord
from netspace.study.study import Study
from netspace.training import ImageData, Recipe, train
from netspace.training.device import free_memory, training_memory, usable_device

MEASURE_SECONDS = 9.0
"""How long the speed of a recipe is measured."""
FEWEST_RUNS = 8
"""With this many finished runs or more, their times are taken instead of a measurement."""
ALPHA, POWER = 0.05, 0.8
THETAS = (0.55, 0.6, 0.65, 0.7)
USUAL_R2 = 0.7
"""What a plan assumes about the predictor before a first batch of models has shown it."""
STOPPING_THETAS = (0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How long each model of a study takes one worker (one core or one device).

    Attributes:
        source: where the figures come from, in words.
        seconds: of each planned run, in launch order, float64 (runs,).
    """

    source: str
    seconds: np.ndarray[Any, np.dtype[np.float64]]


def speed_of_runs(planned: Sequence[PlannedRun], finished: Sequence[RunRecord]) -> Speed | None:
    """Take the times of a study's finished runs: each space's mean, or the mean of all if a space has none.

    Args:
        planned: every run.
        finished: runs of the study that the store holds; those not `done` do not count.

    Returns:
        None if fewer than 8 runs are done.
    """
    times: dict[str, list[float]] = {}
    for run in finished:
        if run.status == "done" and run.seconds is not None:
            times.setdefault(run.space, []).append(run.seconds)
    done = [seconds for space in times.values() for seconds in space]
    if len(done) < FEWEST_RUNS:
        return None
    means = {space: float(np.mean(seconds)) for space, seconds in times.items()}
    typical = float(np.mean(done))
    return Speed(
        source=f"the times of {len(done)} finished runs",
        seconds=np.array([means.get(run.space, typical) for run in planned]),
    )


def measure_speed(
    study: Study, planned: Sequence[PlannedRun], *, device: str = "cpu", seconds: float = MEASURE_SECONDS
) -> Speed:
    """Train the smallest, the median and the largest network for a few steps, and infer the others by their flops.

    One thread, as a worker has. Other work on the machine makes the figures larger. Networks that would take more than
    half of the free memory are not tried: the times of what is larger than the largest that is grow with the flops.

    Args:
        study: for its data and recipe.
        planned: every run.
        device: where to train.
        seconds: about how long it may take.

    Raises:
        TrainingError: not even the smallest network can be tried.
    """
    by_flops = sorted(planned, key=lambda run: run.flops)
    order, beyond = _that_fit(by_flops, study.recipe, device)
    probes = list({run.digest: run for run in (order[0], order[len(order) // 2], order[-1])}.values())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = [_seconds_of(study, probe, device, seconds / len(probes)) for probe in probes]
    finally:
        torch.set_num_threads(threads)
    flops = [probe.flops for probe in probes]
    wanted = np.array([run.flops for run in planned], dtype=np.float64)
    return Speed(
        source=f"a few steps of {len(probes)} networks on {device}, measured now{beyond}",
        seconds=np.interp(wanted, flops, found) * np.maximum(1.0, wanted / flops[-1]),
    )


def _that_fit(runs: Sequence[PlannedRun], recipe: Recipe, device: str) -> tuple[Sequence[PlannedRun], str]:
    """Return the runs that can be tried without filling the memory, in the same order, and in words which cannot.

    Raises:
        TrainingError: none can.
    """
    free = free_memory(usable_device(device))
    if free is None:
        return runs, ""
    batch = -(-recipe.batch_size // recipe.accumulate)
    needed = [training_memory(run.params, run.activations, batch) for run in runs]
    fitting = [run for run, bytes_ in zip(runs, needed, strict=True) if bytes_ <= free / 2]
    if not fitting:
        raise TrainingError(
            f"the smallest network would take about {min(needed) / 1e9:.2g} GB to be trained with batch_size="
            f"{recipe.batch_size} and accumulate={recipe.accumulate}, and {device} has {free / 1e9:.2g} GB free"
        )
    left_out = len(runs) - len(fitting)
    beyond = (
        f" (not of {left_out} that would take up to {max(needed) / 1e9:.2g} GB, with {free / 1e9:.2g} GB free: their "
        f"times follow from their flops, and their training may run out of memory)"
    )
    return fitting, beyond if left_out else ""


def _seconds_of(study: Study, run: PlannedRun, device: str, budget: float) -> float:
    """Estimate the time of a whole training by short ones: a first one that warms up, a second one that counts."""
    data, recipe = study.data, study.recipe
    model = build(network_from(run.config, "the run's network"), seed=run.seed)
    steps = max(1, len(data.train_labels) // recipe.batch_size)
    once = recipe.model_copy(update={"epochs": 1, "warmup_epochs": 0.0})

    def whole(part: int) -> tuple[float, float]:
        took = train(model, _part(data, recipe, part / steps), once, seed=0, device=device).seconds
        return took, took * recipe.epochs * steps / part

    took, estimate = whole(1)
    affordable = min(steps, int((budget - took) / took)) if took > 0 else steps
    return whole(affordable)[1] if affordable >= 1 else estimate


def _part(data: ImageData, recipe: Recipe, share: float) -> ImageData:
    """Return a share of an epoch: its training images, and the same share of the validation images."""
    train_images = max(1, round(share * len(data.train_labels)))
    validation = max(1, round(share * len(data.validation_labels) / (recipe.evaluate_every or recipe.epochs)))
    return replace(
        data,
        train_images=data.train_images[:train_images],
        train_labels=data.train_labels[:train_images],
        validation_images=data.validation_images[:validation],
        validation_labels=data.validation_labels[:validation],
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study will cost and what it can find.

    Attributes:
        spaces, n, models: how many spaces, models of each, and all together.
        ended: models that ended already.
        seconds_per_model: mean over the models, of one worker.
        core_hours: of all models, one worker being one core or one device.
        core_hours_left: of those that have not ended.
        wall_hours_left: the same on `workers` workers.
        workers: how many train at a time.
        speed: where the times come from.
        detectable_theta: P(a model of B beats one of A) that two spaces of n models tell from 1/2 with 80 % power at
            5 %; None if n is too small for any.
        detectable_theta_in_chain: the same at the strictest step of Holm's correction over all neighbours.
        smallest_delta: margin within which two equal spaces are found equivalent with 80 % power; None as above.
        r2: of the predictor on the models that ended, each predicted without itself; None if too few have.
        needed: for some thetas and R2, the models per space that detect them with 80 % power, and the cost. R2 is 0 for
            the classical test, 0.7 for an assisted one, and `r2` if it is known.
        stopping: for some thetas, what early stopping spends, at most n; empty without it. By a confidence sequence,
            for each R2 the pairs after which half of all studies are decided, None if they are not after n; by another
            method the mean of the pairs and the probabilities of the decisions, without a predictor, when bets are the
            sign process (within .01 in the log of the e-value).
        stopping_method: of early stopping, how pairs are judged; None without it.
    """

    spaces: int
    n: int
    models: int
    ended: int
    seconds_per_model: float
    core_hours: float
    core_hours_left: float
    wall_hours_left: float
    workers: int
    speed: str
    detectable_theta: float | None
    detectable_theta_in_chain: float | None
    smallest_delta: float | None
    r2: float | None
    needed: list[dict[str, float]]
    stopping: list[dict[str, float | None]]
    stopping_method: Method | None = None


def plan_study(
    study: Study,
    planned: Sequence[PlannedRun],
    speed: Speed,
    *,
    workers: int,
    runs: Sequence[RunRecord] = (),
    r2: float | None = None,
) -> Plan:
    """Work out what a study will cost and what it can find.

    Args:
        study: as its file says.
        planned: every run.
        speed: how long each takes.
        workers: how many train at a time.
        runs: what the store holds of it.
        r2: of the predictor on the models that ended; None if there are too few.
    """
    names = [space.name for space in study.declared_spaces]
    n = study.spec.n
    over = {(run.space, run.index) for run in runs if run.status in FINAL}
    left = sum(
        seconds for run, seconds in zip(planned, speed.seconds, strict=True) if (run.space, run.index) not in over
    )
    mean = float(speed.seconds.mean())
    return Plan(
        spaces=len(names),
        n=n,
        models=len(planned),
        ended=len(over),
        seconds_per_model=mean,
        core_hours=float(speed.seconds.sum()) / 3600,
        core_hours_left=float(left) / 3600,
        wall_hours_left=float(left) / 3600 / workers,
        workers=workers,
        speed=speed.source,
        detectable_theta=_detectable(n, ALPHA),
        detectable_theta_in_chain=_detectable(n, ALPHA / max(1, len(neighbours(names)))),
        smallest_delta=_smallest_delta(n),
        r2=r2,
        needed=[_needed(theta, one, len(names), mean, workers) for one in _known_r2(r2) for theta in THETAS],
        stopping=_stopping(study.spec.stop, names, n, r2),
        stopping_method=None if study.spec.stop is None else study.spec.stop.method or DEFAULT_METHOD,
    )


def _known_r2(seen: float | None) -> list[float]:
    return [0.0, USUAL_R2] if seen is None else [0.0, USUAL_R2, seen]


def _needed(theta: float, r2: float, spaces: int, seconds: float, workers: int) -> dict[str, float]:
    per_space = int(np.ceil(models_needed(theta, power=POWER, alpha=ALPHA, r2=r2)))
    if r2 > 0:
        per_space = max(per_space, LEAST_MODELS)
    hours = per_space * spaces * seconds / 3600
    return {
        "theta": theta,
        "r2": r2,
        "models_per_space": per_space,
        "models": per_space * spaces,
        "core_hours": hours,
        "wall_hours": hours / workers,
    }


def _stopping(stop: Stop | None, names: Sequence[str], n: int, r2: float | None) -> list[dict[str, float | None]]:
    if stop is None:
        return []
    rule = SequentialChain(names, stop.rule).rule
    if (stop.method or DEFAULT_METHOD) == "confidence_sequence":
        return [
            {"theta": theta, "r2": one, "pairs": pairs_to_decide(theta, rule, r2=one, horizon=n)}
            for one in _known_r2(r2)
            for theta in STOPPING_THETAS
        ]
    return [
        {"theta": theta, **operating_characteristics(theta, rule, horizon=n)._asdict()} for theta in STOPPING_THETAS
    ]


def _detectable(n: int, alpha: float) -> float | None:
    try:
        return detectable_theta(n, power=POWER, alpha=alpha)
    except StatisticsError:
        return None


def _smallest_delta(n: int) -> float | None:
    try:
        return smallest_delta(n, power=POWER, alpha=ALPHA)
    except StatisticsError:
        return None
