"""What the jobs about customers make of what the detectors find."""

from __future__ import annotations

import pytest

from detectors.customers.customer_scores import CustomerScore
from detectors.customers.upsell import Typical
from jobs.customers import upsell_subject
from tests.unit.detectors.customer_samples import AT, DAY, TENANT, customer


@pytest.mark.parametrize(("currency", "unit"), [("EUR", "EUR"), ("KWD", "KWD"), ("", "tenant's currency")])
def test_the_value_of_an_upsell_has_the_currency_of_its_tenant_where_it_is_known(currency: str, unit: str) -> None:
    open_ = CustomerScore(TENANT, customer().customer_id, AT, 0.25, 0.02, AT - DAY)
    insight = upsell_subject({TENANT: Typical(241.5, 31)}).opened(open_, customer(currency=currency), {})
    assert (insight.predicted_value, insight.unit) == (60.375, unit)
