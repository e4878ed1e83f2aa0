"""``romashka doctor``."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import typer
from dotenv import dotenv_values

from cli.console import out, styled
from cli.freshness import behind
from cli.setting_checks import Channels, Warned, check_backups, check_files, check_retention, check_worker
from cli.settings import Settings, settings
from models.counting import counted
from models.errors import RomashkaError
from models.topics import ALL, QUERIES
from sinks import migrations
from sinks.clickhouse import ClickHouseSink
from storage.connection import connect
from storage.fingerprints import check_secrets
from storage.live_schema import differences, full_disks, probe
from storage.retention import retention
from streams.kafka import Admin, partition_count, topic_epochs
from streams.kafka_rights import check_worker_rights
from streams.record_reader import IS_COMPILED, NOT_COMPILED


class Check(NamedTuple):
    """One check; ``look`` returns its result, or raises an error or ``Warned``."""

    about: str
    look: Callable[[Settings], str]


def _partitions(config: Settings) -> str:
    epoch = topic_epochs(config.kafka, [QUERIES])[QUERIES.name]
    layouts = ClickHouseSink(config.clickhouse).layouts(epoch)
    there = partition_count(config.kafka, QUERIES)
    if layouts.pending is not None:
        raise RomashkaError(
            f"a change to {counted(layouts.pending.partitions, 'partition')} has begun, and queries wait for it: "
            f"finish it with 'romashka topics grow --partitions {layouts.pending.partitions}', or end it with "
            "'romashka topics grow --abort'"
        )
    if not layouts.opened:
        return f"{QUERIES.name} has {there}; no worker has run yet"
    used = layouts.opened[-1].partitions
    if used < there:
        return f"keys are spread over {used} of {there}; 'romashka topics grow --partitions {there}' uses them all"
    return f"keys are spread over all {there} of {QUERIES.name}, layout {layouts.generation}"


def _secret(config: Settings) -> str:
    with connect(config.clickhouse) as client:
        unknown = check_secrets(client, config.keys)
    noted = (
        "not used on this database yet" if config.pseudonym_key_id in unknown else "the one that filled this database"
    )
    return f"{counted(len(config.secret), 'byte')}, key id {config.pseudonym_key_id}, {noted}"


def _topics(config: Settings) -> str:
    Admin(config.kafka).existing(ALL)
    check_worker_rights(config.kafka, config.kafka_group)
    return f"every topic is at {config.kafka_bootstrap}, with the rights that a worker needs"


def _clickhouse(config: Settings) -> str:
    migrations.require_current(config.clickhouse)
    with connect(config.clickhouse) as client:
        if found := [*differences(client), *full_disks(client)]:
            raise RomashkaError(
                f"{'; '.join(found)}. Restore what is missing, or free some space; a backup has the tables"
            )
        probe(client, datetime.now(UTC))
        if words := behind(client):
            raise RomashkaError(words)
    return (
        f"{counted(len(migrations.known()), 'migration')} applied to '{config.clickhouse_database}' at "
        f"{config.clickhouse_url}, "
        "every column is as it should be, a probe row was written and read, conversations counted up to the last minute"
    )


def _api(config: Settings) -> str:
    # Slow imports.
    from cli.api_server import check, configuration  # noqa: PLC0415
    from cli.commands.mcp import allowed_hosts  # noqa: PLC0415

    check(configuration(config))
    allowed_hosts(config, config.mcp_host)
    with_redis = "Redis" if config.redis_url.get_secret_value() else "no Redis"
    return f"settings can be used, {with_redis}, {'sign-in by OIDC' if config.oidc_issuer else 'API keys alone'}"


def _reader(_: Settings) -> str:
    if not IS_COMPILED:
        raise Warned(NOT_COMPILED)
    return "batches of messages are read by the compiled module"


def _channels(config: Settings) -> str:
    variables = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return Channels(config, variables | os.environ).check()


def _retention(config: Settings) -> str:
    with connect(config.clickhouse) as client:
        return check_retention(config, retention(client))


CHECKS = (
    Check("Kafka", _topics),
    Check("ClickHouse", _clickhouse),
    Check("Partitions", _partitions),
    Check("Secret", _secret),
    Check("Worker", check_worker),
    Check("API", _api),
    Check("Messages", _channels),
    Check("Files", check_files),
    Check("Retention", _retention),
    Check("Backups", check_backups),
    Check("Reader", _reader),
)


def run() -> None:
    """Check every connection, topic, migration and setting; print what to do about each failure.

    Example: `romashka doctor`
    """
    config = settings()
    out.print(styled("[green]✔[/] Settings: readable"))
    failed = False
    for check in CHECKS:
        try:
            seen = check.look(config)
        except Warned as warned:
            out.print(styled("[yellow]![/] {}: {}", check.about, warned), soft_wrap=True)
        except RomashkaError as error:
            failed = True
            out.print(styled("[red]✘[/] {}: {}", check.about, error), soft_wrap=True)
        else:
            out.print(styled("[green]✔[/] {}: {}", check.about, seen), soft_wrap=True)
    if failed:
        raise typer.Exit(1)
