"""What people do about an insight: acknowledge, assign, snooze, resolve, reopen, comment.

Responses are only added. The status of an insight follows from its responses and the time, so two people who answer at
once lose nothing: the later response counts, and both are in the history.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from models.errors import InvalidRequest
from models.fields import LABEL_PATTERN
from models.insights import Insight, Severity


class ResponseAction(StrEnum):
    """What somebody does about an insight."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    SNOOZE = "snooze"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    COMMENT = "comment"


class ResponseVerdict(StrEnum):
    """Whether a finding was right: the label from which the precision of detectors is computed."""

    REAL = "real"
    FALSE_ALARM = "false_alarm"
    KNOWN = "known"


class ResponseStatus(StrEnum):
    """Where the handling of an insight stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


MAX_SNOOZE: Final = timedelta(days=30)
MAX_NOTE: Final = 1_000
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""``snoozed_until`` of a response that does not snooze."""
CHANGES_STATUS: Final = (
    ResponseAction.ACKNOWLEDGE,
    ResponseAction.SNOOZE,
    ResponseAction.RESOLVE,
    ResponseAction.REOPEN,
)
_STATUS_AFTER: Final = {
    ResponseAction.ACKNOWLEDGE: ResponseStatus.ACKNOWLEDGED,
    ResponseAction.SNOOZE: ResponseStatus.SNOOZED,
    ResponseAction.RESOLVE: ResponseStatus.RESOLVED,
}
_LABEL: Final = re.compile(LABEL_PATTERN)
# What would break a line, control a terminal, turn the direction of text around it, or has no form in UTF-8.
_NOT_IN_A_NAME: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_LONGEST_NAME: Final = 128
_LONGEST_MARK: Final = 100
# C0 and C1 control characters but the line end, which would control a terminal.
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Reply(NamedTuple):
    """What somebody asks for: an action, and what it needs.

    ``assignee`` is for ``assign``, ``snoozed_until`` for ``snooze``, ``verdict`` for ``resolve``; ``comment`` needs a
    ``note``, which is optional elsewhere.
    """

    action: ResponseAction
    note: str = ""
    assignee: str = ""
    snoozed_until: datetime | None = None
    verdict: ResponseVerdict | None = None


class Response(NamedTuple):
    """One stored response; a row of ``insight_responses``."""

    user_id: UUID
    insight_id: UUID
    insight_type: str
    kind: str
    integration_provider: str
    severity: Severity
    action: ResponseAction
    actor: str
    assignee: str
    note: str
    verdict: str
    snoozed_until: datetime
    responded_at: datetime
    id: UUID


class Handling(NamedTuple):
    """Where the handling of an insight stands.

    ``actor`` and ``since`` are of the response that gave it its status; both are empty while it is open.
    """

    status: ResponseStatus = ResponseStatus.OPEN
    actor: str = ""
    since: datetime | None = None
    assignee: str = ""
    snoozed_until: datetime | None = None
    verdict: str = ""


UNANSWERED: Final = Handling()


def handling_of(insight: Insight, responses: Sequence[Response], now: datetime) -> Handling:
    """Return where the handling of an insight stands; ``responses`` are its own, in any order.

    An insight that became graver than it was when somebody responded is open again; so is one whose snooze is over.
    """
    ordered = sorted(responses, key=lambda one: (one.responded_at, one.id))
    assignee = next((one.assignee for one in reversed(ordered) if one.action is ResponseAction.ASSIGN), "")
    last = next((one for one in reversed(ordered) if one.action in CHANGES_STATUS), None)
    if last is None or last.action is ResponseAction.REOPEN:
        return Handling(assignee=assignee)
    status = _STATUS_AFTER[last.action]
    is_over = status is ResponseStatus.SNOOZED and last.snoozed_until <= now
    if is_over or (insight.severity == "critical" and last.severity != "critical"):
        return Handling(assignee=assignee)
    return Handling(
        status,
        last.actor,
        last.responded_at,
        assignee,
        last.snoozed_until if status is ResponseStatus.SNOOZED else None,
        last.verdict,
    )


