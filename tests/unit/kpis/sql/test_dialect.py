from __future__ import annotations

import re

import pytest

from kpis.query import Interval, select
from kpis.registry import ALL
from kpis.sql.dialect import Grafana
from models.errors import SettingsError

_MACROS = {"$__fromTime", "$__toTime"}


@pytest.mark.parametrize("id_", ALL)
def test_a_panel_has_only_macros_that_the_data_source_knows(id_: str) -> None:
    sql = select([id_], Grafana(("tenant",)))
    assert set(re.findall(r"\$__\w+", sql)) <= _MACROS
    assert "${tenant:percentencode}" in sql
    assert not re.search(r"\{\w+:(UUID|String|DateTime64|UInt16)", sql)


def test_every_variable_is_written_percent_encoded_inside_a_literal() -> None:
    sql = select(["query_count"], Grafana(("tenant", "provider", "query_type")))
    found = set(re.findall(r".\$\{\w+:?\w*\}.", sql))
    assert found == {f"'${{{name}:percentencode}}'" for name in ("tenant", "provider", "query_type")}


def test_an_alert_has_no_variables() -> None:
    sql = select(["error_rate"], Grafana(()), ["tenant", "provider"])
    assert "${" not in sql


def test_a_variable_that_a_figure_does_not_have_is_an_error() -> None:
    with pytest.raises(SettingsError, match="cannot narrow csat by 'query_type'"):
        select(["csat"], Grafana(("tenant", "query_type")))


def test_days_are_those_of_the_panels_time_zone() -> None:
    assert "toStartOfDay(at, 'Europe/Berlin')" in select(
        ["csat"], Grafana(zone_name="Europe/Berlin"), every=Interval.DAY
    )
