"""Commands about studies: run, watch, compare, report."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.options import AsJson, Device, StoreTarget, StudyFile, Track, Workers
from netspace.commands.output import TABLES, make_folder, print_json, print_table, write_text
from netspace.commands.study_argument import Results, StudyName, is_store, open_store, results_of, started
from netspace.commands.table_comparison import compare_table
from netspace.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from netspace.store import RunRecord, Store
    from netspace.study import Study


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the study, its store and its report.")
    ] = Path("netspace-demo"),
    workers: Workers = None,
) -> None:
    """Do the main job on embedded real data: sample two spaces, train both populations, compare them."""
    from importlib.resources import files

    path = output / "study.yaml"
    write_text(path, files("netspace.study").joinpath("demo.yaml").read_text(encoding="utf-8"))
    print(f"The study is {path}; run it again with other settings under another name.\n")
    run(path, workers=workers)
    compare(str(path))
    report(str(path), output=output / "report")


def run(
    study: StudyFile,
    executor: Annotated[str, typer.Option(help="Where runs are trained: local, ray or slurm.")] = "local",
    workers: Workers = None,
    store: StoreTarget = None,
    device: Device = None,
    address: Annotated[str | None, typer.Option(help="Of an existing Ray cluster; default: $RAY_ADDRESS.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-O", "--option", metavar="NAME=VALUE", help="Of the executor: partition=gpu, time=60, ..."),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="What a long run may lose where its worker is killed.")
    ] = 30,
    track: Track = None,
) -> None:
    """Train the populations of a study. The same command resumes it, after whatever interrupted it."""
    from netspace.commands.latency_progress import watch_timings
    from netspace.commands.progress import watch
    from netspace.results.standing import standing
    from netspace.study import Study
    from netspace.study.executors import get_executor
    from netspace.study.tracked_runs import StudyTracking
    from netspace.training.trackers import must_be_usable

    get_executor(executor)
    must_be_usable(track or [])
    options = _options(option or []) | ({} if address is None else {"address": address})
    loaded = Study.load(study)
    with open_store(loaded, store) as opened:
        with watch_timings() as observe_timings:
            loaded.open(opened, observe_timings)
        name = loaded.spec.name
        tracking = StudyTracking(track or [], study.parent / f"{name}-tracking", opened, name)
        with tracking, watch(name) as observe:
            try:
                end = loaded.run(
                    opened,
                    executor=executor,
                    workers=workers,
                    device=device,
                    options=options,
                    checkpoint_seconds=checkpoint_every,
                    observe=observe,
                    recorded=tracking.send,
                )
            except KeyboardInterrupt:
                again = shlex.join(
                    ["netspace", "run", str(study), *([] if store is None else ["--store", opened.where])]
                )
                print(f"\nInterrupted; what is finished is recorded. Resume with: {again}", file=sys.stderr)
                raise
        print_stopping(loaded, opened)
        print_failures(standing(started(loaded, opened), opened).failures)
    failed = end.number("diverged", "failed", "lost")
    print(f"{end.number('done')} of {end.total} runs done, {failed} diverged, failed or lost.")


def _options(pairs: list[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs as a dictionary."""
    if wrong := next((pair for pair in pairs if "=" not in pair), None):
        raise StudyError(f"--option takes NAME=VALUE, got '{wrong}'")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def report(
    study: Results,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the report.")] = Path(
        "report"
    ),
    formats: Annotated[str, typer.Option("--format", help="Any of html,png,svg,pdf,md.")] = "html,png,svg,md",
    store: StoreTarget = None,
    name: StudyName = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write the pictures, tables and page of a study, finished or not."""
    from netspace.report import write_report

    with results_of(study, store, name) as (opened, record, loaded):
        make_folder(output)
        # a store that is named alone lies, by default, beside its study's file
        root = Path(opened.where).parent if loaded is None else loaded.root
        written = write_report(opened, record.name, output, formats=formats.split(","), root=root)
    for path in written:
        print(path)
    if open_page:
        typer.launch(str(output / "index.html"))


def compare(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY.yaml|STORE|TABLE.csv",
            help="A study file, a store (an SQLite file, a database's URL), or a table of any tool's results.",
        ),
    ],
    spaces: Annotated[list[str] | None, typer.Argument(metavar="[SPACE SPACE]", help="Two of its spaces.")] = None,
    store: StoreTarget = None,
    name: StudyName = None,
    space_column: Annotated[str, typer.Option(help="Column of a table with the space's name.")] = "space",
    error_column: Annotated[str, typer.Option(help="Column of a table with the error in %.")] = "error",
    status_column: Annotated[
        str | None, typer.Option(help="Column of a table with the outcome: done, or the model failed.")
    ] = None,
    chance: Annotated[
        float, typer.Option(min=0, max=100, help="Error in % that a table's failed models count with in means.")
    ] = 100.0,
    as_json: AsJson = False,
) -> None:
    """Print the verdicts: which space has the better error distribution, with what confidence."""
    from netspace.report import verdict_table

    if spaces and len(spaces) != 2:
        raise StudyError(f"compare takes two spaces, or none for every pair in the study's order; got {len(spaces)}")
    if Path(study).suffix in TABLES and not is_store(study):
        if store is not None or name is not None:
            raise StudyError(f"{study}: it is a table, which is in no store; leave out --store and --study")
        table = compare_table(
            Path(study), spaces or (), space=space_column, error=error_column, status=status_column, chance=chance
        )
        _print_verdicts(table, as_json)
        return
    with results_of(study, store, name) as (opened, record, loaded):
        _print_verdicts(verdict_table(opened, record.name, spaces or None), as_json)
        if not as_json and loaded is not None:
            print_stopping(loaded, opened)


def _print_verdicts(table: "pd.DataFrame", as_json: bool) -> None:
    """Print the figures of each pair as a table, and below it each verdict in a sentence; or everything as JSON."""
    if as_json:
        print_json(json.loads(table.to_json(orient="records")))
        return
    columns = ["space", "against", "verdict", "theta", "low", "high", "holm_p_value", "n", "n_against"]
    failed = [f"{row.failures} / {row.failures_against}" for row in table.itertuples()]
    rows = zip(*(table[column] for column in columns), failed, strict=True)
    print_table([*columns, "failed"], rows)
    for row in table.itertuples():
        lines = [str(line) for line in (row.sentence, row.dominance, row.notes) if line]
        print("\n".join(f"  {line}" for line in lines) + "\n")


def print_stopping(study: "Study", store: "Store") -> None:
    """Print what early stopping decided, where the study has it."""
    from netspace.results.stopping import stopping_sentences

    if study.spec.stop is not None:
        print("Early stopping (these decisions hold however often one looks; verdicts for a fixed n do not):")
        for sentence in stopping_sentences(started(study, store), store, study.spec.stop):
            print(f"  {sentence}")


def print_failures(failures: "Sequence[RunRecord]") -> None:
    """Print a line for each run that came to nothing."""
    from netspace.results.standing import first_line

    for run in failures:
        attempts = f" after {run.attempts} attempts" if run.attempts > 1 else ""
        print(f"{run.status}: {run.space} {run.index}{attempts}: {first_line(run)}")
