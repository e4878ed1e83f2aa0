"""Jobs about customers and needs: churn, upsell, forecasts, missing integrations and data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers import churn, upsell
from detectors.customers.churn import CHURN
from detectors.customers.upsell import UPSELL
from jobs.customer_scoring import EVERY, Scored, Subject, score
from jobs.needs import expired, find_needs, make_forecasts, week_of
from models.insights import Insight
from storage.backlog import read_backlog
from storage.reading import query_rows
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
    found = [] if scored is None else scored.insights + _waves(scored, now)
    return found + expired(client, ("churn_wave",), week_of(now))


def find_upsells(client: Client, now: datetime) -> Sequence[Insight]:
    """Return upsell insights of customers and of tenants."""
    behind = read_backlog(client, now).behind
    values = {
        row["user_id"]: upsell.Typical(row["typical"], row["sales"])
        for row in query_rows(client, *upsell.values_query(now))
    }
    subject = Subject(
        UPSELL,
        upsell.upsell_features,
        lambda standing, facts, why: upsell.opportunity(standing, facts, why, values.get(standing.user_id)),
        upsell.closed,
        upsell.ACTIONS,
        lambda facts, why, _: upsell.action_for(facts, why),
        lambda facts, _: values[facts.user_id].value if facts.user_id in values else None,
        must_prove=True,
    )
    scored = score(client, subject, now, behind)
    connected: dict[UUID, set[str]] = defaultdict(set)
    for row in query_rows(client, *upsell.connected_query(now, behind)):
        connected[row["user_id"]].add(row["provider"])
    tenants = {user_id: frozenset(providers) for user_id, providers in connected.items()}
    found = [] if scored is None else scored.insights
    week = week_of(now)
    plans = [upsell.larger_plan(upsell.Use(**row), week) for row in query_rows(client, *upsell.use_query(now, behind))]
    found += upsell.unconnected(tenants, week) + [one for one in plans if one is not None]
    return found + expired(client, ("unconnected_provider", "larger_plan"), week)


def _waves(scored: Scored, now: datetime) -> list[Insight]:
    """Return insights for tenants with more customers at risk at the last snapshot than in the weeks before."""
    if scored.bounds is None:
        return []
    at_risk: dict[tuple[UUID, datetime], int] = defaultdict(int)
    counts: dict[tuple[UUID, datetime], int] = defaultdict(int)
    for one in scored.store.snapshots(now - (_WEEKS + 1) * EVERY):
        risky = scored.model.predict_proba_one(one.features)[True] >= scored.bounds.enter
        at_risk[one.user_id, one.at] += risky
        counts[one.user_id, one.at] += 1
    last = max((at for _, at in counts), default=now)
    found = []
    for (user_id, at), customers in counts.items():
        before = [key for key in counts if key[0] == user_id and key[1] < last]
        if at < last or len(before) < _MIN_WEEKS:
            continue
        usual = sum(at_risk[key] for key in before) / sum(counts[key] for key in before)
        found.append(churn.wave(user_id, at_risk[user_id, at], customers, usual, at))
    return [one for one in found if one is not None]


JOBS: Final = (
    Job("churn", timedelta(hours=6), find_churn, fenced=True, waits_for_backlog=True),
    Job("upsell", timedelta(hours=6), find_upsells, fenced=True, waits_for_backlog=True),
    Job("forecast", timedelta(hours=6), make_forecasts, fenced=True, waits_for_backlog=True),
    Job("needs", timedelta(hours=1), find_needs),
)
