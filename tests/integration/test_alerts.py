"""The generated alert rules over a week of the simulator: what went wrong is alerted, quiet hours are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest
from clickhouse_connect.driver.client import Client

from cli.alerts import run_all
from dashboards.alerts import files
from dashboards.alerts.replay import Labelled, at_moment, matched, read, unexplained
from dashboards.alerts.rules import RULES
from dashboards.files import FOLDER
from sinks.connection import connect
from sinks.reading import ask
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

GENERATED: Final = read((FOLDER / files.FILE).read_text(encoding="utf-8"))
SERVER_ONLY: Final = {rule.uid(level) for rule in RULES if rule.needs_server for level in rule.lines}
_EVERY: Final = timedelta(minutes=10)


@pytest.fixture(scope="module")
def client(week: Week) -> Iterator[Client]:
    with connect(week.address) as opened:
        yield opened


def labelled(week: Week) -> list[Labelled]:
    return [
        Labelled(one.id, one.kind, one.provider, str(one.tenant or ""), one.start, one.end) for one in week.incidents
    ]


@pytest.mark.parametrize("uid", [rule.uid for rule in GENERATED if rule.uid not in SERVER_ONLY])
def test_a_rule_gives_texts_and_one_number_and_a_row_for_each_set_of_labels(
    client: Client, week: Week, uid: str
) -> None:
    (rule,) = (rule for rule in GENERATED if rule.uid == uid)
    rows = ask(client, at_moment(rule, week.incidents[0].start + timedelta(hours=1)), {})
    for row in rows:
        labels = {name: cell for name, cell in row.items() if name != "value"}
        assert isinstance(row["value"], int | float)
        assert all(isinstance(cell, str) for cell in labels.values())
    keys = [tuple(cell for name, cell in row.items() if name != "value") for row in rows]
    assert len(set(keys)) == len(keys), "Grafana refuses several rows of one set of labels"


def test_every_labelled_incident_is_alerted_by_a_rule_that_is_there_for_it_and_nothing_else_is(
    client: Client, week: Week
) -> None:
    fired = run_all(client, GENERATED, week.incidents[0].start, week.end, _EVERY)
    finds = {rule.uid(level): rule.finds for rule in RULES for level in rule.lines}
    for incident in labelled(week):
        kinds = {kind for alert in matched(fired, incident) for kind in finds[alert.uid]}
        assert incident.kind in kinds, (incident, [alert.title for alert in matched(fired, incident)])
    assert unexplained(fired, labelled(week)) == []


def test_the_busy_hours_of_a_quiet_day_fire_nothing(client: Client, week: Week) -> None:
    day_before = week.incidents[0].start - timedelta(days=1)
    assert run_all(client, GENERATED, day_before, day_before + timedelta(hours=6), _EVERY) == []
