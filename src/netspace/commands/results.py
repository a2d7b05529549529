"""Commands that move results: out of a store into a table, and from other tools into a store."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from netspace.commands.options import AsJson, StoreTarget, refuse_useless
from netspace.commands.output import must_be_table, print_json, write_table
from netspace.commands.study_argument import Results, StudyName, arguments_of, results_of
from netspace.errors import ConfigError


def export(
    study: Results,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl.")
    ],
    curves: Annotated[bool, typer.Option("--curves", help="A row for each epoch instead of each run.")] = False,
    store: StoreTarget = None,
    name: StudyName = None,
    as_json: AsJson = False,
) -> None:
    """Write a study's runs or training curves as a table.

    Failed runs are included. Prints the file and its number of rows.

    Examples:
        netspace export study.yaml -o runs.csv
        netspace export results.db --study first --curves -o curves.parquet
    """
    must_be_table(output)
    from netspace.store.frames import NETWORK

    with results_of(study, store, name) as (opened, record, _):
        if curves:
            frame = opened.curves(record.id)
        else:
            frame = opened.frame(record.id)
            networks = {run.id: json.dumps(run.config) if run.config else None for run in opened.runs(record.id)}
            frame[NETWORK] = frame.index.map(networks)
            frame = frame.reset_index()
    write_table(frame, output)
    if as_json:
        print_json({"file": str(output), "rows": len(frame)})
    else:
        print(f"{output}: {len(frame)} rows")


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Results of another tool: a table, or a file for each space."),
    ],
    name: Annotated[str, typer.Option("--study", "--name", metavar="NAME", help="Name of the study to create.")],
    layout: Annotated[
        str, typer.Option("--format", metavar="F", help="Format of the files: csv (any table), pycls or nds.")
    ] = "csv",
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="SQLite file or database URL. Default: NAME.db in this folder."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="Column of a table, such as error=top1_err. May be repeated."
        ),
    ] = None,
    least_error: Annotated[
        bool,
        typer.Option("--least-error", help="Least error of all epochs, as pycls and NDS report it, not the last."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import results of another tool into a store.

    `compare`, `report` and `export` then take the store. Prints how many models of each space were imported, and the
    command that compares them.

    Examples:
        netspace import sweep.csv --study theirs --map error=top1 --map space=design
        netspace import first/sweep.json second/sweep.json --format pycls --study sweep
    """
    from netspace.results.imported import import_results
    from netspace.store import Store

    pairs = [pair.partition("=") for pair in mapping or []]
    if wrong := next((field for field, sign, _ in pairs if not sign), None):
        raise ConfigError(f"--map takes FIELD=COLUMN, got '{wrong}'")
    if twice := next((field for field, times in Counter(field for field, *_ in pairs).items() if times > 1), None):
        raise ConfigError(f"--map gives the field '{twice}' twice")
    if layout != "csv":
        refuse_useless({"--map": mapping}, f"with --format {layout}")
    with Store.open(store or f"{name}.db") as opened:
        columns = {field: column for field, _, column in pairs}
        record = import_results(opened, name, files, layout, columns, least_error=least_error)
        counts = opened.counts(record.id)
        arguments, target = arguments_of(opened, name), opened.where
    about = record.spec["imported"]
    if as_json:
        print_json({"store": target, "study": name, "counts": counts, **about})
        return
    for space, numbers in counts.items():
        failed = sum(number for status, number in numbers.items() if status != "done")
        print(f"{space}: {numbers['done']} models, {failed} failed")
    if about["left_out"]:
        print(f"left out: {about['left_out']} models that have not ended")
    if least_error:
        print(f"error: {about['error']}")
    print(f"Compare them with: netspace compare {arguments}")
