"""A report as PDF by Typst, with fonts from packages, so that the file is the same on every machine."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import typst

from kpis.display import local
from kpis.registry import get
from kpis.text import printable, wrappable
from reports.render import common
from reports.render.chart_fonts import with_fonts
from reports.report import Exhibit, Report

# Noto fonts for scripts that Typst's own fonts lack.
_FONTS: Final = [Path(str(resources.files(package))) for package in ("manimgx_fonts", "manimgx_fonts_cjk")]
# Letters per row in the smallest font, on a portrait and on a landscape page.
_PORTRAIT: Final = 167
_LANDSCAPE: Final = 247
_LONG_WORD: Final = 30


def render(report: Report) -> bytes:
    """Return the PDF."""
    with TemporaryDirectory(prefix="romashka-report-") as name:
        folder = Path(name)
        template = resources.files("reports.render").joinpath("report.typ").read_text(encoding="utf-8")
        (folder / "report.typ").write_text(template, encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(_content(report, folder)), encoding="utf-8")
        # Typst accepts whole seconds only.
        at = report.provenance.made_at.replace(microsecond=0)
        made = typst.compile(folder / "report.typ", font_paths=list(_FONTS), ignore_system_fonts=True, timestamp=at)
    return bytes(made)


def _content(report: Report, folder: Path) -> dict[str, Any]:
    request = report.request
    exhibits = [
        _exhibit(one, f"chart-{place}.svg", folder, report.currency) for place, one in enumerate(report.exhibits)
    ]
    content = {
        "title": request.name,
        "kind": f"{request.type.value.capitalize()} report",
        "about": report.about,
        "tenant": report.tenant,
        "range": common.period(report),
        "integrations": ", ".join(request.integrations) or "all",
        "made": local(report.provenance.made_at, request.time_zone),
        "summary": list(report.summary),
        "figures": [common.figure_row(one) for one in report.figures],
        "breakdown": _table(report.breakdown, _PORTRAIT, report.currency),
        "exhibits": exhibits,
        "findings": [
            {
                "severity": one.severity,
                "title": one.title,
                "summary": one.summary,
                "when": common.span(report, one),
                "actions": list(one.actions),
            }
            for one in report.findings
        ],
        "recommendations": list(report.recommendations),
        "raw": _table(report.raw, _LANDSCAPE, report.currency) if report.raw is not None else None,
        "provenance": [list(pair) for pair in common.provenance(report)],
        "definitions": [[one.title, f"version {one.version}", get(one.id).meaning] for one in report.figures],
        "hashes": [list(pair) for pair in report.provenance.hashes.items()],
    }
    wrapped: dict[str, Any] = _wrappable(content)
    return wrapped


def _wrappable(part: Any) -> Any:
    """Return texts with break opportunities in long words."""
    if isinstance(part, str):
        return wrappable(printable(part), _LONG_WORD)
    if isinstance(part, list):
        return [_wrappable(one) for one in part]
    return {name: _wrappable(one) for name, one in part.items()} if isinstance(part, dict) else part


def _table(exhibit: Exhibit, across: int, currency: str) -> dict[str, Any]:
    """Return a table with break opportunities in words that are wider than their cell."""
    table = common.table(exhibit, currency)
    wanted = sum(table["widths"]) + 2 * len(table["widths"])
    rooms = [max(3, int(width * min(1.0, across / wanted))) for width in table["widths"]]
    for name in ("head", "rows"):
        lines = [table[name]] if name == "head" else table[name]
        broken = [[wrappable(cell, room) for cell, room in zip(line, rooms, strict=True)] for line in lines]
        table[name] = broken[0] if name == "head" else broken
    return table


def _exhibit(exhibit: Exhibit, name: str, folder: Path, currency: str) -> dict[str, Any]:
    if exhibit.chart is not None:
        (folder / name).write_text(with_fonts(common.svg(exhibit.chart)), encoding="utf-8")
    return {
        "title": common.title_of(exhibit, currency),
        "description": exhibit.description,
        "chart": name if exhibit.chart is not None else None,
        "table": _table(exhibit, _PORTRAIT, currency) if exhibit.chart is None and exhibit.rows else None,
        "no_data": exhibit.no_data,
    }
