"""Addresses and keys that no request could be made of are told at once: sending would fail for ever."""

from __future__ import annotations

import pytest

from romashka_tracker import HttpTransport, IntegrationTracker, KafkaTransport, TrackerError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "collector:8081",
        "ftp://collector",
        "http://",
        "http://collector:http",
        "http://collector:99999",
        "http://collector:0",
        "http://[::1",
        "http://the collector",
        "http://collector\x00",
        "http://collector..example",
        f"http://{'x' * 64}.example",
        "http://collector/\u00fc",
        "http://collector?tenant=1",
        "http://collector#events",
        "http://user:secret@collector",
    ],
)
def test_an_address_of_a_collector_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(TrackerError, match="The collector's address must be"):
        HttpTransport(url, "rmk_x")


@pytest.mark.parametrize("key", ["", "rmk_x\n", " rmk_x", "rmk x", "rmk_\u043a", "rmk_\u00e9", "rmk_x\r\nX-Evil: 1"])
def test_a_key_that_fits_into_no_header_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(TrackerError, match="The collector's key must be") as refused:
        HttpTransport("http://collector", key)
    assert "rmk" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://collector", "https://collector.example:8443/romashka/", "http://[::1]:8081", "http://b\u00fccher.example"],
)
def test_an_address_of_a_collector_is_taken(url: str) -> None:
    HttpTransport(url, "rmk_x-Y_9")


@pytest.mark.parametrize(
    "servers", ["", " , ", "broker:kafka", "broker:99999", "broker:0", "[::1", "b:9092,b:x", "\ud800:1"]
)
def test_addresses_of_brokers_that_are_none_are_refused(servers: str) -> None:
    with pytest.raises(TrackerError, match="must be host:port"):
        KafkaTransport(servers)
    if servers:
        with pytest.raises(TrackerError, match="must be host:port"):
            IntegrationTracker.blocking(servers)


@pytest.mark.parametrize("servers", ["broker", "broker:9092", "a:9092, b:9093,", "127.0.0.1:9092", "[::1]:9092"])
def test_addresses_of_brokers_are_taken(servers: str) -> None:
    KafkaTransport(servers)
