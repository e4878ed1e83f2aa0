"""Delivers reports: e-mail by SMTP, webhooks by ``reports.webhook``, everything else (Slack, ...) by Apprise.

E-mail is sent here and not by Apprise because the message id must be stable: a repeat has the same id, so that
receivers can deduplicate (docs/adr/0014-reports-once.md). Errors contain neither addresses nor secrets.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.header import Header
from email.message import EmailMessage
from email.policy import Policy
from email.utils import formatdate
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset, NotifyFormat

from models.errors import SettingsError, Unreachable
from reports.mail import MailServer, ascii_address, sender_address
from reports.schedule import LOCAL
from reports.webhook import AddressGuard, attachment, post, webhook_parts

_ANSWER_SECONDS: Final = 30
_PLAIN_SUBJECT: Final = 68
_LARGEST: Final = 20 * 1024**2
_ASSET: Final = AppriseAsset(app_id="romashka", app_desc="ROMASHKA reports", async_mode=False)


class ReportMessage(NamedTuple):
    """A message to deliver, with or without a report; ``id`` is the same for each attempt."""

    id: str
    subject: str
    text: str
    file: Path | None = None
    file_name: str = ""
    media_type: str = ""

    @property
    def attachments(self) -> list[dict[str, str]]:
        """The report in the format of Apprise's JSON; empty where there is none."""
        if self.file is None:
            return []
        return [attachment(self.file_name, self.media_type, self.file.read_bytes())]


class Notifier(Protocol):
    """Hands reports over."""

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        """Hand one over.

        Raises
        ------
        Unreachable
            Temporary failure.
        SettingsError
            Permanent failure with the present settings; says what to change.
        """


class ChannelNotifier:
    """Delivers to the recipients of schedules.

    Parameters
    ----------
    mail
        The mail server; ``None`` where none is set.
    variables
        The environment, for recipients ``env:NAME``.
    guard
        Decides which hosts may be called.
    """

    def __init__(
        self, mail: MailServer | None, variables: Mapping[str, str], guard: AddressGuard | None = None
    ) -> None:
        self._mail = mail
        self._variables = variables
        self._guard = guard or AddressGuard()

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        """Hand one over (see ``Notifier``)."""
        if report_message.file is not None and report_message.file.stat().st_size > _LARGEST:
            raise SettingsError("the report is larger than 20 MiB, which mail servers refuse; leave out its raw data")
        address = self._address(recipient)
        scheme = address.partition(":")[0].lower()
        if scheme == "mailto":
            self._post(address.partition(":")[2], report_message)
        elif scheme in {"http", "https"} and Apprise.instantiate(address, asset=_ASSET) is None:
            self._call(address, recipient, report_message)
        else:
            self._notify(address, recipient, report_message)

    def _address(self, recipient: str) -> str:
        if not recipient.startswith("env:"):
            return recipient
        name = recipient.removeprefix("env:")
        if not (address := self._variables.get(name, "")):
            raise SettingsError(f"the variable {name} is not set where the workers run")
        return address

    def _post(self, to: str, report_message: ReportMessage) -> None:
        mail = self._mail
        if mail is None:
            raise SettingsError("there is no mail server to send by; set ROMASHKA_SMTP_HOST and ROMASHKA_SMTP_FROM")
        try:
            message = _message(mail.sender, ascii_address(to), report_message)
        except ValueError as error:
            raise SettingsError(
                "the recipient's or the sender's domain is none that the DNS can have; check the addresses"
            ) from error
        try:
            server = _connected(mail)
            try:
                if mail.user:
                    _log_in(server, mail)
                _send(server, message)
                with suppress(smtplib.SMTPException, OSError):  # it has the message, whatever it answers now
                    server.quit()
            finally:
                server.close()
        except smtplib.SMTPAuthenticationError as error:
            raise SettingsError(
                "the mail server refuses us; check ROMASHKA_SMTP_USER and ROMASHKA_SMTP_PASSWORD"
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = ", ".join(str(code) for code, _ in error.recipients.values())
            raise Unreachable(f"the mail server refuses the recipient ({codes}); check the address") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(
                f"the mail server {mail.host}:{mail.port} did not take the report ({type(error).__name__}); check "
                "ROMASHKA_SMTP_HOST, _PORT and _SECURITY"
            ) from error

    def _call(self, address: str, recipient: str, report_message: ReportMessage) -> None:
        """Post to a webhook, with the same object as Apprise's JSON service."""
        parts = webhook_parts(address)
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            raise SettingsError("a webhook at http:// would get the report unencrypted; take https://")
        body = {
            "version": "1.0",
            "title": report_message.subject,
            "message": report_message.text,
            "attachments": report_message.attachments,
            "type": "info",
        }
        try:
            post(self._guard, address, body, report_message.id, _ANSWER_SECONDS)
        except Unreachable as error:
            raise Unreachable(f"{_shown(recipient)} did not take the report") from error

    def _notify(self, address: str, recipient: str, report_message: ReportMessage) -> None:
        service = Apprise(asset=_ASSET)
        if not service.add(address):
            raise SettingsError(
                f"{_shown(recipient)} is not an address that can be sent to; see Apprise's list of services"
            )
        for one in service:
            one.redirects = False
            if host := str(
                getattr(one, "host", "") or ""
            ):  # services with a configurable server: ntfy, Mattermost, ...
                self._guard.address(host, int(getattr(one, "port", 0) or 0) or 443)
        file = None
        if report_message.file is not None:
            named = urlencode({"name": report_message.file_name, "mime": report_message.media_type})
            file = f"file://{quote(str(report_message.file.resolve()))}?{named}"
        # As plain text: names in it may look like markup, which services interpret (Slack) or refuse (Telegram). But
        # where that would be made Markdown of, addresses of links would have backslashes in them.
        becomes = {one.resolve_format(NotifyFormat.TEXT) for one in service}
        form = None if NotifyFormat.MARKDOWN in becomes else NotifyFormat.TEXT
        if not service.notify(body=report_message.text, title=report_message.subject, attach=file, body_format=form):
            raise Unreachable(f"{_shown(recipient)} did not take the report")


def _connected(mail: MailServer) -> smtplib.SMTP:
    trusted = ssl.create_default_context()
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=_ANSWER_SECONDS, context=trusted)
    server = smtplib.SMTP(mail.host, mail.port, timeout=_ANSWER_SECONDS)
    if mail.security == "starttls":
        try:
            server.starttls(context=trusted)
        except BaseException:
            server.close()
            raise
    return server


