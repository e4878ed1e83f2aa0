from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests

from models.errors import InvalidRequest, SettingsError, Unreachable
from reports.delivery import ChannelNotifier, ReportMessage
from reports.delivery_log import MAX_ATTEMPTS, DeliveryKey, DeliveryStatus, next_attempt, pause_after
from reports.mail import MailServer
from reports.schedule import check_recipient
from reports.webhook import AddressGuard
from tests.mail_sink import MailSink

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def status(attempts: int, state: str, until: datetime | None) -> DeliveryStatus:
    return DeliveryStatus(attempts, state, until, "", NOON)  # type: ignore[arg-type] # the tests below give states only


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (None, 1),
        (status(1, "sent", None), None),
        (status(1, "claimed", NOON + MINUTE), None),
        (status(1, "claimed", NOON), 2),
        (status(2, "failed", NOON + MINUTE), None),
        (status(2, "failed", NOON), 3),
        (status(MAX_ATTEMPTS, "failed", None), None),
        (status(MAX_ATTEMPTS, "claimed", NOON), None),
    ],
)
def test_an_attempt_begins_only_when_the_one_before_is_over(now: DeliveryStatus | None, expected: int | None) -> None:
    assert next_attempt(now, NOON) == expected


def test_what_nobody_tries_again_is_given_up() -> None:
    assert status(MAX_ATTEMPTS, "failed", None).given_up(NOON)
    assert status(MAX_ATTEMPTS, "claimed", NOON).given_up(NOON)
    assert not status(MAX_ATTEMPTS, "claimed", NOON + MINUTE).given_up(NOON)
    assert not status(MAX_ATTEMPTS, "sent", None).given_up(NOON)


def test_pauses_double() -> None:
    assert [pause_after(attempt) / MINUTE for attempt in (1, 2, 3, 7)] == [1, 2, 4, 64]


def test_a_messages_id_follows_from_what_is_delivered_and_from_nothing_else() -> None:
    place = DeliveryKey(UUID(int=1), NOON, "abc")
    assert place.message_id == f"{'0' * 31}1.20261102T120000.abc"


@pytest.fixture
def report_message(tmp_path: Path) -> ReportMessage:
    file = tmp_path / "report.csv"
    file.write_text("id,value\r\n")
    return ReportMessage("abc.1", "Weekly, ä", "All is well.\n.\n", file, "weekly.csv", "text/csv")


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as running:
        yield running


def mail(sink: MailSink) -> MailServer:
    return MailServer("127.0.0.1", sink.port, "Reports <reports@example.com>", security="none")


def test_a_mail_has_the_words_the_file_and_an_id_of_ours(report_message: ReportMessage, sink: MailSink) -> None:
    ChannelNotifier(mail(sink), {}).deliver("mailto:ada@example.com", report_message)
    (message,) = sink.messages
    assert (message["Subject"], message["Message-ID"]) == ("Weekly, ä", "<abc.1@example.com>")
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["All is well.", "."]
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("weekly.csv", "text/csv")


@pytest.mark.parametrize(
    "subject",
    [
        *("x" * length + ", last week" for length in (60, 67, 68, 70, 77, 78, 128)),
        "short " + "b" * 120,
        "ü" * 120 + ", x",
        "a" * 70 + "ü, x",
        "😀" * 60 + " x",
        "e" + "\u0301" * 100,
        "\u202eabc",
        "two  blanks   and " + "word " * 30,
        "=?utf-8?q?other?= x",
        "=?utf-8?q?=0D=0ABcc:_eve@example.com?=",
    ],
)
def test_a_subject_arrives_as_it_is(report_message: ReportMessage, sink: MailSink, subject: str) -> None:
    ChannelNotifier(mail(sink), {}).deliver("mailto:ada@example.com", report_message._replace(subject=subject))
    (message,) = sink.messages
    assert str(message["Subject"]) == subject
    assert message["Bcc"] is None
    assert message["Message-ID"] == "<abc.1@example.com>"


def test_a_recipient_may_be_named_by_a_variable(report_message: ReportMessage, sink: MailSink) -> None:
    courier = ChannelNotifier(mail(sink), {"ROMASHKA_TO_ADA": "mailto:ada@example.com"})
    courier.deliver("env:ROMASHKA_TO_ADA", report_message)
    assert [message["To"] for message in sink.messages] == ["ada@example.com"]
    with pytest.raises(SettingsError, match="ROMASHKA_TO_BOB is not set"):
        courier.deliver("env:ROMASHKA_TO_BOB", report_message)


def test_without_a_mail_server_the_error_says_what_to_set(report_message: ReportMessage) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_SMTP_HOST"):
        ChannelNotifier(None, {}).deliver("mailto:ada@example.com", report_message)


def test_a_refusal_is_told_without_the_address(report_message: ReportMessage, sink: MailSink) -> None:
    sink.refuses = True
    with pytest.raises(Unreachable, match=r"refuses the recipient \(550\)") as refused:
        ChannelNotifier(mail(sink), {}).deliver("mailto:ada@example.com", report_message)
    assert "ada" not in str(refused.value)


