from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cli.commands.dashboards import whose_figures
from kpis.scope import ALL_TENANTS, AllTenants, Scope

TENANT = UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01")
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tenant", "names", "words"),
    [
        (TENANT, {TENANT: "Nordlicht Living"}, "tenant Nordlicht Living"),
        (TENANT, {}, "tenant 0a6f7d52"),
        (ALL_TENANTS, {TENANT: "Nordlicht Living"}, "all tenants"),
    ],
)
def test_a_preview_names_whose_figures_it_shows(tenant: UUID | AllTenants, names: dict[UUID, str], words: str) -> None:
    assert whose_figures(Scope(NOW - timedelta(days=7), NOW, tenant), names) == words
