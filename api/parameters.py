"""Query parameters. Unknown names are refused, because a misspelt filter would have no effect."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from api.problems import wrong
from kpis.explain import period_before
from kpis.period import PATTERN, YEARS, instant, is_day, period
from kpis.scope import FILTERS, AllTenants, Interval, Scope, up_to_now
from models.errors import InvalidRequest, SettingsError
from models.fields import Country, Label, Provider
from models.insights import InsightType
from models.pages import PATTERN as CURSOR
from models.pages import Listing, Part, parts_of
from models.pattern_words import TIME_ZONE_PATTERN

_MAX_RANGE: Final = timedelta(days=400)
_MAX_TIME_LENGTH: Final = 40
# A "+" that was not written "%2B" arrives as a space; between a time and an offset nothing else is meant.
_SPACE_FOR_PLUS: Final = re.compile(r"([T ][0-9:.,]+) ([0-9]{2}:?[0-9]{2})", re.ASCII)
_EXPECTED: Final = "expected ISO-8601, for example 2026-11-01T08:00+01:00, or a day such as 2026-11-01"
NAME_HELP: Final = "The tenant's display name; null where none is set, and for all tenants"
TenantText = Annotated[
    str,
    Field(max_length=36, description="A tenant's id, or all (administrators); optional for callers with one tenant"),
]


def _with_plus(text: object) -> object:
    """Return a parameter whose ``+`` was not written ``%2B``, and so arrived as a space, as it was meant."""
    return text.replace(" ", "+") if isinstance(text, str) else text


def _named(text: object) -> datetime | date:
    if not isinstance(text, str) or len(text) > _MAX_TIME_LENGTH:
        raise ValueError(_EXPECTED)
    text = text[:10] + _SPACE_FOR_PLUS.sub(r"\1+\2", text[10:])
    try:
        found = date.fromisoformat(text) if is_day(text) else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if found.year not in YEARS:
        raise ValueError(f"expected a time of the years {YEARS[0]} to {YEARS[-1]}")
    return found


Named = Annotated[
    datetime | date,
    PlainValidator(_named),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}, mode="validation"
    ),
]
"""A time: ISO-8601 or a date; without an offset in ``time_zone``."""
ZoneName = Annotated[
    str,
    BeforeValidator(_with_plus),
    Field(pattern=TIME_ZONE_PATTERN, description="On whose clocks ranges and steps are (IANA)"),
]


class Strict(BaseModel):
    """Base class of parameters; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class TimesQuery(Strict):
    """The time zone of a request."""

    time_zone: ZoneName = "UTC"

    def local(self, name: str, named: datetime | date | None) -> datetime | None:
        """Return a time in UTC; ``None`` where none is given.

        Raises
        ------
        ApiError
            There is no such time zone.
        """
        try:
            return None if named is None else instant(named, self.time_zone, name)
        except InvalidRequest as error:
            raise wrong(error.field, error.message) from None


class RangeQuery(TimesQuery):
    """Tenant, range and filters."""

    tenant: TenantText | None = None
    start: Annotated[
        Named | None, Field(alias="from", examples=["2026-11-01T00:00:00Z"], description="Without an offset: local")
    ] = None
    end: Annotated[Named | None, Field(alias="to", description="Not included; now if left out")] = None
    range: Annotated[
        str | None, Field(pattern=PATTERN, description="Instead of from: 24h, 7d, 1M, 1Q, 1y up to to, or last-month")
    ] = None
    provider: Provider | None = None
    query_type: Label | None = None
    channel: Label | None = None
    country: Country | None = None
    segment: Label | None = None

    @property
    def filters(self) -> dict[str, str]:
        """The filters by dimension."""
        given = {name: getattr(self, name) for name in FILTERS}
        return {name: value for name, value in given.items() if value is not None}

    def scope(self, start: datetime, end: datetime, tenant: UUID | AllTenants, durable_days: int = 7) -> Scope:
        """Return the scope."""
        return Scope(
            start,
            end,
            tenant,
            provider=self.provider,
            query_type=self.query_type,
            channel=self.channel,
            country=self.country,
            segment=self.segment,
            time_zone=self.time_zone,
            durable_days=durable_days,
        )

    def times(self, now: datetime, span: timedelta) -> tuple[datetime, datetime]:
        """Return the range; ``span`` is its length where no start is given.

        Raises
        ------
        ApiError
            It ends before it begins, or is longer than the retention.
        """
        if self.start is not None and self.range is not None:
            raise wrong("range", "expected a range or from, not both")
        end = self.local("to", self.end) or now
        start, until = self._before(end, span)
        if self.end is None and until == now:
            start, until = self._before(up_to_now(now, start, self.time_zone), span)
        if start >= until:
            raise wrong("from", "the range must begin before it ends (to; now if left out)")
        if until - start > _MAX_RANGE:
            raise wrong("from", f"a range may have {_MAX_RANGE.days} days: older events are not kept")
        return start, until

    def _before(self, end: datetime, span: timedelta) -> tuple[datetime, datetime]:
        if self.range is not None:
            return period(self.range, end, self.time_zone, "range")
        return self.local("from", self.start) or end - span, end


