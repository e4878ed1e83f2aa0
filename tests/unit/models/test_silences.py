from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.alerts.insight_labels import alert_labels
from models.insights import Insight
from models.responses import Reply, Response, ResponseAction, ResponseStatus, ResponseVerdict, handling_of, response_to
from models.silences import Matcher, Silence, changes, imported, is_imported
from tests.examples.insights import STARTED, TENANT, insight

HOUR = timedelta(hours=1)
NOW = STARTED + HOUR
WARNING = insight(severity="warning")
CRITICAL = insight(severity="critical")
LABELS = alert_labels(WARNING, "Acme")
FALSE = ResponseVerdict.FALSE_ALARM


def reply(action: str, at: datetime = NOW, one: Insight = WARNING, **fields: Any) -> Response:
    if action == "snooze":
        fields.setdefault("snoozed_until", at + HOUR)
    return response_to(one, Reply(ResponseAction(action), **fields), "ada", at)


def silences_after(*responses: Response, one: Insight = WARNING, now: datetime = NOW + timedelta(minutes=1)) -> Any:
    return changes([one], {one.id: responses}, [], now)


def theirs(*matchers: Matcher, id_: str = "s1", ends: datetime = NOW + 2 * HOUR, **fields: Any) -> Silence:
    return Silence(matchers, NOW, ends, "grace", "deploying", id_, **fields)


def test_a_snooze_and_a_false_alarm_are_silenced_and_nothing_else_is() -> None:
    (made,) = silences_after(reply("snooze")).make
    assert made.ends_at == NOW + HOUR
    assert made.creator == "romashka"
    (made,) = silences_after(reply("resolve", verdict=FALSE)).make
    assert made.ends_at == NOW + timedelta(days=30)
    for others in (
        [],
        [reply("acknowledge")],
        [reply("resolve", verdict=ResponseVerdict.REAL)],
        [reply("snooze"), reply("reopen", NOW + timedelta(seconds=9))],
        [reply("snooze", NOW - 3 * HOUR)],
    ):
        assert silences_after(*others).make == [], others
    over = WARNING._replace(status="closed", ended_at=NOW)
    assert silences_after(reply("resolve", verdict=FALSE), one=over).make == []


def test_a_silenced_warning_that_becomes_critical_alerts_and_a_silenced_critical_finding_does_not() -> None:
    (made,) = silences_after(reply("snooze")).make
    by_level = {labels["severity"]: made.covers(labels) for labels in LABELS}
    assert by_level == {"warning": True, "critical": False}
    assert silences_after(reply("snooze"), one=CRITICAL._replace(id=WARNING.id)).make == []
    (made,) = silences_after(reply("snooze", one=CRITICAL), one=CRITICAL).make
    assert all(made.covers(labels) for labels in alert_labels(CRITICAL, "Acme"))
    other = insight(severity="warning", integration_provider="zendesk")
    assert not any(made.covers(labels) for labels in alert_labels(other, "Acme"))


@pytest.mark.parametrize("comment", [f"[romashka {'-' * 36}]", f"[romashka {'f' * 36}]", "[romashka ]", "[romashka"])
def test_what_looks_like_our_mark_in_a_silence_of_somebody_is_a_comment(comment: str) -> None:
    matcher = Matcher("insight_id", str(WARNING.id))
    for creator in ("grace", "romashka"):
        one = theirs(matcher)._replace(comment=comment, creator=creator)
        assert one.response is None
        assert changes([WARNING], {}, [one], NOW) == ([], [])


def test_one_of_ours_that_somebody_made_again_in_grafana_is_theirs() -> None:
    (made,) = silences_after(reply("snooze")).make
    again = made._replace(id="s2", creator="grace")
    assert again.response is None
    assert changes([WARNING], {}, [again], NOW) == ([], []), "it is not ended"
    (given,) = imported(WARNING, LABELS, [], [again], NOW + timedelta(minutes=2))
    assert given.actor == "grace (Grafana)"


def test_a_silence_for_later_snoozes_nothing_before_it_begins() -> None:
    begins = NOW + HOUR
    planned = theirs(Matcher("insight_id", str(WARNING.id)))._replace(starts_at=begins)
    assert imported(WARNING, LABELS, [], [planned], begins - timedelta(seconds=1)) == []
    assert [one.action for one in imported(WARNING, LABELS, [], [planned], begins)] == ["snooze"]


@pytest.mark.parametrize(
    ("expression", "text", "matched"),
    [
        ("(a|a)*!", "a" * 60, False),
        ("(x+x+)+y", "x" * 60, False),
        (r"(?i)HUB.*\z", "hubspot", True),
        ("[[:alpha:]]+", "hubspot", True),
        ("hub|spot", "hubspot", False),
        ("hubspot", "hubspot\n", False),
        ("", "", True),
    ],
)
def test_expressions_are_those_of_alertmanager_and_cost_no_more_than_their_text(
    expression: str, text: str, matched: bool
) -> None:
    assert Matcher("kind", expression, is_regex=True).matches({"kind": text}) is matched
    assert Matcher("kind", expression, is_regex=True, is_equal=False).matches({"kind": text}) is not matched


@pytest.mark.parametrize("expression", ["(", "(?!a)b", "x\ud800", "a{2,1}", "[[:no:]]"])
def test_an_expression_that_alertmanager_does_not_know_matches_nothing(expression: str) -> None:
    for is_equal in (True, False):
        assert not Matcher("kind", expression, is_regex=True, is_equal=is_equal).matches({"kind": "b"})
    for large in ("a{99999999999}", "(" * 5_000 + ")" * 5_000):
        assert not Matcher("kind", large, is_regex=True).matches({"kind": "b"})


