"""Numbers in words, and the report as Markdown."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from netspace.arch import MEASURES
from netspace.documents import dump_yaml
from netspace.results.assisted_tables import assisted_summary, importance_table
from netspace.results.marks import marks_sentences
from netspace.results.properties import label, unit
from netspace.results.public import public_settings, without_folders
from netspace.results.study_tables import StudyTables
from netspace.stats.p_values import p_text
from netspace.store import RunState

FAILURES = 500
"""Failures that a report lists: the last ones, for there can be very many in results of others."""


def percent(value: float) -> str:
    """Return an error in % with two decimals, a tie rounded to the even one, as the page does; a dash if there is none.

    The order in which errors were added must not decide a tie, so what is beyond nine decimals is dropped first.
    """
    if not math.isfinite(value):
        return "-"
    # as decimals: in binary half of what looks like a tie lies a little below it
    return str(Decimal(f"{value:.9f}").quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def figure_text(value: float) -> str:
    """Return a number with the digits that matter: counts whole, others with three significant ones."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 model, 2 models."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def range_figures(row: Mapping[Any, Any]) -> list[str]:
    """Return a row of `StudyTables.ranges` as text: from, likely best, to, p; in the unit that `label` names."""
    scale = unit(row["property"])
    return [*(figure_text(row[key] / scale) for key in ("low", "median", "high")), p_text(row["width_p_value"])]


def duration(seconds: float) -> str:
    """Return a time as a reader says it: 43 s, 12 min, 5.2 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


ASSISTED_HEAD = ("space", "mean %", "95 %", "without assistance", "median %", "95 %", "failing, 95 %")
"""The columns of `assisted_rows`."""


def assisted_rows(tables: StudyTables) -> list[list[str]]:
    """Return the assisted means and medians of a study's spaces as text, under `ASSISTED_HEAD`."""
    return [
        [
            row["space"],
            percent(row["mean"]),
            f"{percent(row['low'])} to {percent(row['high'])}",
            f"{percent(row['plain_mean'])} ± {percent(row['plain_se'])}",
            percent(row["median"]),
            f"{percent(row['median_low'])} to {percent(row['median_high'])}",
            f"{100 * row['failing_low']:.1f} to {100 * row['failing_high']:.1f} %",
        ]
        for row in assisted_summary(tables.assistance).to_dict("records")
    ]


IMPORTANCE_HEAD = ("space", "feature", "importance", "95 %")
"""The columns of `importance_rows`."""
IMPORTANCE_TITLE = "Features that the predictor needs most: share of the variance lost if one is permuted"
IMPORTANT = 5
"""Features of a space that are shown."""


def importance_rows(tables: StudyTables) -> list[list[str]]:
    """Return each space's features that the predictor needs most as text, under `IMPORTANCE_HEAD`."""
    shown = importance_table(tables.assistance).groupby("space", sort=False).head(IMPORTANT)
    return [
        [row["space"], row["feature"], f"{row['importance']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}"]
        for row in shown.to_dict("records")
    ]


MARKS_HEAD = ("network", "error %", "95 %", "seeds", "failed", "MF", "M params", "M activations")
"""The columns of `marks_rows`."""


def marks_rows(tables: StudyTables) -> list[list[str]]:
    """Return what the single networks of a study cost and reach as text, under `MARKS_HEAD`."""
    return [
        [
            row["network"],
            percent(row["error"]),
            "-" if math.isnan(row["low"]) else f"{percent(row['low'])} to {percent(row['high'])}",
            str(row["seeds"]),
            str(row["failures"]),
            *(figure_text(row[name] / unit(name)) for name in MEASURES),
        ]
        for row in tables.marks.drop_duplicates("network").to_dict("records")
    ]


def likely_text(row: Mapping[Any, Any]) -> str:
    """Return the shrunken error and its interval of a row of `StudyTables.best`; empty if it was refused."""
    return (
        ""
        if math.isnan(row["likely"])
        else (f"{percent(row['likely'])} ({percent(row['low'])} to {percent(row['high'])})")
    )


