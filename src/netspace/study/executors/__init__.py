"""Where jobs are trained. Adding an executor is one file and one line here."""

from collections.abc import Callable

from netspace.errors import raise_unknown
from netspace.study.executors.base import Executor
from netspace.study.executors.local import LocalExecutor

EXECUTORS: dict[str, Callable[..., Executor]] = {"local": LocalExecutor}


def get_executor(name: str) -> Callable[..., Executor]:
    """Return the executor class called `name`; it is made with (context, workers=, device=).

    Raises:
        UnknownNameError: there is none; the message lists them.
    """
    if name not in EXECUTORS:
        raise_unknown("executor", name, EXECUTORS)
    return EXECUTORS[name]


__all__ = ["EXECUTORS", "Executor", "LocalExecutor", "get_executor"]
