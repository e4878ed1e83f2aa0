"""Experiments over simulated traffic: sums equal a recomputation, and intervals hold the true effects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from api.roles import Role
from api.services import Configuration
from cli.commands import experiment as command
from cli.settings import settings
from jobs.roll_ups import refresh as roll_up
from kpis.analyses.catalogue import ANALYSES
from kpis.experiments.analysis import Compared, ExperimentResult, days_of_shares, planned_for, sums
from kpis.experiments.assignment import cell_evidence
from kpis.experiments.moments import added, effect
from kpis.experiments.statements import daily_sums, shares_by_day
from kpis.query import build_query
from kpis.scope import ALL_TENANTS, Scope
from models.errors import InvalidRequest
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from storage.connection import connect
from storage.experiment_store import enter_plan, experiments, plans, read_experiment, save_plan
from storage.reading import query_rows
from tests import business_oracle as oracle
from tests.api_server import SECRET, serving, stored
from tests.business_stack import store
from tests.experiment_lab import (
    DATA,
    MONTH,
    NOW,
    OTHER,
    PAST,
    PLAN,
    SAME,
    SCOPE,
    SHOP,
    START,
    Lab,
    arms_of,
    events_of,
    labelled,
    true_effect,
)
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def lab(spare_databases: SpareDatabases) -> Iterator[Lab]:
    address = spare_databases.lend()
    past = replace(MONTH, start=PAST, end=START, experiments=())
    messages = events_of(MONTH)
    sink = ClickHouseSink(address)
    store(sink, [*events_of(past), *messages])
    store(sink, messages[1::3])  # delivered again
    with connect(address) as client:
        roll_up(client)
        save_plan(client, SHOP.id, PLAN, NOW)
        yield Lab(address, client, messages)
    spare_databases.take_back(address)


def _effect(found: ExperimentResult, metric: str) -> Compared:
    [one] = [one for one in found.effects if one.metric.id == metric]
    return one


def test_sums_by_arm_are_those_of_a_recomputation(lab: Lab) -> None:
    arms = arms_of(lab.messages, DATA.name)
    talks = [one for one in oracle.talks(lab.messages, str(SHOP.id), NOW) if one.id in arms]
    assert len(talks) > 1_000
    found = sums(query_rows(lab.client, *daily_sums(SCOPE, DATA.name)))
    for arm in ("with", "without"):
        mine = [one for one in talks if arms[one.id] == arm]
        expected = {
            "durable_resolution": [float(one.durable) for one in mine],
            "conversion": [float(one.converted) for one in mine],
            "csat": [float(one.stars) for one in mine if one.stars is not None],
        }
        for metric, values in expected.items():
            rows = [one.moments for one in found if (one.arm, one.metric) == (arm, metric)]
            assert sum(one.n for one in rows) == len(values)
            assert sum(one.y for one in rows) == pytest.approx(sum(values))
            assert sum(one.yy for one in rows) == pytest.approx(sum(value * value for value in values))
        by_stage = dict.fromkeys({one.stage for one in mine}, 0)
        for one in mine:
            by_stage[one.stage] += one.converted
        for stage, count in by_stage.items():
            rows = [one.moments for one in found if (one.arm, one.metric, one.stage) == (arm, "conversion", stage)]
            assert sum(one.y for one in rows) == count


@pytest.mark.parametrize(
    ("metric", "measure"), [("durable_resolution", "durable"), ("conversion", "converted"), ("csat", "stars")]
)
def test_the_interval_holds_the_simulators_true_effect(lab: Lab, metric: str, measure: str) -> None:
    found, _ = read_experiment(lab.client, SCOPE, DATA.name)
    effect, truth = _effect(found, metric).effect, true_effect(measure)
    assert truth > 0
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low <= truth <= effect.high
    assert effect.high - effect.low < 1


def test_data_that_helps_is_said_to_and_an_a_a_test_is_not(lab: Lab) -> None:
    found, _ = read_experiment(lab.client, SCOPE, DATA.name)
    assert found.verdict.startswith("with: better by ")
    assert found.assignment.p is not None
    assert not found.assignment.is_off
    same, _ = read_experiment(lab.client, SCOPE, SAME.name)
    assert "better" not in same.verdict
    assert "worse" not in same.verdict
    assert all(one.p_adjusted > 0.05 for one in (*same.effects, *same.parts))


def test_what_customers_did_before_removes_variance_and_moves_no_mean(lab: Lab) -> None:
    found, _ = read_experiment(lab.client, SCOPE, DATA.name)
    for one in found.effects:
        assert one.effect.reduction is not None
        assert one.effect.reduction > -0.001
        assert one.effect.value == pytest.approx(one.mean - one.control_mean)
    assert _effect(found, "csat").effect.reduction == pytest.approx(0.1, abs=0.1)


def test_a_conversation_in_two_arms_is_counted_in_the_first_and_reported(lab: Lab) -> None:
    before, _ = read_experiment(lab.client, SCOPE, DATA.name)
    both = str(uuid.uuid4())
    later = (START + timedelta(days=3, hours=3)).isoformat()
    sink = ClickHouseSink(lab.address)
    store(sink, [labelled({"conversation_id": both, "arm": "without"})])
    store(sink, [labelled({"conversation_id": both, "created_at": later})])
    roll_up(lab.client)
    after, _ = read_experiment(lab.client, SCOPE, DATA.name)
    assert (before.assignment.contaminated, after.assignment.contaminated) == (0, 1)
    counts = before.assignment.counts
    assert after.assignment.counts == {**counts, "without": counts["without"] + 1}


def test_tenants_are_apart_and_all_of_them_are_their_sum(lab: Lab) -> None:
    one, other, every = (
        read_experiment(lab.client, replace(SCOPE, tenant=tenant), DATA.name)[0]
        for tenant in (SHOP.id, OTHER.id, ALL_TENANTS)
    )
    for arm in ("with", "without"):
        assert every.assignment.counts[arm] == one.assignment.counts[arm] + other.assignment.counts[arm]
    assert "value" in {effect.metric.id for effect in one.effects}
    assert "value" not in {effect.metric.id for effect in every.effects}  # two currencies
    said = "(2 tenants together: right only where all have the same shares)"
    assert [said in result.verdict for result in (one, other, every)] == [False, False, True]
    with pytest.raises(InvalidRequest, match="there are: none"):
        read_experiment(lab.client, replace(SCOPE, tenant=DEFAULT_TENANTS[4].id), DATA.name)


def test_a_plan_of_all_tenants_holds_where_a_tenant_has_none(lab: Lab) -> None:
    general = PLAN._replace(sample=9_000)
    save_plan(lab.client, ALL_TENANTS, general, NOW)
    assert plans(lab.client, OTHER.id)[DATA.name] == general._replace(entered_at=NOW)
    assert plans(lab.client, SHOP.id)[DATA.name].sample == PLAN.sample


def test_a_text_of_sql_is_only_a_name(lab: Lab) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_experiment(lab.client, SCOPE, "' OR 1=1 --")
    assert refusal.value.field == "experiment"
    assert query_rows(lab.client, *daily_sums(SCOPE, "' OR 1=1 --")) == []


def test_every_experiment_is_listed_with_itsarms_of(lab: Lab) -> None:
    found = {one.experiment: one for one in experiments(lab.client, SCOPE)}
    assert set(found) == {DATA.name, SAME.name}
    assert set(found[SAME.name].conversations) == {"a", "b"}
    assert START <= found[DATA.name].first_seen < found[DATA.name].last_seen


@pytest.fixture
def asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", lab.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", lab.address.database)
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(command.app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    yield ask
    settings.cache_clear()


def test_the_command_shows_what_the_store_returns(lab: Lab, asked: Any) -> None:
    found = json.loads(asked("show", DATA.name, "--tenant", str(SHOP.id), "--to", "2026-03-22", "--json"))
    result, _ = read_experiment(lab.client, SCOPE, DATA.name)
    assert found["verdict"] == result.verdict
    assert [one["low"] for one in found["effects"]] == [one.effect.low for one in result.effects]
    text = asked("show", DATA.name, "--tenant", str(SHOP.id), "--to", "2026-03-22", "--by-day", "--all")
    assert "verdict: with: better by" in text
    assert "By stage" in text
    assert "purchase" in text
    assert "Durable resolution as it was known at the end of each day" in text


def test_the_command_lists_and_plans(lab: Lab, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one["experiment"] for one in json.loads(asked("list", "--json"))} == {DATA.name, SAME.name}
    assert "shopify data" in asked("list", "--tenant", str(SHOP.id))

    monkeypatch.setattr(command, "datetime", SimpleNamespace(now=lambda zone: datetime(2026, 3, 21, tzinfo=zone)))
    planned = json.loads(asked("plan", "--metric", "conversion", "--effect", "2", "--json"))
    assert (planned["effect"], planned["control"], planned["saved"]) == (0.02, "without", False)
    smallest = json.loads(asked("plan", "--metric", "conversion", "--sample", str(planned["sample"]), "--json"))
    assert smallest["effect"] == pytest.approx(0.02, rel=0.001)
    text = asked("plan", "next", "--shares", "x=50,y=50", "--save")
    assert "stored: the assignment is checked against it" in text
    assert plans(lab.client, ALL_TENANTS)["next"].shares == {"x": 0.5, "y": 0.5}
    for wrong in (
        ("plan", "--control", "z"),
        ("plan", "--effect", "1", "--sample", "5"),
        ("plan", "--save"),
        ("plan", "--metric", "value"),
    ):
        assert isinstance(CliRunner().invoke(command.app, wrong).exception, InvalidRequest)


def test_a_plan_stands_once_its_experiment_has_begun(lab: Lab) -> None:
    with pytest.raises(
        InvalidRequest, match=r"save: experiment 'shopify data' began on .* For another plan begin anot"
    ):
        enter_plan(lab.client, SHOP.id, PLAN._replace(sample=1), NOW)
    assert plans(lab.client, SHOP.id)[DATA.name].sample == PLAN.sample
    for sample in (1_000, 2_000):  # nothing was sent yet
        enter_plan(
            lab.client, SHOP.id, PLAN._replace(experiment="later", sample=sample), NOW + timedelta(seconds=sample)
        )
        assert plans(lab.client, SHOP.id)["later"].sample == sample
    found, _ = read_experiment(lab.client, SCOPE, DATA.name)
    assert found.verdict.endswith(f" (planned after it began, on {NOW:%Y-%m-%d %H:%M} UTC)")


def test_the_evidence_of_each_day_is_that_of_a_recomputation(lab: Lab) -> None:
    _, covered = read_experiment(lab.client, SCOPE, DATA.name)
    days = days_of_shares(query_rows(lab.client, *shares_by_day(covered, DATA.name, PLAN.shares)))
    counts: dict[date, dict[str, int]] = {}
    for row in sums(query_rows(lab.client, *daily_sums(covered, DATA.name))):
        if row.metric == "conversion":
            of_day = counts.setdefault(row.day, {})
            of_day[row.arm] = of_day.get(row.arm, 0) + int(row.moments.n)
    assert [day.day for day in days] == sorted(counts)
    for day in days:
        assert (day.every, day.few) == pytest.approx(cell_evidence(counts[day.day], PLAN.shares))
        assert (day.tenant, day.counts) == (str(SHOP.id), counts[day.day])


def _lift_rows(lab: Lab, asked: Scope) -> list[dict[str, Any]]:
    return query_rows(lab.client, *ANALYSES["lift"].query(asked))


@pytest.mark.parametrize("tenant", [SHOP.id, OTHER.id, ALL_TENANTS], ids=["planned", "not planned", "all"])
def test_the_lifts_of_a_dashboard_are_those_of_the_command_without_variance_reduction(lab: Lab, tenant: Any) -> None:
    scope = replace(SCOPE, tenant=tenant)
    with pytest.raises(InvalidRequest, match="analysis lift cannot be narrowed by it"):
        _lift_rows(lab, replace(scope, provider="shopify"))
    found = [row for row in _lift_rows(lab, scope) if row["basis"] == "causal"]
    seen = 0
    for name in (DATA.name, SAME.name):
        result, covered = read_experiment(lab.client, replace(SCOPE, tenant=tenant), name)
        rows = sums(query_rows(lab.client, *daily_sums(covered, name)))
        for one in (one for one in result.effects if one.metric.id != "value"):
            of_arms = [
                added(row.moments for row in rows if (row.arm, row.metric) == (arm, one.metric.id))
                for arm in (one.arm, result.control)
            ]
            planned = planned_for(result.planned, one.arm, result.control)
            plain = effect(of_arms[0], of_arms[1], 0.0, planned, yes_no=one.metric.yes_no)
            [row] = [row for row in found if (row["experiment"], row["metric"]) == (name, one.metric.id)]
            assert (row["arm"], row["control"]) == (one.arm, result.control)
            assert (row["difference"], row["low"], row["high"]) == pytest.approx((plain.value, plain.low, plain.high))
            assert (row["note"] == "assignment not checked: no plan") == (result.planned is None)
            seen += 1
    assert seen == len(found) == 6


def test_adjusted_and_plain_lift_are_apart_from_the_causal_ones(lab: Lab) -> None:
    rows = _lift_rows(lab, SCOPE)
    assert [row["basis"] for row in rows if row["metric"] == "conversion"] == ["causal", "causal", "adjusted", "plain"]
    [adjusted] = [row for row in rows if (row["basis"], row["metric"]) == ("adjusted", "conversion")]
    [figure] = query_rows(lab.client, *build_query(["conversion_lift"], SCOPE))
    assert (adjusted["difference"], adjusted["low"]) == (figure["conversion_lift"], figure["conversion_lift_low"])
    [plain] = [row for row in rows if (row["basis"], row["metric"]) == ("plain", "conversion")]
    with_data, without = (
        query_rows(lab.client, *build_query(["conversion_rate"], SCOPE, by=["data_used"]))[place]["conversion_rate"]
        for place in (1, 0)
    )
    assert abs(plain["difference"]) == pytest.approx(abs(with_data - without))


def test_a_wrong_assignment_is_said_beside_its_lift(lab: Lab) -> None:
    save_plan(lab.client, OTHER.id, PLAN._replace(shares={"with": 0.5, "without": 0.5}), NOW)
    notes = {row["experiment"]: row["note"] for row in _lift_rows(lab, replace(SCOPE, tenant=OTHER.id))}
    assert notes[DATA.name] == "do not trust: assignment is off"
    assert read_experiment(lab.client, replace(SCOPE, tenant=OTHER.id), DATA.name)[0].assignment.is_off


def test_the_api_answers_what_the_command_shows(lab: Lab, asked: Any, tmp_path: Path) -> None:
    told = json.loads(asked("show", DATA.name, "--tenant", str(SHOP.id), "--to", "2026-03-22", "--json"))
    key = stored(lab.address, Role.ANALYST, SHOP.id)
    with serving(Configuration(lab.address, SECRET, tmp_path)) as url:

        def get(path: str, **parameters: str) -> httpx.Response:
            return httpx.get(url + path, params=parameters, headers={"Authorization": f"Bearer {key}"}, timeout=60)

        listed = get("/v1/experiments").json()
        found = get("/v1/experiments/shopify%20data", to="2026-03-22").json()
        assert get("/v1/experiments/none/of%2Fours").json()["type"] == "urn:romashka:problem:unknown-experiment"
        assert get("/v1/experiments", tenant=str(OTHER.id)).status_code == 403
    assert {one["experiment"] for one in listed} == {DATA.name, SAME.name}
    assert {one["experiment"]: one["is_planned"] for one in listed}[DATA.name]
    for name in ("verdict", "control", "effects", "parts", "days"):
        assert found[name] == told[name]
    assert found["assignment"] == told["assignment"]
    assert found["tenant"] == str(SHOP.id)
