"""A chat that answers customers with data of two integrations, and reports every step.

The integrations are made up: HubSpot answers most of the time, Shopify is slower and sometimes out of quota. What
matters is where the four events are reported:

* ``track_integration_query`` around each call of an integration, whether it worked or not,
* ``record_conversation_intelligence`` when the AI has answered,
* ``record_conversation_outcome`` when the conversation ends,
* ``update_integration_health`` from the connector, after each of its syncs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from romashka_tracker import IntegrationTracker


class IntegrationError(Exception):
    """A call of an integration failed; ``error_kind`` is one of the contract's words."""

    def __init__(self, error_kind: str) -> None:
        super().__init__(error_kind)
        self.error_kind = error_kind


@dataclass
class Integration:
    """An integration that is made up: how long it takes, and how often it fails."""

    provider: str
    seconds: float
    failure_rate: float
    error_kind: str
    random: random.Random

    async def fetch(self, what: str) -> str:
        """Return a record, or raise ``IntegrationError``."""
        await asyncio.sleep(self.seconds * self.random.uniform(0.5, 1.5))
        if self.random.random() < self.failure_rate:
            raise IntegrationError(self.error_kind)
        return f"{what} of {self.provider}"


@dataclass
class Conversation:
    """One conversation of one tenant, and what it used."""

    tenant: UUID
    tracker: IntegrationTracker
    id: UUID = field(default_factory=uuid4)
    customer_id: str = field(default_factory=lambda: f"customer-{uuid4().hex[:6]}")
    started: float = field(default_factory=time.monotonic)
    used: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    async def ask(self, integration: Integration, query_type: str) -> None:
        """Fetch a record and report how that went."""
        started = time.monotonic()
        error_kind = None
        try:
            await integration.fetch(query_type)
            self.used.append(integration.provider)
        except IntegrationError as error:
            error_kind = error.error_kind
            self.missing.append(query_type.replace("_", " "))
        await self.tracker.track_integration_query(
            self.tenant,
            self.id,
            integration.provider,
            query_type,
            error_kind is None,
            round(1000 * (time.monotonic() - started)),
            0.5,  # hours since the connector's last sync
            0.9 if error_kind is None else 0.4,
            error_kind=error_kind,
            customer_id=self.customer_id,
            channel="web",
        )

    async def end(self, stars: int) -> None:
        """Report what the conversation needed and how it ended."""
        helped = bool(self.used)
        await self.tracker.record_conversation_intelligence(
            self.id,
            self.tenant,
            ["contact", "order"] if helped else None,
            self.missing or None,
            0.9 if helped else None,
            0.5,
            "purchase",
            customer_id=self.customer_id,
        )
        await self.tracker.record_conversation_outcome(
            self.id,
            self.tenant,
            helped,
            sorted(set(self.used)) or None,
            "resolved" if helped else "escalated",
            max(round((time.monotonic() - self.started) / 60), 1),
            stars,
            handled_by="ai" if helped else "human",
            handoff_reason=None if helped else "data_missing",
            customer_id=self.customer_id,
            channel="web",
        )


async def chat(tracker: IntegrationTracker, tenant: UUID, conversations: int, seed: int) -> None:
    """Hold conversations one beside the other, and report the health of both integrations."""
    dice = random.Random(seed)  # noqa: S311 - nothing here is a secret
    hubspot = Integration("hubspot", 0.05, 0.02, "timeout", dice)
    shopify = Integration("shopify", 0.12, 0.15, "rate_limit", dice)

    async def hold() -> None:
        conversation = Conversation(tenant, tracker)
        await asyncio.gather(conversation.ask(hubspot, "contact_lookup"), conversation.ask(shopify, "order_status"))
        await conversation.end(dice.choice((3, 4, 5)))

    await asyncio.gather(*(hold() for _ in range(conversations)))
    for one in (hubspot, shopify):
        await tracker.update_integration_health(
            tenant,
            one.provider,
            "healthy",
            datetime.now(UTC) - timedelta(minutes=30),
            1 - one.failure_rate,
            one.failure_rate,
            1.0,
            0.4,
            sync_job_id=f"{one.provider}-sync-1",
            records_synced=120,
            duration_ms=4_000,
        )


async def main() -> None:
    """Read the options, hold the conversations, and say where to look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka's address (default: %(default)s)")
    parser.add_argument("--conversations", type=int, default=20, help="how many to hold (default: %(default)s)")
    parser.add_argument("--tenant", type=UUID, default=None, help="user_id of all events (default: a new one)")
    options = parser.parse_args()
    tenant = options.tenant or uuid4()
    async with IntegrationTracker.to_kafka(options.bootstrap) as tracker:
        await chat(tracker, tenant, options.conversations, seed=1)
    print(f"Sent {options.conversations} conversations. See them: romashka kpi summary --tenant {tenant}")


if __name__ == "__main__":
    asyncio.run(main())
