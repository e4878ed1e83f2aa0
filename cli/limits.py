"""Limits from the settings, for commands and servers."""

from __future__ import annotations

from datetime import timedelta

from cli.settings import Settings
from models.errors import SettingsError
from reports.mail import ascii_domain
from reports.schedule_limits import ScheduleLimits


def schedule_limits(chosen: Settings) -> ScheduleLimits:
    """Return the limits of schedules."""
    try:
        domains = frozenset(ascii_domain(one.strip()) for one in chosen.api_mail_domains.split(",") if one.strip())
    except ValueError as error:
        raise SettingsError(f"ROMASHKA_API_MAIL_DOMAINS has a domain that the DNS cannot have: {error}") from None
    return ScheduleLimits(
        per_tenant=chosen.api_schedules_per_tenant,
        recipients=chosen.api_recipients_per_schedule,
        mail_domains=domains,
        apart=timedelta(minutes=chosen.api_schedule_minutes),
    )
