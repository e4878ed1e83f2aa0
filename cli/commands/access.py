"""``romashka access``: permissions in Kafka, ClickHouse and Grafana. Each command is idempotent."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.console import out
from cli.grafana import GrafanaAddress, set_access
from cli.setting_values import WebAddress
from cli.settings import loaded, settings
from models.counting import counted
from models.errors import SettingsError, Unreachable
from models.pattern_words import NAME_PATTERN, message_of
from models.topics import DEAD_LETTERS, INGEST, INSIGHTS, QUERIES, Topic
from storage import access, access_rights
from storage.connection import connect
from streams.kafka import Admin, KafkaAddress

app = typer.Typer(help="Users, roles and rights in Kafka, ClickHouse and Grafana.", no_args_is_help=True)

_ANSWER_SECONDS: Final = 10.0
_MIN_PASSWORD = 16
_TOPIC: Final = ResourceType.TOPIC
_WRITES: Final = (AclOperation.WRITE, AclOperation.DESCRIBE)


class Passwords(BaseSettings):
    """Passwords of the dashboards' users, made by ``romashka init``."""

    model_config = SettingsConfigDict(env_prefix="ROMASHKA_", env_file=".env", extra="ignore", frozen=True)

    worker_password: SecretStr = SecretStr("")
    collector_password: SecretStr = SecretStr("")
    api_password: SecretStr = SecretStr("")
    executive_password: SecretStr = SecretStr("")
    operations_password: SecretStr = SecretStr("")
    analyst_password: SecretStr = SecretStr("")
    grafana_url: WebAddress = "http://127.0.0.1:3000"
    grafana_user: str = "romashka"
    grafana_password: SecretStr = SecretStr("")

    def get(self, name: str) -> str:
        """Return ``ROMASHKA_<NAME>_PASSWORD``; one that is missing or short is a ``SettingsError`` that names it."""
        password: SecretStr = getattr(self, f"{name}_password")
        if len(password.get_secret_value()) < _MIN_PASSWORD:
            raise SettingsError(
                f"ROMASHKA_{name.upper()}_PASSWORD is missing or shorter than {_MIN_PASSWORD} characters; "
                "'romashka init' makes one"
            )
        return password.get_secret_value()


class _Rule(NamedTuple):
    """A right of a user to a topic or a group."""

    kind: ResourceType
    name: str
    user: str
    right: AclOperation

    def binding(self) -> AclBinding:
        """Return it as the client takes it."""
        return AclBinding(
            self.kind,
            self.name,
            ResourcePatternType.LITERAL,
            f"User:{self.user}",
            "*",
            self.right,
            AclPermissionType.ALLOW,
        )


