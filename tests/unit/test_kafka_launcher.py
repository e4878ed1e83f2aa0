"""The launcher of ``make test-kafka``, as far as it goes without Java, Maven or Docker."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.errors import PortInUse
from tests.kafka import artifacts
from tests.kafka.__main__ import main, run_tests
from tests.kafka.containers import docker_answers
from tests.kafka.ports import free_ports
from tests.kafka.settings import as_environment, as_properties, broker_settings


@pytest.fixture
def only_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the only one where programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ROMASHKA_TEST_CONTAINERS", raising=False)
    return tmp_path


def install_java(folder: Path, version: str) -> None:
    install(folder / "java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


def install(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.fixture
def docker_engine() -> Iterator[str]:
    """Serve the one question that Docker's client asks first; yields the address for ``DOCKER_HOST``."""

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"ApiVersion": "1.47", "MinAPIVersion": "1.24"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Keep the tests' output clean."""

    with HTTPServer(("127.0.0.1", 0), Engine) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("printed", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25-ea" 2025-09-16', 25),
        ('java version "1.8.0_401"', 1),
        ("sh: java: not found", None),
    ],
)
def test_the_major_version_of_java_is_read(printed: str, major: int | None) -> None:
    assert artifacts.java_major(printed) == major


def test_without_java_the_run_is_skipped_in_one_line(only_tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == "Apache Kafka tests skipped: Java 17 or newer is not installed.\n"


def test_an_old_java_skips_the_run_and_is_named(only_tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_java(only_tools, "11.0.2")
    assert main([]) == 0
    assert capsys.readouterr().out == "Apache Kafka tests skipped: Java 17 or newer is needed, and this is 11.\n"


def test_without_maven_the_run_is_skipped_in_one_line(only_tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_java(only_tools, "21.0.1")
    assert main([]) == 0
    assert capsys.readouterr().out == "Apache Kafka tests skipped: Maven is not installed.\n"


def test_a_fetch_that_fails_is_one_clear_error_with_what_maven_said(
    only_tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_java(only_tools, "21.0.1")
    install(only_tools / "mvn", "echo '[ERROR] the network is unreachable'; exit 1")
    monkeypatch.setattr(artifacts, "_CLASSPATH", only_tools / "not-fetched-yet")
    assert main([]) == 1
    error = capsys.readouterr().err
    assert "Maven could not fetch Apache Kafka 4." in error
    assert "[ERROR] the network is unreachable" in error


@pytest.mark.long
def test_a_run_without_any_test_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tests([__file__, "--quiet", "-p", "no:cacheprovider"], {}) == 1
    assert "no test marked kafka" in capsys.readouterr().err


def test_containers_without_a_docker_engine_are_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("ROMASHKA_TEST_CONTAINERS", "1")
    assert main([]) == 1
    assert "no Docker engine answers" in capsys.readouterr().err


def test_no_engine_behind_the_socket_means_docker_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not docker_answers()


def test_an_engine_that_tells_its_version_answers(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    assert docker_answers()


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports(0, 0, 0)
    assert len(set(ports)) == 3
    assert free_ports(ports[0]) == [ports[0]]


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} "):
            free_ports(port)


def test_clients_are_told_the_advertised_address() -> None:
    settings = broker_settings(":9092", "127.0.0.1:40001", "127.0.0.1:9093")
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:40001\n" in as_properties(settings)


def test_a_container_gets_every_setting_of_the_process() -> None:
    settings = broker_settings(":9092", "127.0.0.1:40001", "127.0.0.1:9093")
    environment = as_environment(settings)
    assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == "1"
    assert list(environment.values()) == list(settings.values())


def test_the_pom_pins_a_kafka_4() -> None:
    assert artifacts.kafka_version().startswith("4.")
