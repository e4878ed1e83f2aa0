"""Why a figure changed, on traffic whose cause is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from math import fsum

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cli.main import app as romashka
from cli.settings import settings
from kpis.contribution import Makeup
from kpis.explain import Explanation, dimensions_of, explain, questions
from kpis.explain_text import sentence
from kpis.query import Scope, build_query
from kpis.registry import ALL, get
from kpis.scope import ALL_TENANTS
from reports.compose import compose
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from storage.connection import connect
from storage.reading import query_all, query_rows
from tests.simulated_tuesday import PROVIDER, Tuesday

pytestmark = pytest.mark.stack

DECOMPOSABLE = [kpi.id for kpi in ALL.values() if kpi.computed.makeup is not Makeup.NEITHER]
# One of each source and kind of split; `long` has them all.
SOME = ["durable_resolution_rate", "csat", "failed_queries", "integration_uptime", "sync_success_rate", "gross_savings"]


@pytest.fixture(scope="module")
def client(tuesday: Tuesday) -> Iterator[Client]:
    with connect(tuesday.address) as client:
        yield client


def explained(client: Client, id_: str, before: Scope, now: Scope) -> Explanation:
    kpi = get(id_)
    return explain(kpi, before, now, query_all(client, questions(kpi, before, now, dimensions_of(kpi, now))), now.end)


def adds_up(found: Explanation, client: Client, now: Scope) -> None:
    (row,) = query_rows(client, *build_query([found.kpi.id], now))
    assert found.now.value == (None if row[found.kpi.id] is None else float(row[found.kpi.id]))
    if found.change is None:
        return
    is_money = found.kpi.unit.value == "money"
    for split in found.splits:
        effects = fsum(one.effect for one in split.parts)
        assert effects + split.rest == pytest.approx(found.change, abs=1e-9 + 1e-12 * abs(found.change))
        # Cents are rounded in each part; everything else makes up the whole by itself.
        limit = 0.02 * (len(split.parts) + 1) if is_money else 0
        assert abs(split.rest) <= limit, (found.kpi.id, split.dimension)


@pytest.mark.parametrize("id_", SOME)
def test_the_parts_of_a_figure_make_up_the_figure_that_everything_else_shows(
    client: Client, tuesday: Tuesday, id_: str
) -> None:
    adds_up(explained(client, id_, tuesday.week_before, tuesday.scope), client, tuesday.scope)


@pytest.mark.long
@pytest.mark.parametrize("id_", DECOMPOSABLE)
def test_the_parts_of_every_figure_make_it_up_for_one_tenant_and_for_all(
    client: Client, tuesday: Tuesday, id_: str
) -> None:
    for before, now in (
        (tuesday.week_before, tuesday.scope),
        (replace(tuesday.week_before, tenant=ALL_TENANTS), replace(tuesday.scope, tenant=ALL_TENANTS)),
    ):
        if id_ == "open_incidents" and now.tenant is ALL_TENANTS:
            continue  # of an outage at many tenants it counts the whole, and by tenant its parts
        adds_up(explained(client, id_, before, now), client, now)


def test_the_provider_whose_token_was_revoked_is_named_as_the_cause(client: Client, tuesday: Tuesday) -> None:
    found = explained(client, "durable_resolution_rate", tuesday.week_before, tuesday.scope)
    assert found.change is not None
    assert found.change < 0
    lead = found.lead
    assert lead is not None, sentence(found)
    assert lead.cause is not None
    assert (lead.dimension, lead.cause.value) == ("queried_provider", PROVIDER), sentence(found)
    assert lead.parts[0].value == PROVIDER
    assert f"Most of it is queried provider {PROVIDER}" in sentence(found)
    assert found.is_chance is False


def test_the_executive_report_says_what_changed_most_and_what_did_it(client: Client, tuesday: Tuesday) -> None:
    end = tuesday.scope.end
    request = ReportRequest(
        "Tuesday",
        ReportType.EXECUTIVE,
        ReportFormat.JSON,
        tuesday.tenant,
        tuesday.start,
        end,
        parts=Parts(charts=False),
    )
    report = compose(client, request, end)
    said = report.summary[-1]
    assert said.startswith("What changed most: Query success rate fell by ")
    assert f"Most of it is provider {PROVIDER}" in said
    assert "change of query_success_rate now provider" in report.provenance.hashes


def test_failed_queries_are_explained_by_the_same_provider_and_by_tenant(client: Client, tuesday: Tuesday) -> None:
    before, now = (replace(one, tenant=ALL_TENANTS) for one in (tuesday.week_before, tuesday.scope))
    found = explained(client, "failed_queries", before, now)
    causes = {split.dimension: split.cause.value for split in found.splits if split.cause is not None}
    assert causes["provider"] == PROVIDER
    assert causes["tenant"] == str(tuesday.tenant)
    assert causes["error_kind"] == "auth"
    assert next(split for split in found.splits if split.dimension == "error_kind").is_result


def test_the_command_prints_the_answer_first_and_json_and_csv_for_programs(
    tuesday: Tuesday, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", tuesday.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", tuesday.address.database)
    settings.cache_clear()
    asked = ["kpi", "explain", "durable_resolution_rate", "--tenant", str(tuesday.tenant)]
    asked += ["--from", f"{tuesday.start:%Y-%m-%d}", "--to", f"{tuesday.scope.end:%Y-%m-%d}"]
    asked += ["--against", f"{tuesday.week_before.start:%Y-%m-%d}", "--by", "channel", "--by", "queried_provider"]
    try:
        shown = CliRunner().invoke(romashka, asked, env={"COLUMNS": "160"})
        as_json = CliRunner().invoke(romashka, [*asked, "--format", "json"])
        as_csv = CliRunner().invoke(romashka, [*asked, "--format", "csv"])
    finally:
        settings.cache_clear()
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("Durable resolution rate fell by ")
    assert f"provider {PROVIDER}" in shown.stdout.splitlines()[0]
    assert "by itself" in shown.stdout
    document = json.loads(as_json.stdout)
    assert document["answer"] == shown.stdout.splitlines()[0]
    assert [split["dimension"] for split in document["splits"]] == ["queried_provider", "channel"]
    assert as_csv.stdout.startswith(
        "dimension,value,joined,before,now,share_before,share_now,n_before,n_now,mix,rate,effect\n"
    )
