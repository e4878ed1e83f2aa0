"""One series as detectors see it: each minute counts once, and a state goes on where it stopped."""

from __future__ import annotations

import json
from datetime import timedelta

from detectors.health.detector import HealthFacts
from detectors.state import MAX_BYTES, StateSigner
from models.insights import Insight
from models.minutes import MinuteCounts, place_of
from sinks.insight_rows import latest
from streams.detection.series_monitor import SeriesMonitor
from tests.examples.events import SECRET
from tests.examples.minutes import SERIES, at, ordinary, with_outage

_QUIET = 120


def _seen(watch: SeriesMonitor, minutes: list[MinuteCounts], first: int = 0) -> list[Insight]:
    return [news for number, counts in enumerate(minutes, first) for news in watch.minute(at(number), counts)]


def _restored(watch: SeriesMonitor) -> SeriesMonitor:
    return SeriesMonitor.from_state(SERIES, json.loads(json.dumps(watch.to_state())))


def test_an_outage_is_one_finding_from_its_beginning_to_its_end() -> None:
    (found,) = latest(_seen(SeriesMonitor(SERIES), with_outage(_QUIET + 90, first=_QUIET, last=_QUIET + 30)))
    assert (found.kind, found.status) == ("provider_outage", "closed")
    assert at(_QUIET) <= found.started_at <= at(_QUIET + 5)
    assert found.ended_at is not None
    assert at(_QUIET + 30) <= found.ended_at <= at(_QUIET + 45)


def test_quiet_hours_have_no_finding() -> None:
    assert _seen(SeriesMonitor(SERIES), [ordinary(number) for number in range(_QUIET + 200)]) == []


def test_a_minute_that_is_told_again_changes_nothing() -> None:
    minutes = with_outage(_QUIET + 60, first=_QUIET, last=_QUIET + 30)
    once, thrice = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    expected = _seen(once, minutes)
    found = [
        news for number, counts in enumerate(minutes) for _ in range(3) for news in thrice.minute(at(number), counts)
    ]
    assert found == expected
    assert thrice.to_state() == once.to_state()


def test_a_restored_watch_goes_on_to_the_last_bit_in_the_middle_of_an_incident() -> None:
    minutes = with_outage(_QUIET + 60, first=_QUIET, last=_QUIET + 30)
    cut = _QUIET + 15
    whole, first = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    _seen(whole, minutes[:cut])
    _seen(first, minutes[:cut])
    second = _restored(first)
    expected = _seen(whole, minutes[cut:], cut)
    assert _seen(second, minutes[cut:], cut) == expected
    assert second.to_state() == whole.to_state()
    assert len({news.id for news in expected}) == 1


def test_silent_minutes_are_judged_as_if_they_had_been_told() -> None:
    told, untold = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    minutes = [ordinary(number) for number in range(_QUIET)]
    _seen(told, [*minutes, *[MinuteCounts()] * 20, ordinary(_QUIET + 20)])
    _seen(untold, minutes)
    untold.minute(at(_QUIET + 20), ordinary(_QUIET + 20))
    assert untold.to_state() == told.to_state()


def test_after_a_year_of_silence_only_the_last_day_is_judged_minute_by_minute() -> None:
    watch = SeriesMonitor(SERIES)
    _seen(watch, [ordinary(number) for number in range(_QUIET)])
    later = at(_QUIET) + timedelta(days=365)
    watch.minute(later, ordinary(0))
    assert watch.scored_through == later


def test_health_events_are_judged_with_the_minute_they_fall_in_in_whatever_order_they_come() -> None:
    events = [
        HealthFacts(at(number), "healthy", at(number), 1.0, 0.0, 1.0, 0.2, f"job {number}", 500, 0, 900)
        for number in range(0, _QUIET, 15)
    ]
    early, shuffled = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    early.add_health(events)
    shuffled.add_health([*reversed(events), *events[:5]])
    for watch in (early, shuffled):
        _seen(watch, [ordinary(number) for number in range(_QUIET)])
    assert shuffled.to_state() == early.to_state()


def test_a_sync_that_stands_still_while_it_says_healthy_is_found() -> None:
    watch = SeriesMonitor(SERIES)
    days = 3 * 24 * 60
    stopped = days - 8 * 60
    watch.add_health(
        HealthFacts(at(n), "healthy", at(min(n, stopped)), 1.0, 0.0, 1.0, 0.2, f"job {n}", 500, 0, 900)
        for n in range(0, days, 15)
    )
    found = latest(_seen(watch, [ordinary(number, rate=1) for number in range(days)]))
    assert [(news.kind, news.status) for news in found] == [("stale_sync", "open")]
    assert at(stopped) < found[0].started_at < at(stopped) + timedelta(hours=4)


def test_the_state_of_a_month_fits_a_page() -> None:
    watch = SeriesMonitor(SERIES)
    watch.add_health(
        HealthFacts(at(n), "healthy", at(n), 1.0, 0.0, 1.0, 0.2, f"job {n}", 500, 0, 900) for n in range(0, 40_320, 60)
    )
    for number in range(0, 40_320, 7):  # every hour of four weeks
        watch.minute(at(number), ordinary(number % 1_000))
    watch.minute(at(40_330), ordinary(1, failing=0.9))
    assert len(StateSigner(SECRET).seal(watch.to_state(), place_of(SERIES))) <= MAX_BYTES


def test_a_watch_has_changed_from_its_first_minute_until_its_state_is_kept() -> None:
    watch = SeriesMonitor(SERIES)
    changed = [watch.changed]
    watch.minute(at(0), ordinary(0))
    changed += [watch.changed, _restored(watch).changed]
    assert changed == [False, True, False]
    assert watch.scored_through == at(0)
