"""A schedule of a recurring report: time, content and recipients. Pure; stored by ``reports.schedule_store``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import HeaderRegistry
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from kpis.period import period
from kpis.scope import AllTenants, zone
from kpis.text import printable
from models.errors import InvalidRequest
from reports.cron import check_cron, firings, next_firing
from reports.mail import ascii_address
from reports.request import MAX_RANGE, Parts, ReportFormat, ReportRequest, ReportType

_NAMESPACE: Final = UUID("8a0f9f53-4d8b-5a37-9c41-f7f1f5a1c0de")
_TO: Final = HeaderRegistry()
_MAIL: Final = re.compile(r"^mailto:[^@\s,;<>?&%\"]+@[^@\s,;<>?&%\"/]+$")
# Only variables with this prefix may be named, so that a schedule cannot read other secrets of the worker.
_VARIABLE: Final = re.compile(r"^env:ROMASHKA_TO_[A-Z0-9_]{1,100}$")
# Services whose addresses are secrets.
_SECRET_HOSTS: Final = ("hooks.slack.com", "discord.com", "discordapp.com", "webhook.office.com")
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# Missed reports older than this are not sent.
LOOK_BACK: Final = timedelta(days=35)
_MAX_CAUGHT_UP: Final = 100
# Tolerance for the start of a period: clocks change by up to two hours; the first Friday of a month is up to six days
# off the same day of the month before.
_NEAR: Final = timedelta(hours=2, minutes=1)
_NEAR_MONTHS: Final = timedelta(days=6) + _NEAR
_A_SECOND: Final = timedelta(seconds=1)


class Missed(StrEnum):
    """Treatment of firing times that passed while no worker ran."""

    CATCH_UP = "catch-up"
    SKIP = "skip"


@dataclass(frozen=True)
class Schedule:
    """One schedule.

    Parameters
    ----------
    cron, time_zone
        A cron expression of five fields in the time zone. Each firing time defines a period.
    covers
        The range of each report, for example ``7d``, ``1M`` or ``last-quarter`` (``kpis.period``).
    recipients
        ``mailto:`` addresses, ``https://`` webhooks, or ``env:`` and the name of a variable of the worker that holds
        an address with secrets in it.
    since
        Only firing times after this one count: when it was added or resumed.

    Raises
    ------
    SettingsError
        A value is invalid; names it and what was expected.
    """

    tenant: UUID | AllTenants
    name: str
    type: ReportType
    format: ReportFormat
    cron: str
    time_zone: str
    recipients: tuple[str, ...]
    created_at: datetime
    since: datetime
    covers: str = "7d"
    missed: Missed = Missed.CATCH_UP
    integrations: tuple[str, ...] = ()
    parts: Parts = field(default_factory=Parts)
    active: bool = True

    def __post_init__(self) -> None:
        """Reject an invalid schedule."""
        zone(self.time_zone)
        check_cron(self.cron)
        if not self.recipients:
            raise InvalidRequest(
                "recipients", "a schedule needs somebody to send to, for example mailto:ada@example.com"
            )
        for recipient in self.recipients:
            check_recipient(recipient)
        self.request(self.since)

    @property
    def id(self) -> UUID:
        """A stable id from tenant and name."""
        return uuid5(_NAMESPACE, f"{self.tenant}/{self.name}")

    def request(self, moment: datetime) -> ReportRequest:
        """Return the report request for a firing time."""
        start, end = self.range(moment)
        return ReportRequest(
            name=self.name,
            type=self.type,
            format=self.format,
            tenant=self.tenant,
            start=start,
            end=end,
            integrations=self.integrations,
            parts=self.parts,
            time_zone=self.time_zone,
        )

    def range(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return the range of the report for a firing time; consecutive ranges neither overlap nor leave a gap.

        A relative range ends at the firing time and starts at the firing time nearest to its calendar start, also
        across clock changes and in months without the day.
        """
        start, end = period(self.covers, moment, self.time_zone)
        if self.covers.startswith("last") or self.covers[-1] in "hm" or end != moment.astimezone(UTC):
            return start, end
        local, in_months = zone(self.time_zone), self.covers[-1] in "MQy"
        near = _NEAR_MONTHS if in_months else _NEAR
        fired = firings(self.cron, local, start - near, min(start + near, end - _A_SECOND))
        if not fired and in_months and start.astimezone(local).day != end.astimezone(local).day:
            # A month without the day was skipped: its data belongs to this report.
            before, _ = period(self.covers, start, self.time_zone)
            fired = firings(self.cron, local, max(before - near, end - MAX_RANGE), start)[-1:]
        return min(fired, key=lambda one: abs(one - start), default=start), end

    def due(self, now: datetime) -> list[datetime]:
        """Return the periods that are due by now, ascending, whether sent or not."""
        after = max(self.since, now - LOOK_BACK)
        passed = firings(self.cron, zone(self.time_zone), after, now)
        return passed[-1:] if self.missed is Missed.SKIP else passed[-_MAX_CAUGHT_UP:]

    def next(self, now: datetime) -> datetime | None:
        """Return the next firing time."""
        return next_firing(self.cron, zone(self.time_zone), now) if self.active else None


def recipient_key(recipient: str) -> str:
    """Return a hash of a recipient: 16 digits of its SHA-256."""
    return sha256(recipient.encode()).hexdigest()[:16]


def check_recipient(recipient: str) -> None:
    """Reject an address that is invalid or contains a secret.

    Raises
    ------
    SettingsError
        Says what was expected. Never holds the secret.
    """
    if printable(recipient) != recipient or any(letter.isspace() for letter in recipient):
        raise InvalidRequest("recipients", "has blanks or characters that cannot be printed in it; give one address")
    scheme = recipient.partition(":")[0].lower()
    if scheme == "env":
        if not _VARIABLE.fullmatch(recipient):
            raise InvalidRequest(
                "recipients",
                "env: needs a variable whose name begins with ROMASHKA_TO_, for example env:ROMASHKA_TO_SLACK",
            )
    elif scheme == "mailto":
        if not _MAIL.fullmatch(recipient) or not _is_address(recipient.removeprefix("mailto:")):
            raise InvalidRequest(
                "recipients", "mailto: needs one address and nothing else, for example mailto:ada@example.com"
            )
    elif scheme in {"https", "http"}:
        _check_webhook(recipient)
    else:
        raise _has_a_secret(f"{scheme}://")


def _is_address(text: str) -> bool:
    """Whether a mail is sent to exactly this address: comments, groups and brackets would name another one."""
    try:
        ascii_address(text)
    except ValueError:  # no domain of the DNS
        return False
    parsed: Any = _TO("To", text)
    return [one.addr_spec for one in parsed.addresses] == [text]


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise InvalidRequest("recipients", "https:// is not a URL") from None
    if not host:
        raise InvalidRequest("recipients", "https:// has no host")
    if parts.scheme != "https" and host not in LOCAL:
        raise InvalidRequest("recipients", "http:// would send the report unencrypted; take https://")
    if parts.username is not None or parts.query or parts.fragment or host.endswith(_SECRET_HOSTS):
        raise _has_a_secret(f"https://{host}")


def _has_a_secret(what: str) -> InvalidRequest:
    return InvalidRequest(
        "recipients",
        f"{what}… is an address with secrets in it, which are not stored: put it into an environment variable of the "
        "workers, for example ROMASHKA_TO_SLACK, and give env:ROMASHKA_TO_SLACK",
    )
