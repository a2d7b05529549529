"""`netspace status`: where a study stands, once or while it runs."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from netspace.commands.options import AsJson, StoreTarget, check_options_apply
from netspace.commands.output import print_json, print_records, print_table
from netspace.commands.studies import print_failures, print_marks
from netspace.commands.study_argument import Results, StudyName, results_of

if TYPE_CHECKING:
    from netspace.results.likely_errors import Likely
    from netspace.results.standing import Standing
    from netspace.store import Store, StudyRecord

SHOWN = 5


def status(
    study: Results,
    store: StoreTarget = None,
    name: StudyName = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh the output until the study ends or Ctrl-C.")] = False,
    interval: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Time between refreshes of --watch. Default: 2.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a study stands, running or not.

    Prints the number of runs by space and state, the rate, the time left, the best error, and the last failures. The
    best of many errors is partly luck: the likely error beside it is what that network would show on average.

    Examples:
        netspace status study.yaml
        netspace status study.yaml --watch --interval 10
    """
    from rich.console import Console

    from netspace.results.standing import standing

    if not watch:
        check_options_apply({"--interval": interval}, "without --watch")

    with results_of(study, store, name) as (opened, record, _):
        now = standing(record, opened)
        likely = _likely(now, record, opened)
        if not watch:
            _show(now, likely, as_json, opened, record)
            return
        console = Console()
        with suppress(KeyboardInterrupt):
            while True:
                if console.is_terminal:
                    console.clear()
                _show(now, likely, as_json, opened, record)
                if now.complete:
                    return
                time.sleep(2.0 if interval is None else interval)
                before, now = now, standing(record, opened, now)
                # what has not ended changes nothing, and the predictor takes a second
                if now.ended > before.ended:
                    likely = _likely(now, record, opened)


def _likely(now: "Standing", record: "StudyRecord", store: "Store") -> "Likely | None":
    """Return the likely error of the best run so far; without a pool of its space, statistics are not even loaded."""
    if now.best is None or now.best.space not in store.pooled(record.id):
        return None
    from netspace.results.likely_errors import likely_error

    return likely_error(record, store, now.best)


def _show(now: "Standing", likely: "Likely | None", as_json: bool, store: "Store", study: "StudyRecord") -> None:
    from netspace.commands.progress import duration

    if as_json:
        found = now.as_dict()
        if found["best"] is not None:
            ends = (None, None, None) if likely is None else likely
            found["best"] |= dict(zip(("likely", "low", "high"), ends, strict=True))
        if study.networks:
            from netspace.results.marks import study_marks

            found["networks"] = study_marks(store, study).to_dict("records")
        print_json(found)
        return
    states = list(next(iter(now.counts.values())))
    print_table(["space", *states], ([space, *numbers.values()] for space, numbers in now.counts.items()))
    facts = [f"{now.ended} of {now.total} runs ended"]
    if now.spared:
        facts.append(f"early stopping spared {now.spared}")
    if now.rate is not None and now.seconds_left is not None:
        facts += [f"{now.rate:.0f}/h", f"{duration(now.seconds_left)} left"]
    elif now.silent and now.number("running") == len(now.silent):
        facts.append("no worker gives a sign of life")
    elif not now.complete and not now.number("running"):
        facts.append("none is running")
    print(" · ".join(facts))
    if now.best is not None:
        shrunken = "" if likely is None else f", likely {likely.error:.2f} % ({likely.low:.2f} to {likely.high:.2f} %)"
        print(f"best so far: {now.best.error:.2f} % ({now.best.space} {now.best.index}){shrunken}")
    print_marks(store, study)
    if now.chain is not None:
        print_records(now.chain.table(), False)
    for silent in now.silent[:SHOWN]:
        print(f"no sign of life for {silent.seconds / 60:.0f} min: {silent.space} {silent.index}")
    for run in now.troubled[-SHOWN:]:
        print(f"retried: {run.space} {run.index}: {run.reason}")
    if len(now.failures) > SHOWN:
        print(f"the last {SHOWN} of {len(now.failures)} failures:")
    print_failures(now.failures[-SHOWN:])
