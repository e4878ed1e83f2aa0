from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from dashboards.grafana import render
from dashboards.tabs import real_time
from models.errors import SettingsError
from streams.grafana_live import MEASUREMENT, STREAM, LivePush, lines
from tests.live_grafana import Grafana

GRAFANA: Final = {"type": "datasource", "uid": "grafana"}
NOW: Final = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
AT: Final = 1_795_348_800_250_000_000
ROWS: Final = [
    {"provider": "hubspot", "query_count": 40, "error_rate": 0.05, "latency_p95_ms": 812.5},
    {"provider": "odd, name=x", "query_count": 1, "error_rate": 0.0, "latency_p95_ms": 3.0},
    {"provider": "silent", "query_count": 0, "error_rate": None, "latency_p95_ms": None},
]
LINES: Final = lines(ROWS, 5.0, NOW)


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    place = Grafana()
    thread = threading.Thread(target=place.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield place
    place.close()
    thread.join()


def test_figures_become_lines_of_numbers_with_escaped_names_and_silence_becomes_none() -> None:
    assert LINES.splitlines() == [
        f"monitor,integration=hubspot queries_per_minute=8.00,error_rate=0.0500,latency_p95_ms=812.5 {AT}",
        rf"monitor,integration=odd\,\ name\=x queries_per_minute=0.20,error_rate=0.0000,latency_p95_ms=3.0 {AT}",
    ]


def test_the_panels_of_the_monitor_listen_where_the_worker_pushes_and_to_what_it_pushes() -> None:
    pushed = set(re.findall(r"[ ,](\w+)=[\d.]+", LINES))
    rows = json.loads(render(real_time.TAB))["panels"]
    listed = [panel for row in rows for panel in row.get("panels", ()) if panel.get("datasource") == GRAFANA]
    panels = [panel for panel in listed if panel["targets"]]
    assert len(panels) == 3
    targets = [target for panel in panels for target in panel["targets"]]
    assert {target["channel"] for target in targets} == {f"stream/{STREAM}/{MEASUREMENT}"}
    assert {field for target in targets for field in target["filter"]["fields"]} == {"time", *pushed}
    assert all("${__field.labels.integration}" in panel["fieldConfig"]["defaults"]["displayName"] for panel in panels)


def test_figures_are_pushed_with_the_token(grafana: Grafana) -> None:
    LivePush(f"{grafana.url}/", "secret").push(LINES)
    assert grafana.taken == [("/api/live/push/romashka", "Bearer secret", LINES)]


def test_a_grafana_that_refuses_is_told_of_once_and_counted_and_disturbs_nothing(
    grafana: Grafana, caplog: pytest.LogCaptureFixture
) -> None:
    push = LivePush(grafana.url, "secret")
    grafana.status = 403
    with caplog.at_level(logging.INFO, logger="streams.grafana_live"):
        for _ in range(3):
            push.push(LINES)
        assert push.failures == 3
        grafana.status = 200
        push.push(LINES)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "403" in caplog.records[0].message
    assert "3 that were lost" in caplog.records[1].message
    assert "secret" not in caplog.text


def test_a_grafana_that_hangs_up_disturbs_nothing(grafana: Grafana) -> None:
    grafana.status = None
    push = LivePush(grafana.url, "secret")
    push.push(LINES)
    assert push.failures == 1


def test_an_address_that_is_no_web_address_is_a_clear_error() -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_LIVE_URL is 'file:///etc/passwd'"):
        LivePush("file:///etc/passwd", "secret")
