"""Changes of detectors' thresholds (table ``detector_thresholds``), and the verdicts that they rest on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.thresholds import (
    DEFAULTS,
    FalseAlarmRate,
    Proposal,
    VerdictEvidence,
    Verdicts,
    bounds_of,
    checked_threshold,
    detector_of,
    effective,
)
from models.errors import InvalidRequest
from models.insights import ALL_TENANTS_ID
from models.query import Query
from models.responses import check_note, name_of_actor
from models.tenant_slice import TENANTS
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from storage.writing import insert_rows

WINDOW: Final = timedelta(days=28)
"""Period before now whose verdicts count; older ones are of other traffic."""
REPLAYED: Final = timedelta(days=84)
"""Period before now whose confirmed findings are replayed."""
_WEEK: Final = timedelta(weeks=1)
_NO_RATE: Final = FalseAlarmRate(0.0, 0.0, 0.0)
_JUDGED: Final = """
SELECT i.user_id AS user_id, toString(i.kind) AS kind, i.integration_provider AS provider, i.started_at AS started_at,
    ifNull(i.ended_at, i.updated_at) AS ended_at, r.verdict AS verdict
FROM predictive_insights AS i FINAL
LEFT JOIN (
    SELECT insight_id, argMax(toString(verdict), (responded_at, id)) AS verdict
    FROM insight_responses FINAL WHERE action IN ('resolve', 'reopen') GROUP BY insight_id
) AS r ON r.insight_id = i.id
WHERE i.insight_type = 'performance_anomaly' AND i.severity IN ('critical', 'warning')
    AND i.started_at >= {since:DateTime64(3, 'UTC')}
    AND i.user_id != {all_tenants:UUID}
ORDER BY i.started_at
"""
_OBSERVED: Final = f"""
SELECT user_id, min(hour_start) AS first FROM query_hours FINAL
WHERE {TENANTS} AND hour_start >= {{since:DateTime('UTC')}} GROUP BY user_id
"""  # noqa: S608 - our own
_TENANTS: Final = """
SELECT user_id, 1 AS rows FROM query_hours WHERE hour_start >= {since:DateTime('UTC')} GROUP BY user_id
"""


class StoredThreshold(NamedTuple):
    """One change of a threshold; a row of ``detector_thresholds``."""

    user_id: UUID
    detector: str
    version: int
    old_value: float
    value: float
    reason: str
    actor: str
    effective_from: datetime
    changed_at: datetime
    findings: int = 0
    real: int = 0
    false_alarms: int = 0
    known: int = 0
    weeks: float = 0.0
    rate: float = 0.0
    rate_low: float = 0.0
    rate_high: float = 0.0
    budget: float = 0.0
    replay_found: float = 0.0
    replay_real: int = 0
    recall: float = 1.0


class JudgedFinding(NamedTuple):
    """A finding with its verdict; empty where nobody gave one."""

    user_id: UUID
    kind: str
    provider: str
    started_at: datetime
    ended_at: datetime
    verdict: str


_COLUMNS: Final = ", ".join(StoredThreshold._fields)
_CHANGES: Final = f"""
SELECT {_COLUMNS} FROM detector_thresholds FINAL ORDER BY user_id, detector, version
"""  # noqa: S608 - the columns are the model's own


def stored_thresholds(client: Client) -> list[StoredThreshold]:
    """Return every change, by tenant and detector, oldest first; raises ``Unreachable``."""
    return [StoredThreshold(**row) for row in query_rows(client, _CHANGES, {}, aware=True)]


def in_force(changes: Sequence[StoredThreshold]) -> dict[tuple[UUID, str], StoredThreshold]:
    """Return the newest change of each tenant and detector."""
    return {(one.user_id, one.detector): one for one in sorted(changes, key=lambda one: one.version)}


def current_threshold(newest: Mapping[tuple[UUID, str], StoredThreshold], tenant: UUID, detector: str) -> float:
    """Return a tenant's threshold: its own, that of all tenants, or the default."""
    for whose in (tenant, ALL_TENANTS_ID):
        if (found := newest.get((whose, detector))) is not None:
            return found.value
    return DEFAULTS[detector]


def set_threshold(
    client: Client, place: tuple[UUID, str], value: float, reason: str, actor: str, *, now: datetime
) -> StoredThreshold:
    """Store a change by somebody; return it.

    Raises
    ------
    InvalidRequest
        There is no such detector, the value is outside its bounds, or the reason is no note.
    Unreachable
        ClickHouse does not answer.
    """
    tenant, detector = place
    checked = checked_threshold(detector, value)
    check_note(reason)
    newest = in_force(stored_thresholds(client))
    old = current_threshold(newest, tenant, detector)
    made = StoredThreshold(
        tenant,
        detector,
        _next_version(newest, place),
        old,
        checked,
        reason,
        name_of_actor(actor),
        effective(now),
        now,
    )
    insert_rows(client, "detector_thresholds", StoredThreshold._fields, [made])
    return made


