"""Renders a report as a file, one module for each format."""

from __future__ import annotations

from importlib import import_module

from reports.report import Report


def render(report: Report) -> bytes:
    """Return the report in the requested file format.

    A renderer is imported with the first report of its format, because its libraries load slowly.
    """
    module, _, function = report.request.format.renderer.partition(":")
    content: bytes = getattr(import_module(f"reports.render.{module}"), function)(report)
    return content
