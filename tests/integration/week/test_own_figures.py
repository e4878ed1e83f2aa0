"""Figures that an installation defines for itself: right numbers, and the same ones wherever figures are told."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from api.roles import Role
from api.services import Configuration
from cli import custom_figures
from cli.main import app
from cli.settings import settings
from dashboards import own_figures
from dashboards.alerts.files import statement as alert_statement
from dashboards.grafana import statement
from kpis import registry
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import figures
from kpis.custom.installed import installed_figures
from kpis.query import Scope, build_query
from models.query import Query
from reports.compose import compose
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from storage.connection import connect
from storage.reading import query_rows
from tests import figures_package
from tests.api_server import SECRET, serving, stored
from tests.integration.week.test_dashboards import EVERYTHING, answer
from tests.simulated_week import Week
from tests.worker_process import ROMASHKA

pytestmark = pytest.mark.stack

_MORE: Final = {
    "own_count": "formula: {kind: count, where: 'query_success AND channel = ''web_chat'''}",
    "own_conversations": "formula: {kind: distinct, column: conversation_id, where: 'NOT query_success'}",
    "own_time": "unit: ms\nformula: {kind: sum, column: response_time_ms}",
    "own_mean": "unit: ms\nformula: {kind: mean, column: response_time_ms, where: 'query_success'}",
    "own_p90": "unit: ms\nformula: {kind: quantile, column: response_time_ms, q: 0.9}",
    "own_ratio": "unit: score\nformula: {kind: ratio, numerator: ai_confidence_score, denominator: response_time_ms}",
    "own_none": "formula: {kind: share, of: query_success, where: 'channel = ''of nobody'''}",
}


@pytest.fixture
def folder(tmp_path: Path, week: Week, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with definitions, which commands of this process read; the example package is installed too."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(figures_package.installed(packages))
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    for id_, text in _MORE.items():
        content = f"id: {id_}\ntitle: {id_}\nmeaning: Of a test.\nsource: queries\n{text}\n"
        (tmp_path / f"{id_}.yaml").write_text(content, encoding="utf-8")
    monkeypatch.setenv("ROMASHKA_KPIS_DIR", str(tmp_path))
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", week.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", week.address.database)
    caches = (settings, custom_figures.custom_figures)
    for cache in caches:
        cache.cache_clear()
    custom_figures.register_figures()
    yield tmp_path
    registry.register(())
    for cache in caches:
        cache.cache_clear()


def asked(client: Client, query: Query) -> list[dict[str, Any]]:
    return query_rows(client, query.sql, query.parameters)


def test_each_kind_of_formula_gives_what_its_rows_say(week: Week, folder: Path) -> None:
    ids = ["slow_chat_share", *_MORE]
    with connect(week.address) as client:
        rows = query_rows(
            client,
            "SELECT channel, query_success AS good, response_time_ms AS took, toFloat64(ai_confidence_score) AS sure, "
            "conversation_id FROM integration_query_metrics FINAL WHERE user_id = {tenant:UUID} "
            "AND created_at >= {start:DateTime64(3, 'UTC')} AND created_at < {end:DateTime64(3, 'UTC')}",
            {"tenant": week.tenant, "start": week.start, "end": week.end},
        )
        (found,) = asked(client, build_query(ids, Scope(week.start, week.end, week.tenant)))
    chat = [row for row in rows if row["channel"] == "web_chat"]
    good = [row["took"] for row in rows if row["good"]]
    took = sorted(row["took"] for row in rows)
    expected = {
        "slow_chat_share": sum(row["took"] > 2000 for row in chat) / len(chat),
        "own_count": sum(row["good"] for row in chat),
        "own_conversations": len({row["conversation_id"] for row in rows if not row["good"]}),
        "own_time": sum(took),
        "own_mean": sum(good) / len(good),
        "own_p90": took[math.ceil(0.9 * len(took)) - 1],
        "own_ratio": sum(row["sure"] or 0.0 for row in rows) / sum(took),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert (found["own_none"], found["own_none_n"]) == (None, 0)
    assert found["own_p90_n"] == len(rows) > 1_000
    assert found["slow_chat_share_low"] < found["slow_chat_share"] < found["slow_chat_share_high"]


def test_command_line_api_panels_and_alerts_tell_the_same(week: Week, folder: Path, tmp_path: Path) -> None:
    scope = Scope(week.start, week.end, week.tenant)
    ids = ("slow_chat_share", "quick_resolution_share", "lost_record_ratio", *figures_package.IDS)
    parameters = {"tenant": str(week.tenant), "from": week.start.isoformat(), "to": week.end.isoformat()}
    printed = CliRunner().invoke(
        app,
        ["kpi", "get", *ids, "--format", "json"]
        + [part for name, value in parameters.items() for part in (f"--{name}", value)],
        catch_exceptions=False,
    )
    told_by_command = {row["id"]: row["value"] for row in json.loads(printed.stdout)}
    with connect(week.address) as client, serving(Configuration(week.address, SECRET, tmp_path / "made")) as url:
        key = stored(week.address, Role.ADMIN)
        for id_ in ids:
            (row,) = asked(client, build_query([id_], scope))
            answered = httpx.get(
                f"{url}/v1/kpis/{id_}", params=parameters, headers={"Authorization": f"Bearer {key}"}, timeout=30
            )
            assert answered.status_code == 200, answered.text
            (told,) = answered.json()["values"]
            assert told["value"] == pytest.approx(row[id_])
            assert told_by_command[id_] == pytest.approx(row[id_])
        request = ReportRequest(
            "Own",
            ReportType.OPERATIONAL,
            ReportFormat.JSON,
            week.tenant,
            week.start,
            week.end,
            parts=Parts(charts=False),
        )
        in_report = {one.id: one.value for one in compose(client, request, week.end).figures}
        assert in_report["slow_chat_share"] == pytest.approx(told_by_command["slow_chat_share"])
        assert in_report["queries_per_conversation"] == pytest.approx(told_by_command["queries_per_conversation"])
        everything = (*figures(folder).figures, *installed_figures().figures)
        tab = own_figures.tab(everything)
        for panel in tab.panels:
            for one in panel.asks.values():
                answer(client, week, statement(panel, one, tab), EVERYTHING)
        rules = own_figures.rules(everything)
        assert [rule.uid("warning") for rule in rules] == [
            "romashka-own-slow-chat-share-warning",
            "romashka-own-queries-p-3c66d024-warning",
        ]
        for rule in rules:
            assert answer(client, week, alert_statement(rule))


def test_a_package_and_a_broken_one_in_a_process_of_their_own(week: Week, tmp_path: Path) -> None:
    site = figures_package.installed(tmp_path)
    figures_package.written(site, "broken", "import nothing_of_this_name", "x = broken:FIGURES")
    given = {"ROMASHKA_CLICKHOUSE_URL": week.address.url, "ROMASHKA_CLICKHOUSE_DATABASE": week.address.database}
    env = {**os.environ, **given, "PYTHONPATH": str(site), "COLUMNS": "200"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [ROMASHKA, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    listed, shown, checked = (
        run("kpi", "list", "--format", "json"),
        run("kpi", "show", "queries_per_conversation"),
        run("kpi", "check"),
    )
    assert {row["id"] for row in json.loads(listed.stdout)} >= {"csat", *figures_package.IDS}
    assert "broken 2.0 (entry point x): broken:FIGURES: cannot be loaded (ModuleNotFoundError" in listed.stderr
    assert (listed.returncode, shown.returncode, checked.returncode) == (0, 0, 1)
    assert "Queries to integrations for each conversation that had any." in shown.stdout
    assert all(id_ in checked.stdout for id_ in figures_package.IDS)
    assert "1 definition cannot be used" in checked.stderr
    range_ = ("--tenant", str(week.tenant), "--from", week.start.isoformat(), "--to", week.end.isoformat())
    (told,) = json.loads(run("kpi", "get", "queries_per_conversation", *range_, "--format", "json").stdout)
    with connect(week.address) as client:
        (row,) = query_rows(
            client,
            "SELECT count() / uniqExact(conversation_id) AS value FROM integration_query_metrics FINAL "
            "WHERE user_id = {tenant:UUID} AND created_at >= {start:DateTime64(3, 'UTC')} "
            "AND created_at < {end:DateTime64(3, 'UTC')}",
            {"tenant": week.tenant, "start": week.start, "end": week.end},
        )
    assert told["value"] == pytest.approx(row["value"])
    assert row["value"] > 1


def test_a_definition_is_checked_and_a_wrong_one_stops_no_command(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(EXAMPLES["queries"].replace("channel", "chanel").replace("slow_", "slower_"))
    custom_figures.custom_figures.cache_clear()
    run = CliRunner().invoke
    checked = run(app, ["kpi", "check"])
    assert checked.exit_code != 0
    assert "did you mean channel?" in checked.output
    listed = run(app, ["kpi", "list", "--format", "json"], catch_exceptions=False)
    ids = {row["id"] for row in json.loads(listed.output[listed.output.index("[") :])}
    assert {"slow_chat_share", "csat"} <= ids
    assert "slower_chat_share" not in ids
