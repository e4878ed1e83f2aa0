"""Messages about findings: a recipient that stalls does not hold up others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast
from unittest.mock import Mock

import pytest

from models.errors import RomashkaError, Unreachable
from reports import finding_messages
from reports.delivery import ReportMessage
from reports.finding_messages import FindingMessages, LinkSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Stalling:
    """Fails for one recipient after a minute of a clock that is not the machine's."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tried: list[str] = []

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        self.tried.append(recipient)
        if recipient == "mailto:slow@example.com":
            self.seconds += 60
            raise Unreachable("the mail server did not take the report")


def test_a_recipient_that_stalls_is_tried_once_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its messages took half a minute, and those of others waited for them."""
    stalling = Stalling()
    recipients = ["mailto:slow@example.com", "mailto:ada@example.com"]
    messages = FindingMessages(stalling, recipients, cast(LinkSettings, Mock()))

    def due(*_: object) -> Iterator[Mock]:
        return (Mock(recipient=one) for _ in range(10) for one in recipients)

    def send(_client: object, one: Mock, *_: object) -> None:
        stalling.deliver(one.recipient, cast(ReportMessage, None))

    monkeypatch.setattr(messages, "_due", due)
    monkeypatch.setattr(messages, "_send", send)
    monkeypatch.setattr(finding_messages, "tenant_names", lambda _: {})
    monkeypatch.setattr("reports.finding_messages.time.monotonic", lambda: stalling.seconds)
    with pytest.raises(RomashkaError, match="1 message about findings, slow@example"):
        messages.run(Mock(), NOW)
    assert stalling.tried.count("mailto:slow@example.com") == 1
    assert stalling.tried.count("mailto:ada@example.com") == 10
