"""Spaces, populations, networks, comparisons and studies as tables and plots in a notebook.

The packages below this one know nothing of how they look: their values ask `html_of` (see `netspace.displayed`).
`%load_ext netspace.report.notebook` is not needed for that any more, and still valid.
"""

import base64
import html
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netspace.arch import AnyNetConfig, BuiltConfig
from netspace.arch.built import NetworkConfig
from netspace.errors import NetspaceError
from netspace.report.axes import scale_axis
from netspace.report.figures import edf_figure
from netspace.report.network_drawing import network_svg
from netspace.report.style import COLOURS, PAGE_WIDTH, png, styled
from netspace.report.text import figure_text, likely_text
from netspace.results.properties import label, unit
from netspace.results.runs import properties_of, structure
from netspace.results.study_tables import StudyTables, edf_table, study_tables
from netspace.space import DesignSpace, Population
from netspace.stats.comparison import Comparison
from netspace.stats.edf import EDF
from netspace.stats.p_values import p_text
from netspace.store import Store

ROWS = 10
"""Rows of a table that are shown."""
PLOTTED = 8
"""Columns of a population that are drawn as histograms."""


def html_of(value: object) -> str:
    """Return one of our values as a notebook shows it.

    Raises:
        TypeError: it is none of those that are shown.
    """
    for kind in type(value).__mro__:
        if show := _SHOWN.get(kind):
            return show(value)
        # the study package stands beside this one and is not imported here
        if f"{kind.__module__}.{kind.__qualname__}" == "netspace.study.study.Study":
            return study_html(value)
    raise TypeError(f"a notebook cannot show a value of type {type(value).__name__}")


def load_ipython_extension(shell: Any) -> None:
    """Tell IPython how to show our values; called by `%load_ext netspace.report.notebook`."""
    formatter = shell.display_formatter.formatters["text/html"]
    for kind, show in _SHOWN.items():
        formatter.for_type(kind, show)
    # the study package stands beside this one and is not imported here
    formatter.for_type_by_name("netspace.study.study", "Study", study_html)


def figure_html(figure: Figure) -> str:
    """Return a figure as an image."""
    source = base64.b64encode(png(figure)).decode()
    return f'<img style="max-width: 100%; background: white" src="data:image/png;base64,{source}">'


def table_html(frame: pd.DataFrame, rows: int = ROWS) -> str:
    """Return the head of a table, numbers rounded to what matters, with a line that says how much was left out."""
    shown: str = frame.head(rows).to_html(escape=True, border=0, float_format=figure_text)
    more = f"<p>{len(frame):,} rows, {rows} shown</p>" if len(frame) > rows else ""
    return shown + more


def space_html(space: DesignSpace) -> str:
    """Return a design space: its size, its dimensions and its description as YAML."""
    size = space.size()
    described: dict[str, Any] = {"settings": f"{size.exact:,}", "dimensions": size.dimensions}
    described["stages"] = ", ".join(map(str, space.stage_counts))
    if size.paper is not None:
        described["as the paper counts"] = f"{size.paper:,}"
    if size.note:
        described["note"] = size.note
    try:
        source = space.to_yaml()
    except NetspaceError as error:  # a Python predicate has no YAML
        source = str(error)
    return _heading(space.name) + _facts(described) + f"<pre>{html.escape(source)}</pre>"


def population_html(population: Population) -> str:
    """Return a population: how it was found, how its numbers are distributed, and its first networks."""
    frame = population.frame()
    facts = {
        "networks": len(population),
        "candidates drawn": f"{population.candidates:,}",
        "resolution": f"{population.resolution} px",
    }
    names = [name for name in map(str, frame.columns) if name != "digest" and not name.startswith("drawn_")]
    varying = properties_of(frame, names)
    histograms = figure_html(_histograms(frame, varying[:PLOTTED])) if varying else ""
    return _heading("Population") + _facts(facts) + histograms + table_html(frame)


