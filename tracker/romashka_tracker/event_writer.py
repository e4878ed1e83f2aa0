"""Makes messages of calls: by the fast path where every value is usual, by the contract where one is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from romashka_tracker.compiled import Writer, field_writers, writer
from romashka_tracker.contract import contract_of, schema_of
from romashka_tracker.ids import EventIds
from romashka_tracker.json_texts import ids
from romashka_tracker.methods import Context
from romashka_tracker.moments import Moments
from romashka_tracker.transport import Message
from romashka_tracker.wire import moment_text

_CONTEXT: Final = Context.__annotations__.keys()
_MADE: Final = {"event_id", "created_at"}


class EventWriter:
    """Makes messages of one topic, for any thread of one process.

    Parameters
    ----------
    topic
        The topic.
    event_ids, moments
        Where ids and times come from that a call leaves out.
    """

    def __init__(self, topic: str, event_ids: EventIds, moments: Moments) -> None:
        self._topic = topic
        self._contract = contract_of(topic)
        self._context = field_writers(schema_of(topic), _CONTEXT - _MADE)
        self._ids = ids(schema_of(topic)["properties"]["event_id"].get("pattern", ""))
        self._event_ids = event_ids
        self._moments = moments
        self._write: Writer | None = None

    def message(self, fields: Mapping[str, object], context: Context) -> tuple[UUID, Message]:
        """Return the id and the message of a call.

        Raises
        ------
        InvalidEvent
            A value breaks the contract.
        TypeError
            ``context`` has a name that no event has.
        """
        event_id, id_text = self._event_ids.take()
        now = self._moments.now()
        if context:
            return self._with_context(fields, context, event_id, now)
        write = self._write or self._compiled(fields)
        message = write(fields, f',"event_id":"{id_text}","created_at":"{now}"}}') if now else None
        return event_id, message or self._by_contract(fields, {}, event_id, now)

    def _compiled(self, fields: Mapping[str, object]) -> Writer:
        self._write = writer(schema_of(self._topic), tuple(fields))
        return self._write

    def _with_context(
        self, fields: Mapping[str, object], context: Context, made: UUID, now: str | None
    ) -> tuple[UUID, Message]:
        unknown = context.keys() - _CONTEXT
        if unknown:
            raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(unknown))}")
        given = context.get("event_id")
        event_id = made if given is None else given
        tail = self._tail(context, event_id, now)
        write = self._write or self._compiled(fields)
        message = None if tail is None else write(fields, tail)
        message = message or self._by_contract(fields, context, event_id, now)
        return event_id if isinstance(event_id, UUID) else UUID(event_id), message

    def _tail(self, context: Context, event_id: object, now: str | None) -> str | None:
        """Return the JSON of the fields that every event may have; ``None``: one is unusual."""
        created_at = context.get("created_at")
        made = {
            "event_id": self._ids.write(event_id) if isinstance(event_id, UUID | str) else None,
            "created_at": now
            if created_at is None
            else moment_text(created_at)
            if type(created_at) is datetime
            else None,
        }
        text = ""
        # In the order of the contract's path: what is made comes last, unless it was given.
        for name, value in {**context, **made}.items():
            if name in made:
                written = value and f'"{value}"'
            elif value is None:
                continue
            else:
                written = self._context[name](value)
            if written is None:
                return None
            text += f',"{name}":{written}'
        return text + "}"

    def _by_contract(
        self, fields: Mapping[str, object], context: Context, event_id: object, now: str | None
    ) -> Message:
        created_at = context.get("created_at")
        if created_at is None:
            created_at = datetime.fromisoformat(now) if now else datetime.now(UTC)
        return self._contract.message({**fields, **context, "event_id": event_id, "created_at": created_at})
