"""Limits from the settings, for commands and servers."""

from __future__ import annotations

from datetime import timedelta

from cli.settings import Settings
from reports.schedule_limits import ScheduleLimits


def schedule_limits(chosen: Settings) -> ScheduleLimits:
    """Return the limits of schedules."""
    return ScheduleLimits(
        per_tenant=chosen.api_schedules_per_tenant,
        recipients=chosen.api_recipients_per_schedule,
        mail_domains=frozenset(one.strip().lower() for one in chosen.api_mail_domains.split(",") if one.strip()),
        apart=timedelta(minutes=chosen.api_schedule_minutes),
    )
