"""Reads and adds responses to insights (table ``insight_responses``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from models.responses import (
    Handling,
    Reply,
    Response,
    ResponseAction,
    checked,
    handling_of,
    name_of_actor,
    response_to,
)
from storage.reading import query_rows
from storage.writing import insert_rows

_TABLE: Final = "insight_responses"
_STEP: Final = timedelta(milliseconds=1)
_COLUMNS: Final = ", ".join(Response._fields)
_OF_INSIGHTS: Final = f"""
SELECT {_COLUMNS} FROM {_TABLE} FINAL WHERE has({{ids:Array(UUID)}}, insight_id) ORDER BY responded_at, id
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter


def responses_to(client: Client, insights: Iterable[UUID]) -> dict[UUID, list[Response]]:
    """Return the responses to some insights by the insight's id, oldest first; raises ``Unreachable``."""
    found: defaultdict[UUID, list[Response]] = defaultdict(list)
    ids = [str(one) for one in insights]
    for row in query_rows(client, _OF_INSIGHTS, {"ids": ids}) if ids else ():
        response = _from_row(row)
        found[response.insight_id].append(response)
    return dict(found)


def handlings(client: Client, insights: Sequence[Insight], now: datetime) -> dict[UUID, Handling]:
    """Return where the handling of each insight stands; raises ``Unreachable``."""
    responses = responses_to(client, [one.id for one in insights])
    return {one.id: handling_of(one, responses.get(one.id, ()), now) for one in insights}


def respond(
    client: Client, insight: Insight, reply: Reply, actor: str, now: datetime, *, id_: UUID | None = None
) -> tuple[Handling, list[Response]]:
    """Store a reply to an insight; return where its handling stands now, and every response, oldest first.

    ``id_`` is the response's id where it follows from what led to it, such as a link.

    Raises
    ------
    InvalidRequest
        The reply is not complete, or the status does not allow it; see ``models.responses.checked``.
    Unreachable
        ClickHouse does not answer.
    """
    before = responses_to(client, [insight.id]).get(insight.id, [])
    wanted = checked(reply, handling_of(insight, before, now), now)
    response = response_to(insight, wanted, name_of_actor(actor), now, id_)
    # Clocks differ between machines, and may be set back: what is said later comes later.
    others = [one.responded_at for one in before if one.id != response.id]
    if others and response.responded_at <= max(others):
        response = response._replace(responded_at=max(others) + _STEP)
    insert_rows(client, _TABLE, Response._fields, [response])
    after = [*before, response]
    return handling_of(insight, after, now), after


def add_responses(client: Client, responses: Sequence[Response]) -> None:
    """Store responses that were made elsewhere; storing one again changes nothing; raises ``Unreachable``."""
    insert_rows(client, _TABLE, Response._fields, responses)


def _from_row(row: dict[str, Any]) -> Response:
    values = dict(row)
    values["action"] = ResponseAction(row["action"])
    for name in ("snoozed_until", "responded_at"):
        values[name] = row[name].replace(tzinfo=UTC)
    return Response(**values)
