"""The access rules, on the real engine: it parses every statement, and as a reader keeps to what they say.

The engine cannot create users, but it takes one from a file: the reader under test gets the same grants, limits and row
conditions there that the statements give on a server.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from sinks.migrations import known
from storage import access, access_rights
from storage.access import Reader
from storage.access_rights import Table
from storage.leases import Lease
from tests import statements
from tests.unit.deploy import engine
from tests.unit.deploy.files import DEPLOY, ROOT

DATABASE: Final = "integration_analytics"
OURS, THEIRS = UUID(int=1), UUID(int=2)
READERS: Final = (
    Reader("grafana_executive", "executive", "e" * 20),
    Reader("grafana_operations", "operations", "o" * 20),
    Reader("grafana_analyst", "analyst", "a" * 20),
    Reader("acme", "analyst", "x" * 20, (OURS,)),
)
ACCESS_DENIED, READ_ONLY = 497, 164

_COLUMNS: Final = (
    "SELECT c.table AS name, groupArray(c.name) AS columns, any(t.engine) = 'View' AS view FROM system.columns AS c "
    "INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table "
    f"WHERE c.database = '{DATABASE}' AND t.engine != 'MaterializedView' GROUP BY c.table ORDER BY c.table"
)

# Rows without a time would be too old to keep.
_TIMES: Final = (
    f"SELECT table, groupArray(name) AS names FROM system.columns WHERE database = '{DATABASE}' "
    "AND type LIKE 'Date%' AND default_kind IN ('', 'DEFAULT') GROUP BY table"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Table, ...]]:
    """Every table of the migrations, with a row of each of two tenants where there can be one; and the tables."""
    folder = tmp_path_factory.mktemp("engine") / "data"
    schema = [statement for migration in known() for statement in migration.statements]
    answers = engine.run(folder, [f"CREATE DATABASE {DATABASE}", f"USE {DATABASE}", *schema, _COLUMNS, _TIMES])
    failed = [answer for answer in answers if isinstance(answer, dict)]
    assert not failed
    tables = tuple(Table(row["name"], tuple(row["columns"]), bool(row["view"])) for row in answers[-2])
    times = {row["table"]: row["names"] for row in answers[-1]}
    rows = [
        f"INSERT INTO {DATABASE}.{table.name} ({', '.join(['user_id', *times.get(table.name, [])])}) "
        f"SELECT '{tenant}'{', now()' * len(times.get(table.name, []))}"
        for table, tenant in itertools.product(_apart(tables), (OURS, THEIRS))
    ]
    assert not [answer for answer in engine.run(folder, rows) if isinstance(answer, dict)]
    return folder, tables


def _apart(tables: tuple[Table, ...]) -> list[Table]:
    return [table for table in tables if table.keeps_tenants_apart]


def _statements(tables: tuple[Table, ...]) -> list[str]:
    return access.statements(
        DATABASE, tables, READERS, worker_password="w" * 20, api_password="v" * 20, admin="romashka"
    )


def _as(reader: Reader, folder: Path, tables: tuple[Table, ...], config: Path, questions: list[str]) -> list[Any]:
    grants = [
        f"GRANT SELECT({', '.join(columns)}) ON {DATABASE}.{table}"
        for table, columns in access_rights.granted(tables, reader.role).items()
    ]
    filters = {table.name: access.condition(reader) for table in _apart(tables)}
    return engine.run(folder, questions, config=engine.restricted(config, grants, filters, DATABASE))


def test_clickhouse_parses_every_statement(data: tuple[Path, tuple[Table, ...]]) -> None:
    folder, tables = data
    made = _statements(tables)
    asked = [f"SELECT formatQuery('{statement.replace(chr(39), chr(39) * 2)}') AS formatted" for statement in made]
    answers = engine.run(folder, asked)
    assert [statement for statement, answer in zip(made, answers, strict=True) if isinstance(answer, dict)] == []


def test_every_table_of_tenants_keeps_them_apart_for_everybody(data: tuple[Path, tuple[Table, ...]]) -> None:
    _, tables = data
    made = _statements(tables)
    assert len(_apart(tables)) > 10
    for table in _apart(tables):
        policies = [one for one in made if one.startswith("CREATE ROW POLICY") and f".`{table.name}` " in one]
        assert any("AS RESTRICTIVE FOR SELECT USING 0 TO ALL EXCEPT" in one for one in policies), table.name
        assert any(f"RESTRICTIVE FOR SELECT USING user_id IN ('{OURS}') TO `acme`" in one for one in policies)
        assert sum("AS PERMISSIVE" in one for one in policies) == 1, "permissive policies are joined by OR"


def test_a_reader_of_one_tenant_gets_no_row_of_another(data: tuple[Path, tuple[Table, ...]], tmp_path: Path) -> None:
    folder, tables = data
    readable = access_rights.granted(tables, "analyst")
    asked = [
        f"SELECT DISTINCT user_id FROM {DATABASE}.{table.name} ORDER BY user_id"
        for table in _apart(tables)
        if table.name in readable
    ]
    # A view that is refreshed empties its table again; in the others there are both.
    both = [{"user_id": str(OURS)}, {"user_id": str(THEIRS)}]
    full = [question for question, answer in zip(asked, engine.run(folder, asked), strict=True) if answer == both]
    assert len(full) > 10
    answers = _as(READERS[3], folder, tables, tmp_path, full)
    assert answers == [[{"user_id": str(OURS)}]] * len(full)


@pytest.mark.parametrize("reader", READERS[:3], ids=lambda reader: reader.role)
def test_a_role_reads_what_was_granted_and_nothing_else(
    data: tuple[Path, tuple[Table, ...]], tmp_path: Path, reader: Reader
) -> None:
    folder, tables = data
    allowed = [f"SELECT count() AS n FROM {DATABASE}.{table}" for table in access_rights.granted(tables, reader.role)]
    forbidden = [
        f"SELECT details FROM {DATABASE}.audit_log",
        f"SELECT raw FROM {DATABASE}.dead_letters",
        f"SELECT recipients FROM {DATABASE}.scheduled_reports",
        f"SELECT state FROM {DATABASE}.detector_states",
        "SELECT * FROM url('http://127.0.0.1:1/x', CSV, 'a String')",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        f"CREATE TABLE {DATABASE}.mine (a Int8) ENGINE = Memory",
        "SELECT query FROM system.query_log",
    ]
    if reader.role != "analyst":
        forbidden.append(f"SELECT customer_id FROM {DATABASE}.customer_scores")
    answers = _as(reader, folder, tables, tmp_path, [*allowed, *forbidden])
    assert [answer for answer in answers[: len(allowed)] if isinstance(answer, dict)] == []
    for question, answer in zip(forbidden, answers[len(allowed) :], strict=True):
        assert isinstance(answer, dict), question
        assert answer["code"] in {ACCESS_DENIED, READ_ONLY, 60}, (question, answer)


@pytest.mark.parametrize("role", access_rights.ROLES)
def test_a_folder_asks_only_what_its_audience_may_read(
    data: tuple[Path, tuple[Table, ...]], role: access_rights.Role
) -> None:
    _, tables = data
    texts = [path.read_text(encoding="utf-8") for path in (DEPLOY / "grafana/dashboards" / role).glob("*.json")]
    assert texts
    asked = {name for text in texts for name in re.findall(r"(?:FROM|JOIN) (\w+)", text)} & {one.name for one in tables}
    assert asked
    assert asked - access_rights.granted(tables, role).keys() == set()


def test_a_reader_can_write_nothing_and_loosen_no_limit(data: tuple[Path, tuple[Table, ...]], tmp_path: Path) -> None:
    folder, tables = data
    answers = _as(
        READERS[0],
        folder,
        tables,
        tmp_path,
        [
            "SELECT getSetting('max_execution_time') AS n",
            "SELECT 1 AS n SETTINGS max_memory_usage = 0",
            "SELECT 1 AS n SETTINGS readonly = 0",
            f"INSERT INTO {DATABASE}.query_hours (user_id) VALUES ('{OURS}')",
        ],
    )
    assert answers[0] == [{"n": 30}]
    assert [answer["code"] for answer in answers[1:]] == [READ_ONLY, READ_ONLY, ACCESS_DENIED]


def test_grafana_may_set_the_time_limit_it_has_to_set_within_bounds(data: tuple[Path, tuple[Table, ...]]) -> None:
    (profile,) = [one for one in _statements(data[1]) if one.startswith("ALTER SETTINGS PROFILE")]
    assert "readonly = 1," in profile
    assert "max_execution_time = 30 MIN 1 MAX 60 CHANGEABLE_IN_READONLY" in profile
    # The engine refuses that keyword unless the server is told so; found by trying.
    server = (DEPLOY / "clickhouse/config.d/romashka.xml").read_text(encoding="utf-8")
    assert "<settings_constraints_replace_previous>true<" in server


def test_readers_skip_passes_that_this_engine_has(data: tuple[Path, tuple[Table, ...]], tmp_path: Path) -> None:
    folder, tables = data
    made = access.statements(
        DATABASE, tables, READERS, worker_password="w" * 20, admin="a", settings=dict.fromkeys(access.SKIPPED_PASSES, 0)
    )
    (profile,) = [one for one in made if one.startswith("ALTER SETTINGS PROFILE")]
    assert profile.endswith(", optimize_and_compare_chain = 0, optimize_aggregators_of_group_by_keys = 0")
    question = "SELECT name FROM system.settings WHERE name LIKE 'optimize_a%' AND value = '0' ORDER BY name"
    answers = _as(READERS[0], folder, tables, tmp_path, [question])
    assert {row["name"] for row in answers[0]} >= set(access.SKIPPED_PASSES)


def test_a_server_that_has_no_such_pass_gets_no_setting_of_it() -> None:
    class OlderServer:
        def query(self, _sql: str, parameters: Mapping[str, Any]) -> Any:
            return SimpleNamespace(result_rows=[(name,) for name in parameters["names"][:1]])

    assert access.skipped_passes(cast(Client, OlderServer())) == {access.SKIPPED_PASSES[0]: 0}


def test_the_worker_may_do_what_its_statements_do_and_no_more(data: tuple[Path, tuple[Table, ...]]) -> None:
    sources = [path.read_text(encoding="utf-8") for part in ("streams", "jobs") for path in (ROOT / part).rglob("*.py")]
    altered = {name for text in sources for name in re.findall(r"ALTER TABLE (\w+) DROP PARTITION", text)}
    assert altered == access_rights.EMPTIED_BY_THE_WORKER
    assert not re.findall(r'"(?:TRUNCATE|DROP|OPTIMIZE|CREATE|SYSTEM) ', "".join(sources))
    (grant,) = [one for one in _statements(data[1]) if "TO `romashka_worker` WITH REPLACE OPTION" in one]
    assert grant.startswith(f"GRANT SELECT ON `{DATABASE}`.*, INSERT ON `{DATABASE}`.`")
    written = set(re.findall(rf"INSERT ON `{DATABASE}`\.`(\w+)`", grant))
    assert {"query_windows", "dead_letters", "detector_states", "predictive_insights"} <= written
    assert written.isdisjoint({"api_keys", "api_key_uses", "schema_migrations"})
    assert f"ALTER DELETE ON `{DATABASE}`.`touched_conversations`" in grant


def test_no_password_is_in_any_statement(data: tuple[Path, tuple[Table, ...]]) -> None:
    text = json.dumps(_statements(data[1]))
    assert not [reader for reader in READERS if reader.password in text]
    assert "w" * 20 not in text
    assert "v" * 20 not in text


def test_a_name_cannot_leave_its_quotes() -> None:
    evil = Reader("a` TO ALL; --", "analyst", "p" * 20, (OURS,))
    made = access.statements(
        "db", [Table("t", ("user_id",))], [evil], worker_password="w" * 20, api_password="v" * 20, admin="admin"
    )
    assert all("a` TO ALL" not in statement.replace("\\`", "") for statement in made)


@pytest.mark.long
@pytest.mark.parametrize(
    "reader",
    [*READERS[:3], *(Reader(f"acme_{role}", role, "x" * 20, (OURS,)) for role in access_rights.ROLES)],
    ids=lambda reader: reader.name,
)
def test_every_statement_of_a_folder_runs_as_its_audience(
    data: tuple[Path, tuple[Table, ...]], tmp_path: Path, reader: Reader
) -> None:
    """Panels, variables and annotations; a tenant's own reader in each role. None names a row of another tenant."""
    folder, tables = data
    now = datetime.now(UTC)
    asked = [f"USE {DATABASE}", *statements.of_dashboards(reader.role, now - timedelta(days=1), now)]
    assert len(asked) > 20
    answers = _as(reader, folder, tables, tmp_path, asked)
    failed = [
        (sql[:200], answer["message"]) for sql, answer in zip(asked, answers, strict=True) if isinstance(answer, dict)
    ]
    assert [one for one in failed if "system.query_log" not in one[1] and "UNKNOWN_TABLE" not in one[1]] == []
    if reader.tenants:
        assert str(THEIRS) not in json.dumps(answers)


