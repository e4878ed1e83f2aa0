"""Jobs about customers and needs: churn, upsell, forecasts, missing integrations and data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers import churn, upsell
from detectors.customers.churn import CHURN
from detectors.customers.customer_features import CustomerFacts
from detectors.customers.customer_scores import CustomerScore
from detectors.customers.upsell import UPSELL
from jobs.customer_episodes import EVERY
from jobs.customer_scoring import Run, score
from jobs.customer_subject import Subject
from jobs.needs import expired, find_needs, make_forecasts, week_of
from models.insights import Insight
from models.tenant_slice import TenantSlice
from storage.backlog import read_backlog
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from streams.job import Job

# Weeks that the share at risk is compared with, and the minimum number of them.
_WEEKS, _MIN_WEEKS = 8, 3


def find_churn(client: Client, now: datetime) -> Sequence[Insight]:
    """Return churn insights: customers at risk, and tenants with unusually many of them."""
    subject = Subject(
        CHURN,
        churn.churn_features,
        churn.risk,
        churn.closed,
        churn.ACTIONS,
        churn.action_for,
        churn.at_stake,
        churn.overdue,
        churn.unlearned,
    )
    scored = score(client, subject, now, read_backlog(client, now).behind)
    found = [] if scored is None else [*scored.insights, *_waves(scored, now)]
    return found + expired(client, ("churn_wave",), week_of(now))


def find_upsells(client: Client, now: datetime) -> Sequence[Insight]:
    """Return upsell insights of customers and of tenants."""
    behind = read_backlog(client, now).behind

    def within(one: TenantSlice) -> Subject:
        rows = query_rows(client, *upsell.values_query(now, one))
        return upsell_subject({row["user_id"]: upsell.Typical(row["typical"], row["sales"]) for row in rows})

    scored = score(client, upsell_subject({})._replace(within=within), now, behind)
    week = week_of(now)
    found = [] if scored is None else scored.insights
    found += _of_integrations(client, now, behind, week)
    return found + expired(client, ("unconnected_provider", "larger_plan"), week)


def upsell_subject(values: Mapping[UUID, upsell.Typical]) -> Subject:
    """Return what is looked for, with what an upsell of each tenant is worth."""

    def opened(standing: CustomerScore, facts: CustomerFacts, why: Mapping[str, float]) -> Insight:
        found = upsell.opportunity(standing, facts, why, values.get(standing.user_id))
        return found._replace(unit=facts.currency or found.unit)

    return Subject(
        UPSELL,
        upsell.upsell_features,
        opened,
        upsell.closed,
        upsell.ACTIONS,
        lambda facts, why, _: upsell.action_for(facts, why),
        lambda facts, _: values[facts.user_id].value if facts.user_id in values else None,
        must_prove=True,
    )


def _of_integrations(client: Client, now: datetime, behind: Collection[UUID], week: datetime) -> list[Insight]:
    """Return the larger plans and the unconnected providers of tenants, each a slice of tenants at a time."""
    slices = tenant_slices(client, upsell.connections_query(now))
    found, sets = list[Insight](), Counter[frozenset[str]]()
    for one in slices:
        uses = (upsell.Use(**row) for row in query_rows(client, *upsell.use_query(now, behind, one)))
        found += [plan for use in uses if (plan := upsell.larger_plan(use, week)) is not None]
        sets.update(_connected(client, now, behind, one).values())
    proposed = upsell.proposals(sets)
    for one in slices if proposed else ():
        found += upsell.unconnected(_connected(client, now, behind, one), proposed, week)
    return found


def _connected(
    client: Client, now: datetime, behind: Collection[UUID], within: TenantSlice
) -> dict[UUID, frozenset[str]]:
    connected: dict[UUID, set[str]] = defaultdict(set)
    for row in query_rows(client, *upsell.connected_query(now, behind, within)):
        connected[row["user_id"]].add(row["provider"])
    return {user_id: frozenset(providers) for user_id, providers in connected.items()}


def _waves(scored: Run, now: datetime) -> Iterator[Insight]:
    """Yield insights for tenants with more customers at risk at the last snapshot than in the weeks before."""
    if scored.bounds is None:
        return
    since = now - (_WEEKS + 1) * EVERY
    slices = scored.store.slices_of_snapshots(since)
    last = max(scored.store.within(one).newest(since) for one in slices)
    for one in slices:
        yield from _waves_of(scored, scored.bounds.enter, one, since, last)


def _waves_of(
    scored: Run, at_risk_from: float, within: TenantSlice, since: datetime, last: datetime
) -> Iterator[Insight]:
    at_risk: dict[UUID, Counter[datetime]] = defaultdict(Counter)
    counts: dict[UUID, Counter[datetime]] = defaultdict(Counter)
    for part in within.split():
        for one in scored.store.within(part).snapshots(since):
            risky = scored.model.predict_proba_one(one.features)[True] >= at_risk_from
            at_risk[one.user_id][one.at] += risky
            counts[one.user_id][one.at] += 1
    for user_id, customers in counts.items():
        before = [at for at in customers if at < last]
        if last not in customers or len(before) < _MIN_WEEKS:
            continue
        usual = sum(at_risk[user_id][at] for at in before) / sum(customers[at] for at in before)
        found = churn.wave(user_id, at_risk[user_id][last], customers[last], usual, last)
        if found is not None:
            yield found


JOBS: Final = (
    Job("churn", timedelta(hours=6), find_churn, fenced=True, waits_for_backlog=True),
    Job("upsell", timedelta(hours=6), find_upsells, fenced=True, waits_for_backlog=True),
    Job("forecast", timedelta(hours=6), make_forecasts, fenced=True, waits_for_backlog=True),
    Job("needs", timedelta(hours=1), find_needs),
)