def comparison_html(comparison: Comparison) -> str:
    """Return a comparison: the verdict on B against A, and the numbers behind it."""
    low, high = comparison.interval
    facts = {
        "P(B beats A)": f"{comparison.theta:.3f} ({low:.3f} to {high:.3f})",
        "p": p_text(comparison.adjusted_p_value),
        "p of equivalence": f"{p_text(comparison.tost_p_value)} (margin {comparison.delta:g})",
        "models of A and B": f"{comparison.n_a} and {comparison.n_b}",
        "failed": f"{comparison.failures_a} and {comparison.failures_b}",
        "dominance": comparison.dominance.statement,
    }
    if comparison.notes:
        facts["notes"] = "; ".join(comparison.notes)
    return _heading(f"B against A: {comparison.verdict}") + _facts(facts)


def edf_html(edf: EDF) -> str:
    """Return an error distribution as its curve with band, n, failures, least and mean error."""
    errors = np.asarray(edf.errors)
    summary = pd.DataFrame(
        {"n": [edf.n], "failures": [edf.failures], "min": [edf.min], "mean": [edf.mean]}, index=["population"]
    )
    if edf.weights is not None:  # no band holds for a weighted one
        return _facts({name: figure_text(float(summary[name].iloc[0])) for name in map(str, summary.columns)})
    return figure_html(edf_figure(edf_table({"population": errors}), summary))


def tables_html(tables: StudyTables) -> str:
    """Return a study: its state, the verdicts, the error distributions and the best networks."""
    verdicts = "".join(f"<li>{html.escape(verdict.sentence)}</li>" for verdict in tables.verdicts)
    likely = tables.best.apply(likely_text, axis=1) if tables.likely_note else None
    best = tables.best[["error", "space", "structure", "flops", "params", "activations"]]
    if likely is not None:
        best.insert(1, "likely error", likely)
    note = f"<p>{html.escape(tables.likely_note)}</p>" if tables.likely_note else ""
    return (
        _heading(tables.study.name)
        + f"<p>{html.escape(tables.standing.state)}</p><ul>{verdicts}</ul>"
        + figure_html(edf_figure(tables.edf, tables.summary))
        + table_html(best)
        + note
    )


def study_html(study: Any) -> str:
    """Return a `netspace.study.Study`: its results where its own store holds some, else its specification."""
    try:
        with Store.open(study.default_store, create=False) as store:
            return tables_html(study_tables(store, study.spec.name))
    except NetspaceError as error:
        reason = f"<p>{html.escape(str(error))}</p>"
    described = {name: str(value) for name, value in dict(study.spec).items() if value is not None}
    return _heading(study.spec.name) + reason + _facts(described)


def network_html(config: NetworkConfig) -> str:
    """Return a network: its drawing for images of 224 pixels, or of code its structure in a line, and its YAML."""
    known = structure(config.to_dict())
    drawn = f"<p>{html.escape(known)}</p>"
    if isinstance(config, AnyNetConfig) and isinstance(config.block, str):
        drawn = f'<div style="background: white">{network_svg({known: config})}</div>'
    return f"{drawn}<pre>{html.escape(config.to_yaml())}</pre>"


_SHOWN: dict[type, Callable[[Any], str]] = {
    AnyNetConfig: network_html,
    BuiltConfig: network_html,
    Comparison: comparison_html,
    DesignSpace: space_html,
    EDF: edf_html,
    Population: population_html,
    StudyTables: tables_html,
}


def _histograms(frame: pd.DataFrame, names: tuple[str, ...]) -> Figure:
    columns = 4
    rows = -(-len(names) // columns)
    height = 1.25 * rows + 0.2
    with styled():
        figure = Figure(figsize=(PAGE_WIDTH, height))
        grid = figure.add_gridspec(rows, columns, left=0.05, right=0.99, top=1 - 0.2 / height, bottom=0.2 / height)
        grid.update(hspace=0.6, wspace=0.2)
        for place, name in enumerate(names):
            axes = figure.add_subplot(grid[place // columns, place % columns])
            values = frame[name].to_numpy(np.float64) / unit(name)
            scale_axis(axes, name, values)
            space = np.geomspace if axes.get_xscale() == "log" else np.linspace
            axes.hist(values, bins=space(values.min(), values.max(), 16).tolist(), color=COLOURS[0])
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.set_title(label(name), loc="left", pad=3)
    return figure


def _heading(text: str) -> str:
    return f"<h4>{html.escape(text)}</h4>"


def _facts(facts: dict[str, Any]) -> str:
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts.items())
    return f"<table>{rows}</table>"
