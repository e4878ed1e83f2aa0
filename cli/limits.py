"""Limits from the settings, for commands and servers."""

from __future__ import annotations

from datetime import timedelta

from cli.setting_values import entries
from cli.settings import Settings
from reports.mail import ascii_domain
from reports.schedule_limits import ScheduleLimits


def schedule_limits(chosen: Settings) -> ScheduleLimits:
    """Return the limits of schedules."""
    return ScheduleLimits(
        per_tenant=chosen.api_schedules_per_tenant,
        recipients=chosen.api_recipients_per_schedule,
        mail_domains=frozenset(map(ascii_domain, entries(chosen.api_mail_domains))),
        apart=timedelta(minutes=chosen.api_schedule_minutes),
    )
