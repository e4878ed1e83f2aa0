"""One Grafana, one browser and one database for all tests of this folder; they skip where there is no Grafana."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.access import SKIPPED_PASSES
from storage.connection import connect
from tests.examples.insights import insight
from tests.grafana import compose, place, server
from tests.grafana.browser import CHROMIUM, chromium, signed_in
from tests.grafana.eyes import Eyes
from tests.grafana.figures import Figures
from tests.grafana.place import Place
from tests.grafana.rules import eager
from tests.grafana.server import Running
from tests.grafana.sink import Sink
from tests.kafka.containers import docker_answers
from tests.simulated_week import load
from tests.spare_databases import SpareDatabases

_HOME, _URL = os.environ.get("ROMASHKA_TEST_GRAFANA_HOME"), os.environ.get("ROMASHKA_TEST_GRAFANA_URL")
# What a week alone does not bring: it takes a month until figures have an ordinary range.
_OPEN_AT_THE_END: Final[tuple[dict[str, Any], ...]] = (
    {
        "insight_type": "kpi_change",
        "kind": "csat",
        "title": "CSAT fell to 3.6",
        "summary": "CSAT was 3.6 in the last day; 4.1 to 4.4 was to be expected.",
        "observed": 3.6,
        "expected": 4.2,
        "unit": "",
    },
    {
        "insight_type": "churn_risk",
        "kind": "churn_wave",
        "severity": "warning",
        "title": "24 customers are at risk",
        "summary": "24 customers are at risk; 8 were usual in the weeks before.",
        "observed": 24.0,
        "expected": 8.0,
        "unit": "customers",
    },
)
_RESULTS: Final = compose.ROOT / "build/grafana"


@pytest.fixture(scope="session")
def looked_at(request: pytest.FixtureRequest) -> Place:
    """The database with data in it."""
    if there := place.given():
        return there
    spare: SpareDatabases = request.getfixturevalue("spare_databases")
    address = spare.lend()
    with connect(address) as client:
        week = load(address, client)
        since = week.end - timedelta(hours=1)
        ClickHouseSink(address).write(
            "predictive_insights",
            insight_rows(
                [
                    insight(user_id=week.tenant, started_at=since, updated_at=since, integration_provider="", **fields)
                    for fields in _OPEN_AT_THE_END
                ]
            ),
        )
        return Place.of(address, client, (week.start, week.end))


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """Where a fresh Grafana sends its messages."""
    with Sink().listening() as listening:
        yield listening


@pytest.fixture(scope="session")
def grafana(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Grafana with this repository's files."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium to look with: install chromium")
    if _URL:
        user = os.environ.get("ROMASHKA_TEST_GRAFANA_USER", "admin")
        yield Running(_URL.rstrip("/"), user, os.environ.get("ROMASHKA_TEST_GRAFANA_PASSWORD", "admin"))
        return
    if not _HOME and not docker_answers():
        pytest.skip("there is no Grafana: set ROMASHKA_TEST_GRAFANA_HOME or ROMASHKA_TEST_GRAFANA_URL, or start Docker")
    folder = tmp_path_factory.mktemp("grafana")
    looked_at: Place = request.getfixturevalue("looked_at")
    values = _values(looked_at, request.getfixturevalue("sink"))
    boards = str(compose.ROOT / "deploy/grafana/dashboards") if _HOME else "/etc/romashka/dashboards"
    eager(server.copied(folder, looked_at.url, boards))
    if _HOME:
        plugins = Path(os.environ["ROMASHKA_TEST_GRAFANA_PLUGINS"])
        with server.process(Path(_HOME), plugins, folder, values) as running:
            yield running
    else:
        with server.container(folder, values) as running:
            yield running


def _values(looked_at: Place, sink: Sink) -> Mapping[str, str]:
    routes = ("CRITICAL", "ESCALATION", "PIPELINE", "INTEGRATIONS", "BUSINESS")
    return {
        "ROMASHKA_CLICKHOUSE_DATABASE": looked_at.address.database,
        "ROMASHKA_PROMETHEUS_URL": os.environ.get("ROMASHKA_TEST_GRAFANA_PROMETHEUS", "http://127.0.0.1:9"),
        "ROMASHKA_WEBHOOK_URL": sink.url,
        **{f"ROMASHKA_ALERTS_{route}": "romashka-webhook" for route in routes},
    }


@pytest.fixture(scope="session")
def source(grafana: Running, looked_at: Place) -> str:
    """The data source of the database that is looked at; its uid."""
    return _source(grafana, looked_at, "romashka-test")


@pytest.fixture(scope="session")
def unreachable(grafana: Running, looked_at: Place) -> str:
    """A data source where nothing listens; its uid."""
    nowhere = looked_at._replace(address=looked_at.address._replace(url="http://127.0.0.1:9"))
    return _source(grafana, nowhere, "romashka-test-unreachable")


def _source(grafana: Running, looked_at: Place, uid: str) -> str:
    host, _, port = looked_at.url.rpartition("//")[2].partition(":")
    settings = {
        "host": host,
        "port": int(port),
        "protocol": "http",
        "defaultDatabase": looked_at.address.database,
        "username": looked_at.address.user,
        "queryTimeout": "30",
        # What the profile of a reader says (`romashka access clickhouse`): the embedded engine has no users.
        "customSettings": [{"setting": name, "value": "0"} for name in SKIPPED_PASSES],
    }
    body = {
        "uid": uid,
        "name": uid,
        "type": "grafana-clickhouse-datasource",
        "access": "proxy",
        "jsonData": settings,
        "secureJsonData": {"password": looked_at.address.password},
    }
    with grafana.client() as api:
        api.delete(f"/api/datasources/uid/{uid}")
        api.post("/api/datasources", json=body).raise_for_status()
    return uid


@pytest.fixture(scope="session")
def eyes(grafana: Running, source: str, looked_at: Place) -> Iterator[Eyes]:
    """Somebody who looks at Grafana in headless Chromium; what was measured is written as a table at the end."""
    figures = Figures(_RESULTS)
    with chromium() as browser, signed_in(browser, grafana) as context:
        yield Eyes(context, grafana, source, looked_at, figures)
    figures.write()
