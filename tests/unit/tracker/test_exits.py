"""Calls of the tracker's own threads."""

from __future__ import annotations

import threading

import pytest

from romashka_tracker.exits import LateExecutor


def test_a_call_that_nobody_waits_for_any_more_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a tracker whose collector hung printed a traceback for each topic when the collector answered."""
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    begun, answered = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        answered.wait(10)
        raise OSError

    before = set(threading.enumerate())
    future = LateExecutor().submit(call)
    assert begun.wait(10)
    (thread,) = set(threading.enumerate()) - before
    future.cancel()
    answered.set()
    thread.join(10)
    assert raised == []
