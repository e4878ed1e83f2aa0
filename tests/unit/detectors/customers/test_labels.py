"""Delayed labels: when snapshots are taken, when their labels arrive, and in which order models learn them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from detectors.customers.labels import Label, LabelOutcome, Snapshot, Task, in_order, resolve, slots, without

TENANT = UUID(int=7)
AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
CHURN = Task("churn", 30 * DAY, ("cancelled",), silence=True)
UPSELL = Task("upsell", 30 * DAY, ("upsold",), silence=False)


def snapshot(customer: str = "a", at: datetime = AT) -> Snapshot:
    return Snapshot(TENANT, customer, at, at + 30 * DAY, {"x": 1.0})


def test_a_cancellation_is_known_at_once() -> None:
    [label] = resolve(CHURN, [LabelOutcome(snapshot(), AT + 3 * DAY, visits=2)], AT + 4 * DAY)
    assert label.positive
    assert label.arrived_at == AT + 3 * DAY


def test_before_its_due_date_nothing_else_is_known() -> None:
    assert (
        resolve(
            CHURN,
            [LabelOutcome(snapshot(), None, visits=0), LabelOutcome(snapshot("b"), None, visits=5)],
            AT + 29 * DAY,
        )
        == []
    )


def test_at_the_due_date_silence_is_churn_and_a_visit_is_not() -> None:
    labels = resolve(
        CHURN, [LabelOutcome(snapshot(), None, visits=0), LabelOutcome(snapshot("b"), None, visits=1)], AT + 30 * DAY
    )
    assert [label.positive for label in labels] == [True, False]
    assert {label.arrived_at for label in labels} == {AT + 30 * DAY}


def test_silence_is_no_upsell() -> None:
    [label] = resolve(UPSELL, [LabelOutcome(snapshot(), None, visits=0)], AT + 31 * DAY)
    assert not label.positive


def test_what_happens_after_now_is_not_known_yet() -> None:
    assert resolve(CHURN, [LabelOutcome(snapshot(), AT + 9 * DAY, visits=0)], AT + 8 * DAY) == []


def test_a_customer_is_queued_once_for_each_moment_and_again_where_the_features_are_others() -> None:
    here = [snapshot(), snapshot(), snapshot("b"), snapshot("c"), snapshot("d")]
    features = snapshot().features
    queued = {(TENANT, "b"): features, (TENANT, "c"): {**features, "recency": 99.0}, (TENANT, "d"): None}
    assert [one.customer_id for one in without(here, queued)] == ["a", "c"], "the label of d is known"


def test_moments_are_mondays_whenever_they_are_asked_for() -> None:
    first = AT - 20 * DAY
    found = slots(first, AT + 3 * DAY, 7 * DAY, 10)
    assert found == slots(first, AT + 6 * DAY, 7 * DAY, 10)
    assert found == [AT - 14 * DAY, AT - 7 * DAY, AT]
    assert {one.weekday() for one in found} == {0}


def test_only_the_last_moments_are_taken() -> None:
    assert slots(AT - 400 * DAY, AT, 7 * DAY, 2) == [AT - 7 * DAY, AT]


def test_before_the_first_moment_there_is_none() -> None:
    assert slots(AT + DAY, AT + 2 * DAY, 7 * DAY, 10) == []


labels_of_customers = st.lists(
    st.builds(
        lambda customer, week, positive: Label(snapshot(customer, AT + week * 7 * DAY), positive, AT + week * 7 * DAY),
        st.sampled_from("abcdef"),
        st.integers(0, 12),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda label: (label.snapshot.customer_id, label.snapshot.at),
)


@given(labels=labels_of_customers)
def test_no_label_is_learned_before_it_is_due(labels: list[Label]) -> None:
    reached = AT
    for asked, label in in_order(labels):
        if label is not None:
            assert label.snapshot.due_at >= reached
            reached = label.snapshot.due_at
        else:
            assert asked is not None
            assert asked.at >= reached
            reached = asked.at


@given(labels=labels_of_customers)
def test_the_order_does_not_depend_on_that_of_the_queue(labels: list[Label]) -> None:
    shuffled = list(reversed(labels))
    assert list(in_order(shuffled)) == list(in_order(labels))
