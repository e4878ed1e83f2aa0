from __future__ import annotations

from uuid import UUID

from simulator.seeds import Purpose, generator, uuids


def test_streams_differ_by_seed_purpose_and_key_and_repeat_otherwise() -> None:
    parts: list[tuple[int, Purpose, tuple[int, ...]]] = [
        (1, Purpose.IDS, (1,)),
        (2, Purpose.IDS, (1,)),
        (1, Purpose.TRAFFIC, (1,)),
        (1, Purpose.IDS, (2,)),
        (1, Purpose.IDS, (1, 0)),
    ]
    draws = [generator(seed, purpose, *keys).random() for seed, purpose, keys in parts]
    assert len(set(draws)) == len(parts)
    assert draws == [generator(seed, purpose, *keys).random() for seed, purpose, keys in parts]


def test_ids_are_version_4_uuids() -> None:
    ids = uuids(generator(1, Purpose.IDS), 2_000)
    assert len(set(ids)) == 2_000
    assert all(UUID(one).version == 4 and str(UUID(one)) == one for one in ids)
    assert uuids(generator(1, Purpose.IDS), 0) == []
