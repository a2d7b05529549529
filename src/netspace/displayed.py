"""Values that a notebook shows as tables and plots by themselves.

How each looks is known by `netspace.report.notebook` alone, above all of them: it is found by its name when a notebook
asks, so that nothing below it imports it.
"""

from collections.abc import Callable
from importlib import import_module


class Displayed:
    """Base of values for which `netspace.report.notebook.html_of` has a picture or a table."""

    def _repr_html_(self) -> str:
        """Return the value as HTML, as Jupyter and its like ask for it."""
        html_of: Callable[[object], str] = import_module("netspace.report.notebook").html_of
        return html_of(self)
