from __future__ import annotations

from datetime import timedelta

from simulator.rows import Message
from simulator.scenario import Scenario


def test_a_moment_already_reached_has_nothing_new(scenario: Scenario) -> None:
    feed = scenario.feed(scenario.start)
    assert len(feed.until(scenario.start + timedelta(hours=3))) > 100
    assert feed.until(scenario.start + timedelta(hours=3)) == []
    assert feed.until(scenario.start + timedelta(hours=1)) == []


def test_history_comes_in_steps_that_add_up_to_the_feed(scenario: Scenario, messages: list[Message]) -> None:
    batches = list(scenario.history(timedelta(hours=7)))
    assert len(batches) == 5
    assert [message for batch in batches for message in batch] == messages
    assert scenario.feed(scenario.start).until(scenario.end) == messages


def test_a_feed_goes_on_after_the_end_for_as_long_as_it_is_asked(scenario: Scenario) -> None:
    feed = scenario.feed(scenario.end)
    assert all(len(feed.until(scenario.end + timedelta(hours=hour))) > 100 for hour in range(1, 6))
