"""The command line: parse, call, print. Each command imports what it needs when it runs, so that --help is fast."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.errors import ConfigError, NetspaceError, StudyError

if TYPE_CHECKING:
    from netspace.arch import AnyNetConfig
    from netspace.store import Store
    from netspace.study import Study

app = typer.Typer(
    help="Design convolutional networks by designing the space they come from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
Window = Annotated[
    str | None, typer.Option(metavar="LO:HI", help="For example 360M:400M; either side may be left out.")
]
Resolution = Annotated[int, typer.Option(min=1, help="Height and width of the images, in pixels.")]


def main() -> None:
    """Run the command line: exit code 2 and one line for a user's mistake, 130 for an interruption."""
    try:
        app()
    except NetspaceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the study, its store and its report.")
    ] = Path("netspace-demo"),
    workers: Workers = None,
) -> None:
    """Do the main job on embedded real data: sample two spaces, train both populations, compare them."""
    from importlib.resources import files

    _make_folder(output)
    path = output / "study.yaml"
    path.write_text(files("netspace.study").joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    print(f"The study is {path}; run it again with other settings under another name.\n")
    run(path, workers=workers)
    compare(path)
    report(path, output=output / "report")


@app.command()
def run(
    study: StudyFile,
    executor: Annotated[str, typer.Option(help="Where runs are trained: local.")] = "local",
    workers: Workers = None,
    store: StoreTarget = None,
    device: Device = None,
) -> None:
    """Train the populations of a study. The same command resumes it, after whatever interrupted it."""
    from netspace.study import Study, run_study
    from netspace.study.executors import get_executor
    from netspace.study.progress import watch

    make_executor = get_executor(executor)
    loaded = Study.load(study)
    with _open_store(loaded, store) as opened:
        record = loaded.open(opened)
        hands = make_executor(loaded.context, workers=workers, device=device)
        with watch(loaded.spec.name) as observe:
            try:
                end = run_study(record, opened, hands, attempts=loaded.spec.attempts, observe=observe)
            except KeyboardInterrupt:
                print(
                    f"\nInterrupted; what is finished is recorded. Resume with: netspace run {study}", file=sys.stderr
                )
                raise
    failed = end.number("diverged", "failed", "lost")
    print(f"{end.number('done')} of {end.total} runs done, {failed} diverged, failed or lost.")


@app.command()
def status(study: StudyFile, store: StoreTarget = None, as_json: AsJson = False) -> None:
    """Show where a study stands: counts by space and state, best so far, last failures."""
    from netspace.study import Study

    loaded = Study.load(study)
    with _open_store(loaded, store, create=False) as opened:
        record = _started(loaded, opened)
        counts = opened.counts(record.id)
        runs = opened.runs(record.id)
    best = min((run for run in runs if run.error is not None), key=lambda run: run.error or 0.0, default=None)
    failures = [run for run in runs if run.status in ("failed", "lost", "diverged")]
    if as_json:
        _print_json(
            {
                "study": loaded.spec.name,
                "counts": counts,
                "best": None if best is None else {"space": best.space, "index": best.index, "error": best.error},
                "failures": [
                    {"space": run.space, "index": run.index, "status": run.status, "message": run.message}
                    for run in failures
                ],
            }
        )
        return
    states = list(next(iter(counts.values())))
    _print_table(["space", *states], ([space, *numbers.values()] for space, numbers in counts.items()))
    if best is not None:
        print(f"best so far: {best.error:.2f} % ({best.space} {best.index})")
    for run in failures[-5:]:
        reason = (run.message or "loss was not finite").splitlines()[0]
        print(f"{run.status}: {run.space} {run.index} after {run.attempts} attempts: {reason}")


@app.command()
def report(
    study: StudyFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the report.")] = Path(
        "report"
    ),
    formats: Annotated[str, typer.Option("--format", help="Any of html,png,svg,pdf,md.")] = "html,png,svg,md",
    store: StoreTarget = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write the pictures, tables and page of a study, finished or not."""
    from netspace.report import write_report
    from netspace.study import Study

    loaded = Study.load(study)
    _make_folder(output)
    with _open_store(loaded, store, create=False) as opened:
        _started(loaded, opened)
        written = write_report(opened, loaded.spec.name, output, formats=formats.split(","))
    for path in written:
        print(path)
    if open_page:
        typer.launch(str(output / "index.html"))


@app.command()
def compare(
    study: StudyFile,
    spaces: Annotated[list[str] | None, typer.Argument(metavar="[SPACE SPACE]", help="Two of its spaces.")] = None,
    store: StoreTarget = None,
    as_json: AsJson = False,
) -> None:
    """Print the verdicts: which space has the better error distribution, with what confidence."""
    from netspace.report import verdict_table
    from netspace.study import Study

    if spaces and len(spaces) != 2:
        raise StudyError(f"compare takes two spaces, or none for every pair in the study's order; got {len(spaces)}")
    loaded = Study.load(study)
    with _open_store(loaded, store, create=False) as opened:
        _started(loaded, opened)
        table = verdict_table(opened, loaded.spec.name, spaces or None)
    _print_records(table.to_dict("records"), as_json)


@app.command()
def sample(
    space: SpaceName,
    n: Annotated[int, typer.Option("-n", min=1, help="How many models.")],
    flops: Window = None,
    params: Window = None,
    activations: Window = None,
    resolution: Resolution = 224,
    seed: Annotated[int, typer.Option(min=0, help="The sample depends on space, n and seed alone.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .csv, .parquet or .jsonl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw models from a space, inside windows on their complexity."""
    from netspace import space as spaces

    windows = {"flops": flops, "params": params, "activations": activations}
    bounds: dict[str, Any] = {name: spaces.parse_window(text) for name, text in windows.items() if text is not None}
    writers = {".csv": "to_csv", ".parquet": "to_parquet", ".jsonl": "to_json"}
    if output is not None and output.suffix not in writers:
        raise ConfigError(f"{output}: the file's ending must be one of {', '.join(writers)}")
    population = spaces.load(space).sample(n, seed=seed, resolution=resolution, **bounds)
    frame = population.frame()
    if output is not None:
        _make_folder(output.parent)
        options = {"orient": "records", "lines": True} if output.suffix == ".jsonl" else {"index": False}
        getattr(frame, writers[output.suffix])(output, **options)
        accepted = 100 * population.acceptance
        print(f"{output}: {n} models of {population.candidates:,} candidates ({accepted:.3g} % accepted)")
    else:
        _print_records(json.loads(frame.to_json(orient="records")), as_json)


@app.command()
def size(space: SpaceName, as_json: AsJson = False) -> None:
    """Count a space: exactly, by the paper's arithmetic, and its dimensions."""
    from netspace import space as spaces

    loaded = spaces.load(space)
    counted = loaded.size()
    if as_json:
        _print_json(
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


@app.command()
def complexity(network: NetworkName, resolution: Resolution = 224) -> None:
    """Print a network's flops (multiply-adds), parameters and activations as JSON."""
    from netspace.arch import complexity as count

    _print_json(count(_network(network), resolution).as_dict())


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the zoo: every published network with its complexity and its published error."""
    from netspace.arch import complexity as count
    from netspace.arch import zoo

    _print_records(
        [
            {
                "name": entry.name,
                **count(entry.config).as_dict(),
                "top1_error": entry.top1_error,
                "source": entry.source,
            }
            for entry in zoo.ZOO
        ],
        as_json,
    )


def _network(name: str) -> "AnyNetConfig":
    """Return the network of a file (it exists, or looks like YAML or JSON) or of the zoo."""
    from netspace.arch import read_network, zoo

    if Path(name).suffix in {".yaml", ".yml", ".json"} or Path(name).is_file():
        return read_network(name)
    return zoo.get(name)


def _open_store(study: "Study", target: str | None, *, create: bool = True) -> "Store":
    from netspace.store import Store

    return Store.open(target or study.default_store, create=create)


def _started(study: "Study", store: "Store") -> Any:
    record = store.find_study(study.spec.name)
    if record is None:
        names = ", ".join(known.name for known in store.studies()) or "none"
        raise StudyError(
            f"{store.where}: holds no study '{study.spec.name}' (it holds: {names}); start it: netspace run"
        )
    return record


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({error.strerror})") from None


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _print_records(records: Sequence[dict[Any, Any]], as_json: bool) -> None:
    if as_json:
        _print_json(records)
    else:
        _print_table(list(records[0]) if records else [], (list(record.values()) for record in records))


def _print_table(columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table whose cells are never cut: on a narrow terminal or in a pipe it is as wide as it needs to be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(str(column), no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console()
    width = console.measure(table).maximum
    Console(width=max(console.width, width)).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
