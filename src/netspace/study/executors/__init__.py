"""Where jobs are trained. Adding an executor is one file and one line here."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from netspace.documents import Document, parse
from netspace.errors import ConfigError, raise_unknown
from netspace.study.executors.base import Executor
from netspace.study.jobs import JobContext

EXECUTORS = {
    "local": "netspace.study.executors.local:LocalExecutor",
    "ray": "netspace.study.executors.ray:RayExecutor",
    "slurm": "netspace.study.executors.slurm:SlurmExecutor",
}
"""Module and class by name: a class is imported when it is asked for, and with it the library that it needs."""


def get_executor(name: str) -> type[Executor]:
    """Return the executor class called `name`.

    Raises:
        UnknownNameError: there is none; the message lists them.
    """
    if name not in EXECUTORS:
        raise_unknown("executor", name, EXECUTORS)
    module, attribute = EXECUTORS[name].split(":")
    executor: type[Executor] = getattr(import_module(module), attribute)
    return executor


def make_executor(
    name: str,
    context: JobContext,
    *,
    workers: int | None = None,
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Executor:
    """Return the executor called `name`, ready to take jobs; for the arguments see `Executor`.

    Args:
        name: one of `EXECUTORS`.
        context: what the jobs share.
        workers: how many train at a time.
        device: where each trains.
        options: the executor's own, by name; text is read as the option's type.

    Raises:
        UnknownNameError: there is no such executor.
        ConfigError: an option that it does not have, or a value that does not fit.
        MissingExtraError: the library that it needs is not installed.
        StudyError: there is no cluster.
    """
    return get_executor(name)(context, workers=workers, device=device, options=executor_options(name, options))


def executor_options(name: str, options: Mapping[str, Any] | None = None) -> Document:
    """Return the options of the executor called `name`, checked; text is read as an option's type.

    Raises:
        UnknownNameError: there is no such executor.
        ConfigError: it has no such option, or a value does not fit.
    """
    kind = get_executor(name).Options
    if options and not kind.model_fields:
        raise ConfigError(f"the executor '{name}' has no options, got '{next(iter(options))}'")
    return parse(kind, dict(options or {}), f"options of the executor '{name}'")


__all__ = ["EXECUTORS", "Executor", "executor_options", "get_executor", "make_executor"]
