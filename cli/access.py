"""``romashka access``: who may do what, in Kafka, ClickHouse and Grafana. Each may be run again at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.console import out
from cli.grafana import Grafana, set_access
from cli.settings import settings
from models.counting import counted
from models.errors import SettingsError, Unreachable
from models.topics import INGEST
from sinks import access
from sinks.connection import connect
from streams.kafka import client_settings

app = typer.Typer(help="Who may do what, in Kafka, ClickHouse and Grafana.", no_args_is_help=True)

_ANSWER_SECONDS: Final = 10.0
_MIN_PASSWORD = 16


class Passwords(BaseSettings):
    """The passwords that are given to the users of the dashboards; ``romashka init`` made them."""

    model_config = SettingsConfigDict(env_prefix="ROMASHKA_", env_file=".env", extra="ignore", frozen=True)

    worker_password: SecretStr = SecretStr("")
    executive_password: SecretStr = SecretStr("")
    operations_password: SecretStr = SecretStr("")
    analyst_password: SecretStr = SecretStr("")
    grafana_url: str = "http://127.0.0.1:3000"
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


class TenantReader(BaseModel):
    """An entry of the file of ``--readers``: somebody who sees the rows of some tenants only."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    role: access.Role
    password: Annotated[SecretStr, Field(min_length=_MIN_PASSWORD)]
    tenants: Annotated[list[UUID], Field(min_length=1)]


@app.command("clickhouse")
def clickhouse(
    readers: Annotated[
        Path | None, typer.Option(help="JSON list of readers bound to tenants: name, role, password, tenants")
    ] = None,
) -> None:
    """Create the worker's user and the dashboards', with roles, row policies, limits and quotas.

    Run it after every `romashka migrate`: what a new table shows, and to whom, is decided here.

    Example: `romashka access clickhouse --readers readers.json`
    """
    passwords = Passwords()
    everyone = [
        *(access.Reader(f"grafana_{role}", role, passwords.get(role)) for role in access.ROLES),
        *(() if readers is None else _tenant_readers(readers)),
    ]
    with connect(settings().clickhouse) as client:
        tables = access.apply(client, everyone, worker_password=passwords.get("worker"))
    apart = counted(len(tables), "table")
    out.print(f"{counted(len(everyone), 'reader')} and the user {access.WORKER}; rows kept apart in {apart}")


@app.command("kafka")
def kafka(
    producer: Annotated[str, typer.Option(help="User name of the producers")] = "producer",
) -> None:
    """Let producers write to the ingest topics and find them, and nothing else.

    Example: `romashka access kafka --producer chat-system`
    """
    admin = AdminClient(client_settings(settings().kafka))
    rules = [
        _rule(topic.name, producer, right) for topic in INGEST for right in (AclOperation.WRITE, AclOperation.DESCRIBE)
    ]
    try:
        for future in admin.create_acls(rules, request_timeout=_ANSWER_SECONDS).values():
            future.result()
    except KafkaException as error:
        raise Unreachable(
            f"Kafka at {settings().kafka_bootstrap} did not take the rules ({error.args[0].name()}); it needs an "
            "authorizer, and a user who may change it (ROMASHKA_KAFKA_USER)"
        ) from error
    out.print(f"{producer} may write to {', '.join(topic.name for topic in INGEST)}")


@app.command("grafana")
def grafana() -> None:
    """Create the teams of Grafana and say which folders each may see.

    Example: `ROMASHKA_GRAFANA_URL=http://127.0.0.1:3000 romashka access grafana`
    """
    passwords = Passwords()
    for line in set_access(Grafana(passwords.grafana_url, passwords.grafana_user, passwords.get("grafana"))):
        out.print(line)


def _rule(topic: str, user: str, right: AclOperation) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{user}", "*", right, AclPermissionType.ALLOW
    )


def _tenant_readers(file: Path) -> list[access.Reader]:
    try:
        read = TypeAdapter(list[TenantReader]).validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{file}: {where}: {first['msg']}") from None
    return [access.Reader(one.name, one.role, one.password.get_secret_value(), tuple(one.tenants)) for one in read]
