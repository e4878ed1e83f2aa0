"""One run of a customer model: queue snapshots, resolve labels, learn, score, and report customers above the threshold.

Tenants that ingestion is behind with are left out of every step but learning: what has not been read yet would count as
not having happened. Every step is idempotent, so a run that was interrupted or repeated changes nothing. History is no
special case: its weekly snapshots are queued like those of the present, each from events before its time.

One model learns from all tenants, from a bounded number of labels. Everything else is done for a slice of tenants at a
time, with the results of doing it at once: memory does not grow with their number
(docs/adr/0060-slices-of-tenants.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.calibration import better_than, better_than_prior, quality
from detectors.customers.customer_features import ACTIVE
from detectors.customers.customer_scores import Bounds
from detectors.customers.delayed_model import (
    FOREST_VERSION,
    MIN_LABELS,
    VERSION,
    Counts,
    DelayedModel,
    ExplainableModel,
    PromotedChallenger,
    challenger,
    replay,
)
from detectors.customers.labels import Snapshot, resolve, slots, some, without
from detectors.customers.recommendations import RecommendationResult, effects
from jobs.customer_episodes import EVERY, Scored, Unscored
from jobs.customer_subject import Subject, read_facts
from models.insights import Insight
from models.tenant_slice import TENANTS, TenantSlice
from storage.label_store import LabelStore
from storage.reading import query_rows
from storage.recommendation_store import RecommendationStore

# Weeks of history to learn from: half a year.
MAX_MOMENTS: Final = 26
# Maximum number of labels, newest first: learning from them takes a few seconds.
MAX_LABELS: Final = 100_000
# The challenger learns from a sample of customers with about this many labels: it takes a millisecond per label.
_CHALLENGED_LABELS: Final = 1_000
# A statement names at most so many tenants: servers limit the length of a parameter.
_MAX_NAMED: Final = 1_000

_SPANS: Final = f"""
SELECT user_id, min(created_at) AS first, max(created_at) AS last FROM conversation_outcomes
WHERE {TENANTS} AND user_id NOT IN {{behind:Array(UUID)}}
GROUP BY user_id
"""  # noqa: S608 - our own


class Run(NamedTuple):
    """The result of a run."""

    insights: list[Insight]
    model: ExplainableModel
    bounds: Bounds | None
    store: LabelStore


class TenantSpan(NamedTuple):
    """The times of a tenant's first and last outcome."""

    user_id: UUID
    first: datetime
    last: datetime


def score(client: Client, subject: Subject, now: datetime, behind: Collection[UUID] = ()) -> Run | None:
    """Run once, without the tenants ``behind``; ``None`` where there is no data yet."""
    store = LabelStore(client, subject.task, behind)
    slices = store.slices_of_customers()
    queue = _Queue(client, store, subject, now, behind)
    filled = [queue.fill(within) for within in slices]
    if not any(filled):
        return None
    for within in store.slices_of_unlabelled():
        for part in within.split():
            store.add_labels(resolve(subject.task, store.within(part).fates(now), now))
    model, counts, proven = _learn(store, now)
    at = now.replace(minute=0, second=0, microsecond=0)
    scoring, bounds = Unscored(client, store, behind, at, counts.prior), None
    if counts.ready and (proven or not subject.must_prove):
        recommended = RecommendationStore(client, subject.task, behind)
        known = effects(_results(recommended, at), subject.actions, prevents=subject.task.silence)
        scoring = Scored(client, store, behind, at, counts.prior, model=model, recommended=recommended, effects=known)
        bounds = scoring.bounds
    elif not counts.ready:
        if subject.unlearned is None:
            return Run([], model, None, store)
        prior = counts.prior if counts.labels >= MIN_LABELS else store.known_share()
        scoring = Unscored(client, store, behind, at, prior, by_rule=counts)
    return Run([one for within in slices for one in scoring.of(subject, within)], model, bounds, store)


def _results(recommended: RecommendationStore, at: datetime) -> Iterator[RecommendationResult]:
    """Yield what became of recommendations, in one order whatever the slices: sums of probabilities depend on it.

    A tenant has a bounded number of them, so no slice is in parts.
    """
    for within in recommended.slices_of_results(at):
        yield from recommended.within(within).results(at)


class _Queue(NamedTuple):
    """Queues the snapshots of a slice.

    One that is not due is made again, because events from before it may have arrived since. One that is due is made of
    tenants that have none of its time: ingestion was behind with them until now.
    """

    client: Client
    store: LabelStore
    subject: Subject
    now: datetime
    behind: Collection[UUID]

    def fill(self, within: TenantSlice) -> bool:
        """Queue; return whether there are any tenants."""
        parameters = {**within.parameters, "behind": sorted(within.among(self.behind))}
        spans = [TenantSpan(**row) for row in query_rows(self.client, _SPANS, parameters, aware=True)]
        if not spans:
            return False
        for part in within.split():
            self._fill_part(part, spans)
        return True

    def _fill_part(self, part: TenantSlice, spans: Sequence[TenantSpan]) -> None:
        """Queue what is missing of a part: a run may have ended after another part of the same tenant."""
        queued = self.store.within(part).queued_tenants()
        for at in slots(min(one.first for one in spans), self.now, EVERY, MAX_MOMENTS):
            is_due = at + self.subject.task.horizon <= self.now
            tenants = missing(spans, queued[at], at) if at in queued and is_due else None
            if tenants != []:
                self._add(at, part, tenants)

    def _add(self, at: datetime, part: TenantSlice, tenants: Collection[UUID] | None) -> None:
        named = tenants if tenants is not None and len(tenants) <= _MAX_NAMED else ()
        wanted = None if tenants is None else set(tenants)
        found = [
            Snapshot(one.user_id, one.customer_id, at, at + self.subject.task.horizon, self.subject.features(one, at))
            for one in read_facts(self.client, at, self.behind, part, named)
            if wanted is None or one.user_id in wanted
        ]
        if found:
            self.store.queue(without(found, self.store.within(part).queued(at)))


def missing(spans: Sequence[TenantSpan], queued: Collection[UUID], at: datetime) -> list[UUID]:
    """Return the tenants without a snapshot of a time though they had outcomes about then."""
    return [one.user_id for one in spans if one.first < at <= one.last + ACTIVE and one.user_id not in queued]


def _learn(store: LabelStore, now: datetime) -> tuple[ExplainableModel, Counts, bool]:
    """Return the champion, or the challenger if it is significantly better on delayed labels."""
    linear, forest, labels = DelayedModel(), challenger(), store.labels(now, MAX_LABELS)
    champion, watched = replay(labels, linear), replay(some(labels, _CHALLENGED_LABELS), forest)
    model: ExplainableModel = linear
    roles = ((champion, VERSION), (watched, FOREST_VERSION))
    if better_than(champion.judged, watched.judged):
        model, roles = PromotedChallenger(forest, linear), (roles[1], roles[0])
    for role, (replayed, version) in zip(("champion", "challenger"), roles, strict=True):
        measured = quality(replayed.judged)
        if measured is not None:
            store.add_quality(role, version, measured, now.replace(hour=0, minute=0, second=0, microsecond=0))
    return model, champion.counts, better_than_prior(roles[0][0].judged)
