"""The page of a finding, by a signed link or by signing in: what it shows, what it changes, what it refuses."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.keys import KeySigner, save, stored_keys
from api.link_page import CONTENT_SECURITY_POLICY
from api.roles import Role
from api.services import Configuration
from cli.api_server import server_config
from models.insights import Insight
from models.timeline import NoticeEvent
from reports.delivery import ReportMessage
from reports.finding_messages import FindingMessages, LinkSettings
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.insight_links import InsightLink, LinkAction, LinkPurpose, LinkSigner, expiry
from storage.reading import query_rows
from storage.response_store import responses_to
from storage.tenant_names import save_name
from storage.timeline_store import notices_about
from tests.api_server import SECRET, serving, stored
from tests.examples.insights import TENANT, insight
from tests.worker_process import wait_for

pytestmark = pytest.mark.stack

NOW: Final = datetime.now(UTC).replace(microsecond=0)
BEGUN: Final = NOW - timedelta(hours=2)
SIGNER: Final = LinkSigner(SECRET)
EVIL: Final = "<script>alert('x')</script>"


def found(**fields: Any) -> Insight:
    return insight(**{"started_at": BEGUN, "updated_at": BEGUN, "severity": "warning", **fields})


OURS: Final = found(title=f"HubSpot {EVIL} is down")
THEIRS: Final = found(user_id=UUID(int=7))


def token(one: Insight = OURS, **fields: Any) -> str:
    """Return a token; ``fields`` differ from a good one."""
    link = InsightLink(one.id, one.user_id, "ada@example.com", expiry(NOW, 7))
    return SIGNER.token(link._replace(**fields))


class Pages(NamedTuple):
    """The API, served over findings of two tenants."""

    url: str
    database: ClickHouseAddress

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}/links/{path}", timeout=30)

    def post(self, path: str = "", **fields: str) -> httpx.Response:
        return httpx.post(f"{self.url}/links{path}", data=fields, timeout=30)

    def responses(self, one: Insight = OURS) -> list[str]:
        with connect(self.database) as client:
            found = responses_to(client, [one.id]).get(one.id, [])
        return [f"{given.action} by {given.actor}" for given in found]


@pytest.fixture
def pages(database: ClickHouseAddress, tmp_path: Path) -> Iterator[Pages]:
    sink = ClickHouseSink(database)
    sink.write("predictive_insights", insight_rows([OURS, THEIRS]))
    with connect(database) as client:
        save_name(client, TENANT, "Acme & Söhne", NOW)
    with serving(Configuration(database, SECRET, tmp_path)) as url:
        yield Pages(url, database)


def said(answer: httpx.Response) -> str:
    match = re.search(r'class="said"[^>]*>(.*?)</p>', answer.text)
    return unescape(match[1]) if match else ""


def test_a_link_shows_the_finding_and_the_response_comes_from_its_recipient(pages: Pages) -> None:
    link = token()
    shown = pages.get(link)
    assert shown.status_code == 200
    assert EVIL not in shown.text
    text = unescape(shown.text)
    for part in (
        "Acme & Söhne",
        "warning",
        OURS.summary,
        "look at the status page",
        "Money at risk",
        "found as warning",
    ):
        assert part in text
    assert shown.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["cache-control"] == "no-store"
    assert "width=device-width" in shown.text
    assert "<script" not in shown.text
    for _ in range(2):
        pages.get(link)  # as mail scanners do
    assert pages.responses() == []

    done = pages.post(token=link, action="acknowledge", name="Grace", note="looking")
    assert said(done).startswith("Done: acknowledge: looking")
    assert pages.responses() == ["acknowledge by Grace (link for ada@example.com)"]
    again = pages.post(token=link, action="acknowledge", name="Eve")
    assert "Already done by this link, nothing changed: Grace (link for ada@example.com)" in said(again)
    assert len(pages.responses()) == 1

    assert said(pages.post(token=link, action="snooze_1d")).startswith("Done: snooze until")
    assert said(pages.post(token=link, action="false_alarm")) == "Done: resolve (false alarm)."
    assert pages.responses()[1:] == ["snooze by ada@example.com (by link)", "resolve by ada@example.com (by link)"]
    used_up = pages.post(token=link, action="known")
    assert "Already done by this link" in said(used_up)
    assert "<button" not in used_up.text
    assert len(pages.responses()) == 3
    other = pages.post(token=token(audience="grace@example.com"), action="snooze_1h")
    assert said(other) == "Nothing changed: it was resolved by ada@example.com (by link)."


def test_what_is_no_good_link_shows_and_changes_nothing(pages: Pages) -> None:
    bad = [
        token()[:-1] + ("A" if token()[-1] != "A" else "B"),
        LinkSigner(b"another secret for tests, 32 byte").token(InsightLink(OURS.id, TENANT, "eve", expiry(NOW, 7))),
        token(expires_at=NOW - timedelta(seconds=1)),
        token(tenant=THEIRS.user_id),  # ours, as a finding of another tenant
        token(insight=THEIRS.id),  # theirs, as one of ours
        token(insight=UUID(int=5)),
    ]
    for one in bad:
        shown = pages.get(one)
        assert (shown.status_code, said(shown) != "", OURS.summary in shown.text) == (403, True, False), one
        assert pages.post(token=one, action="acknowledge").status_code == 403
    for_page = token(purpose=LinkPurpose.PAGE)
    assert pages.get(for_page).status_code == 403, "a token of a form is no link"
    limited = token(actions=frozenset({LinkAction.ACKNOWLEDGE}))
    assert "not for that response" in said(pages.post(token=limited, action="false_alarm"))
    for action in ("", "resolve", "reopen"):
        assert pages.post(token=token(), action=action).status_code == 403
    assert httpx.post(f"{pages.url}/links", json={"token": token()}).status_code == 415
    assert pages.responses() == pages.responses(THEIRS) == []


def test_no_log_has_a_token_and_the_audit_log_says_for_whom_it_was(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    link = token()
    with caplog.at_level(logging.DEBUG):
        pages.get(link)
        pages.post(token=link, action="acknowledge")
        pages.get(link + "x")
        missing = pages.get(link + "/more")
    assert (missing.status_code, link in missing.text) == (404, False)
    rows = "SELECT * FROM audit_log WHERE position(object, '/links') > 0 ORDER BY sequence"
    with connect(pages.database) as client:
        wait_for(lambda: len(query_rows(client, rows, {})) == 4, 10)
        logged = query_rows(client, rows, {})
    secret = link.partition(".")[2]
    assert secret not in str(logged)
    # The client's own log, and that of the tests' server, which 'romashka api' does not write.
    assert server_config(FastAPI()).access_log is False
    others = ("httpx", "httpcore", "uvicorn.access")
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith(others)]
    assert ours
    assert not [text for text in ours if secret in text]
    assert [(row["actor"], row["action"]) for row in logged[:2]] == [
        ("by link for ada@example.com", "insights.read"),
        ("by link for ada@example.com", "insights.respond"),
    ]
    assert str(OURS.id) in logged[1]["object"]
    assert str(TENANT) in logged[1]["details"]


def test_no_name_hides_whose_link_it_was_and_a_token_elsewhere_in_a_path_is_in_no_log(pages: Pages) -> None:
    pages.post(token=token(), action="acknowledge", name="Anna Schmidt" + " " * 200 + "x")
    (given,) = pages.responses()
    assert given.endswith(" (link for ada@example.com)"), given
    link = token()
    for path in (
        f"//links/{link}",
        f"/v1/links/{link}",
        f"/analytics/links/{link}?from={link}",
        f"/v1/health?t={link}",
    ):
        answer = httpx.get(f"{pages.url}{path}", timeout=30)
        assert link not in answer.text
    rows = "SELECT object FROM audit_log WHERE position(object, 'GET /') > 0"
    with connect(pages.database) as client:
        wait_for(lambda: len(query_rows(client, rows, {})) == 3, 10)
        logged = str(query_rows(client, rows, {}))
    assert link.partition(".")[2] not in logged
    assert "GET /analytics/links/...?from=..." in logged


def test_only_get_head_and_post_do_anything_and_paths_lead_nowhere_else(pages: Pages) -> None:
    link = token()
    for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        answer = httpx.request(method, f"{pages.url}/links/{link}", timeout=30)
        assert (answer.status_code, link in answer.text) == (405, False), method
        assert answer.headers["allow"] == "GET, HEAD"
    head = httpx.head(f"{pages.url}/links/{link}", timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.head(f"{pages.url}/links/{link}x", timeout=30).status_code == 403
    assert httpx.head(f"{pages.url}/links", timeout=30).status_code == 405, "responses are POSTed"
    for path in (
        "/insights/../../v1/insights",
        "/insights/%2e%2e/%2e%2e/v1/insights",
        "/%2e%2e/v1/kpis",
        f"/{link}%00",
    ):
        request = httpx.Request("GET", f"{pages.url}/links{path}")
        request.url = request.url.copy_with(raw_path=f"/links{path}".encode())
        with httpx.Client() as client:
            assert client.send(request).status_code in {403, 404, 401}, path
    encoded = "".join(f"%{ord(one):02X}" for one in link)
    assert pages.get(encoded).status_code == 200, "a token is the same however a mail program writes it"
    for media in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        sent = httpx.post(f"{pages.url}/links", content=f"token={link}&action=known", headers={"Content-Type": media})
        assert sent.status_code == 415, media
    form = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-16"}
    twice = f"token={link}&action=known&action=acknowledge&note=%FF%FE%E2%80%A8&name=%3Cscript%3E"
    answer = httpx.post(f"{pages.url}/links", content=twice, headers=form)
    assert "<script" not in answer.text
    assert pages.responses() == ["acknowledge by <script> (link for ada@example.com)"]
    for body in ("token=x&" * 100, "a" * 200_000, "\xff"):
        assert httpx.post(f"{pages.url}/links", content=body.encode("latin-1"), headers=form).status_code in {413, 422}


def test_who_guesses_links_is_stopped(database: ClickHouseAddress, tmp_path: Path) -> None:
    with serving(Configuration(database, SECRET, tmp_path, requests_per_minute=40)) as url:
        statuses = [httpx.get(f"{url}/links/guess{n}.{'A' * 43}").status_code for n in range(6)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


def test_a_link_without_a_token_asks_who_it_is_and_gives_the_rights_of_the_key(pages: Pages) -> None:
    asked = pages.get(f"insights/{OURS.id}")
    assert asked.status_code == 200
    assert OURS.summary not in asked.text
    assert asked.text == pages.get(f"insights/{UUID(int=9)}").text.replace(str(UUID(int=9)), str(OURS.id))
    keys = {role: stored(pages.database, role, TENANT) for role in (Role.OPERATIONS, Role.VIEWER)}
    theirs = stored(pages.database, Role.OPERATIONS, UUID(int=7))
    wrong = pages.post(f"/insights/{OURS.id}", key="rmk_wrong")
    assert (wrong.status_code, OURS.summary in wrong.text) == (401, False)
    other = pages.post(f"/insights/{OURS.id}", key=theirs)
    assert (other.status_code, OURS.summary in other.text) == (404, False)
    viewer = pages.post(f"/insights/{OURS.id}", key=keys[Role.VIEWER])
    assert (OURS.summary in viewer.text, "<button" in viewer.text) == (True, False)
    signed_in = pages.post(f"/insights/{OURS.id}", key=keys[Role.OPERATIONS])
    form = re.search(r'name="token" value="([^"]+)"', signed_in.text)
    assert form
    assert said(pages.post(token=form[1], action="snooze_monday")).startswith("Done: snooze until")
    (given,) = pages.responses()
    assert given == "snooze by test operations (by link)"


def test_a_page_that_a_revoked_key_opened_responds_no_more(pages: Pages) -> None:
    """It did for half an hour; a revoked key is refused everywhere else within five seconds."""
    shown_key = stored(pages.database, Role.OPERATIONS, TENANT)
    opened = pages.post(f"/insights/{OURS.id}", key=shown_key)
    form = re.search(r'name="token" value="([^"]+)"', opened.text)
    assert form
    with connect(pages.database) as client:
        (key,) = stored_keys(client, KeySigner(SECRET))
        save(client, key._replace(revoked_at=datetime.now(UTC)), KeySigner(SECRET))
    wait_for(lambda: pages.post(f"/insights/{OURS.id}", key=shown_key).status_code == 401, 10)
    refused = pages.post(token=form[1], action="acknowledge")
    assert (refused.status_code, "was revoked" in refused.text, OURS.summary in refused.text) == (403, True, False)
    assert pages.responses() == []


class Kept:
    """A notifier that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, ReportMessage]] = []

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        self.messages.append((recipient, report_message))


