"""L5: a study's results as tables, figures, a page and text. Computed once in `data`, then drawn."""

from netspace.report.data import StudyTables, study_tables, verdict_table
from netspace.report.figures import edf_figure, property_figure
from netspace.report.style import save
from netspace.report.write import FORMATS, write_report

__all__ = [
    "FORMATS",
    "StudyTables",
    "edf_figure",
    "property_figure",
    "save",
    "study_tables",
    "verdict_table",
    "write_report",
]
