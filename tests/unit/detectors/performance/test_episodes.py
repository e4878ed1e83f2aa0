from __future__ import annotations

from datetime import UTC, datetime, timedelta

from detectors.performance.episodes import Episode, EpisodeTracker

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _minute(number: int) -> datetime:
    return START + number * MINUTE


def _watch(scores: dict[int, float], minutes: int) -> list[Episode]:
    tracker = EpisodeTracker()
    changes = [change for n in range(minutes) for change in tracker.observe(_minute(n), scores.get(n, 0.0))]
    return [change for change in changes if not change.is_open]


def test_an_episode_opens_with_the_first_anomalous_interval() -> None:
    tracker = EpisodeTracker()
    assert tracker.observe(_minute(0), 1.0) == ()
    (opened,) = tracker.observe(_minute(1), 1.2)
    assert opened == Episode(_minute(1), _minute(2), 1.2, _minute(1))
    assert tracker.current == opened


def test_it_closes_after_ten_quiet_minutes_and_ends_with_its_last_anomalous_one() -> None:
    tracker = EpisodeTracker()
    tracker.observe(_minute(0), 2.0)
    assert [tracker.observe(_minute(n), 0.3) for n in range(1, 10)] == [()] * 9
    (closed,) = tracker.observe(_minute(10), 0.3)
    assert closed == Episode(_minute(0), _minute(1), 2.0, _minute(0), is_open=False)
    assert tracker.current is None


def test_flicker_is_one_episode_with_the_highest_score_as_its_peak() -> None:
    (episode,) = _watch({0: 1.5, 5: 4.0, 14: 2.0}, 40)
    assert episode == Episode(_minute(0), _minute(15), 4.0, _minute(5), is_open=False)


def test_more_than_ten_quiet_minutes_make_two_episodes() -> None:
    assert [episode.start for episode in _watch({0: 2.0, 11: 2.0}, 40)] == [_minute(0), _minute(11)]


def test_a_gap_in_time_closes_what_was_open() -> None:
    tracker = EpisodeTracker()
    tracker.observe(_minute(0), 2.0)
    closed, opened = tracker.observe(_minute(60), 3.0)
    assert (closed.end, closed.is_open) == (_minute(1), False)
    assert (opened.start, opened.is_open) == (_minute(60), True)


def test_time_that_passes_without_observations_closes_too() -> None:
    tracker = EpisodeTracker()
    tracker.observe(_minute(0), 2.0)
    assert tracker.pass_time(_minute(10)) == ()
    (closed,) = tracker.pass_time(_minute(11))
    assert not closed.is_open


def test_hourly_intervals_close_with_the_first_quiet_one() -> None:
    tracker = EpisodeTracker(timedelta(hours=1))
    tracker.observe(START, 2.0)
    (closed,) = tracker.observe(START + timedelta(hours=1), 0.0)
    assert closed.end == START + timedelta(hours=1)


def test_a_restored_tracker_goes_on_with_the_same_episode() -> None:
    tracker, other = EpisodeTracker(), EpisodeTracker()
    tracker.observe(_minute(0), 2.25)
    other.restore(tracker.to_state())
    assert other.observe(_minute(5), 3.0) == tracker.observe(_minute(5), 3.0)
    other.restore(EpisodeTracker().to_state())
    assert other.current is None
