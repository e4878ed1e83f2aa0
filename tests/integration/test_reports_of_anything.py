"""Reports of tenants with next to nothing, and of labels of any text that the contract accepts, in every format."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboards.preview.charts import is_drawable
from dashboards.preview.page import PageFacts
from dashboards.preview.page import render as render_tab
from dashboards.tabs import conversation_intelligence
from jobs.roll_ups import refresh
from kpis.scope import ALL_TENANTS, AllTenants
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES
from reports import report_queries
from reports.compose import assemble
from reports.render import render
from reports.report import Report
from reports.report_definitions import CONTENTS
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.examples.events import event
from tests.loading import Loader
from tests.spare_databases import SpareDatabases

pytestmark = [pytest.mark.stack, pytest.mark.long]

NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
EVERYTHING: Final = Parts(
    executive_summary=True, charts=True, detailed_metrics=True, recommendations=True, raw_data=True
)
FULL: Final = UUID("b0b0b0b0-0000-4000-8000-0000000000ff")
_MARK: Final = "Label "
# Every field of the contract that holds a text of the producer's.
_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    QUERIES.name: ("query_type", "data_type", "channel", "customer_segment"),
    OUTCOMES.name: ("outcome_type", "handoff_reason", "channel", "customer_segment"),
    HEALTH.name: ("sync_status",),
    INTELLIGENCE.name: ("customer_journey_stage",),
}
_LISTS: Final = {INTELLIGENCE.name: ("data_types_accessed", "knowledge_gaps_identified")}


class Asked(NamedTuple):
    """What a report was answered, by the database."""

    request: ReportRequest
    scope: Any
    answers: dict[str, list[dict[str, Any]]]

    def report(self, format_: ReportFormat = ReportFormat.PDF) -> Report:
        request = replace(self.request, format=format_)
        return assemble(request, NOW, self.scope, self.answers, dict.fromkeys(self.answers, "0123456789ab"))


def tenant_of(topic: str) -> UUID:
    return UUID(f"b0b0b0b0-0000-4000-8000-00000000000{[*_TEXTS].index(topic)}")


def messages() -> Iterator[tuple[str, bytes, bytes]]:
    """One minimal event of each topic for a tenant of its own; for another one, ten of each with every text in it."""
    for place, topic in enumerate((QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)):
        at = {"created_at": (NOW - timedelta(hours=3)).isoformat()}
        alone = event(topic, user_id=str(tenant_of(topic.name)), event_id=str(UUID(int=place + 1)), **at)
        yield topic.name, b"", json.dumps(alone).encode()
        for number in range(10):
            texts = {name: f"{_MARK}{name} {number % 3}" for name in _TEXTS[topic.name]}
            lists = {name: [f"{_MARK}{name} {number % 2}", f"{_MARK}{name}"] for name in _LISTS.get(topic.name, ())}
            id_ = str(UUID(int=1000 + 100 * place + number))
            full = event(topic, user_id=str(FULL), event_id=id_, **at, **texts, **lists)
            yield topic.name, b"", json.dumps(full | ({"conversation_id": id_} if topic is not HEALTH else {})).encode()


@pytest.fixture(scope="module")
def client(spare_databases: SpareDatabases) -> Iterator[Client]:
    lent: ClickHouseAddress = spare_databases.lend()
    with connect(lent) as opened:
        Loader(ClickHouseSink(lent), NOW).load(messages())
        refresh(opened)
        yield opened
    spare_databases.take_back(lent)


def asked(client: Client, type_: ReportType, tenant: UUID | AllTenants) -> Asked:
    request = ReportRequest("Any", type_, ReportFormat.PDF, tenant, NOW - timedelta(days=7), NOW, parts=EVERYTHING)
    scope, queries = report_queries.questions(request, NOW)
    rows = {name: query_rows(client, query.sql, query.parameters, aware=True) for name, query in queries.items()}
    return Asked(request, scope, rows)


@pytest.fixture(scope="module")
def full(client: Client) -> dict[ReportType, Asked]:
    return {type_: asked(client, type_, FULL) for type_ in ReportType}


def check(made: Asked) -> None:
    """Make every format; what is XML inside must be well-formed."""
    for format_ in ReportFormat:
        content = render(made.report(format_))
        assert content
        if format_ is ReportFormat.XLSX:
            with ZipFile(io.BytesIO(content)) as book:
                for name in book.namelist():
                    ElementTree.fromstring(book.read(name))  # noqa: S314 - our own


@pytest.mark.parametrize(("type_", "topic"), [*itertools.product(ReportType, _TEXTS), (ReportType.EXECUTIVE, "none")])
def test_a_tenant_with_a_single_event_has_every_report_in_every_format(
    client: Client, type_: ReportType, topic: str
) -> None:
    check(asked(client, type_, UUID(int=7) if topic == "none" else tenant_of(topic)))


def test_the_texts_of_events_stand_in_answers(full: dict[ReportType, Asked]) -> None:
    """Else the next test would show nothing."""
    said = json.dumps([made.answers for made in full.values()], default=str)
    for name in (
        "query_type",
        "knowledge_gaps_identified",
        "data_types_accessed",
        "customer_journey_stage",
    ):
        assert f"{_MARK}{name}" in said, name


LABELS = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1, max_size=128
)
_NASTY: Final = [
    "😀" * 40,
    "delivery date for orders that were split into several parcels 📦📦 and that go abroad 🌍🌍🌍",
    "👩‍👩‍👧‍👦" * 11,
    "a" * 33 + "\U0001f600" * 8,
    "\u202eabc\u0085\u2028\ufffe\uffff\U0001ffff",
    "e" + "\u0301" * 120,
    "=1+1]]></t><script>{{body}}</script> #[x] $y$ _x0041_ \\",
    "字" * 128,
]


@pytest.mark.parametrize("type_", [*ReportType])
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(LABELS, min_size=3, max_size=8))
@example(texts=_NASTY)
@example(texts=[text[:-1] for text in reversed(_NASTY)])
def test_any_text_that_the_contract_accepts_gives_every_format(
    full: dict[ReportType, Asked], type_: ReportType, texts: list[str]
) -> None:
    made = full[type_]
    check(made._replace(answers=replaced(made.answers, texts, {})))


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(LABELS, min_size=3, max_size=8))
@example(texts=_NASTY)
def test_any_text_gives_a_page_of_the_preview(full: dict[ReportType, Asked], texts: list[str]) -> None:
    panels = CONTENTS[ReportType.CONVERSATION].panels
    answers = replaced(full[ReportType.CONVERSATION].answers, texts, {})
    of_panels = {
        panel.id: {ref: answers[report_queries.name_of(panel, ref)] for ref in panel.asks}
        if panel in panels
        else {ref: [] for ref in panel.asks}
        for panel in conversation_intelligence.TAB.panels
    }
    assert any(is_drawable(panel, of_panels[panel.id]) for panel in panels)
    facts = PageFacts(NOW - timedelta(days=7), NOW, "all", NOW)
    page = render_tab(conversation_intelligence.TAB, of_panels, facts, [conversation_intelligence.TAB], "")
    page.encode()


def replaced(part: Any, texts: list[str], seen: dict[str, str]) -> Any:
    """Return answers in which the texts of events are others, each a different one as long as there are any."""
    if isinstance(part, str) and _MARK in part:
        return seen.setdefault(part, texts[len(seen) % len(texts)])
    if isinstance(part, list | tuple):
        return type(part)(replaced(one, texts, seen) for one in part)
    return {name: replaced(one, texts, seen) for name, one in part.items()} if isinstance(part, dict) else part


def test_all_tenants_together_have_every_report(client: Client) -> None:
    check(asked(client, ReportType.EXECUTIVE, ALL_TENANTS))
