"""Commands about whole studies: the demo, run, report, compare."""

import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.large_samples import Yes, confirm_models
from netspace.commands.options import (
    AsJson,
    ColumnMap,
    Device,
    ErrorUnit,
    ExecutorOption,
    Maximize,
    OutcomeWord,
    StoreTarget,
    StudyFile,
    Track,
    Workers,
    check_options_apply,
)
from netspace.commands.output import make_folder, print_images, print_json, print_notes, print_table, write_text
from netspace.commands.study_argument import (
    TABLES,
    ResultsOrTable,
    StudyName,
    as_started,
    find_code,
    is_started,
    is_store,
    is_table,
    open_store,
    results_of,
)
from netspace.commands.table_options import meaning_of, table_meaning
from netspace.errors import StudyError, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netspace.results.standing import Standing
    from netspace.results.verdicts import Verdict
    from netspace.store import RunState, Store, StudyRecord


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the study, its store and its report.")
    ] = Path("netspace-demo"),
    workers: Workers = None,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser, if there is a desktop.")
    ] = True,
) -> None:
    """Run a small study on real digits: minutes on two cores.

    It trains and compares two spaces on the 5,000 MNIST images that come with the package.

    Prints the verdict and the best network, and last the page to open.

    Examples:
        netspace demo
        netspace demo -o /tmp/demo --workers 2
    """
    from importlib.resources import files

    path = output / "study.yaml"
    write_text(path, files("netspace.study").joinpath("demo.yaml").read_text(encoding="utf-8"))
    print(f"The study is {path}: two spaces, 24 networks of each. To vary it, copy it under another name.", flush=True)
    _train(path, workers=workers, brief=True)
    with results_of(str(path), None) as (opened, record, root):
        from netspace.report import write_report
        from netspace.results.standing import standing
        from netspace.results.verdicts import study_verdicts
        from netspace.study.pools import ensure_pools

        ensure_pools(record, opened)
        for verdict in study_verdicts(opened, record.name):
            print(verdict.sentence)
        best = standing(record, opened).best
        if best is not None:
            print(f"The best network, number {best.index} of {best.space}, has an error of {best.error:.2f} %.")
        write_report(opened, record.name, output / "report", ("html", "png", "svg", "md"), root=root)
    print(f"More in numbers: netspace compare {shlex.quote(str(path))}")
    page = output / "report" / "index.html"
    print(f"Open the page: {page}")
    if open_page and _has_desktop():
        typer.launch(str(page))


def _has_desktop() -> bool:
    """Return whether whoever runs this sits before a screen that can show a browser."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def run(
    study: StudyFile,
    executor: Annotated[str, typer.Option(metavar="NAME", help="Executor of the runs: local, ray or slurm.")] = "local",
    workers: Workers = None,
    store: StoreTarget = None,
    device: Device = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of a Ray cluster. Default: $RAY_ADDRESS.")
    ] = None,
    option: ExecutorOption = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints of a run.")
    ] = 30,
    run_limit: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Time limit of a run. Default: the study file's, or 20 times what similar runs take.",
        ),
    ] = None,
    track: Track = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Train the models of a study. The same command resumes it, whatever interrupted it.

    Prints progress to standard error, at the end how many runs were done, and the command to run next. Before a study
    of more than 200,000 models begins, it says what they take, and asks.

    Examples:
        netspace run study.yaml
        netspace run study.yaml --executor slurm --workers 20 -O partition=gpu -O gpus=1
    """
    if executor != "ray":
        check_options_apply({"--address": address}, f"with the executor '{executor}'")
    options = executor_pairs(option or [])
    if address is not None:
        if "address" in options:
            raise StudyError("--address and --option address=... are the same setting; give only one")
        options["address"] = address
    end, where = _train(
        study,
        executor=executor,
        workers=workers,
        store=store,
        device=device,
        options=options,
        checkpoint_every=checkpoint_every,
        run_limit=run_limit,
        track=track or [],
        yes=yes,
        quiet=as_json,
    )
    if as_json:
        best = None if end.best is None else end.best.error
        print_json({"runs": end.total, "counts": end.counts, "spared": end.spared, "best_error": best})
    if end.ended and not end.number("done", "diverged"):
        ((reason, number),) = Counter(run.reason for run in end.failures).most_common(1)
        raise StudyError(f"{study}: no run could be trained; {number} of {end.ended}: {first_line(reason)}")
    if as_json:
        return
    named = ["netspace", "report", str(study), *([] if store is None else ["--store", where])]
    print(f"Next: {shlex.join([*named, '-o', f'{study.stem}-report'])}")


