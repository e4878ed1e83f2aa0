"""A leader that sleeps through its session while another one leads, or two at once: the results are the same."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Condition, Thread, current_thread
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client

from benchmarks.detection.churn_simulated import store
from cli.verification import stored_events
from jobs import business_impact, customers, privacy, roll_ups
from jobs.privacy import privacy_jobs
from storage import leases, writing
from storage.connection import ClickHouseAddress, connect
from storage.leases import LeaseLost
from storage.privacy import PrivacyStore
from storage.writing import insert_rows
from streams.job import Job
from streams.kafka import KafkaAddress
from streams.pseudonyms import Pseudonymiser
from tests.examples.events import SECRET
from tests.faults.scale import APACHE, FULL, scaled
from tests.faults.test_rollup_deaths import STATEMENTS, Shop
from tests.integration import test_privacy
from tests.integration.test_customer_jobs import DAY, NOW, history
from tests.integration.test_exactness import history as events
from tests.integration.test_exactness import publish
from tests.oracle import Expected, hours, stored_windows
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka]

SLEEP_SECONDS = scaled(0.0, 65.0)
FENCED = [job for job in (*business_impact.JOBS, *customers.JOBS) if job.fenced]


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as found:
        yield found


def contents(client: Client) -> dict[str, Any]:
    """Return a hash of the rows of every table that jobs write, as readers see them."""
    sql = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE 'Replacing%' "
        "AND (startsWith(name, 'customer_') OR name IN ('business_impact_metrics', 'integration_forecasts'))"
    )
    tables = [str(row[0]) for row in client.query(sql).result_rows]
    assert len(tables) > 6
    return {name: client.query(f"SELECT count(), sum(cityHash64(*)) FROM {name} FINAL").result_rows for name in tables}


def test_of_a_fenced_job_nothing_is_stored_after_a_later_run_began(
    client: Client, database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(history(100, 8_000), database)
    roll_ups.refresh(client)
    for job in FENCED:
        _sleep_at_its_first_write(job, client, monkeypatch)


def _sleep_at_its_first_write(job: Job, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, found = leases.fenced_insert, dict[str, Any]()

    def sleep_first(*arguments: Any) -> None:
        monkeypatch.setattr(writing, "fenced_insert", insert)
        job.once(client, NOW + DAY)  # another leader's
        found.update(contents(client))
        insert(*arguments)

    with monkeypatch.context():
        monkeypatch.setattr(writing, "fenced_insert", sleep_first)
        with pytest.raises(LeaseLost):
            job.once(client, NOW)
    assert found, job.name
    assert contents(client) == found, job.name


def test_roll_ups_of_a_run_that_slept_between_two_statements_are_what_the_events_say(
    client: Client, database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(database, client)
    run = roll_ups._command
    for round_, place in enumerate(range(0, STATEMENTS - 3, 3)):
        shop.tell(2 * round_)
        left = iter(range(place))

        def sleeping(
            client: Client, sql: str, parameters: dict[str, Any], *, left: Iterator[int] = left, round_: int = round_
        ) -> None:
            if next(left, None) is None:
                monkeypatch.setattr(roll_ups, "_command", run)
                shop.tell(2 * round_ + 1)
                roll_ups.refresh(shop.client)  # another leader's
            run(client, sql, parameters)

        with monkeypatch.context():
            monkeypatch.setattr(roll_ups, "_command", sleeping)
            roll_ups.refresh(client)
        assert shop.answers(rolled_up=True) == shop.answers(rolled_up=False), place


class Turns:
    """Lets threads take turns at the points where they wait: by a script first, then in an order that a seed decides.

    Parameters
    ----------
    script
        Who goes on until it waits at a point of this name; ``None``: to its next point.
    """

    def __init__(self, seed: int, threads: int, script: Sequence[tuple[str, str | None]]) -> None:
        self._random = random.Random(seed)
        self._script = list(script)
        self._changed = Condition()
        self._waiting: dict[str, str] = {}
        self._running = threads
        self._turn: str | None = None

    def wait(self, who: str, point: str) -> None:
        """Wait for the turn of a thread."""
        with self._changed:
            self._waiting[who] = point
            self._choose()
            self._changed.wait_for(lambda: self._turn == who)
            self._turn = None
            del self._waiting[who]

    def leave(self) -> None:
        """Take no more turns."""
        with self._changed:
            self._running -= 1
            self._choose()

    def _choose(self) -> None:
        if self._turn is None and self._waiting and len(self._waiting) == self._running:
            self._turn = self._next()
            self._changed.notify_all()

    def _next(self) -> str:
        while self._script:
            who, point = self._script[0]
            if who in self._waiting and (point is None or not self._waiting[who].startswith(point)):
                if point is None:
                    del self._script[0]
                return who
            del self._script[0]
        return self._random.choice(sorted(self._waiting))


def of_customers(client: Client) -> dict[str, Any]:
    """Return the number of rows about customers, as readers see them, of each table."""
    tables = [table.name for table in PrivacyStore(client).tables() if table.customer]
    return {name: client.query(f"SELECT count() FROM {name} FINAL").result_rows[0][0] for name in tables}


# The first copies rows while the mapping is empty, and deletes by the mapping of the second.
_WORST: Final = [
    *[("first", "INSERT"), ("second", "mapping"), ("first", None), ("second", None)],
    *[("first", None), ("second", "INSERT")],
]


@pytest.mark.parametrize("seed", range(2))
def test_two_leaders_that_give_pseudonyms_new_keys_at_once_lose_no_row(
    seed: int, client: Client, database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Pseudonymiser(SECRET, "k1")
    new = Pseudonymiser(SECRET[::-1], "k2", old_keys=[("k1", SECRET)])
    test_privacy._fill(database, old)
    monkeypatch.setattr(privacy, "_AT_ONCE", 3)
    before = of_customers(client)
    (job,) = (one for one in privacy_jobs(new) if one.name == "re-keying")
    turns, lost = Turns(seed, 2, _WORST if seed == 0 else ()), list[str]()
    command, insert = PrivacyStore._command, insert_rows

    def in_turn(store: PrivacyStore, sql: str, given: Any) -> None:
        turns.wait(current_thread().name, sql)
        command(store, sql, given)

    def insert_in_turn(*arguments: Any) -> None:
        turns.wait(current_thread().name, "mapping")
        insert(*arguments)

    monkeypatch.setattr("storage.privacy.insert_rows", insert_in_turn)

    monkeypatch.setattr(PrivacyStore, "_command", in_turn)

    def lead(name: str) -> None:
        with connect(database) as connection:
            try:
                job.once(connection, NOW)
            except LeaseLost:
                lost.append(name)
            finally:
                turns.leave()

    threads = [Thread(target=lead, args=(name,), name=name) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(PrivacyStore, "_command", command)
    monkeypatch.setattr("storage.privacy.insert_rows", insert)
    assert len(lost) == 1
    job.once(client, NOW)
    assert test_privacy._found(client, "k1.") == []
    assert of_customers(client) == before


@pytest.mark.timeout(600)
@pytest.mark.skipif(not (FULL or APACHE), reason="waits for sessions to end; `make test-kafka` and `make test-faults`")
def test_a_leader_that_was_stopped_for_longer_than_its_session_changes_no_total(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    sent = events(9_000, seed=21)
    expected = Expected()
    expected.add(sent)
    with WorkerProcess(env) as one, WorkerProcess(env) as two, connect(database) as client:
        for worker in (one, two):
            worker.wait_until_ready()
        publish(topics, sent[:3_000])

        def leads(worker: WorkerProcess) -> bool:
            return worker.metric("romashka_leader") == 1

        wait_for(lambda: leads(one) or leads(two), 60, one.log)
        leader, other = (one, two) if leads(one) else (two, one)
        began = time.monotonic()
        os.kill(leader.pid, signal.SIGSTOP)
        try:
            publish(topics, sent[3_000:6_000])
            wait_for(lambda: leads(other), 90, other.log)
            wait_for(lambda: stored_events(client) >= 6_000, 90, other.log)
            time.sleep(max(0.0, SLEEP_SECONDS - (time.monotonic() - began)))
            slept = time.monotonic() - began
        finally:
            os.kill(leader.pid, signal.SIGCONT)
        publish(topics, sent[6_000:])
        time.sleep(5)
        if leader.ended():  # its watchdog may have found that nothing went on for a minute
            leader.start()

        def why() -> str:
            return leader.log() + other.log()

        wait_for(lambda: stored_events(client) == len(sent), 120, why)
        windows = {key: counted.row() for key, counted in expected.windows.items()}
        wait_for(lambda: stored_windows(client) == windows, 60, why)
        wait_for(lambda: stored_windows(client, "query_hours", "hour_start") == hours(expected.windows), 180, why)
        leader.wait_until_ready()
        wait_for(lambda: leads(leader) + leads(other) == 1, 60, why)
    record_property("figure", f"leader asleep for {slept:.0f} s, another led, {len(sent):,} events: lost 0, double 0")
