"""Settings, sessions and errors of the HTTP interface."""

from __future__ import annotations

import http.client
import threading

import pytest

from tests.contracts.http_requests import LATE_ERROR, Reply, Server

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("readonly", ["1", "2"])
def test_readonly_refuses_every_write(server: Server, table: str, readonly: str) -> None:
    writes = ["INSERT INTO contract VALUES (1, 'x')", "INSERT INTO contract FORMAT CSV\n1,x\n", "DROP TABLE contract"]

    for text in [*writes, "CREATE TABLE other (a Int8) ENGINE = Memory", "INSERT INTO contract SELECT 1, 'x'"]:
        reply = server.send(text.encode(), readonly=readonly)
        assert reply.headers["X-ClickHouse-Exception-Code"] == "164", text

    assert server.rows("SELECT count() FROM contract", readonly=readonly) == b"0\n"


def test_a_get_request_is_readonly(server: Server, table: str) -> None:
    reply = server.get(query="INSERT INTO contract VALUES (1, 'x')")

    assert reply.headers["X-ClickHouse-Exception-Code"] == "164"


def test_settings_of_the_url_hold_for_their_request_only(server: Server) -> None:
    assert server.send(b"SELECT number FROM numbers(10)", max_result_rows="5").status != 200
    assert server.send(b"SELECT number FROM numbers(10)").status == 200
    timed_out = server.send(
        b"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)", max_execution_time="0.2"
    )
    assert (timed_out.status, timed_out.headers["X-ClickHouse-Exception-Code"]) == (408, "159")
    assert server.rows("SELECT timezone()", session_timezone="Asia/Tokyo") == b"Asia/Tokyo\n"
    assert server.send(b"SELECT 1", no_such_setting="1").headers["X-ClickHouse-Exception-Code"] == "115"
    assert server.send(b"SELECT 1", max_threads="many").status != 200


def test_settings_that_change_what_is_stored_or_read_do_so(server: Server) -> None:
    server.rows("CREATE TABLE latest (k UInt8, v UInt8) ENGINE = ReplacingMergeTree(v) ORDER BY k PARTITION BY k")
    server.rows(
        "CREATE TABLE once (k UInt8) ENGINE = MergeTree ORDER BY k SETTINGS non_replicated_deduplication_window = 9"
    )
    for value in (1, 2):
        server.rows(f"INSERT INTO latest VALUES (1, {value})")
        server.rows(f"INSERT INTO once VALUES ({value})", insert_deduplication_token="same")
    too_many = server.send(b"INSERT INTO latest VALUES (2, 1), (3, 1)", max_partitions_per_insert_block="1")

    assert server.rows("SELECT count() FROM latest", final="0") == b"2\n"
    assert server.rows("SELECT count() FROM latest", final="1") == b"1\n"
    assert server.rows("SELECT * FROM once") == b"1\n"
    assert too_many.headers["X-ClickHouse-Exception-Code"] == "252"
    server.rows("DROP TABLE latest")
    server.rows("DROP TABLE once")


def test_the_database_of_the_url_holds_for_its_request_only(server: Server) -> None:
    server.rows("CREATE DATABASE `we``ird`")

    assert server.rows("SELECT currentDatabase()", database="we`ird") == b"we`ird\n"
    assert server.rows("SELECT currentDatabase()") == b"default\n"
    assert server.send(b"SELECT 1", database="nowhere").headers["X-ClickHouse-Exception-Code"] == "81"
    server.rows("DROP DATABASE `we``ird`")


def test_a_session_keeps_what_it_set_and_another_does_not_see_it(server: Server) -> None:
    server.rows("SET max_result_rows = 5", session_id="a")
    server.rows("USE system", session_id="a")

    assert server.rows("SELECT currentDatabase()", session_id="a") == b"system\n"
    assert server.send(b"SELECT number FROM numbers(10)", session_id="a").status != 200
    assert server.rows("SELECT currentDatabase()", session_id="b") == b"default\n"
    assert server.send(b"SELECT number FROM numbers(10)", session_id="b").status == 200
    assert b"keeps no temporary tables" in server.send(b"CREATE TEMPORARY TABLE t (a Int8)", session_id="a").body


def test_wait_end_of_query_gives_a_late_error_its_status(server: Server) -> None:
    assert server.send(LATE_ERROR, wait_end_of_query="1").headers["X-ClickHouse-Exception-Code"] == "395"


def test_a_late_error_is_told_in_the_body_which_then_has_no_end(server: Server) -> None:
    with pytest.raises(http.client.IncompleteRead) as broken:
        server.send(LATE_ERROR)

    assert b"__exception__" in broken.value.partial
    assert b"Code: 395. DB::Exception" in broken.value.partial


def test_totals_are_not_lost(server: Server) -> None:
    sql = "SELECT number % 2 AS k, count() FROM numbers(5) GROUP BY k WITH TOTALS ORDER BY k"

    assert server.rows(sql) == b"0\t3\n1\t2\n\n0\t5\n"


def test_any_user_is_let_in_and_web_pages_are_not(server: Server) -> None:
    basic = {"Authorization": "Basic YW55Ym9keTp3cm9uZw=="}

    assert server.send(b"SELECT 1", basic).body == b"1\n"
    assert server.send(b"SELECT 1", user="anybody", password="wrong").body == b"1\n"
    assert server.send(b"SELECT 1", {"X-ClickHouse-User": "x", "X-ClickHouse-Key": "y"}).body == b"1\n"
    assert server.send(b"SELECT 1", {"Origin": "http://localhost:3000"}).status == 403
    assert server.send(b"SELECT 1", {"Host": "rebound.example"}).status == 403


def test_a_long_url_and_a_large_body_are_taken(server: Server, table: str) -> None:
    values = ",".join(str(number) for number in range(20_000))

    assert server.get(query=f"SELECT length([{values}])").body == b"20000\n"
    body = b"INSERT INTO contract FORMAT CSV\n" + b"1,%s\n" % (b"x" * 1000) * 20_000
    assert server.send(body).status == 200
    assert server.rows("SELECT count() FROM contract") == b"20000\n"


def test_a_slow_read_holds_up_no_insert_and_can_be_killed(server: Server, table: str) -> None:
    replies: list[Reply] = []
    endless = b"SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(number)"
    slow = threading.Thread(target=lambda: replies.append(server.send(endless)))
    slow.start()

    for number in range(20):
        server.rows(f"INSERT INTO contract VALUES ({number}, 'x')")

    assert server.rows("SELECT count() FROM contract") == b"20\n"
    assert replies == []
    while slow.is_alive():  # until it has begun, there is nothing to kill
        server.rows("KILL QUERY WHERE query LIKE '%1000000000000000%' AND query NOT LIKE 'KILL%'")
        slow.join(0.1)
    assert replies[0].headers["X-ClickHouse-Exception-Code"] == "394"
