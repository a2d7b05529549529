"""What very many models would take, measured on a few, and the question whether to go on."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.errors import ConfigError

if TYPE_CHECKING:
    from netspace.store import PlannedRun
    from netspace.study import Study

LARGE = 200_000
"""Models up to which nothing is asked: about a minute of sampling."""
PROBES = (500, 10_000)
"""Models that are made to measure: the more unless the fewer take seconds."""
SLOW = 1.0
"""Seconds that the fewer take if the more are not made."""

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before sampling very many models.")]


def confirm_many(
    models: int, what: str, make: Callable[[int], object], *, yes: bool, more: Callable[[], str] = str
) -> None:
    """Ask whether to make very many models, with what they take at least; nothing is asked of fewer.

    Args:
        models: how many are to be made.
        what: they are, in words after their number: "models of RegNetX".
        make: makes and keeps that many, to measure time and memory on a few.
        yes: the answer is known.
        more: returns what else they take, a clause.

    Raises:
        ConfigError: nobody is there to be asked.
        typer.Abort: the answer is no.
    """
    if yes or models <= LARGE:
        return
    seconds, memory = _measured(make)
    needs = f"{models:,} {what} need at least {_time(models * seconds)} and {_bytes(models * memory)} of memory{more()}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"{needs}; to continue anyway, add --yes")
    typer.confirm(f"{needs}. Go on?", abort=True, err=True)


def confirm_models(study: "Study", device: str | None, *, yes: bool) -> None:
    """Ask whether to begin a study of very many models, with what planning and training them takes at least.

    Args:
        study: not begun yet.
        device: where its models are trained; None for the CPU.
        yes: the answer is known.

    Raises:
        ConfigError: nobody is there to be asked.
        typer.Abort: the answer is no.
    """
    spaces, untimed = len(study.declared_spaces), study.spec.model_copy(update={"latency": None})

    def plan(few: int) -> "list[PlannedRun]":
        return replace(study, spec=untimed.model_copy(update={"n": ceil(few / spaces)})).planned_runs()

    def training() -> str:
        from netspace.study.planning import measure_speed

        # the least one alone: the largest may need more memory than there is
        least = min(plan(PROBES[0]), key=lambda run: run.flops)
        seconds = float(measure_speed(study, [least], device=device or "cpu").seconds[0])
        return f" to be planned, and then {_time(models * seconds)} of training by one worker"

    models = study.spec.n * spaces
    confirm_many(models, f"models of study '{study.spec.name}'", plan, yes=yes, more=training)


def _measured(make: Callable[[int], object]) -> tuple[float, float]:
    """Return the seconds and bytes that one of many models takes."""
    for number in PROBES:
        begun = time.process_time()
        make(number)
        took = time.process_time() - begun
        if took > SLOW:
            break
    tracemalloc.start()
    try:
        make(number)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return took / number, peak / number


def _time(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 2:
        return f"{seconds / 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:,.0f} days"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number < 1e11 else f"{number / 1e12:,.1f} TB"
