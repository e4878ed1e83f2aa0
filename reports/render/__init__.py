"""A report as a file, one module for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reports.render import html, pdf, tables
from reports.report import Report
from reports.request import ReportFormat

RENDERERS: Final[dict[ReportFormat, Callable[[Report], bytes]]] = {
    ReportFormat.PDF: pdf.render,
    ReportFormat.HTML: html.render,
    ReportFormat.XLSX: tables.xlsx,
    ReportFormat.CSV: tables.csv,
    ReportFormat.JSON: tables.json,
    ReportFormat.PARQUET: tables.parquet,
}


def render(report: Report) -> bytes:
    """Return the report as the file that it was asked to be."""
    return RENDERERS[report.request.format](report)
