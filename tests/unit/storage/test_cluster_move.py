"""The plan of a move: what was not moved or changed since, each partition once, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.cluster_move import How, OldServer, planned

ENGINES = {"events": "ReplacingMergeTree", "log": "MergeTree"}
WAYS: dict[str, How] = {"events": "copy", "log": "attach"}


def part(table: str, partition: str, stamp: int = 1) -> dict[str, Any]:
    return {"table_name": table, "partition_id": partition, "rows": 5, "bytes": 70, "stamp": stamp}


def test_what_was_moved_and_did_not_change_is_left_out() -> None:
    parts = [part("events", "202601"), part("events", "202602", 7), part("log", "all"), part("other", "all")]
    steps = planned(parts, WAYS, ENGINES, {("events", "202601"): 1, ("events", "202602"): 6})
    assert [(step.table, step.partition, step.how) for step in steps] == [
        ("events", "202602", "copy"),
        ("log", "all", "attach"),
    ]


keys = st.tuples(st.sampled_from(sorted(WAYS)), st.sampled_from(["202601", "202602", "202603"]))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(keys, st.integers(0, 3)), st.lists(st.tuples(keys, st.integers(0, 3)), max_size=8))
def test_whatever_was_interrupted_and_changed_the_rest_is_planned_until_nothing_is_left(
    there: dict[tuple[str, str], int], history: list[tuple[tuple[str, str], int]]
) -> None:
    moved = dict(history)
    steps = planned([part(*key, stamp) for key, stamp in there.items()], WAYS, ENGINES, moved)
    assert {(step.table, step.partition) for step in steps} == {key for key in there if moved.get(key) != there[key]}
    moved |= {(step.table, step.partition): step.stamp for step in steps}
    assert planned([part(*key, stamp) for key, stamp in there.items()], WAYS, ENGINES, moved) == []


def test_a_source_elsewhere_is_read_over_the_network_with_its_names_quoted() -> None:
    assert OldServer("a").table("t") == "`a`.`t`"
    away = OldServer("a", "old:9000", "o'hara", "p\\w")
    assert away.table("t") == r"remote('old:9000', 'a', 't', 'o\'hara', 'p\\w')"
    assert "p" not in away.name.replace("old:9000/a", "")
