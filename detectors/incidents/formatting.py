"""Formats numbers, durations and provider names."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from models.counting import counted

_SPELLED: Final = {"hubspot": "HubSpot", "bigcommerce": "BigCommerce", "woocommerce": "WooCommerce"}


def provider_name(provider: str) -> str:
    """Return the display name of a provider."""
    return _SPELLED.get(provider) or provider.replace("_", " ").replace("-", " ").title()


def number(value: float) -> str:
    """Return a number with two to three significant digits."""
    size = abs(value)
    digits = 0 if size >= 9.95 else 1 if size >= 0.995 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(hours: float) -> str:
    """Return a formatted duration."""
    if hours >= 48:
        return counted(hours / 24, "day", shown=number(hours / 24))
    if hours >= 1.5:
        return counted(hours, "hour", shown=number(hours))
    return counted(max(round(hours * 60), 1), "minute")


def spread(lower: float, upper: float) -> str:
    """Return a formatted range."""
    return f"{number(max(lower, 0.0))} to {number(upper)}"


def when(started_at: datetime, ended_at: datetime | None) -> str:
    """Return a formatted period; the end has its day where it differs."""
    if ended_at is None:
        return f"since {started_at:%Y-%m-%d %H:%M} UTC"
    end = f"{ended_at:%H:%M}" if ended_at.date() == started_at.date() else f"{ended_at:%Y-%m-%d %H:%M}"
    return f"from {started_at:%Y-%m-%d %H:%M} to {end} UTC"
