"""The leader's job that sets thresholds by the verdicts on findings; the command line shows what it would do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.thresholds import (
    Goals,
    Proposal,
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


def proposals(client: Client, store: DetectorStore, goals: Goals, now: datetime) -> list[ProposedThreshold]:
    """Return what the verdicts lead to for every tenant and detector with findings, unchanged ones too.

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
    found = []
    for place, verdicts in evidence.items():
        tenant, detector = place
        replay = ThresholdReplay(store, place, _confirmed(findings, place), schedule)
        current = current_threshold(newest, tenant, detector)
        proposal = propose(verdicts, current, bounds_of(detector), goals, replay)
        found.append(ProposedThreshold(tenant, detector, proposal, verdicts))
    return found


def apply_proposals(
    client: Client, found: Sequence[ProposedThreshold], goals: Goals, secret: bytes, *, now: datetime
) -> list[StoredThreshold]:
    """Store the changes and note them in the audit log; return them; raises ``Unreachable``."""
    due = [one for one in found if one.proposal.is_change]
    if not due:
        return []
    chain = open_chain(client, secret, now)
    made = []
    for one in due:
        stored = save_proposal(client, (one.tenant, one.detector), one.proposal, one.evidence, goals.budget, now=now)
        log.info("threshold of %s at %s: %g to %g; %s", one.detector, one.tenant, *stored[3:6])
        details = {"tenant": str(one.tenant), "old": stored.old_value, "new": stored.value, "version": stored.version}
        chain.add(AuditEntry(now, "verdicts", "thresholds.set", f"detector:{one.detector}", "ok", details))
        made.append(stored)
    chain.flush(client)
    return made


def _confirmed(findings: Sequence[JudgedFinding], place: tuple[UUID, str]) -> list[Confirmed]:
    tenant, detector = place
    return [
        Confirmed((tenant.bytes, one.provider), one.started_at, one.ended_at)
        for one in findings
        if one.user_id == tenant and one.verdict == "real" and detector_of(one.kind) == detector
    ]
