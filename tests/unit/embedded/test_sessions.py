"""What a session repeats before each statement."""

from __future__ import annotations

from embedded.sessions import Sessions


def test_a_session_repeats_what_it_was_told_in_order() -> None:
    sessions = Sessions()

    sessions.remember("a", b"USE one", timeout=60, now=0)
    sessions.remember("a", b"SET final = 1", timeout=60, now=1)

    assert sessions.statements("a", timeout=60, now=2) == (b"USE one", b"SET final = 1")
    assert sessions.statements("b", timeout=60, now=2) == ()


def test_saying_the_same_again_does_not_make_the_session_longer_but_later() -> None:
    sessions = Sessions()

    for statement in (b"USE one", b"USE two", b"USE one"):
        sessions.remember("a", statement, timeout=60, now=0)

    assert sessions.statements("a", timeout=60, now=0) == (b"USE two", b"USE one")


def test_a_session_ends_when_it_is_not_used_for_its_timeout() -> None:
    sessions = Sessions()
    sessions.remember("a", b"USE one", timeout=60, now=0)

    assert sessions.statements("a", timeout=60, now=59) == (b"USE one",)
    assert sessions.statements("a", timeout=60, now=118) == (b"USE one",)
    assert sessions.statements("a", timeout=60, now=179) == ()
