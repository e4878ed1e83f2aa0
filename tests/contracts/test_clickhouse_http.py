"""The rules of ClickHouse's HTTP interface that its clients count on, tried without any of them."""

from __future__ import annotations

import gzip
import json

import lz4.frame  # type: ignore[import-untyped] # the library carries no type information
import pytest

from tests.contracts.http_requests import Server

pytestmark = pytest.mark.stack


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
