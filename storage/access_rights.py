"""Which table and column each role, the worker, the collector and the API may read or write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, get_args

from storage.topology import public_name

Role = Literal["executive", "operations", "analyst"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
WORKER: Final = "romashka_worker"
COLLECTOR: Final = "romashka_collector"
API: Final = "romashka_api"
# Addresses of recipients, of reports and of messages, are for the program only.
HIDDEN_COLUMNS: Final = frozenset({"audience", "recipients"})
# Predictions about single customers are for the roles that follow them up. Pseudonyms in other tables are readable by
# every role: attribution and customer counts need them.
_FOR_ANALYSTS: Final = frozenset({"customer_recommendations", "customer_scores", "customer_snapshots"})
# Tenant tables for the program only: signed model states, report deliveries, and work tables of the job "roll-ups".
_INTERNAL: Final = frozenset(
    {
        "conversation_places",
        "customer_conversations",
        "detector_states",
        "privacy_erasures",
        "pseudonym_mapping",
        "producer_rejections",
        "producer_scopes",
        "report_deliveries",
        "touched_conversation_hours",
        "touched_conversations",
    }
)
# Tables without tenants, for every reader.
_SHARED: Final = frozenset({"rollup_progress", "customer_model_quality", "customer_model_deciles"})
# Pipeline tables for operations, without encrypted columns.
_PIPELINE: Final[Mapping[str, frozenset[str]]] = {
    "dead_letters": frozenset({"message_key", "raw"}),
    "schema_migrations": frozenset(),
}
# Work lists, from which the worker drops completed partitions.
EMPTIED_BY_THE_WORKER: Final = frozenset({"touched_conversations"})
# Write access to these would allow privilege escalation or hiding from the log: not for the worker.
NOT_FOR_THE_WORKER: Final = frozenset({"api_keys", "api_key_uses", "producer_scopes", "schema_migrations"})
# Rights of the collector: read API keys and the schema version, write refused events.
READ_BY_THE_COLLECTOR: Final = (
    "api_keys",
    "api_key_uses",
    "producer_rejections",
    "producer_scopes",
    "schema_migrations",
)
WRITTEN_BY_THE_COLLECTOR: Final = "producer_rejections"
# Tables the API writes: audit log, uses of keys, schedules, lists of reports and of refused events.
WRITTEN_BY_THE_API: Final = frozenset(
    {
        "api_key_uses",
        "audit_log",
        "generated_reports",
        "insight_responses",
        "producer_rejections",
        "scheduled_reports",
    }
)
# Tables the API may not read: model states, records of erasures, work lists of jobs.
_NOT_FOR_THE_API: Final = frozenset(
    {
        "detector_states",
        "known_tenants",
        "privacy_erasures",
        "probes",
        "pseudonym_mapping",
        "schema_columns",
        "touched_conversation_hours",
    }
)


class Table(NamedTuple):
    """A table or a view of the database, and its columns."""

    name: str
    columns: tuple[str, ...]
    is_view: bool = False

    @property
    def public(self) -> str:
        """The name by which programs know it: on a cluster the rows of a shard are in a table of their own."""
        return public_name(self.name)

    @property
    def of_tenants(self) -> bool:
        """Whether its rows belong to tenants."""
        return "user_id" in self.columns

    @property
    def keeps_tenants_apart(self) -> bool:
        """Whether it gets row policies; a view uses those of its tables."""
        return self.of_tenants and not self.is_view


def granted(tables: Iterable[Table], role: Role) -> dict[str, list[str]]:
    """Return the columns that a role may read, by table."""
    seen: dict[str, list[str]] = {}
    for table in tables:
        if table.public in _INTERNAL or (table.public in _FOR_ANALYSTS and role != "analyst"):
            continue
        if table.of_tenants or table.public in _SHARED:
            seen[table.name] = [column for column in table.columns if column not in HIDDEN_COLUMNS]
        elif role == "operations" and table.name in _PIPELINE:
            seen[table.name] = [column for column in table.columns if column not in _PIPELINE[table.name]]
    return seen


def api_columns(tables: Iterable[Table]) -> dict[str, list[str]]:
    """Return the columns that the API may read, by table: all except encrypted ones and those of jobs."""
    return {
        table.name: [column for column in table.columns if column not in _PIPELINE.get(table.name, ())]
        for table in tables
        if table.public not in _NOT_FOR_THE_API
    }


def written_by_the_worker(table: Table) -> bool:
    """Return whether the worker inserts into a table."""
    return not table.is_view and table.public not in NOT_FOR_THE_WORKER
