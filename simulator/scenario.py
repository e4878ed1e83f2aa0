"""The public entry: a scenario, its feed of events, and its ground truth.

Example
-------
>>> from datetime import UTC, datetime, timedelta
>>> from simulator.scenario import Scenario
>>> start = datetime(2026, 3, 2, tzinfo=UTC)
>>> scenario = Scenario(seed=7, start=start, end=start + timedelta(days=1), rate=0.05)
>>> feed = scenario.feed(scenario.start)
>>> history = feed.until(scenario.end)
>>> first_live_second = feed.until(scenario.end + timedelta(seconds=1))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from models.counting import agreeing, counted
from models.errors import SettingsError
from simulator.business import Business, OutcomesOnly
from simulator.conversations import MEAN_QUERIES
from simulator.customers import Customers, Fate
from simulator.effects import EFFECTS
from simulator.experiments import SimulatedExperiment
from simulator.feed import Feed
from simulator.incidents import MAX_DURATION, VARIANTS, SimulatedIncident
from simulator.plan import Plan
from simulator.rhythm import Rate
from simulator.rows import Message
from simulator.tenants import DEFAULT_TENANTS, SimulatedTenant
from simulator.times import from_ms, to_ms
from simulator.totals import Totals
from simulator.truth import CustomerTurn, Truth

# How an outcome of somebody without a name is written (simulator.conversations).
_NOBODY: Final = b'"customer_id":null'
_AnyBusiness = TypeVar("_AnyBusiness", bound=Business)
# Last syncs lie some days before the start, and events know no time before 2000.
_EARLIEST: Final = datetime(2000, 2, 1, tzinfo=UTC)
# What data a conversation used is kept in the bits of an integer.
_MAX_LINKS: Final = 15
# A customer comes about this often, so the pool grows with the traffic, within bounds.
_DAYS_BETWEEN_VISITS: Final = 6.0
_SMALLEST_POOL, _LARGEST_POOL = 60, 20_000
# Outcomes per conversation, with those that are reopened and closed again.
_OUTCOMES: Final = 1.06


@dataclass(frozen=True)
class Scenario:
    """The parameters of the traffic; equal scenarios produce equal bytes.

    Parameters
    ----------
    seed
        0 or more.
    start, end
        Aware moments. Nothing begins before ``start``; ``end`` is where history ends and live traffic may go on.
    tenants
        The tenants.
    rate
        Multiplier of the tenants' volume. Sync jobs are not affected.
    live_rate
        The same from ``live_from`` on (``None``: like ``rate``), so that a long history can be thin and the present
        dense.
    live_from
        ``None``: ``end``.
    incidents_per_day
        How many incidents the seed places a day, on average; 0 for quiet days.
    incidents
        Incidents beside those.
    named_share
        Share of identified customers; the others are anonymous.
    experiments
        Experiments that conversations take part in, at most one each.

    Raises
    ------
    SettingsError
        An invalid value; names the parameter.
    """

    seed: int
    start: datetime
    end: datetime
    tenants: tuple[SimulatedTenant, ...] = DEFAULT_TENANTS
    rate: float = 1.0
    live_rate: float | None = None
    live_from: datetime | None = None
    incidents_per_day: float = 0.0
    incidents: tuple[SimulatedIncident, ...] = ()
    named_share: float = 1.0
    experiments: tuple[SimulatedExperiment, ...] = ()

    def __post_init__(self) -> None:
        """Reject invalid parameters."""
        _check(self.seed >= 0, f"seed must be 0 or more, not {self.seed}")
        moments = {"start": self.start, "end": self.end, "live_from": self.live_from}
        for name, moment in moments.items():
            _check(moment is None or moment.tzinfo is not None, f"{name} needs a time zone, for example UTC")
        _check(_EARLIEST <= self.start < self.end, f"start must be before end and not before {_EARLIEST:%Y-%m-%d}")
        for name, rate in {"rate": self.rate, "live_rate": self.live_rate}.items():
            _check(rate is None or 0 < rate <= 1_000, f"{name} must be above 0 and at most 1000, not {rate}")
        _check(0 <= self.incidents_per_day <= 100, "incidents_per_day must be between 0 and 100")
        _check(0 <= self.named_share <= 1, "named_share must be between 0 and 1")
        _check(sum(one.traffic for one in self.experiments) <= 1 + 1e-9, "experiments must share the traffic, up to 1")
        for experiment in self.experiments:
            _check(0 <= experiment.share <= 1, f"experiment {experiment.name!r}: share must be between 0 and 1")
            known = {None, *(provider for tenant in self.tenants for provider in tenant.providers)}
            _check(
                experiment.withheld in known, f"experiment {experiment.name!r}: no tenant uses {experiment.withheld}"
            )
        _check(len(self.tenants) > 0, "tenants must name at least one tenant")
        _check(len({one.key for one in self.tenants}) == len(self.tenants), "tenants must differ in their ids")
        for tenant in self.tenants:
            _check_tenant(tenant)
        for incident in self.incidents:
            _check_incident(incident, self.tenants)

    def feed(self, begin: datetime) -> Feed:
        """Return the events from ``begin`` on, as a cursor; it has no end."""
        return Feed(self.businesses(begin, Business))

    def businesses(self, begin: datetime, kind: type[_AnyBusiness]) -> list[_AnyBusiness]:
        """Return the tenants as fresh cursors of a kind, from ``begin`` on."""
        start, plan, rate = to_ms(self.start), self.plan(), self._rate()
        return [
            kind(
                self.seed,
                tenant,
                plan=plan,
                rate=rate,
                customers=self._customers(tenant),
                start=start,
                begin=to_ms(begin),
                experiments=self.experiments,
            )
            for tenant in self.tenants
        ]

    def plan(self) -> Plan:
        """Return the plan of incidents."""
        return Plan(self.seed, self.tenants, self.incidents_per_day, self.incidents, to_ms(self.start))

    def history(self, step: timedelta = timedelta(hours=6)) -> Iterator[list[Message]]:
        """Yield the events of ``[start, end)`` in time order, a list for each step of time."""
        feed, reached = self.feed(self.start), self.start
        while reached < self.end:
            reached = min(reached + step, self.end)
            yield feed.until(reached)

    def outcomes(self, step: timedelta = timedelta(days=7)) -> Iterator[list[Message]]:
        """Yield only the outcomes of identified customers' conversations in ``[start, end)``.

        A tenant has such data from before its integrations were tracked.
        """
        feed, reached = Feed(self.businesses(self.start, OutcomesOnly)), self.start
        while reached < self.end:
            reached = min(reached + step, self.end)
            yield [message for message in feed.until(reached) if _NOBODY not in message[2]]

    def truth(self, until: datetime, totals: Totals) -> Truth:
        """Return the ground truth from ``start`` to ``until``, with the totals of the returned messages."""
        span = (to_ms(self.start), to_ms(until))
        pools = [(tenant, self._customers(tenant)) for tenant in self.tenants]
        return Truth(
            seed=self.seed,
            start=self.start,
            end=until,
            incidents=self.plan().between(*span),
            churned=_turns([(tenant, pool, pool.named(pool.leavers(*span))) for tenant, pool in pools]),
            upsell_ready=_turns([(tenant, pool, pool.named(pool.ready(*span))) for tenant, pool in pools]),
            effects=EFFECTS,
            totals=totals,
            experiments=self.experiments,
        )

    def _rate(self) -> Rate:
        after = self.rate if self.live_rate is None else self.live_rate
        return Rate(self.rate, after, to_ms(self.end if self.live_from is None else self.live_from))

    def _customers(self, tenant: SimulatedTenant) -> Customers:
        visits = tenant.queries_per_minute / MEAN_QUERIES * self.rate * 24 * 60
        size = min(max(round(visits * _DAYS_BETWEEN_VISITS), _SMALLEST_POOL), _LARGEST_POOL)
        return Customers(self.seed, tenant, size, self.named_share)


def rate_for(events: int, span: timedelta, tenants: Sequence[SimulatedTenant] = DEFAULT_TENANTS) -> float:
    """Return the rate at which ``span`` holds about so many events, sync jobs included.

    Raises
    ------
    SettingsError
        The sync jobs alone are more.
    """
    minutes = span / timedelta(minutes=1)
    jobs = sum(minutes / link.sync_minutes + minutes / (24 * 60) for tenant in tenants for link in tenant.links)
    per_query = 1.0 + (1.0 + _OUTCOMES) / MEAN_QUERIES
    at_rate_one = sum(tenant.queries_per_minute for tenant in tenants) * minutes * per_query
    too_few = f"{counted(events, 'event')} {agreeing(events, 'is', 'are')} too few"
    _check(events > jobs, f"{too_few}: the sync jobs of this span alone make about {round(jobs)}")
    return (events - jobs) / at_rate_one


def _turns(found: Sequence[tuple[SimulatedTenant, Customers, list[Fate]]]) -> list[CustomerTurn]:
    turns = [
        CustomerTurn(tenant.id, pool.customer_id(fate.place, fate.turn), from_ms(fate.at), fate.says_so)
        for tenant, pool, fates in found
        for fate in fates
    ]
    return sorted(turns, key=lambda turn: (turn.at, turn.customer_id))


def _check_tenant(tenant: SimulatedTenant) -> None:
    name = f"tenant {tenant.name!r}"
    _check(1 <= len(tenant.links) <= _MAX_LINKS, f"{name}: needs 1 to {_MAX_LINKS} links")
    _check(len(set(tenant.providers)) == len(tenant.links), f"{name}: links must differ in their provider")
    for link in tenant.links:
        _check(link.queries_per_minute > 0, f"{name}, {link.provider}: queries_per_minute must be above 0")
        _check(5 <= link.sync_minutes <= 24 * 60, f"{name}, {link.provider}: sync_minutes must be 5 to 1440")


def _check_incident(incident: SimulatedIncident, tenants: Sequence[SimulatedTenant]) -> None:
    name = f"incident {incident.id!r}"
    _check(incident.start.tzinfo is not None and incident.end.tzinfo is not None, f"{name}: times need a time zone")
    _check(
        incident.start < incident.end <= incident.start + MAX_DURATION,
        f"{name}: must last up to {MAX_DURATION.days} days",
    )
    _check(0 <= incident.severity <= 1, f"{name}: severity must be between 0 and 1")
    forms = VARIANTS[incident.kind]
    _check(incident.form in forms, f"{name}: variant must be one of {', '.join(forms)}")
    hit = [one for one in tenants if incident.provider in one.providers and incident.tenant in {None, one.id}]
    _check(len(hit) > 0, f"{name}: no tenant of the scenario it names uses {incident.provider}")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise SettingsError(message)
