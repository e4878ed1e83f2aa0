from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations

from simulator.incidents import CHANGES, KINDS, VARIANTS, one_a_day, one_of_each, overlapping, placed_on
from simulator.tenants import DEFAULT_TENANTS
from simulator.times import DAY_MS, from_ms

DAYS = range(20_000, 20_200)
PLACED = [incident for day in DAYS for incident in placed_on(day, 1, DEFAULT_TENANTS, 3.0)]


def test_the_seed_places_about_so_many_of_every_kind() -> None:
    assert 400 < len(PLACED) < 600
    assert set(Counter(incident.kind for incident in PLACED)) == set(KINDS)
    assert len({incident.id for incident in PLACED}) == len(PLACED)


def test_an_outage_strikes_every_tenant_and_the_others_one() -> None:
    assert all((incident.tenant is None) == (incident.kind == "provider_outage") for incident in PLACED)


def test_placed_incidents_stay_in_their_day_and_apart_on_a_link() -> None:
    for day in DAYS:
        placed = placed_on(day, 1, DEFAULT_TENANTS, 6.0)
        for incident in placed:
            assert from_ms(day * DAY_MS) <= incident.start < incident.end <= from_ms((day + 1) * DAY_MS)
        for one, other in combinations(placed, 2):
            shared = one.provider == other.provider and (
                one.tenant == other.tenant or None in {one.tenant, other.tenant}
            )
            assert (
                not shared or one.end + timedelta(hours=2) <= other.start or other.end + timedelta(hours=2) <= one.start
            )


def test_a_live_plan_has_one_incident_of_each_kind_on_links_of_their_own() -> None:
    first = datetime(2026, 3, 2, 12, tzinfo=UTC)
    plan = one_of_each(DEFAULT_TENANTS, first, timedelta(minutes=10), timedelta(minutes=5))
    assert [incident.kind for incident in plan] == list(KINDS)
    assert [incident.start - first for incident in plan] == [timedelta(minutes=10 * step) for step in range(5)]
    assert len({(incident.provider, incident.tenant) for incident in plan}) == 5


def test_one_a_day_strikes_links_of_their_own_in_the_last_days_in_busy_hours() -> None:
    until, lasting = datetime(2026, 3, 2, 12, tzinfo=UTC), timedelta(hours=3)
    plan = one_a_day(DEFAULT_TENANTS, until, lasting)
    assert [incident.kind for incident in plan] == list(KINDS)
    assert len({(incident.provider, incident.tenant) for incident in plan}) == 5
    for days, incident in zip(range(4, -1, -1), plan, strict=True):
        assert until - timedelta(days=days + 1) <= incident.start < incident.end <= until - timedelta(days=days)
        assert incident.end - incident.start == lasting
    assert plan[0].start.hour in {17, 18}  # a shop one hour ahead of UTC is busiest at eight in the evening


def test_overlapping_takes_the_end_as_open() -> None:
    one = PLACED[0]
    assert overlapping([one], one.start - timedelta(hours=1), one.start) == []
    assert overlapping([one], one.end, one.end + timedelta(hours=1)) == []
    assert overlapping([one], one.end - timedelta(milliseconds=1), one.end) == [one]


def test_an_incident_says_in_words_what_changes() -> None:
    assert set(CHANGES) == {variant for variants in VARIANTS.values() for variant in variants}
    row = json.loads(json.dumps(PLACED[0].as_dict()))
    assert row["changes"] == CHANGES[row["variant"]]
    assert datetime.fromisoformat(row["start"]) == PLACED[0].start
