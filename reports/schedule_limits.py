"""Limits of schedules: number, frequency and recipients; the same for API and command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from kpis.scope import zone
from models.counting import counted
from models.errors import InvalidRequest, RomashkaError
from reports.cron import firings, next_firing
from reports.mail import ascii_domain
from reports.schedule import Schedule

_DAY = timedelta(days=1)
# Search horizon for the shortest time between two firings: a month.
_DAYS = 32


class TooManySchedules(RomashkaError):
    """A tenant has reached its limit of schedules."""


class ScheduleLimits(NamedTuple):
    """The configured limits.

    Parameters
    ----------
    per_tenant, recipients
        Maximum number of schedules per tenant, and of recipients per schedule.
    mail_domains
        Allowed mail domains as ``ascii_domain`` returns them; any where empty.
    apart
        The minimum time between two firings.
    """

    per_tenant: int = 50
    recipients: int = 20
    mail_domains: frozenset[str] = frozenset()
    apart: timedelta = timedelta(minutes=15)

    def check(self, schedule: Schedule, others: Sequence[Schedule]) -> None:
        """Reject a schedule beyond the limits; ``others`` are those of its tenant.

        Raises
        ------
        InvalidRequest
            Names the invalid field.
        TooManySchedules
            The tenant has as many as it may have.
        """
        self._check_recipients(schedule.recipients)
        if (gap := shortest_gap(schedule.cron, schedule.time_zone, schedule.since, self.apart)) < self.apart:
            minutes = counted(round(gap / timedelta(minutes=1)), "minute")
            least = counted(round(self.apart / timedelta(minutes=1)), "minute")
            raise InvalidRequest("cron", f"'{schedule.cron}' comes again after {minutes}; expected at least {least}")
        if len([one for one in others if one.id != schedule.id]) >= self.per_tenant:
            raise TooManySchedules(f"a tenant may have {counted(self.per_tenant, 'schedule')}; remove one first")

    def _check_recipients(self, recipients: Iterable[str]) -> None:
        given = list(recipients)
        if len(given) > self.recipients:
            raise InvalidRequest("recipients", f"a schedule may have {counted(self.recipients, 'recipient')}")
        for one in given:
            scheme, _, address = one.partition(":")
            if scheme.lower() != "mailto" or not self.mail_domains:
                continue
            if ascii_domain(address.rpartition("@")[2]) not in self.mail_domains:
                allowed = ", ".join(sorted(self.mail_domains))
                raise InvalidRequest("recipients", f"mail may go to addresses at {allowed} alone")


DEFAULT_LIMITS: Final = ScheduleLimits()


def shortest_gap(cron: str, time_zone: str, after: datetime, enough: timedelta) -> timedelta:
    """Return the shortest time between two firings, or a time of at least ``enough`` where it is not shorter."""
    local = zone(time_zone)
    first = next_firing(cron, local, after)
    if first is None:
        return enough
    begin = first - _DAY
    last = begin
    shortest = enough
    for day in range(_DAYS + 1):
        fired = [last, *firings(cron, local, begin + day * _DAY, begin + (day + 1) * _DAY)]
        # The first element is the start of the search, not a firing.
        gaps = [later - earlier for earlier, later in pairwise(fired) if earlier > begin]
        last = fired[-1]
        shortest = min([shortest, *gaps])
        if shortest < enough:
            return shortest
    return shortest