def last_failures(tables: StudyTables) -> tuple[Sequence[RunState], str]:
    """Return the failures that a report lists, and in words which these are; nothing if it lists all."""
    failures = tables.standing.failures
    if len(failures) <= FAILURES:
        return failures, ""
    return failures[-FAILURES:], f"The last {FAILURES} of {len(failures):,} failures."


def markdown(tables: StudyTables, pictures: Sequence[Path] = ()) -> str:
    """Return the report as Markdown: verdicts, tables, and links to `pictures` (paths relative to the text)."""
    parts = [f"# {_escaped(tables.study.name)}", f"**{_escaped(tables.standing.state)}**"]
    parts += [f"- {_escaped(note)}" for note in tables.notes]
    parts.append("## Verdicts")
    if not tables.verdicts:
        parts.append("There is only one space, so there is nothing to compare.")
    for verdict in tables.verdicts:
        sentence, *notes = map(_escaped, verdict.lines)
        parts.append(f"- {sentence}" + (f" ({'; '.join(notes)})" if notes else ""))
    if len(tables.marks):
        parts.append("## Single networks")
        parts += [f"- {_escaped(sentence)}" for sentence in marks_sentences(tables.marks)]
        parts.append(markdown_table(MARKS_HEAD, marks_rows(tables)))
    if tables.claims:
        parts.append("## Claims")
        judged = [[one.claim, one.judgement, one.evidence] for one in tables.claims]
        parts.append(markdown_table(["claim", "judgement", "evidence"], judged))
    parts.append("## Error distributions")
    parts += [f"![{_escaped(path.stem)}]({path.as_posix()})" for path in pictures]
    rows = [
        [space, row["n"], row["failures"], percent(row["min"]), percent(row["mean"]), percent(row["median"])]
        for space, row in tables.summary.iterrows()
    ]
    parts.append(markdown_table(["space", "n", "failed", "min %", "mean %", "median %"], rows))
    if assisted := assisted_rows(tables):
        parts += ["Assisted means (of networks that train) and medians:", markdown_table(ASSISTED_HEAD, assisted)]
    if important := importance_rows(tables):
        parts += [IMPORTANCE_TITLE + ":", markdown_table(IMPORTANCE_HEAD, important)]
    parts.append("## Best networks")
    best = [
        [
            percent(row["error"]),
            likely_text(row),
            row["space"],
            *(figure_text(row[name] / unit(name)) for name in MEASURES),
            row["structure"],
            row["command"],
        ]
        for row in tables.best.to_dict("records")
    ]
    head = ["error %", "likely error %", "space", "MF", "M params", "M activations", "structure", "command"]
    if tables.likely_note:
        parts.append(_escaped(tables.likely_note))
    parts.append(markdown_table(head, best))
    if not tables.ranges.empty:
        parts.append("## Best ranges")
        ranges = [
            [row["space"], label(row["property"]), *range_figures(row)] for row in tables.ranges.to_dict("records")
        ]
        parts.append(markdown_table(["space", "property", "from", "likely best", "to", "p of the width"], ranges))
    parts.append("## Failures")
    shown, note = last_failures(tables)
    parts += [note] * bool(note)
    failed = [[run.space, run.index, run.status, without_folders(run.reason)] for run in shown]
    parts.append(markdown_table(["space", "network", "status", "reason"], failed) if failed else "None.")
    parts += ["## Study", f"Training time {duration(tables.seconds)}; error of guessing {tables.chance:g} %."]
    parts.append(_block(dump_yaml(public_settings(tables.study.spec))))
    if not tables.environments.empty:
        parts.append(
            markdown_table(list(tables.environments.columns), tables.environments.fillna("").to_numpy().tolist())
        )
    return "\n\n".join(parts) + "\n"


def markdown_table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as Markdown that shows its cells as they are."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _escaped(value: Any) -> str:
    """Return text that Markdown shows as it is, on one line."""
    text = re.sub(r"\s+", " ", figure_text(value) if isinstance(value, float) else str(value))
    if text == "---":
        return text
    return re.sub(r"([\\`*_{}\[\]<>#|$&!~])", r"\\\1", text)


def _block(text: str) -> str:
    """Return a code block whose fence is longer than any run of backquotes in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"
