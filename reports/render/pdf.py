"""A report on paper, set by Typst with its own fonts: the same file on every machine."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from kpis.registry import get
from reports.render import drawn
from reports.report import Exhibit, Report


def render(report: Report) -> bytes:
    """Return the PDF."""
    with TemporaryDirectory(prefix="romashka-report-") as name:
        folder = Path(name)
        template = resources.files("reports.render").joinpath("report.typ").read_text(encoding="utf-8")
        (folder / "report.typ").write_text(template, encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(_content(report, folder)), encoding="utf-8")
        # Typst takes whole seconds.
        at = report.provenance.made_at.replace(microsecond=0)
        made = typst.compile(folder / "report.typ", ignore_system_fonts=True, timestamp=at)
    return bytes(made)


def _content(report: Report, folder: Path) -> dict[str, Any]:
    request = report.request
    exhibits = [_exhibit(one, f"chart-{place}.svg", folder) for place, one in enumerate(report.exhibits)]
    return {
        "title": request.name,
        "kind": f"{request.type.value.capitalize()} report",
        "about": report.about,
        "tenant": report.tenant,
        "range": f"{request.start:%Y-%m-%d %H:%M} to {request.end:%Y-%m-%d %H:%M} UTC",
        "integrations": ", ".join(request.integrations) or "all",
        "made": f"{report.provenance.made_at:%Y-%m-%d %H:%M} UTC",
        "summary": list(report.summary),
        "figures": [drawn.figure_row(one) for one in report.figures],
        "breakdown": drawn.table(report.breakdown),
        "exhibits": exhibits,
        "findings": [
            {
                "severity": one.severity,
                "title": one.title,
                "summary": one.summary,
                "when": f"{one.started_at:%Y-%m-%d %H:%M}"
                + (" until now" if one.ended_at is None else f" to {one.ended_at:%Y-%m-%d %H:%M}"),
                "actions": list(one.actions),
            }
            for one in report.findings
        ],
        "recommendations": list(report.recommendations),
        "raw": drawn.table(report.raw) if report.raw is not None else None,
        "provenance": [list(pair) for pair in drawn.provenance(report)],
        "definitions": [[one.title, f"version {one.version}", get(one.id).meaning] for one in report.figures],
        "hashes": [list(pair) for pair in report.provenance.hashes.items()],
    }


def _exhibit(exhibit: Exhibit, name: str, folder: Path) -> dict[str, Any]:
    if exhibit.chart is not None:
        (folder / name).write_text(drawn.svg(exhibit.chart), encoding="utf-8")
    return {
        "title": exhibit.title,
        "description": exhibit.description,
        "chart": name if exhibit.chart is not None else None,
        "table": drawn.table(exhibit) if exhibit.chart is None and exhibit.rows else None,
        "no_data": exhibit.no_data,
    }
