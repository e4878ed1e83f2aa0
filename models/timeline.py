"""The timeline of an insight: when it was found, how it developed, who was told and what people did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from models.insights import Insight
from models.responses import Response, ResponseAction


class NoticeEvent(StrEnum):
    """What a message about an insight says."""

    OPENED = "opened"
    CRITICAL = "critical"
    ENDED = "ended"


class Notice(NamedTuple):
    """A message that somebody received; a row of ``insight_notices``. ``audience`` is without secrets."""

    user_id: UUID
    insight_id: UUID
    event: NoticeEvent
    severity: str
    audience: str
    told_at: datetime
    id: UUID


class InsightChange(NamedTuple):
    """One version of an insight; a row of ``insight_changes``."""

    severity: str
    status: str
    updated_at: datetime


class EntryKind(StrEnum):
    """Kinds of entries of a timeline."""

    FOUND = "found"
    SEVERITY = "severity"
    ENDED = "ended"
    TOLD = "told"
    RESPONSE = "response"


class TimelineEntry(NamedTuple):
    """One entry: when, of what kind, who did it or was told (empty: the detectors), and what it was in words."""

    at: datetime
    kind: EntryKind
    who: str
    text: str


def notice_id(insight: UUID, recipient_key: str, event: NoticeEvent) -> UUID:
    """Return the id of a message to a recipient about an event of an insight: the same for each attempt."""
    return uuid5(insight, f"notice/{recipient_key}/{event}")


def timeline_of(
    insight: Insight, changes: Sequence[InsightChange], notices: Sequence[Notice], responses: Sequence[Response]
) -> list[TimelineEntry]:
    """Return everything that happened to an insight, oldest first."""
    entries = [
        *_developments(insight, changes),
        *(
            TimelineEntry(one.told_at, EntryKind.TOLD, one.audience, f"was told: {one.event}, {one.severity}")
            for one in notices
        ),
        *(
            TimelineEntry(one.responded_at, EntryKind.RESPONSE, one.actor, response_text(one))
            for one in sorted(responses, key=lambda one: (one.responded_at, one.id))
        ),
    ]
    return sorted(entries, key=lambda entry: entry.at)


def response_text(response: Response) -> str:
    """Return a response as words, without who gave it."""
    parts = [response.action.value]
    if response.assignee:
        parts.append(response.assignee)
    if response.action is ResponseAction.SNOOZE:
        parts.append(f"until {response.snoozed_until:%m-%d %H:%M}")
    if response.verdict:
        parts.append(f"({response.verdict.replace('_', ' ')})")
    text = " ".join(parts)
    return f"{text}: {response.note}" if response.note else text


def _developments(insight: Insight, changes: Sequence[InsightChange]) -> list[TimelineEntry]:
    """Return its beginning, changes of severity, and its end; what is not in ``changes`` comes from the insight."""
    ordered = sorted(changes, key=lambda one: one.updated_at) or [
        InsightChange(insight.severity, insight.status, insight.updated_at)
    ]
    severity = ordered[0].severity
    entries = [TimelineEntry(insight.started_at, EntryKind.FOUND, "", f"found as {severity}")]
    for one in ordered[1:]:
        if one.severity != severity:
            entries.append(TimelineEntry(one.updated_at, EntryKind.SEVERITY, "", f"from {severity} to {one.severity}"))
            severity = one.severity
    if insight.ended_at is not None:
        entries.append(TimelineEntry(insight.ended_at, EntryKind.ENDED, "", "over"))
    return entries
