"""A report as one self-contained HTML page with charts as SVG."""

from __future__ import annotations

import re
from html import escape as escape_markup
from importlib import resources

from kpis.registry import get
from kpis.text import printable
from models.counting import counted
from reports.render import common
from reports.report import Exhibit, Report


def render(report: Report) -> bytes:
    """Return the page."""
    request = report.request
    page = resources.files("reports.render").joinpath("report.html").read_text(encoding="utf-8")
    parts = {
        "{{title}}": escape(request.name),
        "{{about}}": escape(report.about),
        "{{facts}}": escape(
            f"{common.period(report)} · {report.tenant} · integrations: {', '.join(request.integrations) or 'all'}"
        ),
        "{{body}}": "".join(_sections(report)),
    }
    # In one pass: inserted text is not searched again for placeholders.
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found[0]], page).encode()


def escape(text: str) -> str:
    """Return a text escaped for HTML, without non-printable characters."""
    return escape_markup(printable(text))


def _sections(report: Report) -> list[str]:
    made = []
    if report.summary:
        made.append(_section("Executive summary", "".join(f"<p>{escape(text)}</p>" for text in report.summary)))
    made.append(_section("Key figures", _figures(report)))
    if report.recommendations:
        items = "".join(f"<li>{escape(text)}</li>" for text in report.recommendations)
        made.append(_section("What to do", f"<ol>{items}</ol>"))
    made.append(_section("By integration", _table(report.breakdown, report.currency)))
    made += [
        _section(
            common.title_of(one, report.currency),
            f'<p class="soft">{escape(one.description)}</p>{_exhibit(one, report.currency)}',
        )
        for one in report.exhibits
    ]
    made.append(_section("Findings of the detectors", _findings(report)))
    if report.raw is not None:
        made.append(_section("Raw data", _table(report.raw, report.currency)))
    made.append(_section("Where these numbers come from", _origin(report)))
    return made


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _figures(report: Report) -> str:
    lines = []
    for figure in report.figures:
        row = {name: escape(text) for name, text in common.figure_row(figure).items()}
        notes = f"<small>{row['notes']}</small>" if row["notes"] else ""
        bounds = f"<small>{row['bounds']}</small>" if row["bounds"] else ""
        lines.append(
            f'<tr><td title="{escape(figure.meaning)}">{row["title"]}{notes}</td>'
            f'<td class="r"><b class="{row["state"]}">{row["value"]}</b>{bounds}</td>'
            f'<td class="r soft">{row["before"]}</td><td class="r {row["mood"]}">'
            f"{row['change']}</td></tr>"
        )
    names = ("This period", "Period before", "Change")
    head = "<tr><th scope=col>Figure</th>" + "".join(f"<th scope=col class=r>{name}</th>" for name in names) + "</tr>"
    return _scrolling("Key figures", f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>")


def _exhibit(exhibit: Exhibit, currency: str) -> str:
    if exhibit.chart is not None:
        return f'<figure role="img" aria-label="{escape(exhibit.title)}">{common.svg(exhibit.chart)}</figure>'
    return _table(exhibit, currency)


def _table(exhibit: Exhibit, currency: str) -> str:
    if not exhibit.rows:
        return f'<p class="soft">{escape(exhibit.no_data)}.</p>'
    data = common.table(exhibit, currency)
    sides = [" class=r" if number else "" for number in data["numbers"]]
    head = "".join(f"<th scope=col{side}>{escape(name)}</th>" for side, name in zip(sides, data["head"], strict=True))
    lines = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(cell)}</td>" for side, cell in zip(sides, row, strict=True)) + "</tr>"
        for row in data["rows"]
    )
    more = f'<p class="soft">Not shown here: {counted(data["left"], "more row")}.</p>' if data["left"] else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f"{_scrolling(exhibit.title, table)}{more}"


def _scrolling(title: str, table: str) -> str:
    """Return a table in a scrollable box, which also works by keyboard."""
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(title)}">{table}</div>'


def _findings(report: Report) -> str:
    if not report.findings:
        return "<p>The detectors found nothing unusual in this period.</p>"
    return "".join(
        f'<div class="finding {escape(one.severity)}"><b>{escape(one.title)}</b> '
        f'<span class="soft">{common.span(report, one)}</span><br>{escape(one.summary)}'
        + (f"<br><i>To do: {escape(one.actions[0])}</i>" if one.actions else "")
        + "</div>"
        for one in report.findings
    )


def _origin(report: Report) -> str:
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in common.provenance(report))
    definitions = "".join(
        f"<dt>{escape(one.title)} (version {one.version})</dt><dd>{escape(get(one.id).meaning)}</dd>"
        for one in report.figures
    )
    hashes = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(digits)}</code></dd>"
        for name, digits in report.provenance.hashes.items()
    )
    return (
        f"<dl>{pairs}</dl><details><summary>Definitions</summary><dl>{definitions}</dl></details>"
        f"<details><summary>Statements (SHA-256)</summary><dl>{hashes}</dl></details>"
    )
