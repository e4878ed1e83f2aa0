"""The committed offset never passes anything that is not finished, whatever happens in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.offsets import SafeOffsets, commit_point


class Partition(RuleBasedStateMachine):
    """One partition, read in spans that finish in any order or never; a rebalance starts over from the commit."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = SafeOffsets()
        self.committed = 0  # what a rebalance starts from
        self.position = 0
        self.in_flight: dict[int, range] = {}  # last offset → the offsets of its span
        self.taken: list[range] = []
        self.done: set[int] = set()  # last offsets of the spans that this assignment finished
        self.finished: set[int] = set()  # offsets that are durable, whoever made them so

    @rule(length=st.integers(1, 5), gap=st.sampled_from([0, 0, 0, 3]))
    def a_span_is_taken_in(self, length: int, gap: int) -> None:
        """The log may have gaps (deleted records, transaction markers) between two polls."""
        span = range(self.position, self.position + gap + length)
        self.position = span.stop
        self.in_flight[span[-1]] = span
        self.taken.append(span)
        self.offsets.take_in(span[-1])

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def a_span_becomes_durable(self, data: st.DataObject) -> None:
        last = data.draw(st.sampled_from(sorted(self.in_flight)))
        self.finished.update(self.in_flight.pop(last))
        self.done.add(last)
        self.offsets.finish(last)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def a_span_fails_for_good(self, data: st.DataObject) -> None:
        del self.in_flight[data.draw(st.sampled_from(sorted(self.in_flight)))]

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def a_span_is_finished_again_or_by_a_stranger(self, data: st.DataObject) -> None:
        last = data.draw(st.sampled_from([*sorted(self.done), self.position + 7]))
        self.offsets.finish(last)

    @rule()
    def what_is_safe_is_committed(self) -> None:
        safe = self.offsets.safe
        if safe is not None:
            assert safe >= self.committed
            self.committed = safe

    @rule()
    def the_partition_is_taken_away_and_given_back(self) -> None:
        """What was in flight is read again, cut differently; what became durable already stays so."""
        self.offsets = SafeOffsets()
        self.position = self.committed
        self.in_flight.clear()
        self.taken.clear()
        self.done.clear()

    @invariant()
    def everything_before_the_safe_offset_is_finished(self) -> None:
        safe = self.offsets.safe
        if safe is not None:
            assert set(range(safe)) <= self.finished

    @invariant()
    def the_safe_offset_ends_the_unbroken_run_of_finished_spans(self) -> None:
        end = None
        for span in self.taken:
            if span[-1] not in self.done:
                break
            end = span.stop
        assert self.offsets.safe == end


Partition.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPartition = Partition.TestCase


@settings(deadline=None)
@given(safe=st.integers(0, 2**62), chunk_size=st.integers(1, 2**20))
def test_the_commit_point_is_the_last_boundary_that_is_safe(safe: int, chunk_size: int) -> None:
    point = commit_point(safe, chunk_size)
    assert point % chunk_size == 0
    assert point <= safe < point + chunk_size


@settings(deadline=None)
@given(first=st.integers(0, 2**62), second=st.integers(0, 2**62), chunk_size=st.integers(1, 2**20))
def test_commit_points_do_not_go_back_while_the_safe_offset_does_not(first: int, second: int, chunk_size: int) -> None:
    low, high = sorted([first, second])
    assert commit_point(low, chunk_size) <= commit_point(high, chunk_size)
