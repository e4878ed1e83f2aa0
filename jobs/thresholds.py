"""The leader's job that sets thresholds by the verdicts on findings; the command line shows what it would do."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.thresholds import (
    DEFAULTS,
    Goals,
    Proposal,
    Recall,
    ThresholdChange,
    ThresholdSchedule,
    VerdictEvidence,
    bounds_of,
    detector_of,
    propose,
)
from models.insights import Insight
from storage.audit import AuditEntry, open_chain
from storage.detector_store import DetectorStore
from storage.threshold_store import (
    REPLAYED,
    WINDOW,
    JudgedFinding,
    StoredThreshold,
    current_threshold,
    evidence_of,
    in_force,
    judged_findings,
    observed_since,
    recall_then,
    save_proposal,
    stored_thresholds,
)
from streams.detection.threshold_replay import Confirmed, ThresholdReplay
from streams.job import Job

log = logging.getLogger(__name__)
_EVERY: Final = timedelta(hours=6)


class ProposedThreshold(NamedTuple):
    """A proposal for a detector of a tenant, with the verdicts that it rests on."""

    tenant: UUID
    detector: str
    proposal: Proposal
    evidence: VerdictEvidence


def threshold_job(store: Callable[[], DetectorStore], goals: Goals, secret: bytes) -> Job:
    """Return the job: each change is a row with its reason, and is in the audit log.

    Parameters
    ----------
    store
        Opens the history that confirmed findings are replayed from.
    """

    def run(client: Client, now: datetime) -> Sequence[Insight]:
        apply_proposals(client, proposals(client, store(), goals, now), goals, secret, now=now)
        return ()

    return Job("thresholds", _EVERY, run)


def proposals(client: Client, store: DetectorStore, goals: Goals, now: datetime) -> Iterator[ProposedThreshold]:
    """Yield what the verdicts lead to for every tenant and detector with findings, unchanged ones too.

    Raises
    ------
    Unreachable, SinkUnavailable
        ClickHouse does not answer.
    """
    changes = stored_thresholds(client)
    findings = judged_findings(client, now - max(WINDOW, REPLAYED))
    evidence = evidence_of(findings, observed_since(client, now), changes, now)
    schedule = ThresholdSchedule(
        ThresholdChange(one.user_id, one.detector, one.value, one.effective_from, one.version) for one in changes
    )
    newest = in_force(changes)
    confirmed = _confirmed(findings, changes)
    usual = {name: ThresholdReplay(store, name, confirmed[name], schedule) for name in DEFAULTS}
    for (tenant, detector), verdicts in evidence.items():
        mine = [one for one in confirmed[detector] if one.series[0] == tenant.bytes]
        replay = partial(_recall, ThresholdReplay(store, detector, mine, schedule), usual[detector])
        current = current_threshold(newest, tenant, detector)
        proposal = propose(verdicts, current, bounds_of(detector), goals, replay)
        yield ProposedThreshold(tenant, detector, proposal, verdicts)


def apply_proposals(
    client: Client, found: Iterable[ProposedThreshold], goals: Goals, secret: bytes, *, now: datetime
) -> list[StoredThreshold]:
    """Store each change and note it in the audit log, one after the other; return them; raises ``Unreachable``."""
    chain = None
    made = []
    for one in found:
        if not one.proposal.is_change:
            continue
        chain = chain or open_chain(client, secret, now)
        stored = save_proposal(client, (one.tenant, one.detector), one.proposal, one.evidence, goals.budget, now=now)
        log.info("threshold of %s at %s: %g to %g; %s", one.detector, one.tenant, *stored[3:6])
        details = {"tenant": str(one.tenant), "old": stored.old_value, "new": stored.value, "version": stored.version}
        chain.add(AuditEntry(now, "verdicts", "thresholds.set", f"detector:{one.detector}", "ok", details))
        chain.flush(client)
        made.append(stored)
    return made


def _recall(own: ThresholdReplay, usual: ThresholdReplay, threshold: float) -> Recall:
    """Return the recall at a tenant, with that at all tenants."""
    everywhere = usual(threshold)
    return own(threshold)._replace(usual=everywhere.share if everywhere.real else None)


def _confirmed(
    findings: Sequence[JudgedFinding], changes: Sequence[StoredThreshold]
) -> defaultdict[str, list[Confirmed]]:
    """Return the confirmed findings by detector."""
    confirmed: defaultdict[str, list[Confirmed]] = defaultdict(list)
    for one in findings:
        detector = detector_of(one.kind)
        if detector is not None and one.verdict == "real":
            recall = recall_then(changes, (one.user_id, detector), one.started_at)
            series = one.user_id.bytes, one.provider
            confirmed[detector].append(Confirmed(series, one.started_at, one.ended_at, recall))
    return confirmed
