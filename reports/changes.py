"""What changed most in a report's period, and what did it: the explanation of one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from clickhouse_connect.driver.client import Client

from kpis.contribution import Makeup
from kpis.explain import dimensions_of, explain, questions
from kpis.explain_text import sentence
from kpis.registry import get
from kpis.scope import Scope
from models.query import Query
from reports import report_queries
from reports.narrative import better, weight_of_change
from reports.report import Figure, Report
from storage.reading import query_all
from storage.tenant_names import tenant_names

# The dimensions that say where and for whom; the others are for 'romashka kpi explain'.
_WHERE: Final = ("tenant", "provider", "queried_provider", "channel", "country", "segment")


def with_explanation(client: Client, report: Report) -> Report:
    """Return the report with a paragraph on the figure that changed most, if one changed; raises as ``query_all``."""
    figure = mover(report.figures)
    if figure is None:
        return report
    request, kpi = report.request, get(figure.id)
    provider = request.integrations if request.integrations and report_queries.narrows(kpi) else None
    now = Scope(
        request.start,
        request.end,
        request.tenant,
        provider=provider,
        time_zone=request.time_zone,
        as_of=report.provenance.made_at,
    )
    start, end = request.before
    before = replace(now, start=start, end=end)
    asked = questions(kpi, before, now, dimensions_of(kpi, now, [one for one in _WHERE if one in kpi.dimensions]))
    answers = query_all(client, asked)
    found = explain(kpi, before, now, answers, report.provenance.made_at, currency=figure.currency)
    names = {str(id_): name for id_, name in tenant_names(client).items()}
    hashes = {f"change of {kpi.id} {one.period} {one.by}".rstrip(): _hash(query) for one, query in asked.items()}
    return replace(
        report,
        summary=(*report.summary, f"What changed most: {sentence(found, names)}"),
        provenance=report.provenance._replace(hashes={**report.provenance.hashes, **hashes}),
    )


def mover(figures: Sequence[Figure]) -> Figure | None:
    """Return the figure that changed most, measured by what is worth mentioning, among those that can be explained."""
    moved = [
        one
        for one in figures
        if get(one.id).computed.makeup is not Makeup.NEITHER and better(one) is not None and weight_of_change(one) >= 1
    ]
    return max(moved, key=weight_of_change, default=None)


def _hash(query: Query) -> str:
    return sha256(query.sql.encode()).hexdigest()[:12]