def test_a_message_that_was_taken_is_delivered_whatever_the_server_says_at_the_end(
    report_message: ReportMessage, sink: MailSink
) -> None:
    """It counted as failed, and was sent again, up to eight times."""
    sink.farewell = "421 too many connections"
    ChannelNotifier(mail(sink), {}).deliver("mailto:ada@example.com", report_message)
    assert len(sink.messages) == 1


def test_a_password_beyond_ascii_is_refused_by_its_setting(report_message: ReportMessage, sink: MailSink) -> None:
    server = mail(sink)._replace(user="ada", password="пароль")
    with pytest.raises(SettingsError, match="ROMASHKA_SMTP_PASSWORD has characters beyond ASCII"):
        ChannelNotifier(server, {}).deliver("mailto:ada@example.com", report_message)


@pytest.mark.parametrize(
    ("domain", "in_the_dns"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("under_score.lan", "under_score.lan"),
    ],
)
def test_a_domain_in_any_script_is_handed_over_as_the_dns_has_it(
    report_message: ReportMessage, sink: MailSink, domain: str, in_the_dns: str
) -> None:
    """A mail server without SMTPUTF8 was not given the message at all, and the error named the server's address."""
    server = mail(sink)._replace(sender=f"Büro <reports@{domain}>")
    check_recipient(f"mailto:ada@{domain}")
    ChannelNotifier(server, {}).deliver(f"mailto:ada@{domain}", report_message)
    (sent,) = sink.messages
    assert sent["To"] == f"ada@{in_the_dns}"
    assert sent["From"] == f"Büro <reports@{in_the_dns}>"
    assert sent["Message-ID"] == f"<abc.1@{in_the_dns}>"


@pytest.mark.parametrize("domain", ["-ü.example", "ü_x.example", "ü" * 80 + ".example", "ü..example"])
def test_a_domain_that_the_dns_cannot_have_is_refused_where_it_is_given(domain: str) -> None:
    with pytest.raises(InvalidRequest, match="mailto: needs one address"):
        check_recipient(f"mailto:ada@{domain}")


def test_letters_beyond_ascii_before_the_at_sign_need_a_mail_server_that_takes_them(
    report_message: ReportMessage, sink: MailSink
) -> None:
    with pytest.raises(SettingsError, match="SMTPUTF8") as refused:
        ChannelNotifier(mail(sink), {}).deliver("mailto:ädä@example.com", report_message)
    assert "ädä" not in str(refused.value)


def test_a_server_that_knows_no_encryption_is_not_given_the_report(
    report_message: ReportMessage, sink: MailSink
) -> None:
    server = mail(sink)._replace(security="starttls")
    with pytest.raises(Unreachable, match="did not take the report") as refused:
        ChannelNotifier(server, {}).deliver("mailto:ada@example.com", report_message)
    assert isinstance(refused.value.__cause__, smtplib.SMTPNotSupportedError)
    assert sink.messages == []


def test_an_address_that_no_service_knows_is_an_error_without_its_secret(report_message: ReportMessage) -> None:
    courier = ChannelNotifier(None, {"ROMASHKA_TO_X": "nonsense://pa55word"})
    with pytest.raises(SettingsError, match="env:ROMASHKA_TO_X is not an address") as refused:
        courier.deliver("env:ROMASHKA_TO_X", report_message)
    assert "pa55word" not in str(refused.value)


def test_what_no_mail_server_would_take_is_not_tried(report_message: ReportMessage, sink: MailSink) -> None:
    assert report_message.file is not None
    with report_message.file.open("wb") as file:
        file.truncate(21 * 1024**2)
    with pytest.raises(SettingsError, match="larger than 20 MiB"):
        ChannelNotifier(mail(sink), {}).deliver("mailto:ada@example.com", report_message)


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "&lt;!channel&gt; &amp; Söhne"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "&lt;!channel&gt; &amp; Söhne"),
        ("rocket://web:abcdef/ghijkl@chat.example.com/#general", "<!channel> & Söhne"),
        ("gchat://workspace/key/token", "<!channel> & Söhne"),
    ],
)
def test_names_that_look_like_markup_are_text_and_the_link_stays_whole(
    monkeypatch: pytest.MonkeyPatch, recipient: str, shown: str
) -> None:
    sent: list[str] = []

    def keep(_: object, method: str, url: str, **given: Any) -> requests.Response:
        sent.append(json.loads(given["data"])["text"] if "attachments" not in given["data"] else given["data"])
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok" if "slack" in url else b'{"ok": true}'
        return answer

    monkeypatch.setattr(requests.Session, "request", keep)
    link = "https://api.example.com/links/ab_cd-ef_gh.ij__kl-mn"
    message = ReportMessage("abc.2", "New", f"Tenant: <!channel> & Söhne\nSee it: {link}\n")
    guard = AddressGuard(resolve=lambda *_: ["93.184.216.34"])
    ChannelNotifier(None, {}, guard).deliver(recipient, message)
    (text,) = [one if one[:1] != "{" else json.loads(one)["attachments"][0]["text"] for one in sent]
    assert shown in text
    assert link in text
