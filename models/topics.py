"""The Kafka topics: names, contracts and partitions."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from models.events import HealthEvent, IntelligenceEvent, OutcomeEvent, QueryEvent

MESSAGE_BYTES: Final = 1_048_588
"""What a topic has to take: Kafka's default, and above the batches of producers and the largest dead letter."""


class Topic(NamedTuple):
    """One topic. ``event`` is the contract of its values, ``None`` where we are the producer."""

    name: str
    event: Any
    partitions: int
    retention_days: int
    about: str


# A tenant's events share one partition (the key is the tenant); the number of partitions limits the number of workers.
QUERIES: Final = Topic(
    "integration.queries.v1", QueryEvent, 8, 14, "Queries of the AI to integrations (trackIntegrationQuery)"
)
OUTCOMES: Final = Topic(
    "integration.outcomes.v1", OutcomeEvent, 8, 14, "Ends of conversations (recordConversationOutcome)"
)
HEALTH: Final = Topic(
    "integration.health.v1",
    HealthEvent,
    8,
    14,
    "State of integrations and sync jobs (updateIntegrationHealth)",
)
INTELLIGENCE: Final = Topic(
    "integration.intelligence.v1", IntelligenceEvent, 8, 14, "What conversations needed and what was missing"
)
INSIGHTS: Final = Topic("integration.insights.v1", None, 8, 14, "What the detectors found, for other consumers")
DEAD_LETTERS: Final = Topic("integration.dead-letters.v1", None, 8, 90, "Rejected input, every byte kept, sealed")

INGEST: Final = (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)
EVENT_TABLES: Final = {
    QUERIES.name: "integration_query_metrics",
    OUTCOMES.name: "conversation_outcomes",
    HEALTH.name: "integration_health_history",
    INTELLIGENCE.name: "conversation_intelligence",
}
"""The table with a row for each event of a topic."""
ALL: Final = (*INGEST, INSIGHTS, DEAD_LETTERS)
