"""``romashka kpi explain``: why a key figure changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from cli.arguments import MOMENT, TenantOrAll, Zone, moment, tenant_or_all, time_range
from cli.commands import kpi_custom  # noqa: F401 - its commands belong to the same group
from cli.commands.kpi import (
    By,
    Channel,
    Country,
    End,
    Provider,
    QueryType,
    Range,
    Segment,
    Start,
    app,
    shown_range,
)
from cli.console import err, out, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.freshness import say_if_behind
from cli.settings import settings
from kpis.contribution import Contribution
from kpis.explain import MAX_VALUES, Explanation, Split, dimensions_of, explain, period_before, questions
from kpis.explain_document import document
from kpis.explain_text import amount_cell, label, remarks, sentence, value_cell
from kpis.kpi import Kpi
from kpis.query import Scope
from kpis.registry import get
from models.errors import InvalidRequest
from storage.connection import connect
from storage.reading import query_all
from storage.tenant_names import tenant_names
from storage.tenant_settings import currency_of


@app.command("explain")
def explain_(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As 'romashka kpi list' shows it")],
    tenant: TenantOrAll = "",
    provider: Provider = "",
    query_type: QueryType = "",
    channel: Channel = "",
    country: Country = "",
    segment: Segment = "",
    start: Start = "",
    end: End = "",
    range_: Range = "",
    against: Annotated[
        str,
        typer.Option(
            metavar=MOMENT,
            help="Compare with what began at this time, ISO-8601, or a day. Default: the same length before",
        ),
    ] = "",
    against_to: Annotated[
        str, typer.Option(metavar=MOMENT, help="And ended at this time, not including it. Default: the same length")
    ] = "",
    by: By = None,
    most: Annotated[
        int, typer.Option(min=2, max=100, help="Values of a dimension to show; the rest together")
    ] = MAX_VALUES,
    time_zone: Zone = "UTC",
    durable_days: Annotated[
        int, typer.Option(min=1, max=90, help="Days without a return that make a resolution durable")
    ] = 7,
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Explain why a key figure changed: which provider, channel, segment ... moved it, by volume or by itself.

    Example: `romashka kpi explain durable_resolution_rate --from 2026-11-24 --to 2026-11-25 --against 2026-11-17`
    """
    kpi = get(id_)
    at = datetime.now(UTC)
    first, limit = time_range(start, end, range_, time_zone, at)
    now = Scope(
        start=first,
        end=limit,
        tenant=tenant_or_all(tenant),
        provider=provider or None,
        query_type=query_type or None,
        channel=channel or None,
        country=country or None,
        segment=segment or None,
        time_zone=time_zone,
        durable_days=durable_days,
    )
    before = _before(now, against, against_to)
    asked = questions(kpi, before, now, dimensions_of(kpi, now, by or []))
    with connect(settings().clickhouse) as client:
        answers = query_all(client, asked)
        say_if_behind(client)
        names = {str(id_): name for id_, name in tenant_names(client).items()}
        money = currency_of(client, kpi.unit, now)
    found = explain(kpi, before, now, answers, at, currency=money, most=most)
    if format_ is OutputFormat.JSON:
        typer.echo(json.dumps(document(found, now, names), indent=2, default=_plain))
    elif format_ is OutputFormat.CSV:
        print_rows(list(_rows(found)), format_, _COLUMNS)
    else:
        _print(found, before, now, names, len(found.splits) if by else _SHOWN)


# Splits that a table shows where none is asked for, the most telling ones.
_SHOWN = 5
_COLUMNS = ("dimension", *Contribution._fields)


def _before(now: Scope, against: str, against_to: str) -> Scope:
    limit = moment("--against-to", against_to, now.time_zone) if against_to else None
    if not against:
        if limit is not None:
            raise InvalidRequest("against_to", "needs --against, the start of the period to compare with")
        return period_before(now)
    first = moment("--against", against, now.time_zone)
    return replace(now, start=first, end=first + (now.limit - now.first) if limit is None else limit)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _rows(found: Explanation) -> Iterator[dict[str, Any]]:
    for split in found.splits:
        for one in split.parts:
            yield {"dimension": split.dimension, **one._asdict()}


def _print(found: Explanation, before: Scope, now: Scope, names: Mapping[str, str], shown_splits: int) -> None:
    colour = _colour(found.kpi, found.change or 0.0) or "bold"
    out.print(Text(sentence(found, names), style=colour), soft_wrap=True)
    out.print(f"{shown_range(now)}, against {shown_range(before)}", style="dim", highlight=False)
    for split in found.splits[:shown_splits]:
        columns, right = _columns(found)
        title = f"by {split.dimension}{f', in {found.currency}' if found.currency else ''}" + (
            " (a result: how it changed, hardly why)" if split.is_result else ""
        )
        cells = [_cells(found, split, one, names) for one in split.parts]
        out.print(table(title, (split.dimension, *columns), cells, right=right))
    if others := [split.dimension for split in found.splits[shown_splits:]]:
        err.print(f"less telling: {', '.join(others)}; --by shows them", style="dim", highlight=False)
    for remark in remarks(found):
        out.print(remark, style="dim", highlight=False)


def _columns(found: Explanation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    means = any(one.rate is not None for split in found.splits for one in split.parts)
    effects = ("by its volume", "by itself") if means else ()
    columns = ("before", "now", "share before", "share now", "n before", "n now", *effects, "effect")
    return columns, columns


def _cells(found: Explanation, split: Split, one: Contribution, names: Mapping[str, str]) -> tuple[object, ...]:
    kpi = found.kpi
    effects = [Text(amount_cell(found, part)) for part in (one.mix, one.rate) if part is not None]
    unreliable = one.rate is not None and kpi.below_minimum_volume(max(one.n_before, one.n_now))
    named = (names.get(one.value or "") if split.dimension == "tenant" else None) or label(one, split)
    return (
        Text(f"{named} ?" if unreliable else named, style="bold" if one == split.cause else ""),
        value_cell(found, one.before),
        value_cell(found, one.now),
        f"{one.share_before:.1%}",
        f"{one.share_now:.1%}",
        f"{one.n_before:,.0f}",
        f"{one.n_now:,.0f}",
        *effects,
        Text(amount_cell(found, one.effect), style=_colour(kpi, one.effect)),
    )


def _colour(kpi: Kpi, effect: float) -> str:
    if kpi.direction == "neutral" or not effect:
        return ""
    return "green" if (effect > 0) == (kpi.direction == "up") else "red"
