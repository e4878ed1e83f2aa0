"""The tracker without its fast path: the contract checks and writes every event, as before decision 54."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

from romashka_tracker import IntegrationTracker
from romashka_tracker.contract import contract_of
from romashka_tracker.methods import Context


class ContractTracker(IntegrationTracker):
    """Makes each id and each time anew, validates with fastjsonschema and writes with ``json.JSONEncoder``."""

    def _publish(self, topic: str, fields: Mapping[str, object], context: Context) -> UUID:
        self._check_open()
        event_id, created_at = uuid4(), datetime.now(UTC)
        message = contract_of(topic).message({**fields, **context, "event_id": event_id, "created_at": created_at})
        self._lanes[topic].put(message)
        return event_id
