from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from models.errors import SettingsError
from streams.live import LivePush, lines
from tests.live_grafana import Grafana

NOW: Final = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
ROWS: Final = [
    {"integration_provider": "hubspot", "queries": 40, "errors": 2, "p95_ms": 812.5},
    {"integration_provider": "odd, name=x", "queries": 1, "errors": 0, "p95_ms": 3.0},
]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    place = Grafana()
    thread = threading.Thread(target=place.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield place
    place.close()
    thread.join()


def test_figures_become_lines_of_numbers_with_escaped_names() -> None:
    assert lines(ROWS, NOW).splitlines() == [
        "monitor,integration=hubspot queries=40i,errors=2i,p95_ms=812.5 1795348800250000000",
        r"monitor,integration=odd\,\ name\=x queries=1i,errors=0i,p95_ms=3.0 1795348800250000000",
    ]


def test_figures_are_pushed_with_the_token(grafana: Grafana) -> None:
    LivePush(f"{grafana.url}/", "secret").push(lines(ROWS, NOW))
    assert grafana.taken == [("/api/live/push/romashka", "Bearer secret", lines(ROWS, NOW))]


def test_a_grafana_that_refuses_is_told_of_once_and_counted_and_disturbs_nothing(
    grafana: Grafana, caplog: pytest.LogCaptureFixture
) -> None:
    push = LivePush(grafana.url, "secret")
    grafana.status = 403
    with caplog.at_level(logging.INFO, logger="streams.live"):
        for _ in range(3):
            push.push(lines(ROWS, NOW))
        assert push.failures == 3
        grafana.status = 200
        push.push(lines(ROWS, NOW))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "403" in caplog.records[0].message
    assert "3 that were lost" in caplog.records[1].message
    assert "secret" not in caplog.text


def test_a_grafana_that_hangs_up_disturbs_nothing(grafana: Grafana) -> None:
    grafana.status = None
    push = LivePush(grafana.url, "secret")
    push.push(lines(ROWS, NOW))
    assert push.failures == 1


def test_an_address_that_is_no_web_address_is_a_clear_error() -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_URL is 'file:///etc/passwd'"):
        LivePush("file:///etc/passwd", "secret")
