"""The minute that detection has reached, which the demo waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from cli.verification import detected_through
from storage.connection import ClickHouseAddress, connect

pytestmark = pytest.mark.stack

MINUTE = timedelta(minutes=1)


def _judged(client: Client, partition: int, through: datetime) -> None:
    client.command(
        "INSERT INTO detector_states (user_id, partition, version, scored_through) "
        "VALUES (generateUUIDv4(), {partition:Int32}, 1, {through:DateTime('UTC')})",
        parameters={"partition": partition, "through": through},
    )


def _counted(client: Client, partition: int, at: datetime) -> None:
    client.command(
        "INSERT INTO query_windows (user_id, partition, window_start, version) "
        "VALUES (generateUUIDv4(), {partition:Int32}, {at:DateTime('UTC')}, 1)",
        parameters={"partition": partition, "at": at},
    )


def test_a_partition_that_is_silent_since_an_hour_is_judged_to_its_own_end(database: ClickHouseAddress) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    silent = now - 60 * MINUTE
    with connect(database) as client:
        assert detected_through(client) is None
        for partition, at in ((0, now - MINUTE), (1, silent + 2 * MINUTE)):
            _counted(client, partition, at)
        for partition, through in ((0, now - MINUTE), (1, silent), (-1, silent)):
            _judged(client, partition, through)
        assert detected_through(client) == silent
        assert (detected_through(client, 3 * MINUTE) or silent) >= now - MINUTE
        _counted(client, 1, silent + 10 * MINUTE)
        assert detected_through(client, 3 * MINUTE) == silent, "it has not come to what arrived since"