class TenantReader(BaseModel):
    """An entry of the ``--readers`` file: a user who may read the rows of some tenants only."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    role: access_rights.Role
    password: Annotated[SecretStr, Field(min_length=_MIN_PASSWORD)]
    tenants: Annotated[list[UUID], Field(min_length=1)]


@app.command("clickhouse")
def clickhouse(
    readers: Annotated[
        Path | None, typer.Option(help="JSON list of readers bound to tenants: name, role, password, tenants")
    ] = None,
) -> None:
    """Create the users of worker, API, collector and dashboards, with roles, row policies, limits and quotas.

    Run it after every `romashka migrate`: what a new table shows, and to whom, is decided here.

    Example: `romashka access clickhouse --readers readers.json`
    """
    passwords = loaded(Passwords)
    everyone = [
        *(access.Reader(f"grafana_{role}", role, passwords.get(role)) for role in access_rights.ROLES),
        *(() if readers is None else read_tenant_readers(readers)),
    ]
    with connect(settings().clickhouse) as client:
        tables = access.apply(
            client,
            everyone,
            worker_password=passwords.get("worker"),
            collector_password=passwords.get("collector") if passwords.collector_password.get_secret_value() else "",
            api_password=passwords.get("api") if passwords.api_password.get_secret_value() else "",
            topology=settings().topology,
        )
    apart = counted(len(tables), "table")
    out.print(f"{counted(len(everyone), 'reader')} and the user {access_rights.WORKER}; rows kept apart in {apart}")


@app.command("kafka")
def kafka(
    producer: Annotated[
        list[str] | None, typer.Option(help="Producer, as NAME or NAME:TOPIC[,TOPIC]; repeatable")
    ] = None,
    worker: Annotated[str, typer.Option(help="User name of the workers; empty: leave their rights unchanged")] = "",
) -> None:
    """Create the Kafka ACLs of producers and workers, with least privilege.

    Example: `romashka access kafka --producer chat:queries,outcomes --producer connectors:health --worker romashka`
    """
    config = settings()
    rules: list[_Rule] = []
    told: list[str] = []
    for one in producer or ([] if worker else ["producer"]):
        name, topics = _producer(one)
        rules += [_Rule(_TOPIC, topic.name, name, right) for topic in topics for right in _WRITES]
        told.append(f"{name} may write to {', '.join(topic.name for topic in topics)}")
    if worker:
        rules += _worker_rules(worker, config.kafka_group)
        told.append(f"{worker} may do the work of workers in the group {config.kafka_group}")
    Admin(config.kafka).topics()
    # In a process of its own: librdkafka aborts where a broker (the embedded one) does not know this request.
    with ProcessPoolExecutor(1, get_context("spawn"), _silence) as process:
        try:
            refused = process.submit(_create_rules, config.kafka, list(dict.fromkeys(rules))).result()
        except BrokenProcessPool:
            refused = "it does not know the request"
    if refused:
        raise Unreachable(
            f"Kafka at {config.kafka_bootstrap} did not take the rules ({refused}); it needs an "
            "authorizer, and a user who may change it (ROMASHKA_KAFKA_USER)"
        )
    for line in told:
        out.print(line, highlight=False)


@app.command("grafana")
def grafana() -> None:
    """Create Grafana's teams and their folder permissions.

    Example: `ROMASHKA_GRAFANA_URL=http://127.0.0.1:3000 romashka access grafana`
    """
    passwords = loaded(Passwords)
    for line in set_access(GrafanaAddress(passwords.grafana_url, passwords.grafana_user, passwords.get("grafana"))):
        out.print(line)


def _producer(given: str) -> tuple[str, list[Topic]]:
    """Return user and topics of ``NAME`` or ``NAME:TOPIC[,TOPIC]``."""
    name, _, chosen = given.partition(":")
    named = {topic.name: topic for topic in INGEST} | {topic.name.split(".")[1]: topic for topic in INGEST}
    wanted = [one.strip() for one in chosen.split(",")] if chosen else [topic.name for topic in INGEST]
    if not name or not set(wanted) <= named.keys():
        raise SettingsError(
            f"--producer is '{given}'; expected NAME or NAME:TOPIC[,TOPIC], of {', '.join(sorted(named))}"
        )
    return name, [named[one] for one in wanted]


def _worker_rules(user: str, group: str) -> list[_Rule]:
    """Return the rights of a worker: read events, move queries, publish insights and dead letters."""
    # Settings, too: a compacted topic loses events, and is refused where it can be seen.
    rights = (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    reads = [(topic, right) for topic in INGEST for right in rights]
    writes = [(topic, right) for topic in (QUERIES, INSIGHTS, DEAD_LETTERS) for right in _WRITES]
    return [
        *(_Rule(_TOPIC, topic.name, user, right) for topic, right in dict.fromkeys([*reads, *writes])),
        _Rule(ResourceType.GROUP, group, user, AclOperation.READ),
    ]


def _silence() -> None:
    """Leave out what a process prints that aborts, and its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)


def _create_rules(address: KafkaAddress, rules: Sequence[_Rule]) -> str:
    """Create the ACLs; return why not, empty where they are there."""
    try:
        admin = Admin(address)  # kept: without it the client ends, and its requests with it
        bindings = [one.binding() for one in rules]
        for future in admin.client.create_acls(bindings, request_timeout=_ANSWER_SECONDS).values():
            future.result()
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


def read_tenant_readers(file: Path) -> list[access.Reader]:
    """Return the users of a file; raises ``SettingsError`` with the place of what is wrong."""
    try:
        read = TypeAdapter(list[TenantReader]).validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{file}: {where}: {message_of(first)}") from None
    return [access.Reader(one.name, one.role, one.password.get_secret_value(), tuple(one.tenants)) for one in read]
