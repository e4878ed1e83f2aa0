"""Spans of traces, as the program sees them; ``storage.otel`` makes them with OpenTelemetry, where traces are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Attribute = str | int | float


class Span(Protocol):
    """A span that was started."""

    def end(self, **attributes: Attribute) -> None:
        """Add attributes and end it; a second time does nothing."""


class Spans(Protocol):
    """Makes spans."""

    def start(
        self, name: str, *, parent: Span | None = None, links: Sequence[Span] = (), **attributes: Attribute
    ) -> Span:
        """Start a span below ``parent``, or below the span that is entered; the caller ends it."""

    def request(self, name: str, headers: Mapping[str, str], **attributes: Attribute) -> Span:
        """Start the span of a request, below the caller's span that its ``traceparent`` names (W3C Trace Context)."""

    def entered(self, span: Span) -> AbstractContextManager[None]:
        """Make a span the parent of those that start within; does not end it."""

    def current(self) -> Span | None:
        """Return the entered span, ``None`` where none is."""

    def headers(self) -> dict[str, str]:
        """Return the headers that make the entered span the parent of another program's spans."""

    def close(self) -> None:
        """Send what has ended, and stop."""