class _Subject(str):
    """A subject header that is neither decoded nor folded before its first word.

    The e-mail package decodes ``=?utf-8?q?...?=`` in a header that it is given, line breaks too, and puts a first word
    that does not fit on a line of its own, which leaves a blank before it.
    """

    __slots__ = ()
    name: Final = "Subject"  # marks this as a header value for the package

    def fold(self, *, policy: Policy) -> str:
        """Return the header line: plain where it fits, in encoded words of RFC 2047 where not."""
        plain = (
            self.isascii()
            and len(self) <= _PLAIN_SUBJECT
            and "=?" not in self
            and self == self.strip()
            and self.isprintable()
        )
        text = str(self) if plain else Header(str(self), "utf-8", header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {text}{policy.linesep}"


def _message(sender: str, to: str, report_message: ReportMessage) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = _Subject(report_message.subject)
    from_ = sender_address(sender)
    message["From"] = from_
    message["To"] = to
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{report_message.id}@{from_.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(report_message.text)
    if report_message.file is not None:
        kind, _, subtype = report_message.media_type.partition("/")
        message.add_attachment(
            report_message.file.read_bytes(), maintype=kind, subtype=subtype, filename=report_message.file_name
        )
    return message


def _log_in(server: smtplib.SMTP, mail: MailServer) -> None:
    if not (mail.user.isascii() and mail.password.isascii()):
        raise SettingsError(
            "ROMASHKA_SMTP_USER or ROMASHKA_SMTP_PASSWORD has characters beyond ASCII, which mail servers read "
            "differently; set a password of letters, digits and signs of ASCII there"
        )
    server.login(mail.user, mail.password)


def _send(server: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        server.send_message(message)
    except smtplib.SMTPNotSupportedError as error:
        raise SettingsError(
            "the mail server takes no address with letters beyond ASCII before the @ (SMTPUTF8); give another one"
        ) from error


def _shown(recipient: str) -> str:
    """Return a recipient for display: the variable's name, or the host only."""
    return recipient if recipient.startswith("env:") else urlsplit(recipient).hostname or "the recipient"
