"""Every statement of the product over the extremes of the contract: none fails, none gives a number that is none."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from jobs.business_impact import refresh as refresh_impact
from jobs.roll_ups import refresh
from kpis.kpi import Unit
from kpis.registry import ALL as FIGURES
from kpis.scope import ALL_TENANTS, Interval, Scope
from kpis.settings_model import PER_PROVIDER, SETTINGS, new_entry
from models.errors import Unreachable
from models.events import HealthEvent, IntelligenceEvent, OutcomeEvent, QueryEvent
from models.topics import INGEST
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.access_rights import ROLES
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_settings import save
from tests import statements
from tests.examples.extremes import ALONE, LABELS, TOGETHER, edges, fields, messages
from tests.examples.insights import insight
from tests.loading import Loader
from tests.spare_databases import SpareDatabases

pytestmark = [pytest.mark.stack, pytest.mark.long]

NOW: Final = datetime.now(UTC).replace(microsecond=0)
DAY: Final = timedelta(days=1)
RANGES: Final = ((NOW - DAY, NOW), (NOW - 399 * DAY, NOW + timedelta(minutes=5)))
# Only a ClickHouse server keeps it.
_SERVER_LOG: Final = "system.query_log"
_COUNTS: Final = frozenset({Unit.COUNT})


@pytest.fixture(scope="module")
def client(spare_databases: SpareDatabases) -> Iterator[Client]:
    lent = spare_databases.lend()
    sink = ClickHouseSink(lent)
    with connect(lent, answer_seconds=300) as opened:
        Loader(sink, NOW).load(messages(NOW))
        _add_findings(sink)
        _add_settings(opened)
        refresh(opened)
        refresh_impact(opened, NOW)
        yield opened
    spare_databases.take_back(lent)


def _add_findings(sink: ClickHouseSink) -> None:
    numbers = (0.0, -0.0, 1e300, -1e300, 5e-324)
    types = ("performance_anomaly", "kpi_change", "churn_risk", "upsell_opportunity", "integration_need")
    made = [
        insight(
            user_id=tenant,
            insight_type=type_,
            kind="churn_wave" if type_ == "churn_risk" else LABELS[place % len(LABELS)],
            integration_provider=f"p{place}",
            started_at=NOW - timedelta(hours=place),
            updated_at=NOW,
            observed=number,
            expected=numbers[-place % len(numbers)],
            lower=-number,
            upper=number,
            predicted_value=0.0 if place % 2 else 99_999_999.99,
            title=LABELS[place % len(LABELS)],
            summary=LABELS[-place % len(LABELS)],
        )
        for tenant in (ALONE, TOGETHER, UUID(int=0))
        for place, (type_, number) in enumerate((type_, number) for type_ in types for number in numbers)
    ]
    sink.write("predictive_insights", insight_rows(made))


def _add_settings(opened: Client) -> None:
    """One tenant with the greatest of every input, the other with the least."""
    for tenant, greatest in ((ALONE, True), (TOGETHER, False)):
        for name, one in SETTINGS.items():
            value = "USD" if one.kind == "currency" else one.choices[-1] if one.choices else None
            if value is None:
                value = str(one.highest if greatest else one.lowest)
            for setting in (name, f"{name}{PER_PROVIDER}a") if one.per_provider else (name,):
                save(opened, new_entry(tenant, setting, value, date(2020, 1, 1), NOW))


_TILES: Final = "AS before_start"


def wrong(value: Any, where: str = "") -> Iterator[str]:
    """Yield what is no number in an answer."""
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        yield f"{where}: {value}"
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from wrong(one, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for one in value:
            yield from wrong(one, where)


def faults(client: Client, asked: Mapping[str, Any]) -> list[str]:
    """Ask everything; return what failed and what is no number."""
    found = []
    for name, (sql, parameters) in asked.items():
        if _SERVER_LOG in sql:
            continue
        try:
            rows = query_rows(client, sql, parameters)
        except Unreachable as error:
            found.append(f"{name}: {error}: {sql[:300]}")
            continue
        if _TILES in sql and rows:  # the first row is the period before, infinite where there was none
            rows[0] = {column: None if value == math.inf else value for column, value in rows[0].items()}
        found += [f"{name}{one}: {sql[:300]}" for row in rows for one in wrong(row)][:1]
    return found


def test_the_extremes_are_of_every_field_of_the_contract() -> None:
    hints = {
        name for type_ in (QueryEvent, OutcomeEvent, HealthEvent, IntelligenceEvent) for name in type_.__annotations__
    }
    assert hints <= edges(NOW).keys()
    assert {name for topic in INGEST for name in fields(topic)} == edges(NOW).keys()


ODD: Final[Mapping[str, Any]] = {
    "tenant": str(ALONE),
    "provider": ["all", "a"],
    "channel": LABELS[:7],
    "segment": LABELS[6],
}


@pytest.mark.parametrize(
    ("role", "between", "chosen"), [*((role, RANGES[1], {}) for role in ROLES), ("analyst", RANGES[0], ODD)]
)
def test_panels_variables_and_annotations(
    client: Client, role: str, between: tuple[datetime, datetime], chosen: Mapping[str, Any]
) -> None:
    asked = statements.of_dashboards(role, *between, chosen)
    assert len(asked) > 20
    assert faults(client, {f"panel {number}": (sql, {}) for number, sql in enumerate(asked)}) == []


@pytest.mark.parametrize(("start", "end"), RANGES, ids=["a day", "all that is kept"])
def test_alerts(client: Client, start: datetime, end: datetime) -> None:
    asked = statements.of_alerts(start, end)
    assert len(asked) > 10
    assert faults(client, {f"alert {number}": (sql, {}) for number, sql in enumerate(asked)}) == []


@pytest.mark.parametrize("tenant", [ALL_TENANTS, ALONE], ids=["all", "alone"])
def test_analyses(client: Client, tenant: Any) -> None:
    asked = dict(statements.of_analyses(Scope(*RANGES[1], tenant, time_zone="Asia/Kathmandu", as_of=NOW)))
    narrowed = Scope(*RANGES[1], tenant, provider="a", as_of=NOW)
    asked |= {f"{name}, narrowed": query for name, query in statements.of_analyses(narrowed)}
    assert len(asked) > 20
    assert faults(client, asked) == []


EVERYTHING: Final = Scope(*RANGES[1], ALL_TENANTS, time_zone="Asia/Kathmandu", as_of=NOW)


def test_every_figure_once_in_total_by_a_dimension_or_in_steps(client: Client) -> None:
    asked = dict(statements.of_figures_once(EVERYTHING))
    assert len(asked) > 10
    assert faults(client, asked) == []


@pytest.mark.skipif("ROMASHKA_TEST_EXTREMES" not in os.environ, reason="takes minutes: set ROMASHKA_TEST_EXTREMES")
@pytest.mark.parametrize(("by", "every"), statements.ways(EVERYTHING))
def test_every_figure_in_total_by_each_dimension_and_in_steps(
    client: Client, by: str | None, every: Interval | None
) -> None:
    """The statements are large, and most of their time is planning: a test each, within a test's limit of time."""
    asked = statements.figures(EVERYTHING, by, every, list(FIGURES))
    assert faults(client, {f"figures by {by} every {every}": asked}) == []


def test_reports(client: Client) -> None:
    once = {query.sql: (name, query) for name, query in statements.of_reports(Scope(*RANGES[1], ALONE), NOW)}
    assert faults(client, dict(once.values())) == []


@pytest.mark.parametrize("tenant", [ALONE, TOGETHER], ids=["alone", "together"])
def test_figures_are_what_their_unit_can_be(client: Client, tenant: UUID) -> None:
    """An overflow would show as a negative count, or as a share above one."""
    ((_, (sql, parameters)), *_) = statements.of_figures(Scope(*RANGES[1], tenant, as_of=NOW))
    (row,) = query_rows(client, sql, parameters)
    for id_, kpi in FIGURES.items():
        value, n = row[id_], row[f"{id_}_n"]
        assert n is not None
        assert n >= 0, id_
        if value is not None and kpi.unit in {Unit.COUNT, Unit.MILLISECONDS}:
            assert value >= 0, (id_, value)
        if value is not None and kpi.unit is Unit.RATIO:
            assert -1 <= value <= 1, (id_, value)