def _train(
    study: Path,
    *,
    executor: str = "local",
    workers: int | None = None,
    store: str | None = None,
    device: str | None = None,
    options: dict[str, str] | None = None,
    checkpoint_every: float = 30,
    run_limit: float | None = None,
    track: "Sequence[str]" = (),
    yes: bool = False,
    quiet: bool = False,
    brief: bool = False,
) -> "tuple[Standing, str]":
    """Run a study with its progress on the terminal; return its end and its store, any password hidden.

    `quiet` leaves standard output alone; `brief` has fewer lines of progress, and none about the images.
    """
    from netspace.commands.progress import BRIEF_INTERVAL, PLAIN_INTERVAL, watch, watch_timings
    from netspace.study import Study
    from netspace.study.executors import executor_options
    from netspace.study.tracked_runs import StudyTracking
    from netspace.training.trackers import check_trackers

    executor_options(executor, options)
    check_trackers(track)
    loaded = as_started(Study.from_yaml(study), store)
    planned = None
    if not is_started(loaded, store):  # it is planned first, so that a study that is refused leaves no empty store
        confirm_models(loaded, device, yes=yes)
        with watch_timings() as observe_timings:
            planned = loaded.planned_runs(observe_timings)
    with open_store(loaded, store) as opened:
        loaded.open(opened, planned)
        name = loaded.spec.name
        tracking = StudyTracking(track, study.parent / f"{name}-tracking", opened, name)
        try:
            with tracking, watch(name, every=BRIEF_INTERVAL if brief else PLAIN_INTERVAL) as shown:
                begun = False

                def observe(standing: "Standing") -> None:
                    nonlocal begun
                    if not begun:  # from now on nothing is refused: a mistake is one line alone
                        if not brief:
                            print_images(loaded.data)
                        begun = True
                    shown(standing)

                end = loaded.run(
                    opened,
                    executor=executor,
                    workers=workers,
                    device=device,
                    options=options,
                    checkpoint_seconds=checkpoint_every,
                    run_limit=run_limit,
                    observe=observe,
                    recorded=tracking.send,
                )
        except KeyboardInterrupt:  # once the bar is at rest: what to do next is the last line
            again = shlex.join(["netspace", "run", str(study), *([] if store is None else ["--store", opened.where])])
            print(f"\nInterrupted; finished runs are recorded. Resume with: {again}", file=sys.stderr)
            raise
        if not quiet:
            print_stopping(end)
            print_failures(end.failures)
    if not quiet:
        failed = end.number("diverged", "failed", "lost")
        print(f"{end.number('done')} of {end.total} runs done, {failed} diverged, failed or lost.")
        if not end.complete and loaded.spec.hours is not None:
            print(f"The study's {loaded.spec.hours:g} hours of training are spent; raise 'hours' in {study} to go on.")
    return end, opened.where


