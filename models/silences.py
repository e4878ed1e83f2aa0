"""Silences of alerts in Grafana, and how they correspond to responses to insights. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from models.insights import Insight
from models.responses import (
    CHANGES_STATUS,
    MAX_NOTE,
    MAX_SNOOZE,
    Reply,
    Response,
    ResponseAction,
    ResponseStatus,
    ResponseVerdict,
    handling_of,
    name_of_actor,
    response_to,
)

CREATOR: Final = "romashka"
"""``createdBy`` of our silences."""
INSIGHT_LABEL: Final = "insight_id"
LABELS: Final = (INSIGHT_LABEL, "user_id", "integration_provider", "kind")
"""Labels that alerts of findings have from the finding; a silence is about findings only if it names one of them."""
_MARK: Final = re.compile(r"\[romashka ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]$")
_IMPORTED: Final = re.compile(r"\(silence ([^() ]{1,64}) in Grafana\)$")
_BY_GRAFANA: Final = " (Grafana)"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Matcher(NamedTuple):
    """One condition of a silence, as Alertmanager has it; a regular expression has to match the whole value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a missing label is empty. An invalid expression matches nothing."""
        found = labels.get(self.name, "")
        if not self.is_regex:
            return (found == self.value) is self.is_equal
        return _matches(self.value, found) is self.is_equal


class Silence(NamedTuple):
    """A silence; ``id`` is Grafana's, empty for one that is to be made."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    creator: str
    comment: str
    id: str = ""
    is_active: bool = True

    @property
    def response(self) -> UUID | None:
        """The response that our silence was made for; ``None``: somebody made it in Grafana.

        Whoever makes one of ours again there copies its comment, but not who made it.
        """
        found = _MARK.search(self.comment) if self.creator == CREATOR else None
        return UUID(found[1]) if found else None

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether alerts with these labels are silenced, by a condition on what the finding is."""
        named = {one.name for one in self.matchers}
        return not named.isdisjoint(LABELS) and all(one.matches(labels) for one in self.matchers)


class Changes(NamedTuple):
    """What to do in Grafana: silences to make, ids of silences to end."""

    make: list[Silence]
    end: list[str]


def changes(
    insights: Iterable[Insight],
    responses: Mapping[UUID, Sequence[Response]],
    silences: Iterable[Silence],
    now: datetime,
) -> Changes:
    """Return what makes our silences in Grafana those that the responses ask for; doing it twice changes nothing."""
    wanted: dict[UUID, Silence] = {}
    for insight in insights:
        found = _wanted(insight, responses.get(insight.id, ()), now)
        if found is not None:
            wanted[found[0]] = found[1]
    kept: set[UUID] = set()
    ended = []
    for one in silences:
        if one.response is None or not one.is_active:
            continue
        if one.response in wanted and one.response not in kept:
            kept.add(one.response)
        else:
            ended.append(one.id)
    return Changes([silence for id_, silence in wanted.items() if id_ not in kept], ended)


def imported(
    insight: Insight,
    labels: Sequence[Mapping[str, str]],
    responses: Sequence[Response],
    silences: Iterable[Silence],
    now: datetime,
) -> list[Response]:
    """Return the responses to an open insight that silences made in Grafana amount to, and are not stored yet.

    A silence snoozes what it covers until it ends, 30 days at most; one that was ended early reopens it.

    Parameters
    ----------
    labels
        The labels of each alert about the insight.
    """
    known = {one.id for one in responses}
    # One that is yet to begin, for a maintenance tomorrow, silences nothing now.
    theirs = [one for one in silences if one.response is None and one.is_active and one.starts_at <= now]
    added: list[Response] = []
    for one in theirs:
        id_ = uuid5(insight.id, f"grafana/{one.id}/{one.ends_at.isoformat()}")
        if id_ in known or one.ends_at <= now or not any(one.covers(alert) for alert in labels):
            continue
        if handling_of(insight, [*responses, *added], now).status is ResponseStatus.RESOLVED:
            continue
        note = f"{_CONTROL.sub(' ', one.comment).strip()[: MAX_NOTE - 100]} (silence {one.id} in Grafana)".strip()
        until = min(one.ends_at, now + MAX_SNOOZE)
        actor = name_of_actor(one.creator, _BY_GRAFANA)
        added.append(response_to(insight, Reply(ResponseAction.SNOOZE, note, snoozed_until=until), actor, now, id_))
    return [*added, *_ended(insight, [*responses, *added], {one.id for one in theirs}, now)]


def is_imported(response: Response) -> bool:
    """Whether a response was a silence in Grafana first."""
    return response.actor.endswith(_BY_GRAFANA) and bool(_IMPORTED.search(response.note))


@lru_cache(maxsize=10_000)
def _matches(expression: str, text: str) -> bool | None:
    """Whether an expression matches a whole text, ``None`` where it is invalid.

    By RE2, the syntax of Alertmanager: in time that is linear in the text, whatever somebody wrote in Grafana.
    """
    try:
        found = pc.match_substring_regex(pa.scalar(text, pa.string()), f"^(?:{expression})$")
    except ValueError:
        return None
    matched: bool = found.as_py()
    return matched


def _wanted(insight: Insight, responses: Sequence[Response], now: datetime) -> tuple[UUID, Silence] | None:
    """Return the silence that an insight is to have, and the response that it is for."""
    last = _last(responses)
    if last is None or is_imported(last):
        return None
    handling = handling_of(insight, responses, now)
    if handling.status is ResponseStatus.SNOOZED:
        end = last.snoozed_until
    elif handling.verdict == ResponseVerdict.FALSE_ALARM and insight.status == "open":
        end = last.responded_at + MAX_SNOOZE
    else:
        return None
    if end <= now + timedelta(seconds=1):
        return None
    matchers = [Matcher(INSIGHT_LABEL, str(insight.id))]
    if last.severity != "critical":
        matchers.append(Matcher("severity", "critical", is_equal=False))  # one that becomes critical alerts again
    text = f"{last.action}: {last.note}" if last.note else str(last.action)
    comment = f"{_CONTROL.sub(' ', text)} ({last.actor}) [romashka {last.id}]"
    return last.id, Silence(tuple(matchers), now, end, CREATOR, comment)


def _ended(insight: Insight, responses: Sequence[Response], active: set[str], now: datetime) -> list[Response]:
    """Return the reopening of an insight whose silence in Grafana was ended early."""
    last = _last(responses)
    if (
        last is None
        or not is_imported(last)
        or handling_of(insight, responses, now).status is not ResponseStatus.SNOOZED
    ):
        return []
    found = _IMPORTED.search(last.note)
    if found is None or found[1] in active:
        return []
    reply = Reply(ResponseAction.REOPEN, f"the silence {found[1]} was ended")
    return [response_to(insight, reply, "Grafana", now, uuid5(insight.id, f"grafana-end/{last.id}"))]


def _last(responses: Sequence[Response]) -> Response | None:
    """Return the response that decides the status."""
    ordered = sorted(responses, key=lambda one: (one.responded_at, one.id))
    return next((one for one in reversed(ordered) if one.action in CHANGES_STATUS), None)
