"""The series of a partition: who is unknown, who is behind, and who makes room."""

from __future__ import annotations

from models.minutes import MinuteCounts, Series
from storage.detector_store import History
from streams.detection.minutes import ClosedMinute
from streams.detection.partition_monitor import PartitionMonitor, replayed, sliced
from streams.detection.series_monitor import SeriesMonitor
from tests.examples.minutes import SERIES, at, ordinary, with_outage

_OTHER: Series = (SERIES[0], "shopify")


def _minute(number: int, *series: Series) -> ClosedMinute:
    return ClosedMinute(at(number), {one: ordinary(number) for one in series}, complete=True)


def _watching(*series: Series, most: int = 10) -> PartitionMonitor:
    watch = PartitionMonitor(most=most)
    watch.add(SeriesMonitor(one) for one in series)
    return watch


def test_what_is_not_watched_yet_is_named_once() -> None:
    watch = _watching(SERIES)
    minutes = [_minute(0, SERIES, _OTHER), _minute(1, _OTHER)]
    third = (SERIES[0], "zendesk")
    assert watch.unknown(minutes, [SERIES, third]) == [_OTHER, third]


def test_a_series_that_a_minute_does_not_mention_was_silent_in_it() -> None:
    watch = _watching(SERIES, _OTHER)
    watch.advance([_minute(0, SERIES, _OTHER), _minute(1, SERIES)])
    assert [one.scored_through for one in watch.take_changed()] == [at(1), at(1)]


def test_series_are_behind_after_a_gap_and_not_while_minutes_follow_each_other() -> None:
    watch = _watching(SERIES)
    watch.advance([_minute(0, SERIES)])
    assert watch.behind(at(1)) == []
    assert [one.series for one in watch.behind(at(5))] == [SERIES]


def test_a_series_that_was_never_judged_is_not_behind() -> None:
    assert _watching(SERIES).behind(at(5)) == []


def test_the_series_without_queries_for_longest_makes_room_and_its_state_is_still_kept() -> None:
    watch = _watching(SERIES, _OTHER, most=2)
    watch.advance([_minute(0, SERIES, _OTHER), _minute(1, SERIES)])
    newcomer = (SERIES[0], "zendesk")
    assert watch.add([SeriesMonitor(newcomer)]) == 1
    assert _OTHER not in watch
    assert SERIES in watch
    assert {one.series for one in watch.take_changed()} == {SERIES, _OTHER}


def test_a_million_keys_take_the_room_of_a_few() -> None:
    watch = PartitionMonitor(most=3)
    evicted = sum(watch.add([SeriesMonitor((number.to_bytes(16, "big"), "hubspot"))]) for number in range(2_000))
    assert (len(watch), evicted) == (3, 1_997)
    assert watch.take_changed() == []  # nothing was judged, so there is nothing to keep


def test_of_very_many_that_make_room_at_once_the_last_are_kept() -> None:
    watch = PartitionMonitor(most=2_000)
    watch.add([SeriesMonitor((number.to_bytes(16, "big"), "hubspot")) for number in range(2_000)])
    watch.advance([_minute(0, SERIES)])
    assert watch.evict(1_900) == 1_900
    assert len(watch) == 100
    assert len(watch.take_changed()) == 500 + 100
    assert watch.evict(200) == 100


def test_what_is_read_back_is_judged_like_what_is_seen() -> None:
    minutes = with_outage(160, first=100, last=130)
    seen, read = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    expected = [news for number, counts in enumerate(minutes) for news in seen.minute(at(number), counts)]
    history = History({SERIES: [(at(number), counts) for number, counts in enumerate(minutes)]}, {})
    assert replayed(read, history) == expected
    assert read.to_state() == seen.to_state()
    assert replayed(read, history) == []


def test_slices_hold_every_minute_once_and_are_no_larger_than_asked() -> None:
    minutes = [_minute(number) for number in range(10)]
    parts = list(sliced(minutes, series=3, most=10))
    assert [minute for part in parts for minute in part] == minutes
    assert max(len(part) for part in parts) == 3
    assert [len(part) for part in sliced(minutes, series=100, most=10)] == [1] * 10


def test_a_detector_that_fails_begins_anew_and_the_other_series_do_not_notice() -> None:
    watch, alone = _watching(SERIES, _OTHER), _watching(SERIES)
    nonsense = MinuteCounts(queries=3, errors="many")  # type: ignore[arg-type] # what only a bug could bring about
    for number in range(3):
        counts = {SERIES: ordinary(number), _OTHER: nonsense if number == 1 else ordinary(number)}
        watch.advance([ClosedMinute(at(number), counts, complete=True)])
        alone.advance([_minute(number, SERIES)])
    assert watch.failures == 1
    good, failed = watch.take_changed()
    assert good.to_state() == alone.take_changed()[0].to_state()
    assert failed.scored_through == at(2)


def test_a_detector_that_fails_on_what_is_read_back_begins_anew() -> None:
    watch, monitor = _watching(), SeriesMonitor(SERIES)
    nonsense = MinuteCounts(queries=3, errors="many")  # type: ignore[arg-type] # what only a bug could bring about
    minutes = [(at(0), ordinary(0)), (at(1), nonsense), (at(2), ordinary(2))]
    assert watch.replay(monitor, History({SERIES: minutes}, {}), at(10)) == []
    assert (watch.failures, monitor.scored_through) == (1, at(9))
    watch.add([monitor])
    watch.advance([_minute(10, SERIES)])
    assert (watch.failures, monitor.scored_through) == (1, at(10))