def executor_pairs(pairs: list[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs as a dictionary."""
    if wrong := next((pair for pair in pairs if "=" not in pair), None):
        raise StudyError(f"--option takes NAME=VALUE, got '{wrong}'")
    options: dict[str, str] = {}
    for name, _, value in (pair.partition("=") for pair in pairs):
        if name in options:
            raise StudyError(f"--option gives '{name}' twice")
        options[name] = value
    return options


def report(
    study: ResultsOrTable,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the report.")] = Path(
        "report"
    ),
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F",
            help="Format: html, png, svg, pdf or md. May be repeated or a list. Default: html,png,svg,md.",
        ),
    ] = None,
    style: Annotated[
        str, typer.Option(metavar="page|paper", help="Style: the page, or figures and tables (tex, md) for a paper.")
    ] = "page",
    figure: Annotated[
        list[str] | None,
        typer.Option(
            "-f", "--figure", metavar="NAME", help="Figure to write alone, such as edf. May be repeated or a list."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", metavar="SPACE=TEXT", help="Name of a space in pictures. May be repeated or a list."),
    ] = None,
    store: StoreTarget = None,
    name: StudyName = None,
    mapping: ColumnMap = None,
    maximize: Maximize = False,
    unit: ErrorUnit = None,
    outcome: OutcomeWord = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a study: interactive page, pictures, text.

    Prints how many files were written, and last the page to open. With --json it lists the files. The style paper has
    figures of 3.3 and 6.9 inches as PNG, SVG and PDF with their fonts in them, and tables as LaTeX and Markdown.

    Examples:
        netspace report study.yaml -o report --open
        netspace report study.yaml --style paper --labels AnyNetXA=AnyNet -o figures
        netspace report results.db --study first -f edf,front --format pdf
    """
    from netspace.report import write_report
    from netspace.study.pools import ensure_pools

    only = [name for value in figure or () for name in value.split(",")]
    default = [] if only or style != "page" else ["html,png,svg,md"]
    wanted = [name for value in formats or default for name in value.split(",")]
    if "html" not in wanted:
        check_options_apply({"--open": open_page}, "without the format html")

    names = _labels(labels)
    meaning = table_meaning(study, mapping, maximize=maximize, unit=unit, outcomes=outcome)
    with results_of(study, store, name, meaning) as (opened, record, root):
        make_folder(output)
        if meaning is None:
            find_code(study, record)
        ensure_pools(record, opened)
        written = write_report(
            opened,
            record.name,
            output,
            formats=wanted or None,
            root=root,
            style=style,
            labels=names,
            only=only,
        )
    if open_page:
        typer.launch(str(output / "index.html"))
    if as_json:
        print_json([str(path) for path in written])
        return
    print(f"{len(written)} files written to {output}")
    if "html" in wanted:
        print(f"Open the page: {output / 'index.html'}")


def _labels(given: "Sequence[str] | None") -> dict[str, str]:
    """Return SPACE=TEXT pairs as a dictionary; a comma stands before each further pair, or in a text."""
    labels: dict[str, str] = {}
    for value in given or ():
        last = None
        for part in value.split(","):
            name, equals, text = part.partition("=")
            if equals:
                if name in labels:
                    raise StudyError(f"--labels gives '{name}' twice")
                labels[name], last = text, name
            elif last is None:
                raise StudyError(f"--labels takes SPACE=TEXT, got '{value}'")
            else:
                labels[last] += f",{part}"
    return labels


def compare(
    study: ResultsOrTable,
    spaces: Annotated[list[str] | None, typer.Argument(metavar="SPACE SPACE", help="Two spaces to compare.")] = None,
    store: StoreTarget = None,
    name: StudyName = None,
    space_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Table's column with the space. Default: space.")
    ] = None,
    error_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Table's column with the error. Default: error.")
    ] = None,
    accuracy_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Table's column with a score instead, for which higher is better."),
    ] = None,
    status_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Table's column with the status. Default: status or state, if there is one."),
    ] = None,
    mapping: ColumnMap = None,
    maximize: Maximize = False,
    unit: ErrorUnit = None,
    outcome: OutcomeWord = None,
    chance: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, metavar="PERCENT", help="Error that a table's failed models have in means. Default: 100."
        ),
    ] = None,
    pool: Annotated[
        Path | None,
        typer.Option(
            metavar="POOL.csv",
            help="Table of untrained networks, drawn as a table's were, at least 100 for each of its models.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the error distributions of spaces.

    Prints for each pair the verdict, theta = P(a model of one space beats one of the other) with its interval, the
    corrected p-value and the numbers of models, and the verdict in a sentence. Without two spaces, each space is
    compared with the one before it in the study. The verdicts on a study are assisted by what its networks are made of.
    For a table, --pool does the same: it has a column with the space, and numbers that the table has too. A study's
    single networks stand below the verdicts; with --json, those of a pair's spaces are its `networks`.

    Examples:
        netspace compare study.yaml
        netspace compare sweep.csv --error-column top1 --status-column state --chance 90
        netspace compare sweep.csv --pool pool.csv
    """
    if spaces and len(spaces) != 2:
        raise StudyError(f"compare takes two spaces, or none to compare each with the one before; got {len(spaces)}")
    columns = {"space": space_column, "error": error_column, "accuracy": accuracy_column, "status": status_column}
    if is_table(study) and not is_store(study):
        check_options_apply({"--store": store, "--study": name}, f"with a table, {study}")
        from netspace.results.table_verdicts import table_verdicts

        pairs = [f"{field}={column}" for field, column in columns.items() if column is not None]
        meaning = meaning_of([*pairs, *(mapping or ())], maximize=maximize, unit=unit, outcomes=outcome)
        verdicts, notes = table_verdicts(
            Path(study),
            spaces or None,
            meaning.reading,
            chance=100.0 if chance is None else chance,
            pool=pool,
            columns=meaning.columns,
        )
        _print_verdicts(verdicts, as_json)
        print_notes(notes)
        return
    check_options_apply(
        {f"--{field}-column": column for field, column in columns.items()}
        | {"--map": mapping, "--maximize": maximize, "--unit": unit, "--outcome": outcome, "--chance": chance}
        | {"--pool": pool},
        f"on {study}, which is not a table ({', '.join(TABLES)})",
    )
    with results_of(study, store, name) as (opened, record, _):
        from netspace.results.standing import standing
        from netspace.results.verdicts import study_verdicts
        from netspace.study.pools import ensure_pools

        ensure_pools(record, opened)
        now = standing(record, opened)
        verdicts = study_verdicts(opened, record.name, spaces or None, now=now)
        if as_json and record.networks:
            from netspace.results.marks import study_marks

            marks = study_marks(opened, record)
            print_json(
                [
                    one.as_dict()
                    | {"networks": marks[marks["space"].isin([one.space, one.against])].to_dict("records")}
                    for one in verdicts
                ]
            )
            return
        _print_verdicts(verdicts, as_json)
        if not as_json:
            print_stopping(now)
            print_marks(opened, record)


def print_marks(store: "Store", study: "StudyRecord") -> None:
    """Print where the single networks of a study stand in its spaces; nothing if it has none."""
    if not study.networks:
        return
    from netspace.results.marks import marks_sentences, study_marks

    if len(marks := study_marks(store, study)):
        print("Single networks, outside of every comparison of spaces:")
        print("\n".join(f"  {sentence}" for sentence in marks_sentences(marks)))


def _print_verdicts(verdicts: "Sequence[Verdict]", as_json: bool) -> None:
    """Print the figures of each pair as a table, and below it each verdict in a sentence; or everything as JSON."""
    if as_json:
        print_json([verdict.as_dict() for verdict in verdicts])
        return
    from netspace.stats.p_values import p_text

    columns = ["space", "against", "verdict", "theta", "low", "high"]
    rows = (
        [
            *(getattr(verdict, column) for column in columns),
            p_text(verdict.holm_p_value),
            verdict.n,
            verdict.n_against,
            f"{verdict.failures} / {verdict.failures_against}",
        ]
        for verdict in verdicts
    )
    print_table([*columns, "holm_p_value", "n", "n_against", "failed"], rows)
    for verdict in verdicts:
        print("\n".join(f"  {line}" for line in verdict.lines) + "\n")


def print_stopping(standing: "Standing") -> None:
    """Print what early stopping decided, if the study uses it."""
    from netspace.results.stopping import stopping_sentences

    if standing.chain is not None:
        print("Early stopping (valid however often it is looked at, unlike the verdicts for a fixed n):")
        for sentence in stopping_sentences(standing.chain, ended=standing.ended, planned=standing.planned):
            print(f"  {sentence}")


def print_failures(failures: "Sequence[RunState]") -> None:
    """Print a line for each run that gave no result."""
    for run in failures:
        attempts = f" after {run.attempts} attempts" if run.attempts > 1 else ""
        print(f"{run.status}: {run.space} {run.index}{attempts}: {run.reason}")
