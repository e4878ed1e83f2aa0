"""Names that other programs rely on."""

from __future__ import annotations

from models.topics import ALL, INGEST


def test_the_topics_have_the_names_that_were_promised() -> None:
    assert [topic.name for topic in ALL] == [
        "integration.queries.v1",
        "integration.outcomes.v1",
        "integration.health.v1",
        "integration.intelligence.v1",
        "integration.insights.v1",
        "integration.dead-letters.v1",
    ]


def test_only_what_producers_publish_has_an_event() -> None:
    assert {topic for topic in ALL if topic.event is not None} == set(INGEST)


def test_dead_letters_outlive_what_they_were_rejected_from() -> None:
    letters = ALL[-1]
    assert all(letters.retention_days > topic.retention_days for topic in INGEST)