def test_every_alert_rule_runs_as_operations(data: tuple[Path, tuple[Table, ...]], tmp_path: Path) -> None:
    folder, tables = data
    now = datetime.now(UTC)
    asked = statements.of_alerts(now - timedelta(days=1), now)
    assert len(asked) > 10
    answers = _as(READERS[1], folder, tables, tmp_path, [f"USE {DATABASE}", *asked])[1:]
    failed = [
        (sql[:300], answer["message"]) for sql, answer in zip(asked, answers, strict=True) if isinstance(answer, dict)
    ]
    assert [one for one in failed if "system.query_log" not in one[0] + one[1]] == []


def test_the_collector_reads_keys_and_scopes_and_writes_what_it_refused_and_nothing_else(
    data: tuple[Path, tuple[Table, ...]], tmp_path: Path
) -> None:
    _, tables = data
    made = access.statements(DATABASE, tables, [], worker_password="w" * 20, admin="a", collector_password="c" * 20)
    [grant] = [one for one in made if one.startswith("GRANT") and "`romashka_collector`" in one]
    assert set(re.findall(rf"SELECT ON `{DATABASE}`\.`(\w+)`", grant)) == {
        "api_keys",
        "api_key_uses",
        "producer_rejections",
        "producer_scopes",
        "schema_migrations",
    }
    assert re.findall(r"(?:INSERT|ALTER DELETE) ON `\w+`\.`(\w+)`", grant) == ["producer_rejections"]
    without = access.statements(DATABASE, tables, [], worker_password="w" * 20, admin="a")
    assert not [one for one in without if "romashka_collector" in one]


