"""The leader's job that sends messages about findings, each with a signed link for its recipient.

A recipient is told once that a finding opened, once that it has become critical, and once that it is over
(``insight_notices``), so a repeat sends nothing. Grafana's alert rules send alerts too; those cannot have a signed link
(docs/adr/0051-signed-links.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.counting import counted
from models.errors import RomashkaError
from models.insights import Insight
from models.responses import Handling, ResponseStatus
from models.tenant_names import name_or_all
from models.timeline import Notice, NoticeEvent, notice_id
from reports.delivery import Notifier, ReportMessage
from reports.schedule import recipient_key
from reports.webhook import masked
from storage.insight_links import InsightLink, LinkSigner, expiry
from storage.insight_store import needing_attention, over_since_told
from storage.response_store import handlings
from storage.tenant_names import tenant_names
from storage.timeline_store import notices_about, save_notices
from streams.job import Job

log = logging.getLogger(__name__)
_EVERY: Final = timedelta(seconds=30)
# A finding that began before messages were set up is not news any more.
_NEWS: Final = timedelta(days=1)
_FOLLOWED: Final = timedelta(days=30)
# A recipient that fails after this long gets no further message in this run: its others would take as long.
_STALLED_SECONDS: Final = 5.0


class LinkSettings(NamedTuple):
    """How links are made: who signs them, where the API is, and for how many days they hold."""

    signer: LinkSigner
    address: str
    days: float


class _Due(NamedTuple):
    """A message to send."""

    insight: Insight
    recipient: str
    event: NoticeEvent


class FindingMessages:
    """Sends messages about findings to fixed recipients.

    Parameters
    ----------
    recipients
        Addresses as schedules of reports have them: ``mailto:``, ``https://``, Apprise, or ``env:NAME``.
    """

    def __init__(self, notifier: Notifier, recipients: Sequence[str], links: LinkSettings) -> None:
        self._notifier = notifier
        self._recipients = tuple(dict.fromkeys(recipients))
        self._links = links

    def job(self) -> Job:
        """Return the job; where a message cannot be sent it fails, and the next run sends it."""

        def run(client: Client, now: datetime) -> Sequence[Insight]:
            self.run(client, now)
            return ()

        return Job("finding-messages", _EVERY, run, stays=True, fenced=True)

    def run(self, client: Client, now: datetime) -> int:
        """Send what is due; return the number of messages.

        Raises
        ------
        RomashkaError
            Some recipients could not be reached; the others have their messages.
        """
        names = tenant_names(client)
        sent, failures = 0, list[str]()
        stalled = set[str]()
        for due in self._due(client, now):
            if due.recipient in stalled:
                continue
            began = time.monotonic()
            try:
                self._send(client, due, names, now)
            except RomashkaError as error:
                failures.append(f"{audience_of(due.recipient)}: {error}")
                if time.monotonic() - began > _STALLED_SECONDS:
                    stalled.add(due.recipient)
            else:
                sent += 1
        if failures:
            raise RomashkaError(f"not sent: {counted(len(failures), 'message')} about findings, {failures[0]}")
        return sent

    def _due(self, client: Client, now: datetime) -> Iterator[_Due]:
        found, over = needing_attention(client, now), over_since_told(client, now - _FOLLOWED)
        told = notices_about(client, [one.id for one in (*found, *over)])
        handled = handlings(client, over, now)
        for insight in (*found, *over):
            for recipient in self._recipients:
                key = recipient_key(recipient)
                mine = [one for one in told.get(insight.id, ()) if one.id == notice_id(insight.id, key, one.event)]
                event = event_of(insight, mine, handled.get(insight.id), now)
                if event is not None:
                    yield _Due(insight, recipient, event)

    def _send(self, client: Client, due: _Due, names: Mapping[UUID, str], now: datetime) -> None:
        insight = due.insight
        audience = audience_of(due.recipient)
        id_ = notice_id(insight.id, recipient_key(due.recipient), due.event)
        token = self._links.signer.token(
            InsightLink(insight.id, insight.user_id, audience, expiry(now, self._links.days))
        )
        address = f"{self._links.address.rstrip('/')}/links/{token}"
        subject, text = message_text(insight, due.event, names, address)
        self._notifier.deliver(due.recipient, ReportMessage(str(id_), subject, text))
        notice = Notice(insight.user_id, insight.id, due.event, insight.severity, audience, now, id_)
        save_notices(client, [notice])


def event_of(insight: Insight, told: Sequence[Notice], handling: Handling | None, now: datetime) -> NoticeEvent | None:
    """Return what a recipient is to be told of a finding next; ``None``: nothing.

    ``told`` is what it was told already. Whoever resolved a finding is not told that it is over.
    """
    if insight.status == "closed":
        if handling is not None and handling.status is ResponseStatus.RESOLVED:
            return None
        is_told = any(one.event is NoticeEvent.ENDED for one in told)
        return NoticeEvent.ENDED if told and not is_told else None
    if not told:
        return NoticeEvent.OPENED if insight.started_at >= now - _NEWS else None
    is_graver = insight.severity == "critical" and all(one.severity != "critical" for one in told)
    return NoticeEvent.CRITICAL if is_graver else None


def message_text(insight: Insight, event: NoticeEvent, names: Mapping[UUID, str], address: str) -> tuple[str, str]:
    """Return subject and text of a message."""
    heading = {NoticeEvent.OPENED: "New", NoticeEvent.CRITICAL: "Now critical", NoticeEvent.ENDED: "Over"}[event]
    tenant = name_or_all(insight.user_id, names)
    lines = [
        insight.summary,
        "",
        f"Tenant: {tenant}",
        f"Severity: {insight.severity}",
        f"Since: {insight.started_at:%Y-%m-%d %H:%M} UTC",
        *(f"To do: {action}" for action in insight.recommended_actions[:1]),
    ]
    if event is not NoticeEvent.ENDED:
        lines += ["", f"See it and respond, without signing in: {address}", "Do not forward: the link is made for you."]
    return f"{heading}: {insight.title} ({tenant})", "\n".join(lines) + "\n"


def audience_of(recipient: str) -> str:
    """Return a recipient as shown to people and kept: an address of mail, the name of a variable, or a host."""
    if recipient.startswith(("mailto:", "env:")):
        return recipient.partition(":")[2].partition("?")[0]
    return masked(recipient) if recipient.startswith(("https:", "http:")) else recipient.partition(":")[0]
