from __future__ import annotations

import copy
import os
from threading import Thread
from uuid import RFC_4122, UUID, SafeUUID

import pytest

from romashka_tracker.ids import EventIds


def test_ids_are_random_uuids_like_those_of_the_standard_library() -> None:
    made, text = EventIds().take()
    usual = UUID(text)
    assert (made.version, made.variant, made.is_safe) == (4, RFC_4122, SafeUUID.unknown)
    assert (made, str(made), hash(made), repr(made)) == (usual, text, hash(usual), repr(usual))
    assert made.__getstate__() == usual.__getstate__()
    assert copy.deepcopy(made) == made


def test_every_bit_of_the_system_s_randomness_is_kept_but_version_and_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"\xff" * size)
    assert EventIds().take()[1] == "ffffffff-ffff-4fff-bfff-ffffffffffff"
    monkeypatch.setattr(os, "urandom", bytes)
    assert EventIds().take()[1] == "00000000-0000-4000-8000-000000000000"


def test_threads_that_share_a_block_get_no_id_twice() -> None:
    ids = EventIds()
    taken: list[tuple[UUID, str]] = []
    threads = [Thread(target=lambda: taken.extend([ids.take() for _ in range(3_000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({text for _, text in taken}) == 12_000
