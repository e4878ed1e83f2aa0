"""Traces by the settings; OpenTelemetry is loaded only where they are on."""

from __future__ import annotations

from cli.settings import Settings
from storage.spans import Spans


def spans_of(config: Settings, service: str) -> Spans | None:
    """Return what makes the spans of a program; ``None`` where no endpoint is set."""
    if not config.otlp_endpoint:
        return None
    from storage.otel import exported  # noqa: PLC0415 - a third of a second and 15 MB that few need

    return exported(service, config.otlp_endpoint, config.trace_share)
