"""Results out of a store, and results of other tools into one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from netspace.commands.options import StoreTarget
from netspace.commands.output import must_be_table, write_table
from netspace.commands.study_argument import Results, StudyName, arguments_of, results_of
from netspace.errors import ConfigError


def export(
    study: Results,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="A .parquet, .csv or .jsonl file.")],
    curves: Annotated[bool, typer.Option("--curves", help="One row an epoch instead of one row a run.")] = False,
    store: StoreTarget = None,
    name: StudyName = None,
) -> None:
    """Write a study's runs, failures included, or their curves, as a table."""
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
    print(f"{output}: {len(frame)} rows")


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Results of another tool, a space each.")],
    name: Annotated[str, typer.Option(help="Of the study that they become.")],
    layout: Annotated[str, typer.Option("--format", help="pycls (sweep.json), nds, or csv (any table).")] = "csv",
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where to; default: NAME.db in this folder.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Of a table: error=top1_err, space=design, flops=macs, ..."),
    ] = None,
    least_error: Annotated[
        bool,
        typer.Option("--least-error", help="Of all epochs, as pycls and NDS report it, instead of the last epoch's."),
    ] = False,
) -> None:
    """Take results of another tool into a store; `compare`, `report` and `export` then take the store."""
    from netspace.results.imported import import_results
    from netspace.store import Store

    pairs = [pair.partition("=") for pair in mapping or []]
    if wrong := next((field for field, sign, _ in pairs if not sign), None):
        raise ConfigError(f"--map takes FIELD=COLUMN, got '{wrong}'")
    with Store.open(store or f"{name}.db") as opened:
        columns = {field: column for field, _, column in pairs}
        record = import_results(opened, name, files, layout, columns, least_error=least_error)
        counts = opened.counts(record.id)
        arguments = arguments_of(opened, name)
    about = record.spec["imported"]
    for space, numbers in counts.items():
        failed = sum(number for status, number in numbers.items() if status != "done")
        print(f"{space}: {numbers['done']} models, {failed} failed")
    if about["left_out"]:
        print(f"left out: {about['left_out']} models that have not ended")
    if least_error:
        print(f"error: {about['error']}")
    print(f"Compare them: netspace compare {arguments}")
