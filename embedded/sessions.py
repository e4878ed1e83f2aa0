"""The ``SET`` and ``USE`` statements of each HTTP session, repeated before the session's next statement.

Every statement has a connection of its own, so that the settings in one request's URL cannot leak into another's and
requests of one client run side by side. A session is therefore a list of statements. Temporary tables do not fit in
there; the engine's side refuses them with a clear error.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Session:
    statements: tuple[bytes, ...]
    expires_at: float


class Sessions:
    """The sessions of one server. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def statements(self, session_id: str, timeout: float, now: float) -> tuple[bytes, ...]:
        """Return what to repeat for the session, and keep it alive for ``timeout`` more seconds."""
        for expired in [key for key, session in self._sessions.items() if session.expires_at < now]:
            del self._sessions[expired]
        session = self._sessions.get(session_id)
        if session is None:
            return ()
        session.expires_at = now + timeout
        return session.statements

    def remember(self, session_id: str, statement: bytes, timeout: float, now: float) -> None:
        """Add a ``SET`` or ``USE`` that succeeded."""
        known = self._sessions.get(session_id)
        earlier = known.statements if known is not None else ()
        kept = tuple(other for other in earlier if other != statement)
        self._sessions[session_id] = _Session((*kept, statement), now + timeout)
