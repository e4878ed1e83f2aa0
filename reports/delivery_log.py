"""The log of deliveries: mutually exclusive attempts, recorded before and after (docs/adr/0014-reports-once.md)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid4

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import Unreachable
from storage.clickhouse_errors import reason_of
from storage.reading import query_rows

State = Literal["claimed", "sent", "failed"]

LEASE: Final = timedelta(minutes=10)
# Minimum remaining lease for sending: another worker may start when it is over.
MIN_LEFT: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 8
_FIRST_PAUSE: Final = timedelta(minutes=1)
_COLUMNS: Final = (
    "user_id",
    "schedule_id",
    "period_start",
    "recipient_key",
    "attempt",
    "state",
    "token",
    "happened_at",
    "until",
    "detail",
)
_STATUS: Final = """
SELECT schedule_id, period_start, recipient_key, max(attempt) AS attempts, max(state = 'sent') AS sent,
    argMax(state, (attempt, state != 'claimed')) AS last,
    argMax(tuple(until), (attempt, state != 'claimed')).1 AS until,
    argMax(detail, (attempt, state != 'claimed')) AS detail, max(happened_at) AS happened_at
FROM report_deliveries
WHERE period_start >= {since:DateTime64(3, 'UTC')}
GROUP BY schedule_id, period_start, recipient_key
"""
_HOLDER: Final = """
SELECT max(attempt) AS attempts, max(state = 'sent') AS sent,
    anyIf(token, attempt = {attempt:UInt16} AND state = 'claimed') AS holder,
    countIf(attempt = {attempt:UInt16} AND state = 'failed') AS failed
FROM report_deliveries
WHERE schedule_id = {schedule:UUID} AND period_start = {period:DateTime64(3, 'UTC')} AND recipient_key = {key:String}
"""


class DeliveryKey(NamedTuple):
    """The unit of delivery: a period of a schedule for a recipient."""

    schedule: UUID
    period: datetime
    key: str

    @property
    def message_id(self) -> str:
        """A stable id, independent of sender and attempt."""
        return f"{self.schedule.hex}.{self.period:%Y%m%dT%H%M%S}.{self.key}"


class DeliveryStatus(NamedTuple):
    """The state of a delivery; ``until`` is the end of a claim, or the earliest next attempt after a failure."""

    attempts: int
    state: State
    until: datetime | None
    detail: str
    happened_at: datetime

    def given_up(self, now: datetime) -> bool:
        """Whether there will be no further attempt."""
        over = self.state == "failed" or (self.until is not None and self.until <= now)
        return self.state != "sent" and self.attempts >= MAX_ATTEMPTS and over


class Claim(NamedTuple):
    """A claimed attempt."""

    tenant: UUID
    place: DeliveryKey
    attempt: int
    token: UUID
    until: datetime


def next_attempt(status: DeliveryStatus | None, now: datetime) -> int | None:
    """Return the number of the attempt that may start now; ``None`` where none may."""
    if status is None:
        return 1
    waits = status.until is not None and status.until > now
    if status.state == "sent" or status.attempts >= MAX_ATTEMPTS or waits:
        return None
    return status.attempts + 1


def pause_after(attempt: int) -> timedelta:
    """Return the back-off after a failed attempt: one minute, doubled each time."""
    return _FIRST_PAUSE * (1 << (attempt - 1))


class DeliveryLog:
    """Rows of ``report_deliveries``. Every method raises ``Unreachable`` where ClickHouse does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def statuses(self, since: datetime) -> dict[DeliveryKey, DeliveryStatus]:
        """Return the state of deliveries with periods since a time."""
        return {
            DeliveryKey(row["schedule_id"], row["period_start"], row["recipient_key"]): DeliveryStatus(
                int(row["attempts"]),
                "sent" if row["sent"] else row["last"],
                row["until"],
                row["detail"],
                row["happened_at"],
            )
            for row in query_rows(self._client, _STATUS, {"since": _text(since)}, aware=True)
        }

    def claim(self, tenant: UUID, place: DeliveryKey, attempt: int, now: datetime) -> Claim | None:
        """Claim an attempt; ``None`` where another worker has claimed it or sent the report meanwhile."""
        claim = Claim(tenant, place, attempt, uuid4(), now + LEASE)
        self._write(claim, "claimed", now, claim.until, "")
        return claim if self.holds(claim, now) else None

    def holds(self, claim: Claim, now: datetime) -> bool:
        """Return whether the claim is still valid; checked right before sending."""
        if claim.until - now < MIN_LEFT:
            return False
        place = claim.place
        parameters = {
            "schedule": str(place.schedule),
            "period": _text(place.period),
            "key": place.key,
            "attempt": claim.attempt,
        }
        row = query_rows(self._client, _HOLDER, parameters)[0]
        return (
            not row["sent"]
            and not row["failed"]
            and int(row["attempts"]) == claim.attempt
            and row["holder"] == claim.token
        )

    def sent(self, claim: Claim, now: datetime) -> None:
        """Record a successful delivery."""
        self._write(claim, "sent", now, None, "")

    def failed(self, claim: Claim, now: datetime, reason: str) -> None:
        """Record a failed delivery, and the time of the next attempt."""
        again = now + pause_after(claim.attempt) if claim.attempt < MAX_ATTEMPTS else None
        self._write(claim, "failed", now, again, reason)

    def _write(self, claim: Claim, state: State, now: datetime, until: datetime | None, detail: str) -> None:
        place = claim.place
        row = (claim.tenant, *place, claim.attempt, state, claim.token, now, until, detail)
        # The server keeps the first insert of a deduplication token and drops others: a compare-and-set.
        token = f"{place.message_id}/{claim.attempt}/{state}"
        try:
            self._client.insert(
                "report_deliveries",
                [row],
                column_names=list(_COLUMNS),
                settings={"insert_deduplicate": 1, "insert_deduplication_token": token},
            )
        except ClickHouseError as error:
            reason = reason_of(error)
            raise Unreachable(f"ClickHouse did not take a note of a delivery: {reason}") from error


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
