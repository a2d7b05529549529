"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
SpaceName = Annotated[str, typer.Argument(metavar="SPACE", help="A catalogue name, or a YAML file.")]
NetworkName = Annotated[str, typer.Argument(metavar="NAME|CONFIG.yaml", help="A network of the zoo, or a YAML file.")]
StoreTarget = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Where results are; default: NAME.db beside the study file."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Track = Annotated[list[str] | None, typer.Option(metavar="NAME", help="tensorboard, wandb or mlflow; may be repeated.")]
Window = Annotated[
    str | None, typer.Option(metavar="LO:HI", help="For example 360M:400M; either side may be left out.")
]
Resolution = Annotated[int, typer.Option(min=1, help="Height and width of the images, in pixels.")]
