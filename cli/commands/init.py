"""``romashka init``: creates the secrets of an installation."""

from __future__ import annotations

import base64
import os
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from cli.console import out, styled
from models.errors import SettingsError


class Secret(NamedTuple):
    """A line of the file: purpose, name, and generator."""

    about: str
    name: str
    make: Callable[[], str]


def _password() -> str:
    return secrets.token_urlsafe(32)  # letters, digits, - and _: safe in XML, JAAS, YAML and the shell


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


SECRETS: Final = (
    Secret(
        "Makes pseudonyms and seals dead letters. Keep a copy where you keep passwords: without it, dead letters\n"
        "# cannot be opened, and customers are strangers to a new installation.",
        "ROMASHKA_PSEUDONYM_KEY",
        _key,
    ),
    Secret("Kafka: the worker and the administrator (user romashka)", "ROMASHKA_KAFKA_PASSWORD", _password),
    Secret("Kafka: the chat system (user producer)", "ROMASHKA_PRODUCER_PASSWORD", _password),
    Secret("Kafka: the cluster's id", "ROMASHKA_KAFKA_CLUSTER_ID", _cluster_id),
    Secret("ClickHouse: the administrator (user romashka)", "ROMASHKA_CLICKHOUSE_PASSWORD", _password),
    Secret("ClickHouse: the worker (user romashka_worker)", "ROMASHKA_WORKER_PASSWORD", _password),
    Secret("ClickHouse: the collector (user romashka_collector)", "ROMASHKA_COLLECTOR_PASSWORD", _password),
    Secret("ClickHouse: the API (user romashka_api)", "ROMASHKA_API_PASSWORD", _password),
    Secret("ClickHouse: dashboards (user grafana_executive)", "ROMASHKA_EXECUTIVE_PASSWORD", _password),
    Secret("ClickHouse: dashboards (user grafana_operations)", "ROMASHKA_OPERATIONS_PASSWORD", _password),
    Secret("ClickHouse: dashboards (user grafana_analyst)", "ROMASHKA_ANALYST_PASSWORD", _password),
    Secret("Grafana: the administrator (user romashka)", "ROMASHKA_GRAFANA_PASSWORD", _password),
    Secret("Grafana: seals what it stores", "ROMASHKA_GRAFANA_SECRET_KEY", _password),
)

_NEXT = """Written to [bold]{}[/], readable by you alone. Keep a copy of ROMASHKA_PSEUDONYM_KEY elsewhere.

Next:  docker compose up -d --build
then:  http://127.0.0.1:3000, user romashka, the password is ROMASHKA_GRAFANA_PASSWORD in {}

Where alerts go, TLS and backups: docs/install.md"""


def run(file: Annotated[Path, typer.Argument(help="Output file")] = Path(".env")) -> None:
    """Write random passwords and keys of a new installation to a file; never overwrites one.

    Example: `romashka init`
    """
    try:
        # Created with its mode, so that it is never readable by others. "x" also refuses a link.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{file} is there already and stays as it is; its secrets belong to data that exists. For a second "
            "installation, give another file: romashka init other.env"
        ) from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(_content())
    out.print(styled(_NEXT, file, file), soft_wrap=True)


def _content() -> str:
    lines = ["# Made by `romashka init`. Secrets: never commit this file, never send it."]
    for secret in SECRETS:
        lines += ["", f"# {secret.about}", f"{secret.name}={secret.make()}"]
    return "\n".join(lines) + "\n"
