"""One run of a customer model: queue snapshots, resolve labels, learn, score, and report customers above the threshold.

Tenants that ingestion is behind with are left out of every step but learning: what has not been read yet would count as
not having happened. Every step is idempotent, so a run that was interrupted or repeated changes nothing. History is no
special case: its weekly snapshots are queued like those of the present, each from events before its time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.calibration import better_than, better_than_prior, quality
from detectors.customers.customer_features import ACTIVE, CustomerFacts, facts_query
from detectors.customers.customer_scores import (
    Bounds,
    CustomerScore,
    Key,
    advance,
    beginners,
    bounds_for,
    recently_ended,
)
from detectors.customers.delayed_model import (
    FOREST_VERSION,
    MIN_LABELS,
    VERSION,
    Counts,
    DelayedModel,
    ExplainableModel,
    Features,
    PromotedChallenger,
    challenger,
    replay,
)
from detectors.customers.labels import Snapshot, Task, resolve, slots, some, without
from detectors.customers.recommendations import Candidate, choose, effects, told
from models.insights import Insight
from storage.label_store import LabelStore
from storage.reading import query_rows
from storage.recommendation_store import RecommendationStore

EVERY: Final = timedelta(days=7)
# Weeks of history to learn from: half a year.
MAX_MOMENTS: Final = 26
# Maximum number of labels, newest first: learning from them takes a few seconds.
MAX_LABELS: Final = 100_000
# The challenger learns from a sample of customers with about this many labels: it takes a millisecond per label.
_CHALLENGED_LABELS: Final = 1_000
# An ended episode is reported again for this long, in case the run that ended it was interrupted.
_TELL_AGAIN: Final = timedelta(days=7)

_SPANS: Final = """
SELECT user_id, min(created_at) AS first, max(created_at) AS last FROM conversation_outcomes
WHERE user_id NOT IN {behind:Array(UUID)}
GROUP BY user_id
"""


class Subject(NamedTuple):
    """Definition of a customer model: its task, its features, and the insights it makes."""

    task: Task
    features: Callable[[CustomerFacts, datetime], Features]
    opened: Callable[[CustomerScore, CustomerFacts, Mapping[str, float]], Insight]
    closed: Callable[[CustomerScore], Insight]
    # The actions, the action for a customer, and the money at stake.
    actions: tuple[str, ...]
    action: Callable[[CustomerFacts, Mapping[str, float], datetime], str]
    at_stake: Callable[[CustomerFacts, datetime], float | None]
    # The rule and the insight used while there are too few labels for a model.
    unlearned: Callable[[CustomerFacts, datetime], bool] | None = None
    unlearned_opened: Callable[[CustomerScore, CustomerFacts, Counts], Insight] | None = None
    # Whether insights need a model whose predictions were better than the base rate.
    must_prove: bool = False


class Scored(NamedTuple):
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


def score(client: Client, subject: Subject, now: datetime, behind: Collection[UUID] = ()) -> Scored | None:
    """Run once, without the tenants ``behind``; ``None`` where there is no data yet."""
    spans = [TenantSpan(**row) for row in query_rows(client, _SPANS, {"behind": sorted(behind)}, aware=True)]
    if not spans:
        return None
    store = LabelStore(client, subject.task, behind)
    _queue(client, store, subject, now, spans=spans, behind=behind)
    store.add_labels(resolve(subject.task, store.fates(now), now))
    model, counts, proven = _learn(store, now)
    at = now.replace(minute=0, second=0, microsecond=0)
    facts = {(one.user_id, one.customer_id): one for one in _facts(client, at, behind)}
    if counts.ready and subject.must_prove and not proven:
        return Scored(_withheld(store, subject, counts.prior, facts, at), model, None, store)
    if counts.ready:
        recommended = RecommendationStore(client, subject.task, behind)
        insights = _ready(recommended, store, subject, model, counts.prior, facts=facts, at=at)
        return Scored(insights, model, bounds_for(counts.prior), store)
    return Scored(_unlearned(store, subject, counts, facts, at), model, None, store)


def _queue(
    client: Client,
    store: LabelStore,
    subject: Subject,
    now: datetime,
    *,
    spans: Sequence[TenantSpan],
    behind: Collection[UUID],
) -> None:
    """Queue snapshots; one that is not due is made again, because events from before it may have arrived since.

    One that is due is made of tenants that have none of its time: ingestion was behind with them until now.
    """
    queued = store.queued_tenants()
    for at in slots(min(one.first for one in spans), now, EVERY, MAX_MOMENTS):
        due = at + subject.task.horizon
        tenants = missing(spans, queued[at], at) if at in queued and due <= now else None
        if tenants == []:
            continue
        found = [
            Snapshot(one.user_id, one.customer_id, at, due, subject.features(one, at))
            for one in _facts(client, at, behind, tenants or ())
        ]
        store.queue(without(found, store.queued(at)))


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


class _Standing(NamedTuple):
    """Facts, features and probabilities of all customers at a time."""

    at: datetime
    facts: Mapping[Key, CustomerFacts]
    features: Mapping[Key, Features]
    scores: Mapping[Key, float]


def _ready(
    recommended: RecommendationStore,
    store: LabelStore,
    subject: Subject,
    model: ExplainableModel,
    prior: float,
    *,
    facts: Mapping[Key, CustomerFacts],
    at: datetime,
) -> list[Insight]:
    features = {key: subject.features(one, at) for key, one in facts.items()}
    scores = {key: model.predict_proba_one(x)[True] for key, x in features.items()}
    now = _Standing(at, facts, features, scores)
    before, bounds = store.standings(), bounds_for(prior)
    known = effects(recommended.results(at), subject.actions, prevents=subject.task.silence)
    begin = beginners(before, scores, bounds, at)
    new = choose(_candidates(subject, model, now, begin), known, recommended.room(_week_of(at), at), at)
    recommended.add(new)
    standings = advance(before, scores, prior, bounds, at, chosen={(one.user_id, one.customer_id) for one in new})
    store.add_standings(standings)
    open_ = [one for one in standings if one.is_open and (one.user_id, one.customer_id) in facts]
    since = min((one.started_at for one in open_ if one.started_at is not None), default=at)
    reasons = {(one.user_id, one.customer_id, one.recommended_at): one for one in recommended.since(since)}
    opened = []
    for one in open_:
        key = (one.user_id, one.customer_id)
        insight = subject.opened(one, facts[key], model.contributions(features[key]))
        insight = insight._replace(model_version=model.version)
        reason = reasons.get((*key, one.started_at or at))
        # An action of another version may be unknown.
        effect = None if reason is None else known.get(reason.action)
        opened.append(insight if reason is None or effect is None else told(insight, reason, effect))
    return opened + _ended(subject, standings, at)


def _candidates(subject: Subject, model: ExplainableModel, now: _Standing, keys: Sequence[Key]) -> list[Candidate]:
    found = []
    for key in keys:
        facts, why = now.facts[key], model.contributions(now.features[key])
        money = subject.at_stake(facts, now.at)
        found.append(Candidate(*key, subject.action(facts, why, now.at), now.scores[key], money))
    return found


def _unlearned(
    store: LabelStore, subject: Subject, counts: Counts, facts: Mapping[Key, CustomerFacts], at: datetime
) -> list[Insight]:
    """Return the customers selected by the rule that needs no labels, without a probability."""
    if subject.unlearned is None or subject.unlearned_opened is None:
        return []
    known = counts.prior if counts.labels >= MIN_LABELS else store.known_share()
    standings = _unscored(store, {key: subject.unlearned(one, at) for key, one in facts.items()}, known, at)
    opened = [
        subject.unlearned_opened(one, facts[key], counts)
        for one in standings
        if one.is_open and (key := (one.user_id, one.customer_id)) in facts
    ]
    return opened + _ended(subject, standings, at)


def _withheld(
    store: LabelStore, subject: Subject, prior: float, facts: Mapping[Key, CustomerFacts], at: datetime
) -> list[Insight]:
    """Close the open episodes of a model that is no better than the base rate, and open none."""
    return _ended(subject, _unscored(store, dict.fromkeys(facts, False), prior, at), at)


def _unscored(store: LabelStore, stands_out: Mapping[Key, bool], prior: float, at: datetime) -> list[CustomerScore]:
    """Store and return the scores of customers with a past or present episode, without a probability."""
    scores = {key: prior if out else 0.0 for key, out in stands_out.items()}
    standings = [
        one._replace(probability=None)
        for one in advance(store.standings(), scores, prior, Bounds(enter=prior, leave=prior), at)
        if one.started_at is not None
    ]
    store.add_standings(standings)
    return standings


def _week_of(at: datetime) -> datetime:
    return slots(at - 2 * EVERY, at, EVERY, 1)[0]


def _ended(subject: Subject, standings: Sequence[CustomerScore], at: datetime) -> list[Insight]:
    return [subject.closed(one) for one in recently_ended(standings, at - _TELL_AGAIN)]


def _facts(
    client: Client, at: datetime, behind: Collection[UUID], tenants: Collection[UUID] = ()
) -> list[CustomerFacts]:
    rows = query_rows(client, *facts_query(at, behind=behind, tenants=tenants), aware=True)
    return [CustomerFacts.of_row(row) for row in rows]
