"""Commands about design spaces: list them, sample them, count them."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.large_samples import Yes, confirm_many
from netspace.commands.options import AsJson, Resolution, SpaceName, check_options_apply
from netspace.commands.output import check_table_name, print_json, print_records, print_table, write_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netspace.space import DesignSpace, Population


def spaces(as_json: AsJson = False) -> None:
    """List the design spaces of the catalogue.

    Prints each space's name, block, number of free dimensions, and description.

    Examples:
        netspace spaces
        netspace spaces --json
    """
    from netspace.arch import Template
    from netspace.space import CATALOG

    made = [make() for make in CATALOG.values()]
    rows = [
        {
            "name": space.name,
            "block": str(space.network.block) if isinstance(space.network, Template) else "",
            "dimensions": sum(law.dimensions for law in space.laws.values()),
            "description": space.description,
        }
        for space in made
    ]
    print_records(rows, as_json)


def sample(
    space: SpaceName,
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="Number of models.")],
    flops: Annotated[
        str | None, typer.Option(metavar="LO:HI", help="Range of multiply-adds, such as 360M:400M, 0.4G: or :1e9.")
    ] = None,
    params: Annotated[str | None, typer.Option(metavar="LO:HI", help="Range of parameter counts, such as :5M.")] = None,
    activations: Annotated[
        str | None, typer.Option(metavar="LO:HI", help="Range of activation counts, such as 1M:2M.")
    ] = None,
    resolution: Resolution = 224,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random seed. Space, n and seed determine the sample.")
    ] = 0,
    latency: Annotated[
        str | None,
        typer.Option(
            metavar="LO:HI", help="Range of latencies in ms per batch, such as 2:5, measured on this machine."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images per batch for --latency. Default: 1.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="CPU threads for --latency. Default: 1.")
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda", help="Device for --latency. Default: cpu.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Sample models from a space, inside a complexity budget.

    The budget may also be a range of latencies, which are measured on this machine. Prints a row for each model, or
    with -o the file and the acceptance rate. With --json each row has every parameter. Of more than 200,000 models it
    says what they take, and asks.

    Examples:
        netspace sample RegNetX -n 500 --flops 360M:400M -o models.parquet
        netspace sample AnyNetXA -n 5 --flops :1M --resolution 32 --latency :5
    """
    from netspace import space as catalogue
    from netspace.training.latency import TimedPopulation

    timing = {"batch_size": batch_size, "threads": threads, "device": device}
    if latency is None:
        check_options_apply(
            {f"--{name.replace('_', '-')}": value for name, value in timing.items()}, "without --latency"
        )
    windows = {"flops": flops, "params": params, "activations": activations}
    bounds: dict[str, Any] = {name: catalogue.parse_window(text) for name, text in windows.items() if text is not None}
    if output is not None:
        check_table_name(output)
    loaded = catalogue.load(space)

    def draw(number: int) -> "Population":
        return loaded.sample(number, seed=seed, resolution=resolution, **bounds)

    confirm_many(n, f"models of {loaded.name}", lambda few: draw(few).frame(), yes=yes)
    started = time.perf_counter()
    if latency is None:
        population = draw(n)
    else:
        settings = {"window": latency} | {name: value for name, value in timing.items() if value is not None}
        population = _timed(loaded, n, settings, seed=seed, resolution=resolution, windows=bounds)
    rate = population.candidates / (time.perf_counter() - started)
    frame = population.frame()
    if output is not None:
        write_table(frame, output)
    if as_json:
        print_json(json.loads(frame.to_json(orient="records")))
    elif output is not None:
        accepted = 100 * population.acceptance
        timed = f", {population.timed} timed" if isinstance(population, TimedPopulation) else ""
        print(
            f"{output}: {n} models of {population.candidates:,} candidates ({accepted:.3g} % accepted{timed}), "
            f"{float(f'{rate:.2g}'):,.0f} candidates/s"
        )
    else:
        print_table(*_summary(population, loaded))


def _timed(
    space: "DesignSpace", n: int, settings: dict[str, Any], *, seed: int, resolution: int, windows: dict[str, Any]
) -> "Population":
    from netspace.commands.progress import watch_timings
    from netspace.documents import parse
    from netspace.training.latency import Latency, sample_timed

    latency = parse(Latency, settings, "--latency")
    with watch_timings() as observe:
        return sample_timed(space, n, latency, seed=seed, resolution=resolution, windows=windows, observe=observe)


def _summary(population: "Population", space: "DesignSpace") -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows for the terminal: a column for each parameter, not one for each of its stages."""
    import numpy as np

    from netspace.arch import MEASURES, BuiltBatch
    from netspace.training.latency import LATENCY

    networks, known = population.networks, population.columns()
    if isinstance(networks, BuiltBatch):
        columns = {name: values.reshape(len(networks), -1) for name, values in networks.arguments.items()}
    else:
        columns = {
            "depths": networks.depths,
            "widths": networks.widths,
            "bottleneck_ratios": networks.bottleneck_ratios,
            "group_widths": networks.group_widths,
            **networks.own,
        }
        columns = {name: np.where(networks.depths > 0, values, np.nan) for name, values in columns.items()}
    columns |= {name: known[name].reshape(len(networks), 1) for name in space.recipe}
    costs = {name: known[name] for name in (*MEASURES, LATENCY) if name in known}
    rows = [
        [
            *(" ".join(_written(array[i])) for array in columns.values()),
            *(values[i].item() for values in costs.values()),
        ]
        for i in range(len(population))
    ]
    return [*columns, *costs], rows


def _written(values: "NDArray[Any]") -> list[str]:
    if values.dtype.kind == "U":
        return [str(word) for word in values]
    return [f"{value:g}" for value in values if not math.isnan(value)]


def size(
    space: SpaceName,
    within: Annotated[
        str | None,
        typer.Option(metavar="SPACE", help="Say whether every network is one of this space. Default: its base."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the networks of a space.

    Prints its dimensions, the exact count, the count by the paper's arithmetic, and, of a space that is based on
    another, whether it is a subset of that. Of a file that holds several spaces it prints all.

    Examples:
        netspace size AnyNetXD
        netspace size AnyNetXD --within AnyNetXC
        netspace size my-space.yaml --json
    """
    from netspace.space import load, load_all, relation

    other = None if within is None else load(within)
    rows = []
    for found in load_all(space):
        counted, base = found.space.size(), found.base if other is None else other
        row: dict[str, Any] = {"space": found.space.name, **asdict(counted)}
        lines = [f"{found.space.name}: {counted.dimensions} dimensions", f"exact count:        {counted.exact:,}"]
        lines += [] if counted.paper is None else [f"the paper's count:  {counted.paper:,}"]
        lines += [counted.note] if counted.note else []
        if base is not None:
            related = relation(found.space, base)
            row["within"] = asdict(related)
            lines.append(str(related))
        rows.append(row)
        if not as_json:
            print("\n".join(lines))
    if as_json:
        print_json(rows if len(rows) > 1 else rows[0])
