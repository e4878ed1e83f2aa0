"""Parsing of command line arguments; errors name the argument."""

from __future__ import annotations

import re
from datetime import date, datetime
from math import isnan
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from cli.console import err
from kpis.period import YEARS, instant, is_day, is_period, period
from kpis.scope import ALL_TENANTS, AllTenants, up_to_now, zone
from models.errors import SettingsError
from models.fields import COUNTRY_PATTERN, PROVIDER_PATTERN, is_placeholder
from models.pages import Listing, Part, parts_of

MOMENT: Final = "<time>"
"""Metavar of an option that takes a time; its command has --time-zone, and ``moment`` parses it."""
DAY: Final = "<day>"
"""Metavar of an option that takes a UTC day; ``day`` parses it."""


def number(value: float | None) -> float | None:
    """Refuse NaN, which lies within all bounds: none of its comparisons holds."""
    if value is not None and isnan(value):
        raise typer.BadParameter("expected a number, got nan")
    return value


_INTEGRATION: Final = re.compile(PROVIDER_PATTERN)
_COUNTRY: Final = re.compile(COUNTRY_PATTERN)
MAX_SECONDS: Final = 31_536_000
"""A year: the longest that a simulation runs."""
GivenTenant = Annotated[str, typer.Option("--tenant", help="Tenant (its user_id), or 'all'")]
TenantOrAll = Annotated[str, typer.Option("--tenant", help="Tenant (its user_id), or 'all'; all if not given")]
DaysBack = Annotated[float, typer.Option("--days", min=0.001, max=36_500, callback=number, help="Days back")]
Zone = Annotated[
    str,
    typer.Option(
        "--time-zone", metavar="<zone>", help="Time zone of times, ranges and steps, for example Europe/Berlin"
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of rows")]
After = Annotated[str, typer.Option("--after", help="Cursor of the previous page")]


def after(text: str, listing: Listing, *kinds: type[Part]) -> tuple[Any, ...] | None:
    """Return the sort columns of the last row of the previous page, ``None`` for the first page."""
    return tuple(parts_of(text, "--after", listing, *kinds)) if text else None


def say_next(cursor: str | None) -> None:
    """Print how to get the next page, if there is one."""
    if cursor is not None:
        err.print(f"there are more: go on with --after {cursor}", style="dim", highlight=False, soft_wrap=True)


def integration_name(value: Any) -> Any:
    """Refuse the name of an integration, or one of several, that no event can have: nothing would be found, silently.

    A callback of an option; an empty text is no filter.
    """
    for one in [value] if isinstance(value, str) else value or []:
        if one and not _INTEGRATION.fullmatch(one):
            raise typer.BadParameter(f"expected an integration in lower case, for example hubspot; got {one!r}")
    return value


def country_code(value: str) -> str:
    """Refuse a country that no event can have. A callback of an option; an empty text is no filter."""
    if value and not _COUNTRY.fullmatch(value):
        raise typer.BadParameter(f"expected an ISO 3166-1 code in capital letters, for example DE; got {value!r}")
    return value


def tenant_or_all(text: str) -> UUID | AllTenants:
    """Return whose figures an option ``TenantOrAll`` asks for."""
    return given_tenant(text) if text else ALL_TENANTS


def given_tenant(text: str) -> UUID | AllTenants:
    """Return whose figures an option ``GivenTenant`` asks for; an empty one is refused."""
    return ALL_TENANTS if text == ALL_TENANTS.value else tenant_id("--tenant", text)


def one_tenant(text: str) -> UUID | None:
    """Return the tenant of an option ``TenantOrAll``; ``None``: all tenants."""
    whose = tenant_or_all(text)
    return whose if isinstance(whose, UUID) else None


def tenant_id(name: str, text: str) -> UUID:
    """Return a tenant's id."""
    try:
        found = UUID(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected a UUID") from None
    if is_placeholder(found):
        raise SettingsError(f"{name} is '{text}', which stands for no id; expected a UUID that is one")
    return found


def day(name: str, text: str) -> date:
    """Return a day."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected a day such as 2026-01-01") from None
    if found.year not in YEARS:
        raise SettingsError(f"{name} is '{text}'; expected a day of the years {YEARS[0]} to {YEARS[-1]}")
    return found


def moment(name: str, text: str, time_zone: str) -> datetime:
    """Return a time in UTC; without an offset it is local to the zone, and a date means its start."""
    return _moment(name, text, time_zone, "for example 2026-11-01T08:00+01:00 or 2026-11-01")


def moment_or_span(name: str, text: str, now: datetime, time_zone: str) -> datetime:
    """Return a time, or the start of a range up to now, for example 90m, 24h, 7d, 1w, 1M, 1Q, 1y or last-week."""
    if is_period(text):
        return period(text, now, time_zone, name)[0]
    return _moment(name, text, time_zone, "or for example 90m, 24h, 7d or 1M")


def _moment(name: str, text: str, time_zone: str, example: str) -> datetime:
    try:
        named = date.fromisoformat(text) if is_day(text) else datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} is '{text}'; expected ISO-8601, {example}") from None
    return instant(named, time_zone, name)


def said(when: datetime, time_zone: str) -> str:
    """Return a time formatted in a zone, with the zone's name."""
    return f"{when.astimezone(zone(time_zone)):%Y-%m-%d %H:%M} {time_zone}"


def time_range(start: str, end: str, range_: str, time_zone: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the range of --from, --to and --range in the time zone; the last 30 days by default.

    Raises
    ------
    SettingsError
        --from and --range are both given, or one cannot be read.
    """
    if start and range_:
        raise SettingsError("give --from or --range, not both")
    until = moment("--to", end, time_zone) if end else now
    first, limit = (
        (moment("--from", start, time_zone), until) if start else period(range_ or "30d", until, time_zone, "--range")
    )
    if end or limit != until:
        return first, limit
    limit = up_to_now(now, first, time_zone)
    return (first, limit) if start else period(range_ or "30d", limit, time_zone, "--range")
