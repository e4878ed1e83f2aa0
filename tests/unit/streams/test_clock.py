"""The worker's clock goes on evenly whatever the machine's does, and says when they differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ConfigurationError, RomashkaError, Unreachable
from streams.clock import CarriedClock, ClockWatch, SteadyClock
from streams.metrics import Metrics

_START = datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp()
_HOUR, _YEAR = 3_600.0, 365 * 86_400.0


class Machine:
    """A machine whose clock can be set, and a database that has one, too; true time only goes on."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.passed = 0.0
        self.wrong = wrong
        self.database_wrong = 0.0
        self.away = False
        self.metrics = Metrics()
        self.clock = SteadyClock(lambda: self.true + self.wrong, lambda: 100.0 + self.passed)
        self.watch = ClockWatch(self.clock, self.ask, self.metrics)

    @property
    def true(self) -> float:
        return _START + self.passed

    @property
    def error(self) -> float:
        """The worker's clock minus true time, in seconds."""
        return self.clock.seconds() - self.true

    def ask(self) -> float:
        if self.away:
            raise Unreachable("ClickHouse does not answer")
        return self.true + self.database_wrong

    def go_on(self, seconds: float) -> None:
        """Let time pass, with a look every fifteen seconds as in the worker."""
        for _ in range(int(seconds // 15)):
            self.passed += 15
            try:
                began = self.clock.moment()
                self.clock.compare(self.ask(), began, began)
            except Unreachable:
                pass
            self.watch.look()

    def offset(self, clock: str) -> float:
        return self.metrics.registry.get_sample_value("romashka_clock_offset_seconds", {"clock": clock}) or 0.0


@pytest.mark.parametrize("wrong", [_HOUR, -_HOUR, _YEAR, -_YEAR, 301.0])
def test_a_machines_clock_that_is_set_and_set_back_changes_nothing(wrong: float) -> None:
    machine = Machine()
    machine.watch.begin()
    machine.go_on(60)
    machine.wrong = wrong
    machine.go_on(2 * _HOUR)
    assert machine.error == pytest.approx(0, abs=1e-3)
    assert machine.offset("machine") == pytest.approx(wrong, abs=1e-3)
    machine.wrong = 0.0
    machine.go_on(60)
    assert machine.error == pytest.approx(0, abs=1e-3)
    assert machine.offset("machine") == pytest.approx(0, abs=1e-3)


def test_a_database_whose_clock_is_wrong_changes_nothing() -> None:
    machine = Machine()
    machine.watch.begin()
    machine.database_wrong = _HOUR
    machine.go_on(_HOUR)
    assert machine.error == pytest.approx(0, abs=1e-3)
    assert machine.offset("clickhouse") == pytest.approx(_HOUR, abs=1e-3)


def test_a_small_difference_on_which_both_others_agree_is_followed_slowly() -> None:
    machine = Machine(wrong=20.0)
    machine.watch.begin()
    machine.wrong = 0.0  # NTP has set the clock right
    machine.go_on(60)
    assert 18.0 < machine.error < 20.0
    machine.go_on(1_200)
    assert machine.error == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("wrong", [_YEAR, -_YEAR, _HOUR, -301.0])
def test_a_worker_does_not_start_with_a_clock_that_is_minutes_from_the_databases(wrong: float) -> None:
    with pytest.raises(ConfigurationError, match="Set the wrong one right"):
        Machine(wrong).watch.begin()


def test_a_worker_that_started_with_a_wrong_time_ends_once_both_others_stay_at_another() -> None:
    machine = Machine()
    machine.watch.begin()
    machine.wrong = machine.database_wrong = _HOUR
    machine.go_on(590)
    machine.wrong = 0.0
    machine.go_on(600)
    machine.wrong = _HOUR
    with pytest.raises(RomashkaError, match="start it again"):
        machine.go_on(660)
    assert machine.error == pytest.approx(0, abs=1e-3)


def test_the_database_may_be_away_and_slow_answers_say_nothing() -> None:
    machine = Machine()
    machine.watch.begin()
    machine.away = True
    machine.wrong = _HOUR
    machine.go_on(_HOUR)
    assert machine.error == pytest.approx(0, abs=1e-3)
    machine.clock.compare(machine.true + 50, machine.clock.moment() - 3, machine.clock.moment())
    assert machine.clock.offsets().database == pytest.approx(0, abs=1e-3)


def test_a_difference_is_told_once_in_a_while_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.watch.begin()
    machine.wrong = -_YEAR
    with caplog.at_level("INFO"):
        machine.go_on(590)
        machine.wrong = 0.0
        machine.go_on(30)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "this machine's clock is 365 days behind the worker's: look at NTP there. Events are judged by the "
            "worker's clock, which goes on evenly"
        ),
        "this machine's clock is right again",
    ]


_steps = st.lists(
    st.tuples(st.floats(0, 900), st.floats(-2e8, 2e8), st.floats(-2e8, 2e8), st.booleans()), min_size=1, max_size=20
)


@settings(max_examples=100, deadline=None)
@given(steps=_steps)
def test_time_never_goes_back_and_never_faster_or_slower_than_by_a_fiftieth(
    steps: list[tuple[float, float, float, bool]],
) -> None:
    machine = Machine()
    before = machine.clock.seconds()
    for seconds, wrong, database_wrong, asked in steps:
        machine.passed += seconds
        machine.wrong = wrong
        if asked:
            machine.clock.compare(machine.true + database_wrong, machine.clock.moment(), machine.clock.moment())
        now = machine.clock.seconds()
        assert 0.98 * seconds - 1e-3 <= now - before <= 1.02 * seconds + 1e-3
        before = now


def test_a_carried_clock_goes_on_from_what_it_was_told() -> None:
    passed = [5.0]
    clock = CarriedClock(lambda: passed[0])
    told = datetime(2020, 1, 1, tzinfo=UTC)
    assert clock() > told
    clock.tell(told)
    passed[0] += 90
    assert clock() == told + timedelta(seconds=90)
