"""The report as one HTML page: verdicts, figures, tables, and an explorer of the answers."""

from sirev.reporting.page.explorer import explorer_data
from sirev.reporting.page.markup import tables_as_html
from sirev.reporting.page.overview import Part, render_overview
from sirev.reporting.page.page import render_page

__all__ = ["Part", "explorer_data", "render_overview", "render_page", "tables_as_html"]
