"""Renders a report as a file, one module for each format."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from reports.report import Report
from reports.request import ReportFormat

# Imported with the first report of a format, because their libraries load slowly.
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
    """Return the report in the requested file format."""
    module, _, function = _RENDERERS[report.request.format].partition(":")
    content: bytes = getattr(import_module(module), function)(report)
    return content
