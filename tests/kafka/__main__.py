"""Runs the tests marked ``kafka`` on Apache Kafka, started for them; arguments go to pytest.

The broker is a process run from its Maven artifacts. With ``ROMASHKA_TEST_CONTAINERS=1`` it is a container, and
ClickHouse another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import typer

from models.errors import RomashkaError, Unreachable
from tests.kafka import artifacts
from tests.kafka.broker import ApacheKafka
from tests.kafka.containers import clickhouse_container, docker_answers, kafka_container


def main(arguments: Sequence[str]) -> int:
    """Start the servers, run the tests and return the exit code."""
    in_containers = os.environ.get("ROMASHKA_TEST_CONTAINERS") == "1"
    missing = None if in_containers else artifacts.missing_tool()
    if missing is not None:
        typer.echo(f"Apache Kafka tests skipped: {missing}.")
        return 0
    try:
        with _containers() if in_containers else _process() as servers:
            return run_tests(arguments, servers)
    except RomashkaError as error:
        typer.echo(f"Apache Kafka tests failed: {error}", err=True)
        return 1


@contextmanager
def _process() -> Iterator[dict[str, str]]:
    version = artifacts.kafka_version()
    if not artifacts.is_fetched():
        typer.echo(f"Fetching Apache Kafka {version} with Maven (about 70 MB, the first time only) ...")
        artifacts.classpath()
    typer.echo(f"Starting Apache Kafka {version} ...")
    with ApacheKafka() as kafka:
        yield {"ROMASHKA_TEST_KAFKA": kafka.bootstrap}


@contextmanager
def _containers() -> Iterator[dict[str, str]]:
    if not docker_answers():
        raise Unreachable(
            "ROMASHKA_TEST_CONTAINERS is 1, but no Docker engine answers; start it or unset the variable."
        )
    typer.echo(f"Starting Apache Kafka {artifacts.kafka_version()} and ClickHouse in containers ...")
    with kafka_container() as bootstrap, clickhouse_container() as url:
        yield {"ROMASHKA_TEST_KAFKA": bootstrap, "ROMASHKA_TEST_CLICKHOUSE": url}


def run_tests(arguments: Sequence[str], servers: dict[str, str]) -> int:
    """Run pytest on the tests marked ``kafka``, told where the servers are; returns its exit code, 1 for no tests."""
    typer.echo("Running the tests marked kafka with " + ", ".join(f"{name}={at}" for name, at in servers.items()))
    command = [sys.executable, "-m", "pytest", "-m", "kafka", *arguments]
    with subprocess.Popen(command, env={**os.environ, **servers}) as tests:
        try:
            code = tests.wait()
        except KeyboardInterrupt:  # pytest got the Ctrl-C too: let it stop what it started
            code = tests.wait()
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        typer.echo("Apache Kafka tests failed: pytest found no test marked kafka to run.", err=True)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
