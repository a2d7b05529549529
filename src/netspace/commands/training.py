"""Commands about one network on images: list the recipes, train it, time it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import (
    AsJson,
    Device,
    NetworkName,
    RecipeName,
    Resolution,
    Track,
    check_options_apply,
    device_name,
)
from netspace.commands.output import make_folder, print_images, print_json, print_records, print_table

if TYPE_CHECKING:
    from netspace.arch.built import NetworkConfig
    from netspace.training import DataSpec, Epoch, ImageData, Recipe

Images = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="D",
        help="Images: mnist-5k, a Parquet file, an image folder, WebDataset shards, torchvision:NAME:FOLDER, a name on "
        "the Hugging Face Hub, or a YAML file with the keys of DataSpec.",
    ),
]


def recipes(as_json: AsJson = False) -> None:
    """List the training recipes.

    Prints the main settings of each; with --json all of them, as a YAML file may change them.

    Examples:
        netspace recipes
        netspace recipes --json
    """
    from netspace.training.recipe import RECIPES

    if as_json:
        print_json({name: recipe.model_dump(mode="json") for name, recipe in RECIPES.items()})
        return
    shown = ("epochs", "batch_size", "optimizer", "lr", "reference_batch", "schedule", "weight_decay", "precision")
    print_records([{"name": name, **recipe.model_dump(include=set(shown))} for name, recipe in RECIPES.items()], False)


def train(
    network: NetworkName,
    data: Images,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the weights, curve and checkpoint.")
    ],
    recipe: RecipeName = "quick",
    resolution: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Height and width of the images, in pixels. Default: as they are."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of epochs. Default: the recipe's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Images per step. Default: the recipe's.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(metavar="P", help="Number format: float32, bfloat16 or float16. Default: the recipe's."),
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Start from the published weights of NAME, with a new classifier.")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W",
            help="Weights to start from: a package, or a .safetensors or .pth file. Default: random ones.",
        ),
    ] = None,
    weights_key: Annotated[
        str | None,
        typer.Option(
            "--weights-key",
            metavar="KEY",
            help="Which weights of W, if it holds several, such as state_dict_ema. Default: the averaged ones.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed for weights, order and augmentation.")] = 0,
    device: Device = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of CPU threads. Default: the fastest in a short measurement, or those it was started with.",
        ),
    ] = None,
    halve_batch: Annotated[
        bool,
        typer.Option("--halve-batch", help="Restart with each batch split in half, whenever memory runs out."),
    ] = False,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="License of the package, such as MIT. Default: none.")
    ] = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Train one network. The same command resumes it; torchrun --no-python starts it in several processes.

    Prints a line for each epoch, and last the validation error and the folder. With --json it prints one JSON object
    with these to standard output, and the epochs to standard error.

    Examples:
        netspace train RegNetX-200MF --data images/ --recipe quick -o trained
        netspace train network.yaml --data mnist-5k --epochs 2 --device cpu -o trained
    """
    from netspace.arch.naming import find_network
    from netspace.models import AnyNet, build
    from netspace.training import distributed, load_data
    from netspace.training import train as train_network
    from netspace.training.calibration import calibrate
    from netspace.training.device import usable_device
    from netspace.training.fine_tuning import start_from_published, start_from_weights
    from netspace.training.preconditions import check_fit
    from netspace.training.threads import cpu_threads, fastest_threads
    from netspace.training.trackers import Trackers
    from netspace.training.training_folder import TrainingFolder, as_started

    overrides = {"epochs": epochs, "batch_size": batch_size, "precision": precision}
    recipe_used = recipe_named(recipe, {key: value for key, value in overrides.items() if value is not None})
    spec = as_started(data_spec(data), output)
    config = find_network(network)
    place = usable_device(device_name(device))
    images = load_data(spec, resolution)
    fitted = _fitted(config, images)
    model = build(fitted, seed=seed, **recipe_used.build_options())
    start = None
    if not isinstance(model, AnyNet):
        check_options_apply({"--pretrained": pretrained or None, "--weights": weights}, f"with {network}")
    if weights is None:
        check_options_apply({"--weights-key": weights_key}, "without --weights")
    if pretrained:
        check_options_apply({"--weights": weights}, "with --pretrained")
        assert isinstance(model, AnyNet)
        start = start_from_published(model, network)
    elif weights is not None:
        assert isinstance(model, AnyNet)
        start = start_from_weights(model, weights, images.class_names, weights_key)
    if start is not None:
        images = start.prepared(images, spec)
    make_folder(output)
    folder = TrainingFolder.new(
        output,
        images,
        network=network,
        data=spec,
        recipe=recipe_used,
        seed=seed,
        licence=licence,
        started_from=None if start is None else start.name,
    )
    resumed = folder.checkpoint.exists()
    if place.type != "cpu":
        check_options_apply({"--threads": threads}, f"on {place}")
    elif threads is None and not resumed:
        check_fit(model, images)
        threads = fastest_threads(fitted, recipe_used, images.resolution, len(images.train_labels))
    with distributed.process_group(place):
        first = distributed.rank() == 0
        if first and not resumed:
            folder.start(model)
        trackers = Trackers(list(dict.fromkeys(track or [])), output, folder.settings()) if first else None
        curve: list[Epoch] = []
        stream = sys.stderr if as_json else sys.stdout

        def on_epoch(epoch: "Epoch") -> None:
            curve.append(epoch)
            print(_line(epoch, recipe_used, images, len(curve), curve[0]), file=stream, flush=True)
            if trackers is not None:
                trackers.log(epoch)

        if first:
            print_images(images)
            begun = "resumed" if resumed else "new" if start is None else f"from {start.name}"
            print(f"{network}: {_amount(images)}, {begun}, on {place}{_counted(threads)}", file=stream, flush=True)
        result = train_network(
            model,
            images,
            recipe_used,
            seed=seed,
            device=place,
            on_epoch=on_epoch,
            resume_from=folder.checkpoint,
            halve_batch=halve_batch,
            threads=threads,
        )
        if trackers is not None:
            trackers.close()
        if not first:
            return
    with cpu_threads(result.threads):
        calibration = None if result.error is None else calibrate(model, images, recipe_used, place)
    folder.finish(model, result, calibration)
    _draw_curve(output, result.curve)
    if as_json:
        print_json(
            {
                "folder": str(output),
                "status": result.status,
                "error": result.error,
                "epochs": len(result.curve),
                "seconds": result.seconds,
            }
        )
        return
    error = "diverged" if result.error is None else f"validation error {result.error:.2f} %"
    print(f"{error} after {len(result.curve)} epochs in {result.seconds:.0f} s: {output}")


