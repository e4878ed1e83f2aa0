"""States of which one is torn: the one before it is taken, loudly, and the others are untouched."""

from __future__ import annotations

from detectors.state import StateSigner
from models.minutes import Series, place_of
from storage.detector_store import SavedState, StoredState, version_of
from streams.detection.series_monitor import SeriesMonitor
from streams.detection.series_states import SeriesStates
from streams.metrics import Metrics
from tests.examples.events import SECRET
from tests.examples.minutes import SERIES, at, ordinary

_OTHER: Series = (SERIES[0], "shopify")


class _Place:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.states = SeriesStates(StateSigner(SECRET), self.metrics)

    def refused(self, instead: str) -> float:
        name = "romashka_detector_states_refused_total"
        return self.metrics.registry.get_sample_value(name, {"instead": instead}) or 0.0


def _watch(series: Series, minutes: int) -> SeriesMonitor:
    watch = SeriesMonitor(series)
    for number in range(minutes):
        watch.minute(at(number), ordinary(number))
    return watch


def _stored(state: SavedState, sealed: bytes | None = None) -> StoredState:
    return StoredState(state.series, version_of(state.scored_through, state.saved), sealed or state.sealed)


def test_the_newest_generation_is_taken() -> None:
    place, watch = _Place(), _watch(SERIES, 5)
    (older,) = place.states.sealed([watch], 3)
    watch.minute(at(5), ordinary(5))
    (newer,) = place.states.sealed([watch], 3)
    assert (older.saved, newer.saved) == (1, 2)
    opened = place.states.opened([_stored(older), _stored(newer)])
    assert opened[SERIES].to_state() == watch.to_state()


def test_a_torn_state_gives_way_to_the_one_before_and_says_so() -> None:
    place, watch = _Place(), _watch(SERIES, 5)
    (older,) = place.states.sealed([watch], 3)
    before = watch.to_state()
    watch.minute(at(5), ordinary(5))
    (newer,) = place.states.sealed([watch], 3)
    for length in range(0, len(newer.sealed), max(len(newer.sealed) // 20, 1)):
        torn = _stored(newer, newer.sealed[:length] or b"\x00")
        assert place.states.opened([torn, _stored(older)])[SERIES].to_state() == before
    assert place.refused("previous") >= 20
    assert place.refused("history") == 0


def test_a_series_without_any_good_state_is_named_and_left_to_its_history() -> None:
    place = _Place()
    (state,) = place.states.sealed([_watch(SERIES, 5)], 3)
    assert place.states.opened([_stored(state, b"torn")]) == {}
    assert place.refused("history") == 1


def test_one_torn_state_leaves_the_others_bit_identical() -> None:
    place, one, other = _Place(), _watch(SERIES, 5), _watch(_OTHER, 5)
    torn, good = place.states.sealed([one, other], 3)
    opened = place.states.opened([_stored(torn, b"torn"), _stored(good)])
    assert opened.keys() == {_OTHER}
    assert opened[_OTHER].to_state() == other.to_state()


def test_a_broken_state_is_not_kept_and_the_others_are() -> None:
    place, broken, good = _Place(), _watch(SERIES, 5), _watch(_OTHER, 5)
    broken.to_state = lambda: {"level": float("nan")}  # type: ignore[method-assign] # what a broken detector does
    assert [state.series for state in place.states.sealed([broken, good], 3)] == [_OTHER]
    assert place.metrics.registry.get_sample_value("romashka_detector_states_broken_total") == 1


def test_a_watch_that_has_seen_nothing_has_no_state() -> None:
    assert _Place().states.sealed([SeriesMonitor(SERIES)], 3) == []


def test_a_later_minute_outweighs_any_number_of_saves() -> None:
    assert version_of(at(1), 1) > version_of(at(0), 2**31)
    assert version_of(at(0), 2) > version_of(at(0), 1)


def test_a_signed_state_of_other_detectors_is_refused_and_the_one_before_it_taken() -> None:
    place, watch = _Place(), _watch(SERIES, 5)
    (older,) = place.states.sealed([watch], 3)
    foreign = StateSigner(SECRET).seal({"through": 1, "saved": 2, "performance": {"new": 1}}, place_of(SERIES))
    assert SERIES in place.states.opened([_stored(older), _stored(older._replace(saved=2), foreign)])
    assert place.refused("previous") == 1
