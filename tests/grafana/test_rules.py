"""One rule of each group is made to fire; what is delivered is read as its reader would."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.grafana import rules
from tests.grafana.place import Place
from tests.grafana.server import Running
from tests.grafana.sink import Sink

pytestmark = pytest.mark.timeout(600)
_DELIVERED_WITHIN_SECONDS: Final = 240
_NOT_FILLED_IN: Final = re.compile(r"\[no value\]|<no value>|%!|\$\{|\{\{|map\[|NaN")
_TWICE: Final = re.compile(r"\b(\w{3,}) \1\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def lowered(grafana: Running, looked_at: Place) -> dict[str, set[str]]:
    """Groups and the titles of their rules, which now fire on whatever they find."""
    if grafana.log is None:
        pytest.skip("rules are lowered only in a Grafana that the tests started")
    provisioning = Path(grafana.log.parent) / "provisioning"
    chosen = rules.lower(provisioning, looked_at.age(datetime.now(UTC)))
    with grafana.client() as api:
        api.post("/api/admin/provisioning/alerting/reload").raise_for_status()
    return chosen


@pytest.mark.parametrize("group", [*rules.groups(Path("deploy/grafana/provisioning")), "romashka-pipeline"])
def test_a_message_says_what_where_and_what_to_do(group: str, lowered: dict[str, set[str]], sink: Sink) -> None:
    titles = lowered.get(group, {"Prometheus does not answer"})

    def wanted(message: dict[str, Any]) -> bool:
        return any(alert["annotations"].get("title") in titles for alert in message["alerts"])

    message = sink.wait_for(wanted, _DELIVERED_WITHIN_SECONDS)
    assert message is not None, f"none of {group}; but {[one['title'] for one in sink.messages]}"
    text = f"{message['title']}\n{message['message']}"
    print(text)  # noqa: T201 (read with -s)
    assert not _NOT_FILLED_IN.search(text)
    assert not _TWICE.search(text)
    for line in ("Runbook: docs/runbook.md#", "Panel: http", "Silence: http"):
        assert line in text