def test_what_is_silenced_already_is_not_silenced_again_and_ends_when_it_is_reopened() -> None:
    snoozed = reply("snooze")
    (made,) = silences_after(snoozed).make
    there = made._replace(id="s1")
    assert changes([WARNING], {WARNING.id: [snoozed]}, [there], NOW + HOUR / 2) == ([], [])
    twice = [there, made._replace(id="s2")]
    assert changes([WARNING], {WARNING.id: [snoozed]}, twice, NOW + HOUR / 2) == ([], ["s2"]), "two leaders made it"
    reopened = [snoozed, reply("reopen", NOW + HOUR / 3)]
    assert changes([WARNING], {WARNING.id: reopened}, [there], NOW + HOUR / 2) == ([], ["s1"])
    gone = there._replace(is_active=False)
    assert changes([WARNING], {WARNING.id: reopened}, [gone], NOW + HOUR / 2) == ([], [])
    foreign = theirs(Matcher("insight_id", str(WARNING.id)))
    assert changes([WARNING], {}, [foreign], NOW) == ([], []), "what somebody made in Grafana is theirs to end"


def test_a_silence_of_grafana_snoozes_what_it_covers_once_and_says_who_made_it() -> None:
    silence = theirs(Matcher("user_id", str(TENANT)), Matcher("kind", "provider_.*", is_regex=True))
    (given_,) = imported(WARNING, LABELS, [], [silence], NOW)
    assert (given_.actor, given_.note) == ("grace (Grafana)", "deploying (silence s1 in Grafana)")
    assert handling_of(WARNING, [given_], NOW).status is ResponseStatus.SNOOZED
    assert given_.snoozed_until == silence.ends_at
    assert imported(WARNING, LABELS, [given_], [silence], NOW + HOUR) == []
    assert changes([WARNING], {WARNING.id: [given_]}, [silence], NOW) == ([], []), "it is silenced there already"
    longer = silence._replace(ends_at=NOW + 5 * HOUR)
    (again,) = imported(WARNING, LABELS, [given_], [longer], NOW + HOUR)
    assert again.snoozed_until == NOW + 5 * HOUR
    year = silence._replace(ends_at=NOW + timedelta(days=365))
    (given_,) = imported(WARNING, LABELS, [], [year], NOW)
    assert given_.snoozed_until == NOW + timedelta(days=30)


def test_a_silence_made_from_an_alert_in_grafana_covers_its_finding() -> None:
    from_alert = theirs(*(Matcher(name, value) for name, value in LABELS[0].items()))
    assert len(imported(WARNING, LABELS, [], [from_alert], NOW)) == 1


def test_a_silence_that_is_not_about_findings_snoozes_none() -> None:
    for silence in (
        theirs(Matcher("alertname", LABELS[0]["alertname"])),
        theirs(Matcher("team", "integrations")),
        theirs(Matcher("user_id", str(UUID(int=5)))),
        theirs(Matcher("kind", "(", is_regex=True)),
        theirs(Matcher("kind", WARNING.kind, is_equal=False)),
        theirs(Matcher("kind", WARNING.kind), Matcher("host", "a")),
        theirs(Matcher("kind", WARNING.kind), is_active=False),
        theirs(Matcher("kind", WARNING.kind), ends=NOW),
    ):
        assert imported(WARNING, LABELS, [], [silence], NOW) == [], silence
    resolved = [reply("resolve", verdict=ResponseVerdict.REAL)]
    assert imported(WARNING, LABELS, resolved, [theirs(Matcher("kind", WARNING.kind))], NOW + HOUR / 2) == []


def test_a_silence_that_is_ended_early_in_grafana_reopens_and_one_that_is_over_does_not() -> None:
    silence = theirs(Matcher("kind", WARNING.kind))
    (given_,) = imported(WARNING, LABELS, [], [silence], NOW)
    (reopened,) = imported(WARNING, LABELS, [given_], [silence._replace(is_active=False)], NOW + HOUR)
    assert (reopened.action, reopened.actor) == (ResponseAction.REOPEN, "Grafana")
    assert imported(WARNING, LABELS, [given_, reopened], [], NOW + HOUR + HOUR / 2) == []
    assert imported(WARNING, LABELS, [given_], [], silence.ends_at) == []
    acknowledged = [given_, reply("acknowledge", NOW + HOUR / 2)]
    assert imported(WARNING, LABELS, acknowledged, [], NOW + HOUR) == [], "somebody has it meanwhile"
    assert is_imported(given_)
    assert not is_imported(acknowledged[1])


@settings(max_examples=100)
@given(st.text(max_size=50), st.text(max_size=300), st.text(st.characters(codec="ascii"), min_size=1, max_size=12))
def test_any_text_of_grafana_becomes_a_response_that_can_be_stored(creator: str, comment: str, id_: str) -> None:
    silence = theirs(Matcher("kind", WARNING.kind), id_="s9")._replace(creator=creator, comment=comment)
    for one in imported(WARNING, LABELS, [], [silence], NOW):
        assert len(one.actor) <= 128
        assert len(one.note) <= 1_000
        assert one.note.isprintable() or "\x00" not in one.note
    assert Matcher("kind", id_, is_regex=True).matches({"kind": "x"}) in {True, False}
