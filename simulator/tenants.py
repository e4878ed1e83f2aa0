"""Simulated tenants: size, business hours, countries, integrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from simulator.gaps import StandingGap


@dataclass(frozen=True)
class TenantIntegration:
    """One tenant's connection to one provider.

    ``queries_per_minute`` is the mean over a whole week at rate 1; ``sync_minutes`` the time between sync jobs.
    """

    provider: str
    queries_per_minute: float
    sync_minutes: int


@dataclass(frozen=True)
class SimulatedTenant:
    """A business.

    ``order_value`` is its typical sale in its own currency, ``countries`` where its customers are (by weight), and
    ``gap_rate`` the share of conversations that meet one of its standing ``gaps``.
    """

    id: UUID
    name: str
    rhythm: Literal["office", "shop"]
    utc_offset_minutes: int
    order_value: float
    countries: dict[str, float]
    links: tuple[TenantIntegration, ...]
    gaps: tuple[StandingGap, ...] = ()
    gap_rate: float = 0.08

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers it is connected to, in the order of ``links``."""
        return tuple(link.provider for link in self.links)

    @property
    def queries_per_minute(self) -> float:
        """Queries of all links, mean over a week at rate 1."""
        return sum(link.queries_per_minute for link in self.links)

    @property
    def key(self) -> int:
        """The tenant's number in seeds: its traffic does not depend on the other tenants."""
        return self.id.int & 0xFFFF_FFFF


DEFAULT_TENANTS: Final[tuple[SimulatedTenant, ...]] = (
    SimulatedTenant(
        id=UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"),
        name="Nordlicht Living",
        rhythm="shop",
        utc_offset_minutes=60,
        order_value=85.0,
        countries={"DE": 6, "AT": 2, "CH": 1, "NL": 1},
        links=(
            TenantIntegration("shopify", 45.0, 10),
            TenantIntegration("hubspot", 16.0, 15),
            TenantIntegration("zendesk", 8.0, 15),
            TenantIntegration("klaviyo", 6.0, 20),
            TenantIntegration("salesforce", 5.0, 20),
        ),
        gaps=(
            StandingGap("shopify", "return_policy", "missing content", 5),
            StandingGap("shopify", "gift_card_balance", "field not synced", 2),
            StandingGap("zendesk", "refund_ticket", "write action missing", 2),
            StandingGap("instagram", "direct_messages", "not connected", 1),
        ),
    ),
    SimulatedTenant(
        id=UUID("1b7a8e63-4d2f-4c8b-8a8f-6c1d2e3f4a02"),
        name="Baltic Outdoor",
        rhythm="shop",
        utc_offset_minutes=120,
        order_value=140.0,
        countries={"EE": 3, "LV": 2, "LT": 2, "FI": 2},
        links=(
            TenantIntegration("shopify", 9.0, 10),
            TenantIntegration("hubspot", 8.0, 15),
            TenantIntegration("klaviyo", 3.0, 20),
            TenantIntegration("zendesk", 2.0, 20),
        ),
        gaps=(
            StandingGap("shopify", "size_guide", "missing content", 3),
            StandingGap("hubspot", "loyalty_tier", "field not synced", 3),
        ),
        gap_rate=0.12,
    ),
    SimulatedTenant(
        id=UUID("2c8b9f74-5e3a-4d9c-9b9a-7d2e3f4a5b03"),
        name="Hudson Software",
        rhythm="office",
        utc_offset_minutes=-300,
        order_value=2_400.0,
        countries={"US": 8, "CA": 2, "GB": 1},
        links=(
            TenantIntegration("salesforce", 8.0, 15),
            TenantIntegration("hubspot", 8.0, 15),
            TenantIntegration("zendesk", 4.0, 15),
        ),
        gaps=(
            StandingGap("salesforce", "contract_terms", "permission missing", 4),
            StandingGap("salesforce", "renewal_quote", "write action missing", 2),
            StandingGap("jira", "bug_status", "not connected", 3),
        ),
    ),
    SimulatedTenant(
        id=UUID("3d9ca085-6f4b-4ead-8cab-8e3f4a5b6c04"),
        name="Mumbai Threads",
        rhythm="shop",
        utc_offset_minutes=330,
        order_value=1_900.0,
        countries={"IN": 9, "AE": 1},
        links=(
            TenantIntegration("shopify", 4.0, 15),
            TenantIntegration("klaviyo", 1.5, 30),
            TenantIntegration("hubspot", 1.5, 30),
        ),
        gaps=(StandingGap("shopify", "cash_on_delivery", "missing content", 1),),
    ),
    SimulatedTenant(
        id=UUID("4eadb196-7a5c-4fbe-9dbc-9f4a5b6c7d05"),
        name="Iberia Consulting",
        rhythm="office",
        utc_offset_minutes=60,
        order_value=620.0,
        countries={"ES": 7, "PT": 3},
        links=(
            TenantIntegration("salesforce", 2.0, 20),
            TenantIntegration("hubspot", 2.0, 20),
            TenantIntegration("zendesk", 1.0, 30),
        ),
        gaps=(StandingGap("hubspot", "invoice_copy", "field not synced", 1),),
        gap_rate=0.15,
    ),
    SimulatedTenant(
        id=UUID("5fbec2a7-8b6d-40cf-8ecd-0a5b6c7d8e06"),
        name="Kiosk 24",
        rhythm="shop",
        utc_offset_minutes=0,
        order_value=24.0,
        countries={"GB": 8, "IE": 2},
        links=(
            TenantIntegration("shopify", 1.0, 30),
            TenantIntegration("hubspot", 0.5, 60),
            TenantIntegration("klaviyo", 0.3, 60),
        ),
        gaps=(StandingGap("shopify", "opening_hours", "missing content", 1),),
    ),
)
