"""Silences in Grafana and responses in the tables: both follow each other, and an absent Grafana loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.alerts.insight_labels import alert_labels
from embedded.grafana_silences import SilenceServer
from jobs.grafana_alertmanager import Alertmanager
from jobs.silences import keep_in_step, silence_job
from models.errors import Unreachable
from models.responses import Reply, ResponseAction, ResponseStatus, handling_of
from models.silences import Matcher, Silence
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.response_store import respond, responses_to
from storage.tenant_names import save_name
from tests.examples.insights import TENANT, insight

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC).replace(microsecond=0)
BEGUN = NOW - timedelta(hours=2)
ONE = insight(started_at=BEGUN, updated_at=BEGUN, severity="warning")


def status(client: Client, now: datetime) -> tuple[ResponseStatus, str]:
    handling = handling_of(ONE, responses_to(client, [ONE.id]).get(ONE.id, []), now)
    return handling.status, handling.actor


def test_a_snooze_is_silenced_in_grafana_and_a_silence_there_snoozes(database: ClickHouseAddress) -> None:
    ClickHouseSink(database).write("predictive_insights", insight_rows([ONE]))
    server = SilenceServer("glsa_1")
    with connect(database) as client, server.serving() as url:
        save_name(client, TENANT, "Acme", NOW)
        grafana = Alertmanager(url, server.token)

        def step(minutes: int) -> list[Silence]:
            silence_job(grafana, alert_labels).once(client, NOW + timedelta(minutes=minutes))
            return [one for one in grafana.silences() if one.is_active]

        assert step(0) == []
        until = NOW + timedelta(hours=3)
        respond(client, ONE, Reply(ResponseAction.SNOOZE, "later", snoozed_until=until), "ada", NOW)
        with pytest.raises(Unreachable):  # Grafana is away then
            keep_in_step(client, Alertmanager("http://127.0.0.1:9", "t"), alert_labels, NOW)
        assert status(client, NOW) == (ResponseStatus.SNOOZED, "ada")
        for minute in (1, 2):
            (made,) = step(minute)
            assert (made.ends_at, made.creator) == (until, "romashka")
            assert "later (ada)" in made.comment
        respond(client, ONE, Reply(ResponseAction.REOPEN), "ada", NOW + timedelta(minutes=3))
        assert step(4) == []

        of_alert = tuple(Matcher(name, value) for name, value in alert_labels(ONE, "Acme")[0].items())
        id_ = grafana.make(Silence(of_alert, NOW, until, "grace", "deploying"))
        for minute in (5, 6):
            assert [one.id for one in step(minute)] == [id_], "it is not silenced twice"
        assert status(client, NOW + timedelta(minutes=6)) == (ResponseStatus.SNOOZED, "grace (Grafana)")
        grafana.end(id_)
        assert step(7) == []
        assert status(client, NOW + timedelta(minutes=7)) == (ResponseStatus.OPEN, "")
        assert [one.action for one in responses_to(client, [ONE.id])[ONE.id]] == [
            "snooze",
            "reopen",
            "snooze",
            "reopen",
        ]
