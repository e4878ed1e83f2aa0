"""Profiles of providers: query types, error rates, quotas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from models.error_kinds import KNOWN
from models.fields import ErrorKind

ERROR_KINDS: Final = KNOWN


def kind_index(kind: ErrorKind) -> int:
    """Return the position of an error kind in ``ERROR_KINDS``."""
    return ERROR_KINDS.index(kind)


@dataclass(frozen=True)
class QueryType:
    """A type of query to a provider.

    Latency is lognormal: ``median_ms`` and the standard deviation ``spread`` of its logarithm. ``lag_hours`` is how
    old the data typically is at the provider itself, before any sync is late.
    """

    name: str
    data_type: str
    weight: float
    median_ms: float
    spread: float
    error_rate: float
    lag_hours: float


@dataclass(frozen=True)
class ProviderProfile:
    """The profile of one provider."""

    query_types: tuple[QueryType, ...]
    error_mix: dict[ErrorKind, float] = field(
        default_factory=lambda: {"timeout": 4, "unknown": 2, "schema": 1, "permission": 1, "provider_down": 1}
    )
    quota_window: Literal["hour", "day"] = "hour"


PROFILES: Final[dict[str, ProviderProfile]] = {
    "hubspot": ProviderProfile(
        (
            QueryType("contact_lookup", "contacts", 5, 210, 0.45, 0.012, 0.3),
            QueryType("deal_status", "deals", 3, 260, 0.50, 0.015, 0.8),
            QueryType("company_lookup", "companies", 2, 240, 0.45, 0.010, 1.5),
            QueryType("engagement_history", "engagements", 1.5, 520, 0.60, 0.025, 0.6),
        ),
        {"timeout": 4, "rate_limit": 2, "schema": 1, "permission": 1, "unknown": 2},
        "day",
    ),
    "shopify": ProviderProfile(
        (
            QueryType("order_status", "orders", 6, 150, 0.40, 0.008, 0.1),
            QueryType("product_search", "products", 4, 320, 0.55, 0.014, 2.0),
            QueryType("inventory_check", "inventory", 2.5, 130, 0.40, 0.010, 0.2),
            QueryType("shipping_status", "shipments", 3, 380, 0.60, 0.022, 1.0),
        ),
        {"timeout": 3, "rate_limit": 3, "provider_down": 1, "schema": 1, "unknown": 1},
        "hour",
    ),
    "salesforce": ProviderProfile(
        (
            QueryType("account_lookup", "accounts", 4, 340, 0.50, 0.015, 0.8),
            QueryType("opportunity_status", "opportunities", 3, 420, 0.55, 0.018, 1.2),
            QueryType("case_history", "cases", 3, 610, 0.60, 0.025, 0.5),
            QueryType("entitlement_check", "entitlements", 1, 290, 0.45, 0.020, 3.0),
        ),
        {"timeout": 4, "permission": 2, "auth": 1, "schema": 2, "unknown": 1},
        "day",
    ),
    "zendesk": ProviderProfile(
        (
            QueryType("ticket_lookup", "tickets", 4, 230, 0.45, 0.012, 0.2),
            QueryType("ticket_history", "tickets", 2, 480, 0.60, 0.020, 0.4),
            QueryType("article_search", "articles", 3, 280, 0.50, 0.010, 4.0),
        ),
    ),
    "klaviyo": ProviderProfile(
        (
            QueryType("profile_lookup", "profiles", 4, 190, 0.45, 0.012, 0.7),
            QueryType("campaign_history", "campaigns", 2, 450, 0.55, 0.018, 2.0),
            QueryType("consent_check", "consents", 2, 160, 0.40, 0.008, 0.5),
        ),
    ),
}

# An unlisted provider works too.
GENERIC: Final = ProviderProfile(
    (
        QueryType("record_lookup", "records", 4, 250, 0.50, 0.015, 0.5),
        QueryType("record_search", "records", 2, 420, 0.55, 0.018, 0.5),
        QueryType("activity_history", "activities", 1, 520, 0.60, 0.020, 1.0),
    )
)


def profile_of(provider: str) -> ProviderProfile:
    """Return the profile of a provider, ``GENERIC`` for an unlisted one."""
    return PROFILES.get(provider, GENERIC)
