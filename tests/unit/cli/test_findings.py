"""What was wrong beside what was found, honestly."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from cli.findings import matched
from models.insights import ALL_TENANTS_ID
from simulator.incidents import SimulatedIncident
from tests.examples.insights import STARTED, TENANT, insight

_OUTAGE = SimulatedIncident("an outage", "provider_outage", "hubspot", None, STARTED, STARTED + timedelta(hours=1))
_SOON = STARTED + timedelta(minutes=4)


def test_an_incident_is_found_and_named_by_what_began_in_it() -> None:
    (match,), others = matched([_OUTAGE], [insight(started_at=_SOON)])
    assert (match.found, match.named, match.alone, others) == (True, True, True, [])


def test_what_nobody_found_is_not_found() -> None:
    earlier = insight(started_at=STARTED - timedelta(minutes=1))
    elsewhere = insight(started_at=_SOON, integration_provider="shopify")
    (match,), others = matched([_OUTAGE], [earlier, elsewhere])
    assert (match.found, match.named, match.alone) == (False, False, False)
    assert others == [earlier, elsewhere]


def test_what_was_found_under_another_name_is_found_but_not_named() -> None:
    (match,), _ = matched([_OUTAGE], [insight(started_at=_SOON, kind="volume_surge")])
    assert (match.found, match.named) == (True, False)


def test_parts_of_a_finding_are_that_finding_and_others_are_not() -> None:
    part, stray = insight(started_at=_SOON), insight(started_at=_SOON + timedelta(minutes=2))
    whole = insight(started_at=_SOON, user_id=ALL_TENANTS_ID, members=(part.id,))
    (match,), _ = matched([_OUTAGE], [part, whole])
    assert (match.findings[0], match.alone) == (whole, True)
    (match,), _ = matched([_OUTAGE], [part, whole, stray])
    assert not match.alone


def test_another_tenants_finding_says_nothing_of_one_tenants_incident() -> None:
    burst = SimulatedIncident("a burst", "error_burst", "hubspot", TENANT, STARTED, STARTED + timedelta(hours=1))
    (match,), _ = matched([burst], [insight(started_at=_SOON, kind="error_burst", user_id=UUID(int=7))])
    assert not match.found
