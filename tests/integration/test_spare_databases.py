"""Databases that tests lend are as after a migration, whatever the test before did to them."""

from __future__ import annotations

import uuid

import pytest

from sinks.migrations import missing
from storage.connection import ClickHouseAddress, connect
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack

_FILL = "INSERT INTO touched_conversations (user_id, conversation_id) VALUES ({tenant:UUID}, {tenant:UUID})"
_COUNT = "SELECT count() FROM touched_conversations"


@pytest.fixture
def spares(clickhouse_url: str) -> SpareDatabases:
    return SpareDatabases(clickhouse_url)


def _after(spares: SpareDatabases, statement: str) -> tuple[ClickHouseAddress, ClickHouseAddress]:
    """What was lent for a statement, and what is lent next."""
    lent = spares.lend()
    with connect(lent) as client:
        client.command(_FILL, parameters={"tenant": str(uuid.uuid4())})
        assert client.command(_COUNT) == 1
        client.command(statement)
    spares.take_back(lent)
    return lent, spares.lend()


def test_a_filled_database_is_lent_again_empty_and_with_its_migrations(spares: SpareDatabases) -> None:
    lent, again = _after(spares, "SELECT 1")
    assert again == lent
    assert missing(again) == []
    with connect(again) as client:
        assert client.command(_COUNT) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE touched_conversations MODIFY COMMENT 'changed'",
        "DROP TABLE generated_reports SYNC",
        "ALTER TABLE schema_migrations DELETE WHERE version = 1 SETTINGS mutations_sync = 1",
    ],
)
def test_one_whose_definitions_were_changed_is_not_lent_again(spares: SpareDatabases, change: str) -> None:
    lent, other = _after(spares, change)
    assert other != lent