def test_the_api_reads_and_writes_what_it_needs_and_nothing_else(
    data: tuple[Path, tuple[Table, ...]], tmp_path: Path
) -> None:
    folder, tables = data
    (grant,) = [one for one in _statements(tables) if "TO `romashka_api` WITH REPLACE OPTION" in one]
    rights = grant.removeprefix("GRANT ").rpartition(" TO ")[0]
    own = re.findall(rf"(?:SELECT\([^)]*\)|INSERT|ALTER [A-Z]+|TRUNCATE) ON `{DATABASE}`\.`\w+`", rights)
    files = [
        path.read_text(encoding="utf-8") for path in [*(ROOT / "api").glob("*.py"), *(ROOT / "reports").glob("*.py")]
    ]
    written = {name for text in files for name in re.findall(r'put\((?:self\._)?client, "(\w+)"', text)}
    assert written - {"api_keys"} <= access_rights.WRITTEN_BY_THE_API  # keys are made by the administrator's command
    allowed = [f"SELECT count() AS n FROM {DATABASE}.{name}" for name in ("api_keys", "query_days", "audit_log")]
    allowed += [f"SELECT reason FROM {DATABASE}.dead_letters", f"INSERT INTO {DATABASE}.api_key_uses (id) VALUES ('a')"]
    forbidden = [
        f"SELECT raw FROM {DATABASE}.dead_letters",
        f"SELECT state FROM {DATABASE}.detector_states",
        f"SELECT pseudonyms FROM {DATABASE}.privacy_erasures",
        f"INSERT INTO {DATABASE}.api_keys (id) VALUES ('a')",
        f"INSERT INTO {DATABASE}.query_windows (user_id) VALUES ('{OURS}')",
        f"ALTER TABLE {DATABASE}.audit_log DELETE WHERE 1",
        f"DROP TABLE {DATABASE}.audit_log",
        "SELECT * FROM url('http://127.0.0.1:1/x', CSV, 'a String')",
    ]
    config = engine.restricted(tmp_path, [f"GRANT {one}" for one in own], {}, DATABASE, limited=False)
    answers = engine.run(folder, [*allowed, *forbidden], config=config)
    assert [answer for answer in answers[: len(allowed)] if isinstance(answer, dict)] == []
    for question, answer in zip(forbidden, answers[len(allowed) :], strict=True):
        assert isinstance(answer, dict), question
        assert answer["code"] == ACCESS_DENIED, (question, answer)


