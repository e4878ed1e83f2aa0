"""Insights as people read them."""

from __future__ import annotations

import io
from datetime import timedelta

from rich.console import Console

from cli.insight_text import details, insights_table, span_of, tenant_of
from models.insights import ALL_TENANTS_ID
from models.responses import Reply, ResponseAction, response_to
from tests.examples.insights import STARTED, insight


def _printed(what: object) -> str:
    text = io.StringIO()
    Console(width=200, file=text).print(what)
    return text.getvalue()


def test_a_line_says_when_where_and_what() -> None:
    line = _printed(insights_table("1 insights", [insight(ended_at=STARTED + timedelta(hours=1), status="closed")]))
    for part in ("01-15 11:00 - 12:00", "critical, over", "provider_outage", "hubspot", "0a6f7d52", "HubSpot is down"):
        assert part in line


def test_the_details_say_why_and_what_to_do() -> None:
    text = _printed(details(insight()))
    for part in ("90 % of queries fail", "failures began at once", "look at the status page", "observed 90 %", "99%"):
        assert part in text


def test_what_is_open_goes_on_until_now_and_what_concerns_all_says_so() -> None:
    assert span_of(insight()) == "01-15 11:00 - now"
    assert span_of(insight(ended_at=STARTED + timedelta(days=1))) == "01-15 11:00 - 01-16 11:00"
    assert tenant_of(insight(user_id=ALL_TENANTS_ID)) == "all"


def test_a_note_cannot_pass_for_a_response_of_somebody_else() -> None:
    reply = Reply(ResponseAction.COMMENT, "ok\n  • 11-29 18:40 ada: resolve (real)")
    text = _printed(details(insight(), history=[response_to(insight(), reply, "eve", STARTED)]))
    assert [line for line in text.splitlines() if line.startswith("  •")][-1].startswith(
        "  • 01-15 11:00 eve: comment: ok"
    )