def test_findings_that_stay_open_or_were_resolved_leave_room_for_what_is_new(pages: Pages) -> None:
    kept = Kept()
    messages = FindingMessages(kept, ("mailto:ada@example.com",), LinkSettings(SIGNER, pages.url, 7))
    old = NOW - timedelta(days=20)
    many = [found(user_id=UUID(int=1_000 + n), started_at=old, updated_at=old) for n in range(400)]
    ClickHouseSink(pages.database).write("predictive_insights", insight_rows(many))
    with connect(pages.database) as client:
        assert messages.run(client, NOW) == 2, "those of today; those of weeks ago are no news"


def test_each_recipient_is_told_once_of_each_event_with_a_link_that_works(pages: Pages) -> None:
    kept = Kept()
    recipients = ("mailto:ada@example.com", "https://hooks.example.com/secret")
    messages = FindingMessages(kept, recipients, LinkSettings(SIGNER, pages.url, 7))
    sink = ClickHouseSink(pages.database)
    with connect(pages.database) as client:
        assert messages.run(client, NOW) == 4, "two findings, two recipients"
        assert messages.run(client, NOW + timedelta(minutes=1)) == 0
        graver = OURS._replace(severity="critical", updated_at=BEGUN + timedelta(minutes=5))
        sink.write("predictive_insights", insight_rows([graver]))
        assert messages.run(client, NOW + timedelta(minutes=2)) == 2
        over = graver._replace(status="closed", ended_at=NOW, updated_at=NOW)
        sink.write("predictive_insights", insight_rows([over]))
        assert messages.run(client, NOW + timedelta(minutes=3)) == 2
        assert messages.run(client, NOW + timedelta(minutes=4)) == 0
        told = notices_about(client, [OURS.id])[OURS.id]
    assert {(one.event, one.audience) for one in told} == {
        (event, audience) for event in NoticeEvent for audience in ("ada@example.com", "https://hooks.example.com/…")
    }
    assert "secret" not in str(told)
    mine = [one for recipient, one in kept.messages if recipient == recipients[0] and "HubSpot <script>" in one.subject]
    address = re.search(r"http://\S+/links/\S+", mine[0].text)
    assert address
    timeline = unescape(httpx.get(address[0], timeout=30).text)
    assert "ada@example.com was told: opened, warning" in timeline
    assert "from warning to critical" in timeline
    assert len({one.id for _, one in kept.messages}) == len(kept.messages)
