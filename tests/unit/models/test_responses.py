"""How the handling of an insight follows from what people did about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidRequest
from models.responses import (
    MAX_NOTE,
    MAX_SNOOZE,
    UNANSWERED,
    Handling,
    Reply,
    Response,
    ResponseAction,
    ResponseStatus,
    ResponseVerdict,
    checked,
    handling_of,
    name_of_actor,
    response_to,
)
from tests.examples.insights import STARTED, insight

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
A, S, R = ResponseAction, ResponseStatus, Reply
WARNING = insight(severity="warning")


def stored(reply: Reply, minute: int, actor: str = "ada") -> Response:
    return response_to(
        WARNING,
        reply,
        actor,
        NOW + timedelta(minutes=minute),
    )


def status(*replies: Reply, at: int = 60, **fields: Any) -> Handling:
    rows = [stored(reply, minute) for minute, reply in enumerate(replies)]
    return handling_of(WARNING._replace(**fields), rows, NOW + timedelta(minutes=at))


def test_nobody_responded() -> None:
    assert status() == UNANSWERED == Handling(S.OPEN)


def test_the_last_response_that_changes_the_status_counts() -> None:
    taken = status(R(A.ACKNOWLEDGE), R(A.COMMENT, "no change"), R(A.ASSIGN, assignee="grace"))
    assert (taken.status, taken.actor, taken.assignee, taken.since) == (S.ACKNOWLEDGED, "ada", "grace", NOW)
    assert status(R(A.RESOLVE, verdict=ResponseVerdict.REAL)).verdict == "real"
    assert status(R(A.RESOLVE, verdict=ResponseVerdict.REAL), R(A.REOPEN)).verdict == ""


def test_a_snooze_ends_by_itself() -> None:
    snooze = R(A.SNOOZE, snoozed_until=NOW + timedelta(hours=2))
    assert status(snooze).status is S.SNOOZED
    assert status(snooze, at=119).snoozed_until == NOW + timedelta(hours=2)
    assert status(snooze, at=120) == UNANSWERED


@pytest.mark.parametrize(
    "reply", [R(A.ACKNOWLEDGE), R(A.RESOLVE, verdict=ResponseVerdict.KNOWN)], ids=["acknowledged", "resolved"]
)
def test_what_becomes_critical_is_open_again(reply: Reply) -> None:
    assert status(reply, severity="info").status is not S.OPEN
    assert status(reply, severity="critical").status is S.OPEN


def test_the_order_of_rows_does_not_matter_and_the_same_response_has_the_same_id() -> None:
    rows = [stored(R(A.ACKNOWLEDGE), 1), stored(R(A.RESOLVE, verdict=ResponseVerdict.REAL), 2), stored(R(A.REOPEN), 3)]
    assert handling_of(WARNING, rows, NOW) == handling_of(WARNING, rows[::-1], NOW)
    assert stored(R(A.REOPEN), 3).id == rows[2].id != rows[1].id


@pytest.mark.parametrize(
    ("reply", "field"),
    [
        (R(A.ASSIGN), "assignee"),
        (R(A.ASSIGN, assignee=" "), "assignee"),
        (R(A.ASSIGN, assignee="a\nb"), "assignee"),
        (R(A.ASSIGN, assignee="a" * 129), "assignee"),
        (R(A.ACKNOWLEDGE, assignee="ada"), "assignee"),
        (R(A.RESOLVE), "verdict"),
        (R(A.REOPEN, verdict=ResponseVerdict.REAL), "verdict"),
        (R(A.SNOOZE), "snoozed_until"),
        (R(A.SNOOZE, snoozed_until=NOW), "snoozed_until"),
        (R(A.SNOOZE, snoozed_until=NOW + MAX_SNOOZE + timedelta(seconds=1)), "snoozed_until"),
        (R(A.RESOLVE, verdict=ResponseVerdict.REAL, snoozed_until=NOW + timedelta(hours=1)), "snoozed_until"),
        (R(A.ASSIGN, assignee="a\u202eb"), "assignee"),
        (R(A.COMMENT), "note"),
        (R(A.COMMENT, "\x1b[31mred"), "note"),
        (R(A.COMMENT, "\x9b31m"), "note"),
        (R(A.ACKNOWLEDGE, "x" * (MAX_NOTE + 1)), "note"),
        (R(A.REOPEN), "action"),
    ],
)
def test_an_incomplete_reply_names_its_field(reply: Reply, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked(reply, UNANSWERED, NOW)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "reply", [R(A.ACKNOWLEDGE), R(A.SNOOZE, snoozed_until=NOW + timedelta(hours=1))], ids=["ack", "snooze"]
)
def test_what_is_resolved_is_reopened_first(reply: Reply) -> None:
    with pytest.raises(InvalidRequest, match=r"resolved \(by ada\); reopen it"):
        checked(reply, status(R(A.RESOLVE, verdict=ResponseVerdict.REAL)), NOW)


def test_who_responds_is_one_line_whatever_a_sign_in_service_calls_people() -> None:
    assert name_of_actor(" ada\n  • grace: resolve\x1b[31m\u202e ") == "ada   • grace: resolve [31m"
    assert name_of_actor("x" * 300) == "x" * 128
    assert name_of_actor("\n") == "somebody"
    assert name_of_actor("half \ud800 of a pair").encode()


@given(st.text(max_size=300), st.text(max_size=90))
def test_how_somebody_was_let_in_stays_beside_a_name_of_any_length(name: str, audience: str) -> None:
    mark = name_of_actor(f" (link for {audience})", "")
    shown = name_of_actor(name, f" {mark}")
    assert shown.endswith(mark)
    assert len(shown) <= 128
    assert name_of_actor(shown) == shown, "storing it again cuts nothing"


@given(
    st.lists(
        st.sampled_from(
            [R(A.ACKNOWLEDGE), R(A.COMMENT, "c"), R(A.ASSIGN, assignee="x"), R(A.REOPEN)]
            + [R(A.RESOLVE, verdict=one) for one in ResponseVerdict]
            + [R(A.SNOOZE, snoozed_until=NOW + timedelta(hours=hours)) for hours in (1, 3)]
        ),
        max_size=8,
    )
)
def test_any_replies_that_are_taken_leave_a_history_from_which_the_same_handling_follows(replies: list[Reply]) -> None:
    rows: list[Response] = []
    for minute, reply in enumerate(replies):
        now = NOW + timedelta(minutes=minute)
        try:
            wanted = checked(reply, handling_of(WARNING, rows, now), now)
        except InvalidRequest:
            continue
        rows.append(response_to(WARNING, wanted, "ada", now))
    found = handling_of(WARNING, rows, NOW + timedelta(minutes=len(replies)))
    assert (found.status is S.OPEN) is (found.since is None)
    assert all(first.responded_at < then.responded_at for first, then in pairwise(rows))
    assert found.verdict == "" or found.status is S.RESOLVED
    assert STARTED < NOW
