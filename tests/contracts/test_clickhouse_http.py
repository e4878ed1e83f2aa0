"""The rules of ClickHouse's HTTP interface that its clients count on, tried without any of them."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import lz4.frame  # type: ignore[import-untyped] # the library carries no type information
import pytest

from embedded.database import Database

pytestmark = pytest.mark.stack

LATE_ERROR = b"SELECT throwIf(number = 2999999) FROM numbers(3000000) FORMAT RowBinary SETTINGS max_block_size = 1000"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Sends plain HTTP requests to the database; keyword arguments go into the URL."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str = "/", /, **parameters: str) -> Reply:
        return self._request("GET", f"{path}?{urlencode(parameters)}")

    def send(self, body: bytes = b"", headers: Mapping[str, str] | None = None, /, **parameters: str) -> Reply:
        return self._request("POST", f"/?{urlencode(parameters)}", body, headers)

    def rows(self, sql: str, /, **parameters: str) -> bytes:
        reply = self.send(sql.encode(), **parameters)
        assert reply.status == 200, reply.body
        return reply.body

    def _request(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, url, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Database() as database:
        yield Server(database.port)


@pytest.fixture
def table(server: Server) -> Iterator[str]:
    server.rows("CREATE TABLE contract (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    yield "contract"
    server.rows("DROP TABLE contract")


def test_ping_and_a_request_without_a_query_say_ok(server: Server) -> None:
    assert server.get("/ping").body == b"Ok.\n"
    assert server.get().body == b"Ok.\n"
    assert server.get("/nowhere").status == 404


def test_a_query_may_come_in_the_url_in_the_body_or_in_both(server: Server, table: str) -> None:
    assert server.get(query="SELECT 1").body == b"1\n"
    assert server.send(query="SELECT 1").body == b"1\n"
    assert server.send(b"SELECT 1").body == b"1\n"
    server.send(b'{"a": 1, "s": "x"}\n', query=f"INSERT INTO {table} FORMAT JSONEachRow")
    server.send(b"INSERT INTO %s FORMAT CSV\n2,y\n" % table.encode())
    server.send(b" (3, 'z')", query=f"INSERT INTO {table} VALUES")
    assert server.rows(f"SELECT * FROM {table} ORDER BY a") == b"1\tx\n2\ty\n3\tz\n"


def test_the_format_is_the_querys_then_the_urls_then_tab_separated(server: Server) -> None:
    assert server.rows("SELECT 1 AS a FORMAT JSONEachRow", default_format="CSV") == b'{"a":1}\n'
    assert server.rows("SELECT 'a' AS a", default_format="CSV") == b'"a"\n'
    assert server.send(b"SELECT 'a'", {"X-ClickHouse-Format": "CSV"}).body == b'"a"\n'
    assert server.rows("SELECT 'a'") == b"a\n"


def test_the_headers_tell_what_was_done(server: Server, table: str) -> None:
    inserted = server.send(b"INSERT INTO %s VALUES (1, 'x'), (2, 'y')" % table.encode(), query_id="mine")
    selected = server.send(f"SELECT * FROM {table} FORMAT JSONEachRow".encode(), session_timezone="Asia/Tokyo")

    assert inserted.headers["X-ClickHouse-Query-Id"] == "mine"
    assert json.loads(inserted.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    assert selected.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert selected.headers["X-ClickHouse-Timezone"] == "Asia/Tokyo"
    assert json.loads(selected.headers["X-ClickHouse-Summary"])["result_rows"] == "2"
    assert server.send(b"SELECT 1").headers["X-ClickHouse-Timezone"] == "UTC"


def test_an_error_has_clickhouses_status_code_and_words(server: Server) -> None:
    unknown = server.send(b"SELECT * FROM nowhere")
    wrong = server.send(b"SELEC 1")

    assert (unknown.status, unknown.headers["X-ClickHouse-Exception-Code"]) == (404, "60")
    assert unknown.body.startswith(b"Code: 60. DB::Exception: ")
    assert b"(UNKNOWN_TABLE)" in unknown.body
    assert (wrong.status, wrong.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


def test_a_result_may_hold_any_bytes(server: Server) -> None:
    assert server.send(b"SELECT unhex('00FF0A') FORMAT RowBinary").body == b"\x03\x00\xff\x0a"
    assert server.send(b"SELECT '\xff\x00' FORMAT RowBinary").body == b"\x02\xff\x00"
    failed = server.send(b"SELECT '\xff' + 1")
    assert (failed.status, failed.headers["X-ClickHouse-Exception-Code"]) == (500, "43")


def test_a_parameter_is_data_whatever_it_contains(server: Server) -> None:
    for text in ("it's", "' OR 1=1 --", "'; DROP TABLE x; --", "{a:String}", '`"\U0001f600'):
        assert server.rows("SELECT {p:String} FORMAT RowBinary", param_p=text)[1:] == text.encode()
    # As in TabSeparated, a backslash escapes.
    assert server.rows(r"SELECT {p:String} FORMAT RowBinary", param_p=r"a\\b\tc") == b"\x05a\\b\tc"
    assert server.rows("SELECT {p:Array(String)}", param_p=r"['x','y\'z']") == b"['x','y\\'z']\n"
    assert server.rows("SELECT {p:Nullable(Int8)}", param_p="\\N") == b"\\N\n"
    assert server.send(b"SELECT {p:UInt8}", param_p="1 OR 1").status != 200
    assert server.send(b"SELECT {p:String}").headers["X-ClickHouse-Exception-Code"] == "456"


def test_a_parameter_may_name_what_is_inserted_into(server: Server, table: str) -> None:
    assert server.send(b"INSERT INTO {t:Identifier} FORMAT CSV\n1,x\n", param_t=table).status == 200
    assert server.rows(f"SELECT count() FROM {table}") == b"1\n"


def test_a_form_may_carry_query_and_parameters(server: Server) -> None:
    fields = {"query": "SELECT {p:String}", "param_p": "it's"}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    form = {"Content-Type": "multipart/form-data; boundary=x"}

    assert server.send("".join([*parts, "--x--\r\n"]).encode(), form).body == b"it\\'s\n"


def test_an_external_table_is_refused_in_words(server: Server) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}

    reply = server.send(part.encode(), form, query="SELECT * FROM t")

    assert reply.status == 501
    assert b"no external tables" in reply.body


def test_two_statements_in_one_request_are_refused_and_neither_runs(server: Server, table: str) -> None:
    for text in (f"SELECT 1; DROP TABLE {table}", f"INSERT INTO {table} VALUES (1, 'x'); DROP TABLE {table}"):
        reply = server.send(text.encode())
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (400, "62")
    assert server.rows(f"SELECT count() FROM {table}") == b"0\n"


def test_inserted_data_is_not_taken_for_statements(server: Server, table: str) -> None:
    tsv = b"1\ta;\n2\t\n3\tDROP TABLE contract;\n"
    json_rows = b'{"a":4,"s":"x"}\n\n\n{"a":5,"s":";\\n\\nSELECT 1;"}\n\n'

    server.send(b"INSERT INTO contract FORMAT TabSeparated\n" + tsv)
    server.send(b"INSERT INTO contract FORMAT JSONEachRow\n" + json_rows)

    assert server.rows("SELECT count(), sum(a) FROM contract") == b"5\t15\n"


@pytest.mark.parametrize(
    ("create", "insert", "code"),
    [
        ("(k UInt8) ENGINE = MergeTree ORDER BY k PARTITION BY k", "(1), (2)", "252"),
        ("(k UInt8, CONSTRAINT small CHECK k < 2) ENGINE = MergeTree ORDER BY k", "(1), (2)", "469"),
    ],
)
def test_a_write_that_fails_is_an_error_and_leaves_nothing(server: Server, create: str, insert: str, code: str) -> None:
    server.rows(f"CREATE TABLE picky {create}")
    try:
        reply = server.send(f"INSERT INTO picky VALUES {insert}".encode(), max_partitions_per_insert_block="1")

        assert reply.headers["X-ClickHouse-Exception-Code"] == code
        assert server.rows("SELECT count() FROM picky") == b"0\n"
    finally:
        server.rows("DROP TABLE picky")


def test_a_materialized_view_that_fails_fails_the_insert(server: Server, table: str) -> None:
    server.rows(
        "CREATE MATERIALIZED VIEW picky ENGINE = MergeTree ORDER BY x AS SELECT throwIf(a = 3) AS x FROM contract"
    )
    try:
        reply = server.send(b"INSERT INTO contract FORMAT CSV\n3,x\n")

        assert reply.headers["X-ClickHouse-Exception-Code"] == "395"
    finally:
        server.rows("DROP VIEW picky")


def test_settings_within_an_insert_hold(server: Server) -> None:
    server.rows("CREATE TABLE settings (k UInt8) ENGINE = MergeTree ORDER BY k PARTITION BY k")
    sql = b"INSERT INTO settings SETTINGS max_partitions_per_insert_block = 1 FORMAT CSV\n1\n2\n"

    assert server.send(sql).headers["X-ClickHouse-Exception-Code"] == "252"
    server.rows("DROP TABLE settings")


@pytest.mark.parametrize("encoding", ["gzip", "lz4"])
def test_a_body_of_several_compressed_frames_is_inserted_whole(server: Server, table: str, encoding: str) -> None:
    compress = gzip.compress if encoding == "gzip" else lz4.frame.compress
    blocks = [b"INSERT INTO contract FORMAT CSV\n", *(b"%d,x\n" % number for number in range(50))]

    reply = server.send(b"".join(map(compress, blocks)), {"Content-Encoding": encoding})

    assert reply.status == 200, reply.body
    assert server.rows("SELECT count(), sum(a) FROM contract") == b"50\t1225\n"


def test_a_compressed_body_cut_short_inserts_nothing_and_says_so(server: Server, table: str) -> None:
    body = lz4.frame.compress(b"INSERT INTO contract FORMAT CSV\n") + lz4.frame.compress(b"1,x\n" * 1000)[:-4]

    reply = server.send(body, {"Content-Encoding": "lz4"})

    assert reply.headers["X-ClickHouse-Exception-Code"] == "271"
    assert server.rows("SELECT count() FROM contract") == b"0\n"


@pytest.mark.parametrize(
    "sql", ["SELECT number FROM numbers(200000)", "SELECT number FROM numbers(200000) FORMAT RowBinary"]
)
def test_a_response_is_compressed_as_the_client_accepts(server: Server, sql: str) -> None:
    headers = {"Accept-Encoding": "br, gzip"}

    plain = server.send(sql.encode(), headers)
    compressed = server.send(sql.encode(), headers, enable_http_compression="1")

    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body


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
