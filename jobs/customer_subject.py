"""What a job about customers looks for: the definition that churn and upsell give to ``jobs.customer_scoring``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.customer_features import CustomerFacts, facts_query
from detectors.customers.customer_scores import CustomerScore
from detectors.customers.delayed_model import Counts, Features
from detectors.customers.labels import Task
from models.insights import Insight
from models.tenant_slice import TenantSlice
from storage.reading import query_rows


class Subject(NamedTuple):
    """Definition of a customer model: its task, its features, and the insights it makes."""

    task: Task
    features: Callable[[CustomerFacts, datetime], Features]
    opened: Callable[[CustomerScore, CustomerFacts, Mapping[str, float]], Insight]
    closed: Callable[[CustomerScore], Insight]
    # The actions, the action for a customer, and the money at stake.
    actions: tuple[str, ...]
    action: Callable[[CustomerFacts, Mapping[str, float], datetime], str]
    at_stake: Callable[[CustomerFacts, datetime], float | None]
    # The rule and the insight used while there are too few labels for a model.
    unlearned: Callable[[CustomerFacts, datetime], bool] | None = None
    unlearned_opened: Callable[[CustomerScore, CustomerFacts, Counts], Insight] | None = None
    # Whether insights need a model whose predictions were better than the base rate.
    must_prove: bool = False
    # The same, with what it has to know of the tenants of a slice.
    within: Callable[[TenantSlice], Subject] | None = None

    def of(self, within: TenantSlice) -> Subject:
        """Return the definition for the tenants of a slice."""
        return self if self.within is None else self.within(within)


def read_facts(
    client: Client,
    at: datetime,
    behind: Collection[UUID],
    within: TenantSlice,
    tenants: Collection[UUID] = (),
) -> list[CustomerFacts]:
    """Return the facts of a slice's customers at a time, of all of its tenants or of some, but of those ``behind``."""
    asked = facts_query(at, within=within, behind=behind, tenants=tenants)
    return [CustomerFacts.of_row(row) for row in query_rows(client, *asked, aware=True)]
