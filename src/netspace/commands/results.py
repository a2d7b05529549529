"""Commands that move results: out of a store into a table, and from other tools into a store."""

import json
from pathlib import Path
from typing import Annotated

import typer

from netspace.commands.options import (
    AsJson,
    ColumnMap,
    ErrorUnit,
    Maximize,
    OutcomeWord,
    StoreTarget,
    check_options_apply,
)
from netspace.commands.output import check_table_name, print_json, print_notes, write_table
from netspace.commands.study_argument import Results, StudyName, arguments_of, results_of
from netspace.commands.table_options import meaning_of


def export(
    study: Results,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl.")
    ],
    curves: Annotated[bool, typer.Option("--curves", help="Write a row for each epoch instead of each run.")] = False,
    store: StoreTarget = None,
    name: StudyName = None,
    as_json: AsJson = False,
) -> None:
    """Write a study's runs or training curves as a table.

    Failed runs are included. A .parquet file of runs also holds what the study was started from, and `import` makes
    the study of it again. Prints the file and its number of rows.

    Examples:
        netspace export study.yaml -o runs.parquet
        netspace export results.db --study first --curves -o curves.parquet
    """
    check_table_name(output)
    from netspace.results.portable import with_study
    from netspace.results.public import without_folders
    from netspace.store.frames import NETWORK

    with results_of(study, store, name) as (opened, record, _):
        if curves:
            frame = opened.curves(record.id)
        else:
            frame = opened.frame(record.id)
            networks = {run.id: json.dumps(run.config) if run.config else None for run in opened.runs(record.id)}
            frame[NETWORK] = frame.index.map(networks)
            frame["message"] = frame["message"].map(without_folders, na_action="ignore")
            frame = with_study(frame.reset_index(), record)
    write_table(frame, output)
    if as_json:
        print_json({"file": str(output), "rows": len(frame)})
    else:
        print(f"{output}: {len(frame)} rows")


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Results of another tool: a table, a file for each space, an Optuna storage's URL, a Ray Tune folder. "
            "Or an exported study: its .parquet file, and that of its curves.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--study", "--name", metavar="NAME", help="Name of the study to create. Default: that of an exported study."
        ),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--format", metavar="F", help="Format: table, pycls, nds, optuna or ray. Default: auto, by the content."
        ),
    ] = "auto",
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="SQLite file or database URL. Default: NAME.db in this folder."),
    ] = None,
    mapping: ColumnMap = None,
    maximize: Maximize = False,
    unit: ErrorUnit = None,
    outcome: OutcomeWord = None,
    least_error: Annotated[
        bool,
        typer.Option(
            "--least-error", help="Take the lowest error of all epochs, as pycls and NDS report it, not the last."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import results of another tool, or an exported study, into a store.

    `compare`, `report` and `export` then take the store. Prints how many models of each space were imported, and the
    command that compares them.

    Examples:
        netspace import sweep.csv --study theirs --map error=top1 --map space=design
        netspace import runs.parquet curves.parquet --store study.db
        netspace import sqlite:///search.db --study search
    """
    from netspace.results.imported import read_results
    from netspace.store import FAILED, Store

    if layout in ("pycls", "nds"):
        check_options_apply(
            {"--map": mapping, "--maximize": maximize, "--unit": unit, "--outcome": outcome},
            f"with --format {layout}",
        )
    meaning = meaning_of(mapping, maximize=maximize, unit=unit, outcomes=outcome)
    found = read_results(name, files, layout, meaning, least_error=least_error)  # before a store is made
    with Store.open(store or f"{found.name}.db") as opened:
        record = found.add_to(opened)
        counts = opened.counts(record.id)
        arguments, target = arguments_of(opened, found.name), opened.where
    about = record.spec.get("imported", {"left_out": 0, "notes": []})
    if as_json:
        print_json({"store": target, "study": found.name, "counts": counts, **about})
        return
    for space, numbers in counts.items():
        failed = sum(numbers[status] for status in FAILED)
        left = sum(numbers.values()) - numbers["done"] - failed
        print(f"{space}: {numbers['done']} models, {failed} failed" + (f", {left} not trained yet" if left else ""))
    if about["left_out"]:
        print(f"left out: {about['left_out']} models that have not ended")
    if least_error:
        print(f"error: {about['error']}")
    print_notes(about["notes"])
    print(f"Compare them with: netspace compare {arguments}")
