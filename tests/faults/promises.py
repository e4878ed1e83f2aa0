"""The guarantee under each fault, and the tests that check it. ``docs/reliability.md`` is generated from this table."""

from __future__ import annotations

from typing import Final, NamedTuple


class Promise(NamedTuple):
    """A guarantee under a fault; ``tests`` are the pytest ids of the tests that check it."""

    number: str
    fault: str
    promise: str
    tests: tuple[str, ...]


_FAULTS: Final = "tests/faults/"
_UNIT: Final = "tests/unit/streams/"
_SCHEDULES: Final = "tests/integration/test_schedules.py::"
_WAYWARD: Final = f"{_FAULTS}test_wayward_database.py::test_a_database_that_hangs_is_full_or_is_slow_costs_nothing"
_EXACT: Final = "tests/integration/test_exactness.py::test_numbers_are_exact_despite_malformed_repeated_and_late_events"
_MAIN: Final = "tests/integration/test_main_path.py::"

PROMISES: Final = (
    Promise(
        "1",
        "a worker is killed at any moment (`kill -9`)",
        "no event is lost, none counts twice",
        (
            f"{_FAULTS}test_kills.py::test_numbers_are_exact_when_one_of_two_workers_is_killed_again_and_again",
            f"{_FAULTS}test_take_over.py::test_a_killed_workers_partitions_have_new_rows_within_fifteen_seconds",
            f"{_FAULTS}test_take_over.py::test_a_named_worker_that_is_killed_and_restarted_in_place_moves_no_partition",
            f"{_FAULTS}test_insight_kills.py::test_an_open_episode_survives_kills_as_one_with_the_same_id",
            f"{_FAULTS}test_rollup_deaths.py::test_a_run_that_dies_after_any_statement_is_made_up_for_by_the_next",
        ),
    ),
    Promise(
        "2",
        "a worker is stopped (SIGTERM)",
        "it flushes, commits, and exits within eight seconds",
        (
            f"{_MAIN}test_a_worker_that_is_stopped_writes_everything_commits_and_goes_on_where_it_was",
            f"{_FAULTS}test_stop_without_kafka.py::test_a_worker_stops_within_seconds_while_kafka_is_away",
            f"{_FAULTS}test_stop_without_kafka.py::test_a_worker_stops_within_seconds_while_clickhouse_is_away",
            f"{_FAULTS}test_stop_without_kafka.py::test_a_worker_stops_within_seconds_in_the_middle_of_a_rebalance",
        ),
    ),
    Promise(
        "3",
        "Kafka restarts",
        "the worker reconnects by itself, or exits and resumes after a restart",
        (f"{_FAULTS}test_broker_restarts.py::test_every_event_counts_once_while_the_broker_restarts",),
    ),
    Promise(
        "4",
        "ClickHouse is unavailable for minutes",
        "the worker waits with bounded memory, reports it, and catches up",
        (f"{_FAULTS}test_database_outage.py::test_a_database_that_goes_away_under_load_costs_nothing",),
    ),
    Promise(
        "5",
        "an insert was applied, but its response is lost",
        "the identical insert is retried (idempotent): no event counts twice",
        (f"{_FAULTS}test_lost_replies.py::test_totals_are_exact_when_the_answer_of_every_fifth_insert_is_lost",),
    ),
    Promise(
        "6, 14, 15",
        "ClickHouse hangs, is slow, or its disk is full",
        "inserts are retried with bounded memory; no offset is committed, no worker is evicted from the group",
        (_WAYWARD,),
    ),
    Promise(
        "7, 9, 10",
        "malformed, duplicate and late messages",
        "a dead letter with the original bytes; no effect on other messages; each event counts once, in its own minute",
        (_EXACT,),
    ),
    Promise(
        "8",
        "a topic full of invalid messages",
        "the worker stops before it turns the whole topic into dead letters",
        (f"{_MAIN}test_a_topic_full_of_nonsense_stops_the_worker_before_it_is_drained",),
    ),
    Promise(
        "11",
        "a producer's clock is ahead",
        "the minutes of other tenants do not change",
        ("tests/properties/test_minutes.py::test_one_wrong_clock_changes_no_one_elses_minutes",),
    ),
    Promise(
        "",
        "the clock of a worker's machine jumps",
        "events and dead letters are timed by a steady clock; a worker whose clock is minutes off does not start",
        (
            f"{_FAULTS}test_clock_jumps.py::test_events_are_judged_as_ever_while_the_machines_clock_jumps",
            f"{_FAULTS}test_clock_jumps.py::test_a_worker_does_not_start_a_year_behind",
        ),
    ),
    Promise(
        "12",
        "one partition becomes idle",
        "its minutes close within the allowed lateness plus one minute",
        (
            f"{_FAULTS}test_idle_partition.py::test_the_minutes_of_a_silent_partition_close",
            f"{_UNIT}detection/test_minutes.py::test_an_idle_partition_closes_by_the_clock",
        ),
    ),
    Promise(
        "13",
        "workers join and leave the group repeatedly",
        "no event is lost, none counts twice",
        (f"{_FAULTS}test_rebalance_storm.py::test_numbers_are_exact_while_workers_come_and_go",),
    ),
    Promise(
        "16",
        "a saved detector state is truncated, modified or of another format",
        "the previous state is loaded, and a log line and a metric report it",
        (
            f"{_UNIT}detection/test_series_states.py::test_a_torn_state_gives_way_to_the_one_before_and_says_so",
            "tests/unit/detectors/test_state.py::test_a_state_that_was_cut_off_anywhere_is_refused",
            "tests/unit/detectors/test_state.py::test_a_state_of_which_any_byte_was_changed_is_refused",
        ),
    ),
    Promise(
        "17",
        "the state of one detector is corrupt",
        "the states of the others are bit-identical",
        (
            f"{_UNIT}detection/test_series_states.py::test_one_torn_state_leaves_the_others_bit_identical",
            f"{_UNIT}detection/test_partition_monitor.py::test_a_detector_that_fails_begins_anew_and_the_other_series_do_not_notice",
        ),
    ),
    Promise(
        "18",
        "an unlimited number of new tenants",
        "every event counts up to the limit of new tenants, the others are dead letters; memory stays bounded",
        (
            f"{_FAULTS}test_key_explosion.py::test_a_million_tenants_are_counted_in_bounded_memory",
            f"{_FAULTS}test_key_explosion.py::test_tenants_beyond_the_limit_are_dead_letters_and_the_worker_goes_on",
            f"{_UNIT}detection/test_partition_monitor.py::test_a_million_keys_take_the_room_of_a_few",
        ),
    ),
    Promise(
        "19",
        "Kafka deletes messages that a running worker has not read",
        "the number of lost messages is counted exactly and reported",
        (f"{_FAULTS}test_deleted_messages.py::test_what_is_deleted_under_a_running_worker_is_counted_exactly",),
    ),
    Promise(
        "20",
        "days of continuous operation",
        "memory, parts and open files do not grow (`make soak`, below)",
        (),
    ),
    Promise(
        "",
        "a producer aborts its transactions",
        "aborted events are never counted, and consumer lag returns to 0",
        (f"{_FAULTS}test_transactions.py::test_only_committed_events_count_and_the_lag_returns_to_zero",),
    ),
    Promise(
        "",
        "a topic is missing",
        "the worker does not start and names the topic",
        (f"{_FAULTS}test_missing_topics.py::test_a_worker_does_not_start_without_a_topic_it_writes_to",),
    ),
    Promise(
        "",
        "a scheduled report or its recipient fails or hangs",
        "all other reports arrive on time, and the state of the schedule gives the reason",
        (f"{_SCHEDULES}test_a_schedule_that_fails_or_hangs_holds_up_no_other_and_says_why",),
    ),
    Promise(
        "",
        "a worker dies while it sends a report",
        "each period is delivered once, or again with the same Message-ID",
        (
            f"{_SCHEDULES}test_two_workers_one_killed_at_random_deliver_each_period_once",
            f"{_FAULTS}test_schedule_kills.py::test_each_period_is_delivered_once_while_workers_are_killed",
        ),
    ),
    Promise(
        "",
        "partitions are added while workers die and producers still use the old number",
        "no event is lost, none counts twice, the events of a tenant keep their order",
        (
            f"{_FAULTS}test_topic_growth.py::test_numbers_are_exact_while_partitions_are_added",
            "tests/properties/test_topic_growth.py::test_every_event_counts_once_while_partitions_are_added_twice",
        ),
    ),
    Promise(
        "",
        "the leader is paused beyond its session timeout and resumes, or there are two leaders",
        "the results are the same as with one leader",
        (
            f"{_FAULTS}test_sleeping_leaders.py::test_a_leader_that_was_stopped_for_longer_than_its_session_changes_no_total",
            f"{_FAULTS}test_sleeping_leaders.py::test_of_a_fenced_job_nothing_is_stored_after_a_later_run_began",
            f"{_FAULTS}test_sleeping_leaders.py::test_roll_ups_of_a_run_that_slept_between_two_statements_are_what_the_events_say",
            f"{_FAULTS}test_rollup_deaths.py::test_two_leaders_at_once_end_in_what_the_events_say",
        ),
    ),
)
