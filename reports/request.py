"""A validated request for a report: the document's ``generateReport`` options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from kpis.period import period
from kpis.scope import AllTenants, zone
from kpis.text import printable
from models.errors import InvalidRequest
from models.fields import LABEL_PATTERN, PROVIDER_PATTERN

MAX_RANGE: Final = timedelta(days=400)
Choice = TypeVar("Choice", bound=StrEnum)

_PROVIDER: Final = re.compile(PROVIDER_PATTERN)


class ReportType(StrEnum):
    """The type of a report; each has its own figures and charts (``reports.report_definitions``)."""

    EXECUTIVE = "executive"
    OPERATIONAL = "operational"
    INTEGRATION = "integration"
    CONVERSATION = "conversation"
    PREDICTIVE = "predictive"


class ReportFormat(StrEnum):
    """The file formats of a report: name, media type, and the function that renders it (``reports.render``)."""

    media_type: str
    renderer: str

    PDF = "pdf", "application/pdf", "pdf:render"
    HTML = "html", "text/html", "html:render"
    XLSX = "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "tables:xlsx"
    CSV = "csv", "text/csv", "tables:csv"
    ZIP = "zip", "application/zip", "tables:zip_"
    JSON = "json", "application/json", "tables:json"
    PARQUET = "parquet", "application/vnd.apache.parquet", "tables:parquet"

    def __new__(cls, value: str, media_type: str = "", renderer: str = "") -> ReportFormat:
        """Return the member of a row of the table above."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.media_type = media_type
        member.renderer = renderer
        return member


@dataclass(frozen=True)
class Parts:
    """Parts of a report: the document's ``template_config``."""

    executive_summary: bool = True
    charts: bool = True
    detailed_metrics: bool = False
    recommendations: bool = True
    raw_data: bool = False


@dataclass(frozen=True)
class ReportRequest:
    """One report to make.

    Parameters
    ----------
    tenant
        The tenant; ``ALL_TENANTS`` is explicit.
    start, end
        The range ``[start, end)``, aware.
    integrations
        Only these; all where empty.
    time_zone
        The time zone of times and days; an IANA name.
    """

    name: str
    type: ReportType
    format: ReportFormat
    tenant: UUID | AllTenants
    start: datetime
    end: datetime
    integrations: tuple[str, ...] = ()
    parts: Parts = Parts()
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        """Reject an invalid report."""
        if not re.fullmatch(LABEL_PATTERN, self.name) or printable(self.name) != self.name:
            raise InvalidRequest(
                "name", "a report's name needs 1 to 128 characters without control characters and line separators"
            )
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise InvalidRequest(
                "time_range", "a report needs a range that ends after it begins, in times with an offset"
            )
        if self.end - self.start > MAX_RANGE:
            raise InvalidRequest(
                "time_range", f"a report covers at most {MAX_RANGE.days} days: older events are not kept"
            )
        zone(self.time_zone)
        for provider in self.integrations:
            if not _PROVIDER.fullmatch(provider):
                raise InvalidRequest(
                    "integrations", f"'{provider}' is not an integration; expected lower case, for example hubspot"
                )

    @property
    def before(self) -> tuple[datetime, datetime]:
        """The previous range of the same length, for comparison."""
        return self.start - (self.end - self.start), self.start


def from_document(tenant: UUID | AllTenants, options: Mapping[str, Any], now: datetime) -> ReportRequest:
    """Return the request of the document's ``generateReport(userId, options)``.

    Raises
    ------
    SettingsError
        An option is unknown or invalid; names it and what was expected.
    """
    _only(options, {"name", "type", "format", "filters", "template_config"}, "")
    filters = _mapping(options, "filters")
    _only(filters, {"time_range", "integrations", "time_zone"}, "filters.")
    template = _mapping(options, "template_config")
    known = {f"include_{name}": name for name in Parts.__dataclass_fields__}
    _only(template, set(known), "template_config.")
    for name, value in template.items():
        if not isinstance(value, bool):
            raise InvalidRequest(f"template_config.{name}", f"{value!r} is given; expected true or false")
    integrations = filters.get("integrations") or []
    if not isinstance(integrations, list) or not all(isinstance(one, str) for one in integrations):
        raise InvalidRequest("filters.integrations", "must be a list of names, for example ['hubspot']")
    time_zone = zone_of(options)
    start, end = period(str(filters.get("time_range", "30d")), now, time_zone)
    return ReportRequest(
        name=str(options.get("name", "Report")),
        type=_one_of(ReportType, "type", options.get("type")),
        format=_one_of(ReportFormat, "format", options.get("format", "pdf")),
        tenant=tenant,
        start=start,
        end=end,
        integrations=tuple(integrations),
        parts=Parts(**{known[name]: value for name, value in template.items()}),
        time_zone=time_zone,
    )


def zone_of(options: Mapping[str, Any]) -> str:
    """Return the time zone of the document's options; UTC by default."""
    return str(_mapping(options, "filters").get("time_zone", "UTC"))


def _one_of(kind: type[Choice], name: str, value: Any) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InvalidRequest(name, f"{value!r} is given; expected one of {', '.join(kind)}") from None


def _mapping(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = options.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(name, "must be an object with options")
    return value


def _only(options: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in options:
        if name not in known:
            raise InvalidRequest(f"{prefix}{name}", f"there is no such option; expected {', '.join(sorted(known))}")
