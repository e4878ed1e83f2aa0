"""What the API answers: dashboards, figures, insights, reports, schedules, exports."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pyarrow import parquet

from kpis.analyses.catalogue import ANALYSES
from kpis.query import Scope, build_query
from kpis.registry import ALL as ALL_KPIS
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_names import save_name
from tests.served_api import OURS, REPORT, SCHEDULE, THEIRS, Api, refused

pytestmark = pytest.mark.stack


def test_a_dashboard_has_the_numbers_of_the_command_line(api: Api) -> None:
    week = api.week
    times = {"from": week.start.isoformat(), "to": week.end.isoformat()}
    answer = api.get("/v1/dashboards/executive", api.analyst, **times)
    assert answer.json()["uncounted"] == ""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    shown: dict[str, Any] = {}
    for panel in body["panels"]:
        if panel["picture"] == "stat":
            shown |= panel["answers"]["A"]["rows"][0]
    shown = {id_: value for id_, value in shown.items() if id_ in ALL_KPIS}
    assert len(shown) == 9
    scope = Scope(week.start, week.end, OURS)
    with connect(week.address) as client:
        (row,) = query_rows(client, *build_query(list(shown), scope))
    assert shown == {id_: None if row[id_] is None else pytest.approx(float(row[id_])) for id_ in shown}
    for id_ in ("durable_resolution_rate", "csat", "net_savings"):
        one = api.get(f"/v1/kpis/{id_}", api.analyst, **times).json()
        assert one["values"][0]["value"] == shown[id_]
        assert one["tenant"] == body["tenant"] == str(OURS)


def test_other_tabs_answer_and_says_what_its_columns_are(api: Api) -> None:
    times = {"from": (api.week.end - timedelta(days=1)).isoformat(), "to": api.week.end.isoformat()}
    for tab in ("health", "conversations", "realtime"):
        answer = api.get(f"/v1/dashboards/{tab}", api.admin, **times)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["tenant"] == "all"
        assert all(panel["title"] and panel["no_data"] and panel["answers"] for panel in body["panels"])
        assert any(panel["columns"] for panel in body["panels"])


def test_an_answer_that_is_known_already_is_not_sent_again(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat(), "panel": 10}
    first = api.get("/v1/dashboards/executive", api.analyst, **times)
    again = api.call(
        "GET", "/v1/dashboards/executive", api.analyst, params=times, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = api.call(
        "GET", "/v1/dashboards/executive", api.admin, params=times, headers={"If-None-Match": first.headers["etag"]}
    )
    assert other.status_code == 200


def test_a_tenant_is_named_beside_its_id_and_nothing_stands_for_a_name_that_is_not_set(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat()}
    with connect(api.week.address) as client:
        save_name(client, OURS, "Acme GmbH", api.week.end)
    ours = api.get("/v1/kpis/csat", api.admin, **times, tenant=str(OURS)).json()
    assert (ours["tenant"], ours["tenant_name"]) == (str(OURS), "Acme GmbH")
    split = api.get("/v1/kpis/csat", api.admin, **times, tenant="all", by="tenant").json()
    assert (split["tenant"], split["tenant_name"]) == ("all", None)
    names = {value["part"]["tenant"]: value["part"]["tenant_name"] for value in split["values"]}
    assert names[str(OURS)] == "Acme GmbH"
    assert names[str(THEIRS)] is None
    tab = api.get("/v1/dashboards/health", api.admin, **times, tenant=str(OURS), panel=11).json()
    assert (tab["tenant"], tab["tenant_name"]) == (str(OURS), "Acme GmbH")
    rows = tab["panels"][0]["answers"]["A"]["rows"]
    assert {(row["tenant"], row["tenant_id"]) for row in rows} == {("Acme GmbH", str(OURS))}


def test_rows_come_in_pages_that_make_up_the_whole(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat(), "by": "provider"}
    whole = api.get("/v1/kpis/query_count", api.analyst, **times).json()
    assert whole["next_offset"] is None
    assert whole["uncounted"] == ""
    found: list[Any] = []
    offset: int | None = 0
    while offset is not None:
        page = api.get("/v1/kpis/query_count", api.analyst, **times, limit=2, offset=offset).json()
        found += page["values"]
        offset = page["next_offset"]
    assert found == whole["values"]
    assert len(found) > 2
    table = {"panel": 24, "limit": 2, "from": times["from"], "to": times["to"]}
    rows = api.get("/v1/dashboards/health", api.analyst, **table).json()["panels"][0]["answers"]["A"]
    assert (len(rows["rows"]), rows["next_offset"], rows["total"]) == (2, 2, len(found))


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("/v1/dashboards/executive", {"form": "2026-01-01"}, "form"),
        ("/v1/dashboards/executive", {"provider": "shopify"}, "provider"),
        ("/v1/dashboards/executive", {"from": "yesterday"}, "from"),
        ("/v1/dashboards/executive", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ("/v1/dashboards/executive", {"from": "2020-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ("/v1/dashboards/executive", {"tenant": "me"}, "tenant"),
        ("/v1/dashboards/nothing", {}, "tab"),
        ("/v1/kpis/csat", {"by": "moon"}, "by"),
        ("/v1/kpis/csat", {"every": "minute", "from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}, "every"),
        ("/v1/kpis/csat/explain", {"by": "moon"}, "by"),
        ("/v1/kpis/csat/explain", {"against": "yesterday"}, "against"),
        ("/v1/kpis/csat/explain", {"against_to": "2026-01-01"}, "against_to"),
        ("/v1/kpis/csat/explain", {"against": "2026-01-02", "against_to": "2026-01-01"}, "against_to"),
        ("/v1/kpis/latency_p95_ms/explain", {}, "id"),
        ("/v1/analyses/gaps", {"insight": str(UUID(int=9))}, "insight"),
        ("/v1/insights", {"type": "rumour"}, "type"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(api: Api, path: str, parameters: Any, field: str) -> None:
    answer = api.get(path, api.admin, **parameters)
    refused(answer, 422, "wrong-value")
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_an_analysis_has_the_rows_of_the_tenant_and_of_an_insight_only_who_may_see_it(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat()}
    names = [one["name"] for one in api.get("/v1/analyses", api.analyst).json()]
    assert names == list(ANALYSES)
    found = api.get("/v1/analyses/gaps", api.analyst, **times, limit=2).json()
    assert {row["user_id"] for row in found["rows"]} == {str(OURS)}
    assert (len(found["rows"]), found["next_offset"]) == (2, 2)
    refused(api.get("/v1/analyses/nothing", api.analyst), 404, "unknown-analysis")
    theirs = api.get("/v1/insights", api.admin, tenant=str(THEIRS), limit=1_000, **times).json()["insights"]
    incident = next(one["id"] for one in theirs if one["integration_provider"])
    refused(api.get("/v1/analyses/fault-cost", api.analyst, insight=incident), 404, "unknown-insight")
    cost = api.get("/v1/analyses/fault-cost", api.admin, insight=incident).json()
    assert (cost["tenant"], list(cost["filters"])) == (str(THEIRS), ["provider"])


def test_what_detectors_found_is_listed_for_those_who_may_see_it(api: Api) -> None:
    since = {"from": api.week.start.isoformat(), "to": (api.week.end + timedelta(hours=1)).isoformat()}
    ours = api.get("/v1/insights", api.analyst, **since).json()["insights"]
    everybodys = api.get("/v1/insights", api.admin, **since).json()["insights"]
    assert ours
    assert {one["user_id"] for one in ours} == {str(OURS)}
    assert len(everybodys) > len(ours)


def test_a_report_is_made_listed_and_fetched(api: Api) -> None:
    made = api.call("POST", "/v1/reports", api.analyst, json=REPORT)
    assert made.status_code == 201, made.text
    listed = api.get("/v1/reports", api.analyst).json()["reports"]
    assert made.json() in listed
    assert (made.json()["type"], made.json()["format"]) == ("executive", "json")
    fetched = api.get(made.json()["file"], api.analyst)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "application/json"
    assert len(fetched.content) == made.json()["size_bytes"]
    assert json.loads(fetched.content)
    refused(api.get(made.json()["file"], api.sign_in.token("analyst", THEIRS)), 404, "unknown-report")
    refused(api.get(made.json()["file"], api.sign_in.token("operations", OURS)), 404, "unknown-report")


def test_a_schedule_is_added_paused_and_removed_by_whose_it_is(api: Api) -> None:
    executive, stranger = api.sign_in.token("executive", OURS), api.sign_in.token("executive", THEIRS)
    added = api.call("POST", "/v1/schedules", executive, json=SCHEDULE)
    assert added.status_code == 201, added.text
    place = f"/v1/schedules/{added.json()['id']}"
    assert api.get("/v1/schedules", executive).json()["schedules"] == [added.json()]
    assert api.get("/v1/schedules", stranger).json()["schedules"] == []
    refused(api.call("PATCH", place, stranger, json={"active": False}), 404, "unknown-schedule")
    refused(api.call("DELETE", place, stranger), 404, "unknown-schedule")
    paused = api.call("PATCH", place, executive, json={"active": False}).json()
    assert (paused["active"], paused["next"], paused["state"]) == (False, None, "paused")
    assert api.get("/v1/schedules", executive).json()["schedules"] == [paused]
    webhook = {**SCHEDULE, "recipients": ["https://elsewhere.example.com/hook"]}
    refused(api.call("POST", "/v1/schedules", executive, json=webhook), 422, "wrong-value")
    assert api.call("DELETE", place, executive).status_code == 204
    assert api.get("/v1/schedules", executive).json()["schedules"] == []


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"])
def test_a_file_is_named_after_the_day_on_which_its_range_ends_there(api: Api, zone: str) -> None:
    times = {"from": "2026-03-01", "to": "2026-03-02", "time_zone": zone}
    answer = api.get("/v1/exports/queries", api.analyst, **times)
    assert answer.headers["content-disposition"] == 'attachment; filename="queries-2026-03-02.csv"'


def test_an_export_is_the_rows_of_the_tenant_as_a_file(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat()}
    answer = api.get("/v1/exports/queries", api.analyst, format="parquet", **times)
    assert answer.status_code == 200, answer.text
    assert "queries-" in answer.headers["content-disposition"]
    table = parquet.read_table(io.BytesIO(answer.content))
    counted = api.get("/v1/kpis/query_count", api.analyst, **times).json()["values"][0]["value"]
    assert table.num_rows == counted
    assert set(table["user_id"].to_pylist()) == {str(OURS)}
    assert "customer_id" not in table.column_names
    figure = api.get("/v1/exports/csat", api.analyst, by="provider", **times).text.splitlines()
    assert figure[0].startswith('"provider"') or figure[0].startswith("provider")
    refused(api.get("/v1/exports/api_keys", api.admin), 404, "unknown-table")
    refused(api.get("/v1/exports/queries", api.analyst, by="provider"), 422, "wrong-value")
