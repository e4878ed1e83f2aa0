"""From an HTTP request to a query."""

from __future__ import annotations

import gzip

import pytest

from embedded.errors import QueryFailed
from embedded.request import read_query


@pytest.mark.parametrize(
    ("in_url", "body", "expected"),
    [
        ("SELECT 1", b"", b"SELECT 1"),
        ("", b"SELECT 1", b"SELECT 1"),
        ("INSERT INTO t FORMAT CSV", b"1\n", b"INSERT INTO t FORMAT CSV\n1\n"),
        ("", b"", b""),
    ],
)
def test_a_line_feed_joins_the_parts_of_a_query(in_url: str, body: bytes, expected: bytes) -> None:
    assert read_query("POST", {"query": in_url}, {}, body).text == expected


def test_what_is_no_setting_is_kept_out_of_the_settings() -> None:
    parameters = {
        "database": "d",
        "session_id": "s",
        "session_timeout": "5",
        "query_id": "q",
        "user": "u",
        "password": "p",
        "role": "r",
        "default_format": "JSON",
        "client_protocol_version": "54460",
        "wait_end_of_query": "1",
        "buffer_size": "3000",
        "param_name": "it's",
        "max_threads": "2",
    }

    query = read_query("POST", parameters, {}, b"SELECT {name:String}")

    assert query.settings == {"max_threads": "2"}
    assert query.parameters == {"name": "it's"}
    assert (query.database, query.session_id, query.session_timeout, query.query_id) == ("d", "s", 5, "q")
    assert (query.default_format, query.protocol_revision, query.wait_end_of_query) == ("JSON", 54460, True)


def test_headers_give_the_database_and_the_format_where_the_url_does_not() -> None:
    headers = {"X-ClickHouse-Database": "from_header", "X-ClickHouse-Format": "CSV"}

    assert read_query("POST", {}, headers, b"SELECT 1").database == "from_header"
    assert read_query("POST", {}, headers, b"SELECT 1").default_format == "CSV"
    assert read_query("POST", {"database": "from_url"}, headers, b"SELECT 1").database == "from_url"


def test_a_link_cannot_change_anything() -> None:
    assert read_query("GET", {"query": "SELECT 1"}, {}, b"").settings == {"readonly": "2"}
    assert read_query("GET", {"query": "SELECT 1", "readonly": "0"}, {}, b"").settings == {"readonly": "2"}
    assert read_query("GET", {"query": "SELECT 1", "readonly": "1"}, {}, b"").settings == {"readonly": "1"}
    assert read_query("POST", {"query": "SELECT 1"}, {}, b"").settings == {}


def test_a_compressed_body_is_decoded() -> None:
    query = read_query("POST", {}, {"Content-Encoding": "gzip"}, gzip.compress(b"SELECT 1"))

    assert query.text == b"SELECT 1"


def test_the_response_is_compressed_only_when_asked_for() -> None:
    accepting = {"Accept-Encoding": "gzip"}

    assert read_query("POST", {}, accepting, b"SELECT 1").encoding == ""
    assert read_query("POST", {"enable_http_compression": "1"}, accepting, b"SELECT 1").encoding == "gzip"


def test_a_query_id_is_made_where_none_is_given() -> None:
    first, second = (read_query("POST", {"query_id": ""}, {}, b"SELECT 1").query_id for _ in range(2))

    assert first
    assert first != second


@pytest.mark.parametrize("name", ["compress", "decompress"])
def test_block_compression_is_refused_with_what_to_do_instead(name: str) -> None:
    with pytest.raises(QueryFailed, match="use gzip, lz4 or zstd by HTTP headers") as refused:
        read_query("POST", {name: "1"}, {}, b"SELECT 1")

    assert refused.value.status == 501
    assert read_query("POST", {name: "0"}, {}, b"SELECT 1").settings == {}


@pytest.mark.parametrize("name", ["max threads", "a=1,readonly", "", "param_a b", "param_"])
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        read_query("POST", {name: "1"}, {}, b"SELECT 1")

    assert refused.value.code == 115


@pytest.mark.parametrize("name", ["session_timeout", "client_protocol_version"])
def test_a_number_that_is_none_names_its_parameter(name: str) -> None:
    with pytest.raises(QueryFailed, match=f"{name} must be a whole number, not 'soon'"):
        read_query("POST", {name: "soon"}, {}, b"SELECT 1")
