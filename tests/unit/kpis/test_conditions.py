from __future__ import annotations

from dashboards.alerts import questions
from kpis.conditions import needs_attention
from kpis.dialect import Grafana


def test_what_needs_attention_is_open_grave_enough_and_not_part_of_a_wider_finding() -> None:
    predicate = needs_attention("i", lambda table: f"{table}.status = 'open'")
    assert predicate.startswith("i.status = 'open' AND i.severity IN ('critical', 'warning') AND i.id NOT IN (")
    assert "whole.status = 'open' AND notEmpty(whole.members)" in predicate


def test_alerts_of_every_kind_of_finding_are_about_the_same_set() -> None:
    dialect = Grafana(variables=())
    for ask in (questions.anomalies, questions.key_figures):
        assert "i.severity IN ('critical', 'warning') AND i.id NOT IN (" in ask(dialect)
