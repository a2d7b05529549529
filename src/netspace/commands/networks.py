"""Commands about single networks: their complexity, scaling, and the zoo of published ones."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, NetworkName, Resolution, check_options_apply
from netspace.commands.output import make_folder, print_json, print_records, write_text
from netspace.errors import ConfigError

if TYPE_CHECKING:
    from netspace.arch import AnyNetConfig


JsonAlways = Annotated[bool, typer.Option("--json", help="JSON on standard output, which this command always prints.")]


def complexity(network: NetworkName, resolution: Resolution = 224, _as_json: JsonAlways = False) -> None:
    """Count a network's flops, parameters and activations.

    Prints one JSON object with the keys flops (multiply-adds), params and activations.

    Examples:
        netspace complexity RegNetX-400MF
        netspace complexity network.yaml --resolution 32
    """
    from netspace.arch.naming import find_network
    from netspace.code import complexity_of as count

    print_json(count(find_network(network), resolution).as_dict())


def scale(
    network: NetworkName,
    factor: Annotated[float, typer.Option(help="Factor by which the flops grow, such as 2 or 0.5.")],
    strategy: Annotated[
        str, typer.Option(help="Dimensions that grow: d1_w8_g8_r1 (fast compound scaling), dwr, w, d, r, ...")
    ] = "d1_w8_g8_r1",
    resolution: Resolution = 224,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="YAML file for the scaled network.")
    ] = None,
    _as_json: JsonAlways = False,
) -> None:
    """Scale a network to more or fewer flops.

    By the rules of "Fast and Accurate Model Scaling" (Dollár et al., 2021). Prints one JSON object with the scaled
    network's resolution, flops, params, activations and stages.

    Examples:
        netspace scale RegNetY-4.0GF --factor 4 -o larger.yaml
        netspace scale network.yaml --factor 0.5 --strategy dwr
    """
    from netspace.arch import BuiltConfig, scaling
    from netspace.arch.naming import find_network
    from netspace.errors import ConfigError

    config = find_network(network)
    if isinstance(config, BuiltConfig):
        raise ConfigError(f"{network}: only AnyNet networks can be scaled, got {config}")
    scaled = scaling.scale(config, factor, strategy, resolution=resolution)
    if output is not None:
        write_text(output, scaled.config.to_yaml())
    stages = scaled.config.to_dict()["stages"]
    print_json({"resolution": scaled.resolution, **scaled.complexity.as_dict(), "stages": stages})


def draw(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|CONFIG.yaml|PACKAGE...",
            help="Name from `netspace models`, YAML file, or package; several are drawn side by side.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.svg", help="File for the drawing.")] = Path(
        "network.svg"
    ),
    resolution: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Height and width of the images. Default: a package's own, else 224."),
    ] = None,
) -> None:
    """Draw networks: stem, stages and head, with what each part is and costs.

    Prints the file.

    Examples:
        netspace draw RegNetX-400MF -o net.svg
        netspace draw RegNetX-400MF network.yaml -o both.svg
    """
    from netspace.report.network_drawing import network_svg

    if output.suffix.lower() != ".svg":
        raise ConfigError(f"{output}: the file name must end in .svg")
    found: dict[str, AnyNetConfig] = {}
    for name in networks:
        config, own = _network_or_package(name)
        label = name if name not in found else f"{name} ({len(found) + 1})"
        found[label] = config
        resolution = resolution or own
    write_text(output, network_svg(found, resolution or 224))
    print(output)


def _network_or_package(name: str) -> "tuple[AnyNetConfig, int | None]":
    """Return a network, and the resolution of its images if a package tells it."""
    from netspace.arch import AnyNetConfig
    from netspace.arch.naming import find_network

    resolution = None
    if Path(name).is_dir():
        from netspace.models.hub import from_pretrained

        model = from_pretrained(name)
        config = model.config
        resolution = None if model.package is None else model.package.preparation.resolution
    else:
        config = find_network(name)
    if not isinstance(config, AnyNetConfig) or not isinstance(config.block, str):
        raise ConfigError(f"{name}: only networks of netspace's own blocks can be drawn")
    return config, resolution


def models(
    with_baselines: Annotated[
        bool,
        typer.Option("--with-baselines", help="Also list the networks that the paper compares with, and plot all."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the plot of --with-baselines. Default: report."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the zoo: every published network.

    Prints each network's complexity, published error and the source of the error.

    Examples:
        netspace models
        netspace models --with-baselines -o report
    """
    if not with_baselines:
        check_options_apply({"--output": output}, "without --with-baselines")
    rows = _zoo_rows() + (_baseline_rows() if with_baselines else [])
    if with_baselines:
        _plot(rows, output or Path("report"))
    print_records(rows, as_json)


def _zoo_rows() -> list[dict[str, Any]]:
    from netspace.arch import zoo
    from netspace.code import complexity_of as count

    return [
        {
            "name": entry.name,
            **count(entry.config, entry.resolution).as_dict(),
            "top1_error": entry.top1_error,
            "images": "ImageNet" if entry.config.num_classes == 1000 else "CIFAR-10",
            "source": entry.source,
        }
        for entry in zoo.ZOO
    ]


def _baseline_rows() -> list[dict[str, Any]]:
    """Return the networks that the paper compares with: measured if a library ships them, else as the paper reports."""
    from netspace.arch.compared import BASELINES
    from netspace.models.baselines import measure

    rows = []
    for baseline in BASELINES:
        measured = measure(baseline)
        paper = {"flops": (baseline.flops, 1e9), "params": (baseline.params, 1e6)}
        paper["activations"] = (baseline.activations, 1e6)
        said = {name: None if value is None else round(value * unit) for name, (value, unit) in paper.items()}
        source = "RegNet paper" + (f"; {baseline.note}" if baseline.note else "")
        counts = measured.as_dict() if measured else said
        rows.append(
            {"name": baseline.name, **counts, "top1_error": baseline.error, "images": "ImageNet", "source": source}
        )
    return rows


def _plot(rows: list[dict[str, Any]], folder: Path) -> None:
    """Plot the networks whose ImageNet errors the paper compares, and print the path of the picture."""
    import pandas as pd

    from netspace.report.cost_figures import published_figure
    from netspace.report.style import save

    table = pd.DataFrame(rows).rename(columns={"top1_error": "error"})
    table["family"] = table["name"].str.replace(r"(V\d)?-.*$", lambda found: found[1] or "", regex=True)
    # errors of RegNetZ and the largest RegNetY come from longer trainings on more data
    table = table[table["error"].notna() & table["source"].str.startswith(("pycls", "RegNet paper"))]
    numbers = table[["error", "flops", "params", "activations"]].astype(float)
    make_folder(folder)
    for path in save(published_figure(table[["family"]].join(numbers)), folder / "published"):
        print(path, file=sys.stderr)
