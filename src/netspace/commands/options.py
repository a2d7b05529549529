"""Arguments and options that several commands share, how they complete in a shell, and the check for useless ones."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from netspace.errors import ConfigError


def check_options_apply(given: Mapping[str, object], because: str) -> None:
    """Raise if any of these options was given: none is ignored silently.

    Args:
        given: the value of each option, by its name on the command line; None, False or empty if it was not given.
        because: the rest of the sentence "--threads has no effect ...".

    Raises:
        ConfigError: one was given; the message names all that were.
    """
    names = [name for name, value in given.items() if value is not None and value is not False and value != []]
    if names:
        raise ConfigError(f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no effect {because}")


def device_name(device: str | None) -> str:
    """Return the device named, or a GPU if there is one; under torchrun each process takes its own."""
    import torch

    if device in (None, "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return device or "cpu"


def _completing(list_names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return a function that completes a word by these names; if none begins so, the shell completes file names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in list_names() if name.startswith(incomplete)]

    return complete


def _spaces() -> Iterable[str]:
    from netspace.space import CATALOG

    return CATALOG


def _networks() -> Iterable[str]:
    from netspace.arch import zoo

    return (entry.name for entry in zoo.ZOO)


def _recipes() -> Iterable[str]:
    from netspace.training.recipe import RECIPES

    return RECIPES


StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="Study file.")]
SpaceName = Annotated[
    str,
    typer.Argument(
        metavar="SPACE",
        help="Name from `netspace spaces`, or a YAML file, or FILE.yaml#NAME.",
        autocompletion=_completing(_spaces),
    ),
]
NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="NAME|CONFIG.yaml",
        help="Name from `netspace models`, or a YAML file.",
        autocompletion=_completing(_networks),
    ),
]
RecipeName = Annotated[
    str,
    typer.Option(
        metavar="R", help="Name from `netspace recipes`, or a YAML file.", autocompletion=_completing(_recipes)
    ),
]
StoreTarget = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="SQLite file or database URL with the results. Default: NAME.db next to STUDY."
    ),
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Number of workers. Default: one per core or GPU.")
]
ExecutorOption = Annotated[
    list[str] | None,
    typer.Option(
        "-O", "--option", metavar="NAME=VALUE", help="Option of the executor, such as time=60. May be repeated."
    ),
]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="Device to compute on. Default: cuda if there is a GPU.")
]
TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run the code in the package, with all your permissions.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Track = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Tracker of the curves: tensorboard, wandb or mlflow. May be repeated."),
]
Resolution = Annotated[int, typer.Option(metavar="N", min=1, help="Height and width of the images, in pixels.")]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Column of a table, such as error=top1_err, accuracy=val_acc or space=design. May be repeated.",
    ),
]
Maximize = Annotated[
    bool, typer.Option("--maximize", help="The table's errors are scores, such as accuracies: higher is better.")
]
ErrorUnit = Annotated[
    str | None,
    typer.Option("--unit", metavar="percent|fraction", help="Unit of a table's errors. Default: found from them."),
]
OutcomeWord = Annotated[
    list[str] | None,
    typer.Option(
        "--outcome",
        metavar="WORD=OUTCOME",
        help="Meaning of a word in a table's status column, such as 0=done, 1=failed, NEW=unfinished. May be repeated.",
    ),
]
