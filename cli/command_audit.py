"""Audit entries of commands: one before an action starts, and one with its outcome."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from cli.settings import settings
from storage.audit import AuditEntry, Chain, open_chain
from storage.audit_heads import HeadsFile
from storage.fingerprints import require_secrets


@contextmanager
def audited(client: Client, action: str, object_: str, details: dict[str, Any]) -> Iterator[None]:
    """Context of an audited action: if the log cannot be written, the action does not run.

    Raises
    ------
    Unreachable
        ClickHouse did not take the entry.
    ConfigurationError
        The secret is not the one of the database.
    """
    now = datetime.now(UTC)
    require_secrets(client, settings().keys, now)
    chain = open_chain(client, settings().secret, now)
    _write(client, chain, action, object_, "begun", details)
    try:
        yield
    except BaseException:
        _write(client, chain, action, object_, "failed", details)
        raise
    _write(client, chain, action, object_, "ok", details)


def _write(client: Client, chain: Chain, action: str, object_: str, outcome: str, details: dict[str, Any]) -> None:
    chain.add(AuditEntry(datetime.now(UTC), f"cli:{getpass.getuser()}", action, object_, outcome, details))
    chain.flush(client)
    HeadsFile(settings().audit_heads).publish(chain.head, datetime.now(UTC))
