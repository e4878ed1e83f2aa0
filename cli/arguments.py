"""What people type, as values; what cannot be read is an error that names the argument."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from kpis.period import is_period, period
from models.errors import SettingsError


def tenant_id(name: str, text: str) -> UUID:
    """Return a tenant's id."""
    try:
        return UUID(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected a UUID") from None


def day(name: str, text: str) -> date:
    """Return a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected a day such as 2026-01-01") from None


def moment(name: str, text: str) -> datetime:
    """Return a moment; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected ISO-8601, for example 2026-11-01T08:00+01:00") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def moment_or_span(name: str, text: str, now: datetime) -> datetime:
    """Return a moment, or the one that lies so long before now as for example 90m, 24h, 7d, 1w, 1M, 1Q or 1y say."""
    if is_period(text) and not text.startswith("last"):
        return period(text, now, "UTC", name)[0]
    try:
        return moment(name, text)
    except SettingsError:
        raise SettingsError(f"{name} is '{text}'; expected ISO-8601, or for example 90m, 24h, 7d or 1M") from None
