"""The command that classifies images by the network of a package."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, Device, TrustCode, check_options_apply, device_name
from netspace.commands.output import check_table_name, print_json, print_table, write_table

if TYPE_CHECKING:
    from netspace.models.prediction import Prediction

PackageName = Annotated[
    str,
    typer.Argument(
        metavar="PACKAGE",
        help="Folder of `netspace train`, DIR/package of `netspace search`, or OWNER/NAME on the Hugging Face Hub.",
    ),
]


def predict(
    package: PackageName,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files, folders or quoted patterns.")],
    top: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of classes shown for each image. Default: 3.")
    ] = None,
    batch_size: Annotated[int, typer.Option(metavar="N", min=1, help="Images at a time.")] = 64,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl."),
    ] = None,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
) -> None:
    """Classify images.

    Prints the likeliest classes of each image with their probabilities, calibrated on the validation split; --json and
    the table of --output hold those of all classes. An image that cannot be read is named and skipped, and the exit
    code is then 1.

    Examples:
        netspace predict trained photo.jpg
        netspace predict trained holidays/ "more/*.png" -o classes.csv
    """
    from netspace.models.prediction import find_images
    from netspace.models.prediction import predict as predict_files
    from netspace.training.assessment import open_package

    if output is not None:
        check_table_name(output)
    if output is not None or as_json:
        check_options_apply({"--top": top}, "with --json or --output, which hold all classes")
    model, known = open_package(package, trust_code=trust_code)
    files = find_images(images)
    found = list(_watched(predict_files(model, files, batch_size=batch_size, device=device_name(device)), len(files)))
    classes = known.classes
    records = [_record(prediction, classes) for prediction in found if prediction.probabilities is not None]
    if output is not None:
        _write(records, output)
    if as_json:
        print_json(records)
    elif output is None:
        print_table(["image", "class", "probability (%)", "then"], (_row(record, top or 3) for record in records))
    else:
        print(f"{len(records)} images: {output}")
    unread = [prediction for prediction in found if prediction.probabilities is None]
    for prediction in unread:
        print(f"skipped {prediction.problem}", file=sys.stderr)
    if unread:
        raise typer.Exit(1)


def _record(prediction: "Prediction", classes: tuple[str, ...]) -> dict[str, Any]:
    assert prediction.probabilities is not None
    likeliest = int(prediction.probabilities.argmax())
    return {
        "image": str(prediction.file),
        "class": classes[likeliest],
        "probability": float(prediction.probabilities[likeliest]),
        "probabilities": dict(zip(classes, prediction.probabilities.tolist(), strict=True)),
    }


def _row(record: dict[str, Any], top: int) -> list[Any]:
    ranked = sorted(record["probabilities"].items(), key=lambda item: -item[1])
    then = ", ".join(f"{name} {100 * probability:.1f}" for name, probability in ranked[1:top])
    return [record["image"], record["class"], f"{100 * record['probability']:.1f}", then]


def _write(records: list[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    rows = [
        {key: value for key, value in record.items() if key != "probabilities"}
        | {f"p({name})": probability for name, probability in record["probabilities"].items()}
        for record in records
    ]
    write_table(pd.DataFrame(rows), path)


def _watched(predictions: "Iterable[Prediction]", total: int) -> "Iterator[Prediction]":
    """Pass predictions on, with a bar on the terminal, if there is one, for as long as they take."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True) if console.is_terminal else nullcontext() as bar:
        task = None if bar is None else bar.add_task("images", total=total)
        for prediction in predictions:
            yield prediction
            if bar is not None and task is not None:
                bar.advance(task)
