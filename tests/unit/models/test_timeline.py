from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from models.responses import Reply, ResponseAction, ResponseVerdict, response_to
from models.timeline import EntryKind, InsightChange, Notice, NoticeEvent, notice_id, timeline_of
from tests.examples.insights import STARTED, insight

MINUTE = timedelta(minutes=1)


def test_a_timeline_has_what_was_found_told_and_done_in_order() -> None:
    one = insight(severity="critical", status="closed", ended_at=STARTED + 30 * MINUTE)
    changes = [
        InsightChange("warning", "open", STARTED),
        InsightChange("warning", "open", STARTED + 2 * MINUTE),
        InsightChange("critical", "open", STARTED + 5 * MINUTE),
        InsightChange("critical", "closed", STARTED + 30 * MINUTE),
    ]
    id_ = notice_id(one.id, "k", NoticeEvent.OPENED)
    told = Notice(one.user_id, one.id, NoticeEvent.OPENED, "warning", "ada@example.com", STARTED + MINUTE, id_)
    reply = Reply(ResponseAction.RESOLVE, "a load test", verdict=ResponseVerdict.FALSE_ALARM)
    done = response_to(one, reply, "ada", STARTED + 20 * MINUTE)
    entries = timeline_of(one, changes, [told], [done])
    assert [entry.kind for entry in entries] == [
        EntryKind.FOUND,
        EntryKind.TOLD,
        EntryKind.SEVERITY,
        EntryKind.RESPONSE,
        EntryKind.ENDED,
    ]
    assert [entry.text for entry in entries] == [
        "found as warning",
        "was told: opened, warning",
        "from warning to critical",
        "resolve (false alarm): a load test",
        "over",
    ]
    assert [entry.who for entry in entries] == ["", "ada@example.com", "", "ada", ""]


def test_an_insight_without_stored_changes_has_its_beginning() -> None:
    (entry,) = timeline_of(insight(), [], [], [])
    assert (entry.at, entry.text) == (STARTED, "found as critical")


def test_a_message_has_one_id_for_each_recipient_and_event() -> None:
    ids = {notice_id(UUID(int=n), key, event) for n in (1, 2) for key in "ab" for event in NoticeEvent}
    assert len(ids) == 12
    assert notice_id(UUID(int=1), "a", NoticeEvent.OPENED) in ids