class DashboardQuery(RangeQuery):
    """A tab's parameters."""

    panel: Annotated[int | None, Field(ge=1, le=10_000, description="Only this panel")] = None
    limit: Annotated[int, Field(ge=1, le=1_000, description="Rows of each answer")] = 200
    offset: Annotated[int, Field(ge=0, le=100_000, description="Rows of each answer to leave out first")] = 0


class KpiQuery(RangeQuery):
    """A figure's parameters: those of 'romashka kpi get'."""

    by: Annotated[list[Label], Field(max_length=3, description="Split by this dimension; may be given again")] = []
    every: Annotated[Interval | None, Field(description="Make it a time series in such steps")] = None
    durable_days: Annotated[int, Field(ge=1, le=90, description="Days without a return: durably resolved")] = 7
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class AnalysisQuery(RangeQuery):
    """Parameters of an analysis: those of 'romashka kpi analyse'."""

    insight: Annotated[
        UUID | None, Field(description="Of fault-cost: the insight whose tenant, integration and range it is about")
    ] = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class ExplainQuery(RangeQuery):
    """Parameters of an explanation: those of 'romashka kpi explain'."""

    against: Annotated[
        Named | None, Field(description="Start of the period to compare with; the period of the same length before")
    ] = None
    against_to: Annotated[Named | None, Field(description="Its end, not included; of the same length")] = None
    by: Annotated[
        list[Label], Field(max_length=16, description="Only these dimensions; may be given again. All if left out")
    ] = []
    most: Annotated[int, Field(ge=2, le=100, description="Values of a dimension; the rest are joined")] = 10
    splits: Annotated[int, Field(ge=1, le=16, description="Dimensions in the response, the most telling first")] = 16
    durable_days: Annotated[int, Field(ge=1, le=90, description="Days without a return: durably resolved")] = 7

    def before(self, now: Scope) -> Scope:
        """Return the scope of the period to compare with.

        Raises
        ------
        ApiError
            It ends before it begins, or is longer than the retention.
        """
        first = self.local("against", self.against)
        if first is None:
            if self.against_to is not None:
                raise wrong("against_to", "needs against, the start of the period to compare with")
            return period_before(now)
        limit = self.local("against_to", self.against_to) or first + (now.limit - now.first)
        if not first < limit <= first + _MAX_RANGE:
            raise wrong("against_to", f"the period to compare with needs 1 minute to {_MAX_RANGE.days} days")
        return replace(now, start=first, end=limit)


class PagedQuery(Strict):
    """Parameters of a list, paged by cursor so that no row is skipped or repeated."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=100_000, description="Rows that come meanwhile move it: take cursor")] = 0
    cursor: Annotated[
        str | None, Field(pattern=CURSOR, description="next_cursor of the page before; not with offset")
    ] = None

    def after(self, listing: Listing, *kinds: type[Part]) -> list[Any] | None:
        """Return the sort columns of the last row of the previous page.

        Raises
        ------
        ApiError
            The cursor is not of this list, or an offset is given too.
        """
        if self.cursor is None:
            return None
        if self.offset:
            raise wrong("cursor", "expected a cursor or an offset, not both")
        try:
            return parts_of(self.cursor, "cursor", listing, *kinds)
        except SettingsError as error:
            raise wrong("cursor", str(error).removeprefix("cursor: ")) from None

    def next_offset(self, cursor: str | None) -> int | None:
        """Return the offset of the next page, if there is one and offsets are used."""
        return None if cursor is None or self.cursor is not None else self.offset + self.limit


class InsightQuery(TimesQuery, PagedQuery):
    """Filters of insights."""

    tenant: TenantText | None = None
    type: Annotated[InsightType | None, Field(description="Only those of this type")] = None
    status: Annotated[Literal["open", "any"], Field(description="Only those that are not over, or all")] = "any"
    start: Annotated[Named | None, Field(alias="from", description="Going on since; 7 days ago if left out")] = None
    end: Annotated[Named | None, Field(alias="to", description="Begun before; now if left out")] = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class ListQuery(PagedQuery):
    """Parameters of a list of a tenant."""

    tenant: TenantText | None = None


class NoQuery(Strict):
    """No parameters."""