def test_the_worker_may_write_while_its_lease_is_the_newest(
    data: tuple[Path, tuple[Table, ...]], tmp_path: Path
) -> None:
    folder, tables = data
    lease = Lease("churn", UUID(int=1))
    (grant,) = [one for one in _statements(tables) if "TO `romashka_worker` WITH REPLACE OPTION" in one]
    kinds = rf"SELECT ON `{DATABASE}`\.\*|INSERT ON `{DATABASE}`\.`\w+`|CREATE TEMPORARY TABLE ON \*\.\*"
    own = [f"GRANT {one}" for one in re.findall(kinds, grant)]
    config = engine.restricted(tmp_path, own, {}, DATABASE, limited=False)
    take = f"INSERT INTO {DATABASE}.job_leases (job, token, holder) SELECT 'churn', max(token) + 1, '{lease.holder}'"
    held = lease.condition.replace("job_leases", f"{DATABASE}.job_leases")
    scores = f"{DATABASE}.customer_scores"
    answers = engine.run(
        folder,
        [
            f"{take} FROM {DATABASE}.job_leases WHERE job = 'churn'",
            (
                f"INSERT INTO {scores} (model, customer_id, scored_at) SELECT model, customer_id, now() FROM "
                f"format(JSONEachRow, 'model String, customer_id String', "
                f'\'{{"model": "fenced", "customer_id": "a"}}\') WHERE {held}'
            ),
            f"SELECT count() AS n FROM {scores} WHERE model = 'fenced'",
            "SELECT * FROM url('http://127.0.0.1:1/x', CSV, 'a String')",
        ],
        config=config,
    )
    assert answers[:3] == [[], [], [{"n": 1}]]
    assert answers[3]["code"] == ACCESS_DENIED