def revert_threshold(
    client: Client, place: tuple[UUID, str], version: int, actor: str, *, now: datetime
) -> StoredThreshold:
    """Store the value of an earlier version again (0: the default) as a change; raises as ``set_threshold``."""
    tenant, detector = place
    known = [one for one in stored_thresholds(client) if (one.user_id, one.detector) == place]
    values = {0: bounds_of(detector).default, **{one.version: one.value for one in known}}
    if version not in values or not known:
        raise InvalidRequest("version", f"expected one of those that 'romashka thresholds show' lists, or 0 ({tenant})")
    return set_threshold(client, place, values[version], f"reverted to version {version}", actor, now=now)


def save_proposal(
    client: Client,
    place: tuple[UUID, str],
    proposal: Proposal,
    evidence: VerdictEvidence,
    budget: float,
    *,
    now: datetime,
) -> StoredThreshold:
    """Store a change that follows from verdicts; return it; raises ``Unreachable``."""
    own, rate, recall = evidence.own, proposal.rate, proposal.recall
    version = _next_version(in_force(stored_thresholds(client)), place)
    made = StoredThreshold(
        *place,
        version,
        proposal.old,
        proposal.new,
        proposal.reason,
        "verdicts",
        effective(now),
        now,
        own.findings,
        own.real,
        own.false_alarms,
        own.known,
        own.weeks,
        *rate,
        budget,
        recall.found,
        recall.real,
        recall.share,
    )
    insert_rows(client, "detector_thresholds", StoredThreshold._fields, [made])
    return made


def judged_findings(client: Client, since: datetime) -> list[JudgedFinding]:
    """Return the anomalies that alerted since then, with their verdicts, oldest first; raises ``Unreachable``."""
    given = {"since": f"{since:%Y-%m-%d %H:%M:%S}", "all_tenants": str(ALL_TENANTS_ID)}
    return [JudgedFinding(**row) for row in query_rows(client, _JUDGED, given, aware=True)]


def observed_since(client: Client, now: datetime) -> Iterator[tuple[UUID, datetime]]:
    """Yield each tenant and since when it was observed, within ``WINDOW``; raises ``Unreachable``."""
    since = {"since": f"{now - WINDOW:%Y-%m-%d %H:%M:%S}"}
    for within in tenant_slices(client, Query(_TENANTS, since)):
        for row in query_rows(client, _OBSERVED, {**since, **within.parameters}, aware=True):
            yield row["user_id"], row["first"]


def evidence_of(
    findings: Sequence[JudgedFinding],
    observed: Iterable[tuple[UUID, datetime]],
    changes: Sequence[StoredThreshold],
    now: datetime,
) -> dict[tuple[UUID, str], VerdictEvidence]:
    """Return the evidence for each tenant and detector with findings: pure.

    A tenant's findings count since its threshold last changed: those before say nothing about the present one.
    """
    newest = in_force(changes)
    found: defaultdict[tuple[UUID, str | None], list[JudgedFinding]] = defaultdict(list)
    for one in findings:
        found[one.user_id, detector_of(one.kind)].append(one)
    kinds: defaultdict[str, Verdicts] = defaultdict(Verdicts)
    kept: dict[tuple[UUID, str], Verdicts] = {}
    for tenant, first in observed:
        for detector in DEFAULTS:
            place = (tenant, detector)
            since = max(first, now - WINDOW, *_last_changes(newest, tenant, detector))
            own = Verdicts(weeks=max((now - since) / _WEEK, 0.0))
            for one in found.get(place, ()):
                own = own.plus(_verdict(one.verdict)) if one.started_at >= since else own
            kinds[detector] = kinds[detector].plus(own)
            if own.findings or (place in newest and tenant != ALL_TENANTS_ID):
                kept[place] = own
    return {place: VerdictEvidence(own, kinds[place[1]]) for place, own in kept.items()}


def recall_then(changes: Sequence[StoredThreshold], place: tuple[UUID, str], moment: datetime) -> float:
    """Return the recall of the threshold that was in force at a time, as it was estimated; 1 where nothing is known."""
    mine = [one for one in changes if (one.user_id, one.detector) == place and one.effective_from <= moment]
    last = max(mine, key=lambda one: one.version, default=None)
    return 1.0 if last is None else last.recall


def _verdict(verdict: str) -> Verdicts:
    return Verdicts(1, int(verdict == "real"), int(verdict == "false_alarm"), int(verdict == "known"))


def _last_changes(
    newest: Mapping[tuple[UUID, str], StoredThreshold], tenant: UUID, detector: str
) -> tuple[datetime, ...]:
    places = ((tenant, detector), (ALL_TENANTS_ID, detector))
    return tuple(newest[place].effective_from for place in places if place in newest)


def _next_version(newest: Mapping[tuple[UUID, str], StoredThreshold], place: tuple[UUID, str]) -> int:
    return newest[place].version + 1 if place in newest else 1
