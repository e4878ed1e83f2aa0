from __future__ import annotations

from threading import Thread

from romashka_tracker.buffer import Buffer, Counters
from romashka_tracker.transport import Message


def _message(number: int) -> Message:
    return Message(b"tenant", b"%d" % number)


def _filled(count: int, limit: int = 10) -> Buffer:
    buffer = Buffer(limit)
    for number in range(count):
        assert buffer.put(_message(number))
    return buffer


def test_the_newest_is_refused_and_counted_when_there_is_no_room() -> None:
    buffer = _filled(3, limit=3)
    assert not buffer.put(_message(3))
    assert (buffer.accepted, buffer.dropped, len(buffer)) == (3, 1, 3)


def test_the_head_is_the_oldest_and_stays_until_it_is_settled() -> None:
    buffer = _filled(5)
    assert buffer.head(2) == [_message(0), _message(1)]
    assert len(buffer) == 5


def test_settling_keeps_the_undelivered_in_their_order_before_the_rest() -> None:
    buffer = _filled(5)
    buffer.settle(4, [0, 2])
    assert buffer.head(10) == [_message(0), _message(2), _message(4)]


def test_outstanding_counts_only_what_was_accepted_by_then() -> None:
    buffer = _filled(4)
    buffer.settle(2, [1])
    assert buffer.outstanding(2) == 1
    assert buffer.outstanding(4) == 3


def test_what_threads_put_while_it_is_sent_is_all_there_in_each_thread_s_order() -> None:
    buffer = Buffer(100_000)
    threads = [
        Thread(target=lambda base=base: [buffer.put(_message(base + n)) for n in range(5_000)]) for base in (0, 10_000)
    ]
    for thread in threads:
        thread.start()
    sent: list[int] = []
    while any(thread.is_alive() for thread in threads) or buffer:
        batch = buffer.head(7)
        counts = buffer.counts()
        assert counts.accepted == counts.delivered + counts.buffered
        sent += [int(message.value) for message in batch]
        buffer.settle(len(batch), ())
    assert sorted(sent) == [*range(5_000), *range(10_000, 15_000)]
    assert [number for number in sent if number < 10_000] == [*range(5_000)]
    assert buffer.accepted == 10_000


def test_more_than_half_of_the_room_is_crowded() -> None:
    assert not _filled(5).crowded()
    assert _filled(6).crowded()


def test_counters_add_up_field_by_field() -> None:
    assert Counters(1, 2, 3, 4, 5) + Counters(10, 20, 30, 40, 50) == Counters(11, 22, 33, 44, 55)


def test_a_signal_handler_may_put_while_its_thread_counts() -> None:
    buffer = Buffer(0)
    with buffer._lock:  # as within ``counts``, where the handler of a signal may run
        assert not buffer.put(Message(b"k", b"v"))
    assert buffer.dropped == 1
