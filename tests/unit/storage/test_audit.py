from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.audit import AuditEntry, AuditRow, Chain, Head, audit_key, verify

KEY = audit_key(b"a secret of at least 16 bytes")
NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        NOW + timedelta(seconds=number), "key:a", "kpis.read", f"GET /v1/kpis/{number}", "200", {"n": number}
    )


def rows(chain: Chain) -> list[AuditRow]:
    return list(chain._pending)


def written(writer: str = "w1", entries: int = 5, heads: tuple[Head, ...] = ()) -> list[AuditRow]:
    chain = Chain(KEY, heads, NOW, writer)
    for number in range(entries):
        chain.add(entry(number))
    return rows(chain)


def whats(found: list[AuditRow], key: bytes = KEY) -> list[tuple[int, str]]:
    return [(fault.sequence, fault.what) for fault in verify(found, key).faults]


def test_a_chain_as_it_was_written_holds() -> None:
    verdict = verify(written("w1") + written("w2", 3), KEY)
    assert (verdict.rows, verdict.faults) == (10, [])
    assert {head.writer: head.sequence for head in verdict.heads.values()} == {"w1": 6, "w2": 4}


def test_rows_that_were_sent_twice_are_one() -> None:
    chain = written()
    assert verify([row for row in chain for _ in range(2)], KEY).faults == []


@pytest.mark.parametrize("field", ["actor", "action", "object", "outcome", "details", "happened_at"])
def test_a_changed_field_is_found(field: str) -> None:
    found = written()
    value: Any = NOW - timedelta(days=1) if field == "happened_at" else '{"writer": "w1"}'
    found[2] = found[2]._replace(**{field: value})
    assert whats(found) == [(3, "what it says was changed, or it was not written with this secret")]


def test_a_missing_row_is_found_wherever_it_was() -> None:
    found = written()
    assert whats(found[:2] + found[3:]) == [(4, "missing before this one: 1 row")]
    assert whats(found[2:]) == [(3, "missing before this one: 2 rows")]


def test_rows_that_changed_places_are_found() -> None:
    found = written()
    found[2], found[3] = found[3]._replace(sequence=3), found[2]._replace(sequence=4)
    assert {sequence for sequence, _ in whats(found)} == {3, 4, 5}


def test_a_row_that_was_put_in_is_found() -> None:
    found = written()
    found.insert(3, found[2]._replace(object="GET /v1/kpis/secret"))
    assert (3, "there is another row with this number") in whats(found)


def test_what_was_cut_off_the_end_is_missed_once_a_later_chain_has_begun() -> None:
    first = written("w1")
    later = written("w2", 1, (Head("w1", 6, first[-1].hash),))
    assert whats(first + later) == []
    gone = "this row was there when a later chain began, and is gone or not the same any more"
    assert whats(first[:-1] + later) == [(6, gone)]
    assert whats(later) == [(6, gone)]


def test_who_does_not_know_the_secret_cannot_write_a_chain_that_holds() -> None:
    forged = written()
    assert len(whats(forged, audit_key(b"another secret of 16 bytes"))) == len(forged)


def test_a_command_s_own_chain_is_missed_once_a_process_that_runs_on_has_named_it() -> None:
    command = written("command", 2)
    service = Chain(KEY, (), NOW, "service")
    service.name([Head("command", 3, command[-1].hash), Head("service", 1, "x")], NOW)
    assert whats(command + rows(service)) == []
    assert [sequence for sequence, _ in whats(rows(service))] == [3]
    before = len(service)
    service.name([Head("service", 2, "x")], NOW)
    assert len(service) == before, "it does not vouch for itself"


@pytest.mark.parametrize("left", [[], written("w1", 3), written("other")], ids=["emptied", "cut off", "made anew"])
def test_what_was_published_is_missed_when_even_the_last_chains_are_gone(left: list[AuditRow]) -> None:
    whole = written("w1")
    published = [Head("w1", row.sequence, row.hash) for row in whole[-1:]]
    assert verify(whole, KEY, published).faults == []
    found = verify(left, KEY, published).faults
    assert [(fault.writer, fault.sequence) for fault in found] == [("w1", 6)]
    assert "was published outside the database" in found[0].what
