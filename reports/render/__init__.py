"""A report as a file, one module for each kind."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from reports.report import Report
from reports.request import ReportFormat

# Each brings libraries of its own that take long to load; they are loaded with the first report of that kind.
_RENDERERS: Final = {
    ReportFormat.PDF: "reports.render.pdf:render",
    ReportFormat.HTML: "reports.render.html:render",
    ReportFormat.XLSX: "reports.render.tables:xlsx",
    ReportFormat.CSV: "reports.render.tables:csv",
    ReportFormat.ZIP: "reports.render.tables:zip_",
    ReportFormat.JSON: "reports.render.tables:json",
    ReportFormat.PARQUET: "reports.render.tables:parquet",
}


def render(report: Report) -> bytes:
    """Return the report as the file that it was asked to be."""
    module, _, function = _RENDERERS[report.request.format].partition(":")
    content: bytes = getattr(import_module(module), function)(report)
    return content
