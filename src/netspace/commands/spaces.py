"""Commands about design spaces: sample them, count them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, Resolution, SpaceName, Window
from netspace.commands.output import must_be_table, print_json, print_table, write_table

if TYPE_CHECKING:
    from netspace.space import DesignSpace, Population


def sample(
    space: SpaceName,
    n: Annotated[int, typer.Option("-n", min=1, help="How many models.")],
    flops: Window = None,
    params: Window = None,
    activations: Window = None,
    resolution: Resolution = 224,
    seed: Annotated[int, typer.Option(min=0, help="The sample depends on space, n and seed alone.")] = 0,
    latency: Annotated[
        str | None,
        typer.Option(metavar="LO:HI", help="In milliseconds a batch, such as 2:5; each network is timed here."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Of --latency: images at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Of --latency: threads of the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="Of --latency: cpu or cuda.")] = "cpu",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .csv, .parquet or .jsonl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw models from a space, inside windows on their complexity and on their latency on this machine."""
    from netspace import space as spaces
    from netspace.training.latency import TimedPopulation

    windows = {"flops": flops, "params": params, "activations": activations}
    bounds: dict[str, Any] = {name: spaces.parse_window(text) for name, text in windows.items() if text is not None}
    if output is not None:
        must_be_table(output)
    loaded = spaces.load(space)
    if latency is None:
        population = loaded.sample(n, seed=seed, resolution=resolution, **bounds)
    else:
        settings = {"window": latency, "batch_size": batch_size, "threads": threads, "device": device}
        population = _timed(loaded, n, settings, seed=seed, resolution=resolution, windows=bounds)
    frame = population.frame()
    if output is not None:
        write_table(frame, output)
        accepted = 100 * population.acceptance
        timed = f", {population.timed} timed" if isinstance(population, TimedPopulation) else ""
        print(f"{output}: {n} models of {population.candidates:,} candidates ({accepted:.3g} % accepted{timed})")
    elif as_json:
        print_json(json.loads(frame.to_json(orient="records")))
    else:
        print_table(*_summary(population))


def _timed(
    space: "DesignSpace", n: int, settings: dict[str, Any], *, seed: int, resolution: int, windows: dict[str, Any]
) -> "Population":
    from netspace.commands.latency_progress import watch_timings
    from netspace.documents import parse
    from netspace.training.latency import Latency, sample_timed

    latency = parse(Latency, settings, "--latency")
    with watch_timings() as observe:
        return sample_timed(space, n, latency, seed=seed, resolution=resolution, windows=windows, observe=observe)


def _summary(population: "Population") -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows for the terminal: a column for each parameter, not one for each of its stages."""
    from netspace.arch import MEASURES
    from netspace.training.latency import LATENCY

    networks, known = population.networks, population.columns()
    columns = {
        "depths": networks.depths,
        "widths": networks.widths,
        "bottleneck_ratios": networks.bottleneck_ratios,
        "group_widths": networks.group_widths,
    }
    costs = {name: known[name] for name in (*MEASURES, LATENCY) if name in known}
    rows = [
        [
            *(" ".join(f"{value:g}" for value in array[i]) for array in columns.values()),
            *(values[i].item() for values in costs.values()),
        ]
        for i in range(len(population))
    ]
    return [*columns, *costs], rows


def size(space: SpaceName, as_json: AsJson = False) -> None:
    """Count a space: exactly, by the paper's arithmetic, and its dimensions."""
    from netspace import space as spaces

    loaded = spaces.load(space)
    counted = loaded.size()
    if as_json:
        print_json(
            {
                "space": loaded.name,
                "exact": counted.exact,
                "paper": counted.paper,
                "dimensions": counted.dimensions,
                "note": counted.note,
            }
        )
        return
    print(f"{loaded.name}: {counted.dimensions} dimensions")
    print(f"exact count:        {counted.exact:,}")
    if counted.paper is not None:
        print(f"the paper's count:  {counted.paper:,}")
    if counted.note:
        print(counted.note)
