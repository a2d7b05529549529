"""L5: a study's results drawn: figures, a page and text, from the tables of `netspace.results`."""

from netspace.report.cost_figures import complexity_figure, front_figure, trends_figure
from netspace.report.figures import edf_figure, property_figure
from netspace.report.network_drawing import network_svg, networks_svg
from netspace.report.search_figures import curves_figure, e_process_figure, efficiency_figure, narrowing_figure
from netspace.report.structure_figures import e_fit_figure, networks_figure, pairwise_figure
from netspace.report.style import save
from netspace.report.write import FIGURES, FORMATS, STYLES, figures, write_report
from netspace.results.figure_tables import (
    baseline_table,
    chosen_curves,
    complexity_fits,
    e_fit_table,
    efficiency_table,
    front_table,
    trend_table,
)
from netspace.results.stopping import e_process_table, thresholds
from netspace.results.study_tables import StudyTables, edf_table, study_tables

__all__ = [
    "FIGURES",
    "FORMATS",
    "STYLES",
    "StudyTables",
    "baseline_table",
    "chosen_curves",
    "complexity_figure",
    "complexity_fits",
    "curves_figure",
    "e_fit_figure",
    "e_fit_table",
    "e_process_figure",
    "e_process_table",
    "edf_figure",
    "edf_table",
    "efficiency_figure",
    "efficiency_table",
    "figures",
    "front_figure",
    "front_table",
    "narrowing_figure",
    "network_svg",
    "networks_figure",
    "networks_svg",
    "pairwise_figure",
    "property_figure",
    "save",
    "study_tables",
    "thresholds",
    "trend_table",
    "trends_figure",
    "write_report",
]
