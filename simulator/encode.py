"""Columns to JSON. Templates instead of ``json.dumps``: the simulator must be faster than the pipeline.

Fixed text is escaped once, where it enters a table or a context; numbers and times need no escaping.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES
from simulator.arrays import Bools, Ints
from simulator.catalogue import ERROR_KINDS
from simulator.conversations import STAGES, Conversations
from simulator.evidence import IntegrationUse
from simulator.health import STATUSES, HealthReports
from simulator.intelligence import Intelligence
from simulator.outcomes import HANDLED_BY, REASONS, TYPES, Outcomes
from simulator.queries import Queries
from simulator.query_table import QueryTable
from simulator.rows import Rows
from simulator.seeds import uuids
from simulator.tenants import SimulatedTenant
from simulator.times import iso_local, offset_text

_BOOLEANS: Final = ("false", "true")


class TenantEncoder:
    """Makes the rows of one tenant."""

    def __init__(self, tenant: SimulatedTenant, table: QueryTable) -> None:
        self._key = str(tenant.id).encode()
        self._offset_minutes = tenant.utc_offset_minutes
        self._offset = offset_text(tenant.utc_offset_minutes)
        self._user = f'"user_id":"{tenant.id}","created_at":"'
        self._table = table
        self._provider_lists = cache(lambda bits: _named(table.providers, bits))
        self._data_type_lists = cache(lambda bits: _named(table.data_types, bits))
        self._providers = [f'"integration_provider":{json.dumps(provider)}' for provider in table.providers]

    def queries(self, ids: np.random.Generator, conversations: Conversations, queries: Queries) -> Rows:
        """Return the query events."""
        order = np.argsort(queries.at, kind="stable")
        at, conversation, entry = queries.at[order], queries.conversation[order], queries.entry[order]
        success, error, response = queries.success[order], queries.error_kind[order], queries.response_ms[order]
        measures = [(np.round(one.values[order], 4), one.given[order]) for one in queries.measures.values()]
        measure_fields = ",".join(f'"{name}":%s' for name in queries.measures)
        event_ids, fields, user, offset = uuids(ids, len(at)), self._table.fields, self._user, self._offset
        errors = _texts(ERROR_KINDS)

        def encode(first: int, last: int) -> list[str]:
            rows = slice(first, last)
            columns = (
                event_ids[rows],
                iso_local(at[rows], self._offset_minutes),
                conversation[rows].tolist(),
                entry[rows].tolist(),
                success[rows].tolist(),
                response[rows].tolist(),
                zip(*(_or_null(values[rows], given[rows]) for values, given in measures), strict=True),
                error[rows].tolist(),
            )
            return [
                f'{{"event_id":"{event_id}",{user}{time}{offset}",{conversations.context[row]},'
                f'"conversation_id":"{conversations.ids[row]}",{fields[question]},"query_success":{_BOOLEANS[good]},'
                f'"response_time_ms":{ms},{measure_fields % measured},'
                f'"error_kind":{errors[kind]}}}'
                for event_id, time, row, question, good, ms, measured, kind in zip(*columns, strict=True)
            ]

        return Rows(QUERIES.name, self._key, at, encode)

    def outcomes(
        self,
        ids: np.random.Generator,
        conversations: Conversations,
        evidence: IntegrationUse,
        outcomes: Outcomes,
        labels: Sequence[str],
    ) -> Rows:
        """Return the outcome events; ``labels`` are the JSON fields of a conversation's experiment."""
        order = np.argsort(outcomes.at, kind="stable")
        at, conversation = outcomes.at[order], outcomes.conversation[order]
        rows_of = conversation.tolist()
        # Returns wait for days: they keep only what they need of their block.
        context = [conversations.context[row] for row in rows_of]
        conversation_ids = [conversations.ids[row] for row in rows_of]
        label = [labels[row] for row in rows_of]
        opened = conversations.start[conversation]
        used, links, kind = evidence.used[conversation], evidence.links[conversation], outcomes.type[order]
        minutes, minutes_given = outcomes.minutes[order], outcomes.minutes_given[order]
        stars, stars_given = outcomes.satisfaction[order], outcomes.satisfaction_given[order]
        cents, cents_given = outcomes.cents[order], outcomes.cents_given[order]
        handled_by, reason = outcomes.handled_by[order], outcomes.reason[order]
        event_ids, user, offset = uuids(ids, len(at)), self._user, self._offset
        types, handlers, reasons = _texts(TYPES), _texts(HANDLED_BY), _texts(REASONS)

        def encode(first: int, last: int) -> list[str]:
            rows = slice(first, last)
            columns = (
                event_ids[rows],
                iso_local(at[rows], self._offset_minutes),
                context[rows],
                conversation_ids[rows],
                used[rows].tolist(),
                links[rows].tolist(),
                kind[rows].tolist(),
                _or_null(minutes[rows], minutes_given[rows]),
                _or_null(stars[rows], stars_given[rows]),
                _money(cents[rows], cents_given[rows]),
                handled_by[rows].tolist(),
                reason[rows].tolist(),
                iso_local(opened[rows], self._offset_minutes),
                label[rows],
            )
            return [
                f'{{"event_id":"{event_id}",{user}{time}{offset}",{who},"conversation_id":"{talk}",'
                f'"integration_data_used":{_BOOLEANS[with_data]},"integration_types_used":{self._provider_lists(bits)},'
                f'"outcome_type":{types[end]},"resolution_time_minutes":{length},"customer_satisfaction_score":{score},'
                f'"business_value_generated":{value},"handled_by":{handlers[handler]},"handoff_reason":{reasons[why]},'
                f'"opened_at":"{began}{offset}"{arm}}}'
                for (
                    event_id, time, who, talk, with_data, bits, end, length, score, value, handler, why, began, arm
                ) in zip(*columns, strict=True)
            ]  # fmt: skip

        return Rows(OUTCOMES.name, self._key, at, encode)

    def intelligence(
        self,
        ids: np.random.Generator,
        conversations: Conversations,
        evidence: IntegrationUse,
        intelligence: Intelligence,
        labels: Sequence[str],
    ) -> Rows:
        """Return the intelligence events, one per conversation; ``labels`` as for outcomes."""
        order = np.argsort(intelligence.at, kind="stable")
        at, used, bits = intelligence.at[order], evidence.used[order], evidence.data_types[order]
        sure, unsure = np.round(intelligence.with_data[order], 4), np.round(intelligence.without_data[order], 4)
        chance, stage = np.round(intelligence.conversion[order], 4), conversations.stage[order]
        event_ids, user, offset, stages = uuids(ids, len(at)), self._user, self._offset, _texts(STAGES)
        gaps = {row: json.dumps(labels, separators=(",", ":")) for row, labels in evidence.gaps.items()}

        def encode(first: int, last: int) -> list[str]:
            rows = slice(first, last)
            columns = (
                event_ids[rows],
                iso_local(at[rows], self._offset_minutes),
                order[rows].tolist(),
                bits[rows].tolist(),
                _or_null(sure[rows], used[rows]),
                unsure[rows].tolist(),
                stage[rows].tolist(),
                chance[rows].tolist(),
            )
            return [
                f'{{"event_id":"{event_id}",{user}{time}{offset}",{conversations.context[row]},'
                f'"conversation_id":"{conversations.ids[row]}","data_types_accessed":{self._data_type_lists(types)},'
                f'"knowledge_gaps_identified":{gaps.get(row, "[]")},"ai_confidence_with_data":{better},'
                f'"ai_confidence_without_data":{worse},"customer_journey_stage":{stages[where]},'
                f'"conversion_probability":{likely}{labels[row]}}}'
                for event_id, time, row, types, better, worse, where, likely in zip(*columns, strict=True)
            ]

        return Rows(INTELLIGENCE.name, self._key, at, encode)

    def health(self, ids: np.random.Generator, health: HealthReports) -> Rows:
        """Return the health events."""
        event_ids, user, offset = uuids(ids, len(health.at)), self._user, self._offset
        errors, statuses = _texts(ERROR_KINDS), _texts(STATUSES)

        def encode(first: int, last: int) -> list[str]:
            rows = slice(first, last)
            columns = (
                event_ids[rows],
                iso_local(health.at[rows], self._offset_minutes),
                health.link[rows].tolist(),
                health.status[rows].tolist(),
                iso_local(health.last_sync_at[rows], self._offset_minutes),
                np.round(health.success_rate[rows], 4).tolist(),
                _or_null(np.round(health.error_rate[rows], 4), health.error_rate_given[rows]),
                np.round(health.freshness_score[rows], 4).tolist(),
                np.round(health.quota_used[rows], 4).tolist(),
                health.started[rows].tolist(),
                _or_null(health.records[rows], health.finished[rows]),
                _or_null(health.records_failed[rows], health.finished[rows]),
                _or_null(health.duration_ms[rows], health.finished[rows]),
                health.error_kind[rows].tolist(),
            )
            return [
                f'{{"event_id":"{event_id}",{user}{time}{offset}",{self._providers[link]},'
                f'"sync_status":{statuses[status]},"last_sync_at":"{synced}{offset}","sync_success_rate":{good},'
                f'"error_rate":{bad},"data_freshness_score":{fresh},"api_rate_limit_usage":{quota},'
                f'"sync_job_id":"sync-{self._table.providers[link]}-{job}","records_synced":{records},"records_failed":{failed},'
                f'"duration_ms":{took},"error_kind":{errors[kind]}}}'
                for (
                    event_id, time, link, status, synced, good, bad, fresh, quota, job, records, failed, took, kind
                ) in zip(*columns, strict=True)
            ]  # fmt: skip

        return Rows(HEALTH.name, self._key, health.at, encode)


def _texts(values: Sequence[str]) -> list[str]:
    """Return JSON strings by position; position -1, the last, is null."""
    return [*(json.dumps(value) for value in values), "null"]


def _named(names: Sequence[str], bits: int) -> str:
    return json.dumps([name for place, name in enumerate(names) if bits >> place & 1], separators=(",", ":"))


def _or_null(values: npt.NDArray[np.number[Any]], given: Bools) -> list[float | str]:
    texts: list[float | str] = values.tolist()
    for row in np.flatnonzero(~given).tolist():
        texts[row] = "null"
    return texts


def _money(cents: Ints, given: Bools) -> list[str]:
    return [
        f"{amount // 100}.{amount % 100:02d}" if sent else "null"
        for amount, sent in zip(cents.tolist(), given.tolist(), strict=True)
    ]