def bench(
    network: NetworkName,
    batch_size: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="Images per batch. May be repeated. Default: 1 and 64.")
    ] = None,
    resolution: Resolution = 224,
    precision: Annotated[
        str, typer.Option(metavar="P", help="Number format: float32, bfloat16 or float16.")
    ] = "float32",
    contiguous: Annotated[
        bool, typer.Option("--contiguous", help="Use the contiguous memory layout instead of channels_last.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Use PyTorch's own convolutions instead of the faster ones used in training."),
    ] = False,
    repeats: Annotated[int, typer.Option(metavar="N", min=2, help="Number of measured runs.")] = 10,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of CPU threads. Default: PyTorch's choice.")
    ] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Time a network on this machine.

    Inference and a training step are timed after a warm-up. Prints median, quartiles and images per second for each
    batch size, and the folder in which the times are kept.

    Examples:
        netspace bench RegNetX-400MF
        netspace bench network.yaml --resolution 32 --batch-size 128 --device cuda --json
    """
    import torch

    from netspace.arch.naming import find_network
    from netspace.documents import parse
    from netspace.training.timing import ACTIONS, Conditions, can_train_on, keep_timing, time_network

    config = find_network(network)
    place = device_name(device)
    if place != "cpu":
        check_options_apply({"--threads": threads, "--plain": plain}, f"on {place}")
    if threads is not None:
        torch.set_num_threads(threads)
    timings = []
    for size in batch_size or [1, 64]:
        settings = {"batch_size": size, "resolution": resolution, "precision": precision, "repeats": repeats}
        settings |= {"channels_last": not contiguous, "fast": not plain}
        conditions = parse(Conditions, settings, "bench")
        actions = [action for action in ACTIONS if action == "inference" or can_train_on(config, conditions)]
        timings.append(time_network(config, conditions, place, actions))
    kept = [keep_timing(timing) for timing in timings]
    if as_json:
        print_json(timings)
        return
    print_table(
        ["batch", "what", "median (ms)", "quartiles (ms)", "images/s"],
        (
            [
                timing["conditions"]["batch_size"],
                what.replace("_", " "),
                1e3 * timing[what]["median"],
                f"{1e3 * timing[what]['low']:.4g} - {1e3 * timing[what]['high']:.4g}",
                timing[what]["images_per_second"],
            ]
            for timing in timings
            for what in ACTIONS
            if what in timing
        ),
    )
    print(f"times kept in {kept[0].parent}")


def recipe_named(name: str, overrides: dict[str, Any]) -> "Recipe":
    """Return the recipe of a name or of a YAML file, some of its keys changed."""
    from netspace.documents import is_document, read_yaml
    from netspace.training import parse_recipe

    document = read_yaml(name) if is_document(name) else name
    if isinstance(document, str):
        document = {"base": document}
    return parse_recipe({**document, **overrides} if isinstance(document, dict) else document, name)


def data_spec(source: str) -> "DataSpec":
    """Return the images that are named: those that a YAML file describes, or a source."""
    from netspace.documents import is_document, parse, read_yaml
    from netspace.training import DataSpec

    if is_document(source):
        return parse(DataSpec, read_yaml(source), source)
    return DataSpec(source=source)


def _fitted(config: "NetworkConfig", images: "ImageData") -> "NetworkConfig":
    """Return the network with the images' classes and channels."""
    return config.changed(num_classes=images.num_classes, in_channels=images.channels)


def _counted(threads: int | None) -> str:
    return "" if threads is None else f", {threads} thread{'' if threads == 1 else 's'}"


def _amount(images: "ImageData") -> str:
    size = images.resolution
    return (
        f"{len(images.train_labels):,} training and {len(images.validation_labels):,} validation images of "
        f"{size} x {size}, {images.num_classes} classes"
    )


def _line(epoch: "Epoch", recipe: "Recipe", images: "ImageData", done: int, start: "Epoch") -> str:
    """Return a line about one epoch; rate and time left ignore what was done before the training was resumed."""
    spent = epoch.seconds - start.seconds
    per_epoch = spent / (done - 1) if done > 1 else epoch.seconds / epoch.epoch
    left = round(per_epoch * (recipe.epochs - epoch.epoch))
    error = "" if epoch.val_error is None else f" · validation error {epoch.val_error:.2f} %"
    rate = len(images.train_labels) / per_epoch
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return (
        f"epoch {epoch.epoch}/{recipe.epochs} · loss {epoch.train_loss:.4f}{error} · {rate:,.0f} images/s · "
        f"{clock} left"
    )


def _draw_curve(folder: Path, curve: "tuple[Epoch, ...]") -> None:
    from netspace.report.style import save
    from netspace.report.training_figures import curve_figure

    epochs, losses, errors = zip(*((entry.epoch, entry.train_loss, entry.val_error) for entry in curve), strict=True)
    save(curve_figure(epochs, losses, errors), folder / "curve")