def checked(reply: Reply, handling: Handling, now: datetime) -> Reply:
    """Return a reply with trimmed texts.

    Raises
    ------
    InvalidRequest
        It lacks what its action needs, has what its action does not take, or the status does not allow it.
    """
    wanted = reply._replace(note=reply.note.strip(), assignee=reply.assignee.strip())
    _check_texts(wanted)
    _check_fields(wanted, now)
    resolved = handling.status is ResponseStatus.RESOLVED
    if resolved and wanted.action in (ResponseAction.ACKNOWLEDGE, ResponseAction.SNOOZE):
        raise InvalidRequest("action", f"it is resolved (by {handling.actor}); reopen it before you {wanted.action} it")
    if wanted.action is ResponseAction.REOPEN and handling.status is ResponseStatus.OPEN:
        raise InvalidRequest("action", "it is open; expected one that is acknowledged, snoozed or resolved")
    return wanted


def check_note(text: str) -> None:
    """Raise ``InvalidRequest`` for a note that is too long to show or would control a terminal."""
    if len(text) > MAX_NOTE or _CONTROL.search(text):
        raise InvalidRequest("note", f"expected at most {MAX_NOTE:,} characters, none of them a control character")


def name_of_actor(text: str, mark: str = "") -> str:
    """Return who responds, as one line of at most 128 characters: a sign-in service may call people anything.

    Parameters
    ----------
    mark
        What the line ends with, such as how somebody was let in: a long name is cut, this is not, up to 100 characters.
    """
    end = _NOT_IN_A_NAME.sub(" ", mark)[:_LONGEST_MARK]
    return (_NOT_IN_A_NAME.sub(" ", text).strip()[: _LONGEST_NAME - len(end)] or "somebody") + end


def response_to(insight: Insight, reply: Reply, actor: str, now: datetime, id_: UUID | None = None) -> Response:
    """Return the row of a checked reply of ``actor`` to an insight; ``id_`` where it follows from something else."""
    return Response(
        user_id=insight.user_id,
        insight_id=insight.id,
        insight_type=insight.insight_type,
        kind=insight.kind,
        integration_provider=insight.integration_provider,
        severity=insight.severity,
        action=reply.action,
        actor=actor,
        assignee=reply.assignee,
        note=reply.note,
        verdict="" if reply.verdict is None else reply.verdict.value,
        snoozed_until=_stored(reply.snoozed_until or NEVER),
        responded_at=_stored(now),
        id=id_ or uuid5(insight.id, f"{actor}/{reply.action}/{now.isoformat()}"),
    )


def _stored(moment: datetime) -> datetime:
    """Return a time as the database keeps it: to the millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _check_texts(reply: Reply) -> None:
    check_note(reply.note)
    if reply.assignee and (not _LABEL.fullmatch(reply.assignee) or _NOT_IN_A_NAME.search(reply.assignee)):
        raise InvalidRequest("assignee", "expected a name of at most 128 characters on one line")


def _check_fields(reply: Reply, now: datetime) -> None:
    action = reply.action
    if (action is ResponseAction.ASSIGN) is not bool(reply.assignee):
        needs = "expected the name of who takes it" if action is ResponseAction.ASSIGN else "only 'assign' takes it"
        raise InvalidRequest("assignee", needs)
    if (action is ResponseAction.RESOLVE) is (reply.verdict is None):
        needs = "expected real, false_alarm or known" if action is ResponseAction.RESOLVE else "only 'resolve' takes it"
        raise InvalidRequest("verdict", needs)
    if (action is ResponseAction.SNOOZE) is (reply.snoozed_until is None):
        needs = "expected when it ends" if action is ResponseAction.SNOOZE else "only 'snooze' takes it"
        raise InvalidRequest("snoozed_until", needs)
    if reply.snoozed_until is not None and not now < reply.snoozed_until <= now + MAX_SNOOZE:
        raise InvalidRequest("snoozed_until", f"expected a time within the next {MAX_SNOOZE.days} days")
    if action is ResponseAction.COMMENT and not reply.note:
        raise InvalidRequest("note", "expected what there is to say")
