"""The command that searches a network for some images: from a folder of photos and a limit to a package."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.options import AsJson, Device, ExecutorOption, Workers
from netspace.commands.output import print_json
from netspace.commands.studies import executor_pairs
from netspace.commands.training import data_spec, recipe_named

if TYPE_CHECKING:
    from netspace.searching.choices import Choice


def _window(what: str, example: str, default: str = "no limit") -> object:
    return typer.Option(
        metavar="LO:HI", help=f"{what}, such as {example}; either side may be left out. Default: {default}."
    )


def search(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Images: a folder of class folders, or what `netspace train --data` takes."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the study, the package and the report.")
    ],
    params: Annotated[str | None, _window("Number of parameters", ":0.3M")] = None,
    flops: Annotated[
        str | None, _window("Multiply-adds an image", ":40M", "what this device trains quickly, if no limit is given")
    ] = None,
    activations: Annotated[str | None, _window("Activations an image", ":1M")] = None,
    latency: Annotated[str | None, _window("Milliseconds an image on one core of this machine", ":5")] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            metavar="H",
            help="Hours for everything, over all calls: networks and epochs are fitted in. Default: no limit.",
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPACE",
            help="Name from `netspace spaces`, or a YAML file. May be repeated. Default: RegNet as the paper "
            "constrains it, without and with squeeze-and-excitation.",
        ),
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Height and width of the images, in pixels. Default: chosen.")
    ] = None,
    stem: Annotated[
        str | None, typer.Option(metavar="KIND", help="Stem: simple, res_in or cifar. Default: chosen.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="R", help="Recipe for the winner: a name or a YAML file. Default: chosen."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs for the winner. Default: the recipe's.")
    ] = None,
    cheap_epochs: Annotated[
        int | None,
        typer.Option("--cheap-epochs", metavar="N", min=1, help="Epochs for every other network. Default: chosen."),
    ] = None,
    from_pretrained: Annotated[
        bool,
        typer.Option(
            "--from-pretrained",
            help="Fine-tune the published network of the least ImageNet error within the limits.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed.")] = 0,
    executor: Annotated[str, typer.Option(metavar="NAME", help="Executor: local, ray or slurm.")] = "local",
    workers: Workers = None,
    device: Device = None,
    option: ExecutorOption = None,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="License of the package, such as MIT. Default: none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for the best network for your images, train it and package it. If interrupted, repeat the command.

    Random networks are trained briefly, then those that a predictor of the error finds promising, the best of all once
    more, and the winner fully. Prints what was chosen and why, the progress of the whole to standard error, and last a
    summary, which is also in DIR/summary.txt. The package is DIR/package, the page DIR/report/index.html, the study of
    the random networks DIR/study.yaml.

    Examples:
        netspace search photos/ -o found --params :0.3M
        netspace search photos/ -o found --latency :5 --hours 2
    """
    from netspace.commands.progress import watch_search
    from netspace.searching import search as search_network

    told = sys.stderr if as_json else sys.stdout
    options = executor_pairs(option or [])
    wanted = None if recipe is None else recipe_named(recipe, {})

    def tell(choice: "Choice") -> None:
        print(f"  {choice}", file=told, flush=True)

    try:
        with watch_search() as observe:
            found = search_network(
                data_spec(data),
                output,
                params=params,
                flops=flops,
                activations=activations,
                latency=latency,
                hours=hours,
                spaces=space,
                resolution=resolution,
                stem=stem,  # type: ignore[arg-type]  # checked where it is read
                recipe=wanted,
                epochs=epochs,
                cheap_epochs=cheap_epochs,
                pretrained=from_pretrained,
                seed=seed,
                executor=executor,
                workers=workers,
                device=device,
                options=options,
                licence=licence,
                tell=tell,
                observe=observe,
            )
    except KeyboardInterrupt:
        again = shlex.join(["netspace", *sys.argv[1:]])
        print(f"\nInterrupted; what was trained is kept. Resume with: {again}", file=sys.stderr)
        raise
    if as_json:
        print_json(found.as_dict())
        return
    print(f"\n{found.summary}", end="")
