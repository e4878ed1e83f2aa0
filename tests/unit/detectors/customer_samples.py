"""A customer for the tests of churn and upsell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from detectors.customers.customer_features import CustomerFacts

TENANT = UUID(int=7)
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def customer(**changes: Any) -> CustomerFacts:
    """Somebody who came every six days, and has been silent for 24."""
    facts: dict[str, Any] = {
        "user_id": TENANT,
        "customer_id": "k1.0123456789abcdef0123456789abcdef",
        "first_at": AT - 144 * DAY,
        "last_at": AT - 24 * DAY,
        "visits": 25,
        "visits_30d": 1,
        "visits_before_30d": 5,
        "visits_90d": 11,
        "value": 500.0,
        "usual_value_per_visit": 20.0,
    }
    return CustomerFacts(**{**facts, **changes})
