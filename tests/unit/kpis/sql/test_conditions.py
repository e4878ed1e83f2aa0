from __future__ import annotations

from dashboards.alerts import alert_queries
from dashboards.tabs.parts import needing_attention
from kpis.query import select
from kpis.sql.conditions import attention, needs_attention
from kpis.sql.dialect import Grafana


def test_what_needs_attention_is_open_grave_enough_and_not_part_of_a_wider_finding() -> None:
    predicate = needs_attention("i", lambda table: f"{table}.status = 'open'")
    assert predicate.startswith("i.status = 'open' AND i.severity IN ('critical', 'warning') AND i.id NOT IN (")
    assert "whole.status = 'open' AND notEmpty(whole.members)" in predicate


def test_alerts_of_every_kind_of_finding_are_about_the_same_set() -> None:
    dialect = Grafana(variables=())
    for ask in (alert_queries.anomalies, alert_queries.key_figures):
        assert "i.severity IN ('critical', 'warning') AND i.id NOT IN (" in ask(dialect)


def test_of_one_tenant_a_wider_finding_is_not_in_sight_and_its_own_part_counts() -> None:
    predicate = attention(Grafana(), "i")
    assert predicate.count("whole.user_id = toUUIDOrZero") == 1
    assert "whole.insight_type IN ('performance_anomaly', 'kpi_change')" in predicate


def test_the_figure_the_table_and_the_alerts_are_of_one_set() -> None:
    ours = attention(Grafana(), "i")
    assert ours in select(("open_incidents",), Grafana())
    assert ours in needing_attention().render(Grafana())
    without_tenant = attention(Grafana(variables=()), "i")
    for ask in (alert_queries.anomalies, alert_queries.key_figures):
        assert without_tenant in ask(Grafana(variables=()))
