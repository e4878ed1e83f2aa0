from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kpis.scope import ALL_TENANTS
from models.errors import SettingsError
from reports.request import Parts, ReportFormat, ReportRequest, ReportType, from_document
from tests.unit.reports.sample import NOW, TENANT

# The document's own example.
EXAMPLE: dict[str, Any] = {
    "name": "Monthly Executive Summary",
    "type": "executive",
    "format": "pdf",
    "filters": {"time_range": "30d", "integrations": ["hubspot", "shopify", "salesforce"]},
    "template_config": {
        "include_executive_summary": True,
        "include_charts": True,
        "include_detailed_metrics": False,
        "include_recommendations": True,
        "include_raw_data": False,
    },
}


def test_the_document_s_example_is_understood() -> None:
    request = from_document(TENANT, EXAMPLE, NOW)
    assert request == ReportRequest(
        "Monthly Executive Summary",
        ReportType.EXECUTIVE,
        ReportFormat.PDF,
        TENANT,
        NOW - timedelta(days=30),
        NOW,
        ("hubspot", "shopify", "salesforce"),
        Parts(),
    )
    assert request.before == (NOW - timedelta(days=60), NOW - timedelta(days=30))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "weekly"}, "type: 'weekly' is given; expected one of executive, operational"),
        ({"format": "docx"}, "format: 'docx' is given; expected one of pdf, html"),
        ({"filters": {"time_range": "a month"}}, "time_range: 'a month'"),
        ({"filters": {"integrations": "hubspot"}}, "filters.integrations: must be a list"),
        ({"filters": {"integrations": ["Hub Spot"]}}, "'Hub Spot' is not an integration"),
        ({"filters": {"since": "2026"}}, "filters.since: there is no such option"),
        ({"template_config": {"include_charts": "yes"}}, "include_charts: 'yes' is given; expected true or false"),
        ({"template_config": {"include_logo": True}}, "template_config.include_logo: there is no such option"),
        ({"name": "a\nb"}, "name needs 1 to 128 characters"),
        ({"filters": "30d"}, "filters: must be an object"),
        ({"recipients": []}, "recipients: there is no such option"),
        ({"filters": {"time_range": "9999d"}}, "at most 400 days"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        from_document(TENANT, {**EXAMPLE, **change}, NOW)


def test_a_range_must_end_after_it_begins() -> None:
    with pytest.raises(SettingsError, match="ends after it begins"):
        ReportRequest("r", ReportType.EXECUTIVE, ReportFormat.PDF, ALL_TENANTS, NOW, NOW)
