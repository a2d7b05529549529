"""The tables of a paper: verdicts, spaces and best networks with their intervals, as LaTeX and as Markdown."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netspace.arch import MEASURES
from netspace.report.text import figure_text, likely_text, markdown_table, percent
from netspace.results.properties import unit
from netspace.results.study_tables import StudyTables
from netspace.stats.p_values import p_text

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "θ": r"$\theta$",
    "<": "$<$",
    ">": "$>$",
}
_SPECIAL |= {sign: f"\\{sign}" for sign in "&%$#_{}"}


class PaperTable(NamedTuple):
    """A table as text: its name, its caption, and how many of its columns, from the left, hold words."""

    name: str
    caption: str
    words: int
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def paper_tables(tables: StudyTables, labels: Mapping[str, str]) -> list[PaperTable]:
    """Return the tables of a study for a paper.

    Args:
        tables: see `study_tables`.
        labels: what spaces are called instead of their names.
    """
    by = {space: labels.get(space, space) for space in tables.spaces}
    verdicts = [
        [
            by[one.space],
            by[one.against],
            one.verdict,
            _number(one.theta),
            _interval(one.low, one.high),
            p_text(one.holm_p_value, least=1e-4),
            f"{one.n} and {one.n_against}",
        ]
        for one in tables.verdicts
    ]
    assisted = "; assisted by the networks' features" if any(one.assisted for one in tables.verdicts) else ""
    spaces = [
        [
            by[str(space)],
            f"{row['n']:.0f}",
            f"{row['failures']:.0f}",
            *(percent(row[key]) for key in ("min", "mean", "median")),
        ]
        for space, row in tables.summary.iterrows()
    ]
    best = [
        [
            by[row["space"]],
            row["structure"],
            percent(row["error"]),
            likely_text(row) or "-",
            *(figure_text(row[measure] / unit(measure)) for measure in MEASURES),
        ]
        for row in tables.best.to_dict("records")
    ]
    found = [
        PaperTable(
            "verdicts",
            "Each space against the one before it: θ is the probability that its random network has the lower error, "
            f"with a 95 % interval; p after Holm's correction{assisted}.",
            3,
            ["space", "against", "verdict", "θ", "95 %", "p", "n"],
            verdicts,
        ),
        PaperTable(
            "spaces",
            f"Errors by space; failed networks enter means and medians at {tables.chance:g} %.",
            1,
            ["space", "n", "failed", "min %", "mean %", "median %"],
            spaces,
        ),
        PaperTable(
            "best",
            "The best networks; the likely error is the measured one freed of the luck of training, with its "
            "95 % interval.",
            2,
            ["space", "structure", "error %", "likely %", "MF", "M params", "M activations"],
            best,
        ),
    ]
    return [one for one in found if one.rows]


COLUMN, PAGE = 52, 105
"""Characters in a row of a table of small type that one column of a two-column page takes, and both."""
_GAP = 2


def as_latex(tables: Sequence[PaperTable]) -> str:
    """Return tables as LaTeX environments for the package booktabs, labelled `tab:NAME`.

    One that is too wide for a column of a two-column page spans both; on a page of one column that is no difference.
    """
    parts = ["% needs \\usepackage{booktabs}, and UTF-8, which LaTeX reads by itself since 2018"]
    for one in tables:
        columns = "l" * one.words + "r" * (len(one.head) - one.words)
        lines = [" & ".join(map(_escaped, cells)) + r" \\" for cells in (one.head, *one.rows)]
        cells = zip(one.head, *one.rows, strict=True)
        width = sum(max(map(len, column)) for column in cells) + _GAP * len(one.head)
        environment = "table*" if width > COLUMN else "table"
        parts.append(
            "\n".join(
                [
                    rf"\begin{{{environment}}}",
                    r"\centering",
                    r"\footnotesize" if width > PAGE else r"\small",
                    rf"\caption{{{_escaped(one.caption)}}}",
                    rf"\label{{tab:{one.name}}}",
                    rf"\begin{{tabular}}{{{columns}}}",
                    r"\toprule",
                    lines[0],
                    r"\midrule",
                    *lines[1:],
                    r"\bottomrule",
                    r"\end{tabular}",
                    rf"\end{{{environment}}}",
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def as_markdown(tables: Sequence[PaperTable]) -> str:
    """Return tables as Markdown, each below its caption."""
    return "\n\n".join(f"{one.caption}\n\n{markdown_table(one.head, one.rows)}" for one in tables) + "\n"


def _escaped(text: str) -> str:
    """Return text as LaTeX prints it, on one line."""
    return "".join(_SPECIAL.get(sign, sign) for sign in re.sub(r"\s+", " ", text))


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _interval(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}" if math.isfinite(low) else "-"
