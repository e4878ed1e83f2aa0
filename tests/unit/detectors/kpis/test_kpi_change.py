"""Which changes of key figures are told: few by chance, nearly all of those that matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from detectors.kpis.kpi_change import HISTORY_DAYS, Floats, discoveries, judge, matters
from detectors.kpis.kpi_findings import ChangeSearch, DailySeries, findings
from kpis.registry import get
from models.insights import Insight

_DAYS = HISTORY_DAYS + 1
_WEEK = np.arange(_DAYS) % 7
_TODAY = datetime(2026, 3, 2, tzinfo=UTC)
_KPIS = [get("query_success_rate"), get("latency_p95_ms")]
_TENANTS = [UUID(int=number) for number in range(1, 4)]


def _shares(rng: np.random.Generator, series: int = 42, days: int = _DAYS) -> tuple[Floats, Floats]:
    """Success rates as the simulator makes them: busy and quiet tenants, good days and bad, weekends that differ."""
    size = rng.gamma(2.0, 500.0, (series, 1)) + 60.0
    counts = rng.poisson(size * np.exp(rng.normal(0.0, 0.12, (series, days)))).astype(np.float64)
    weekend = np.where(np.arange(days) % 7 >= 5, rng.normal(0.0, 0.01, (series, 1)), 0.0)
    chance = np.clip(0.96 + weekend + rng.normal(0.0, 0.004, (series, days)), 0.0, 1.0)
    return rng.binomial(counts.astype(np.int64), chance) / np.maximum(counts, 1.0), counts


def test_on_noise_hardly_anything_is_told() -> None:
    rng = np.random.default_rng(2_026)
    told = 0
    for _ in range(150):
        values, counts = _shares(rng)
        judged = judge(values, counts, share=True, minimum_volume=30)
        told += int((discoveries(judged.p) & matters(judged, share=True)).sum())
    # 150 looks at 42 figures: a false finding in every 200 looks is allowed.
    assert told <= 3


def test_probabilities_are_what_they_say() -> None:
    rng = np.random.default_rng(7)
    p = np.concatenate([judge(*_shares(rng), share=True, minimum_volume=30).p for _ in range(60)])
    assert 0.003 <= float((p < 0.01).mean()) <= 0.02


def test_a_real_change_is_found_among_many_figures() -> None:
    rng = np.random.default_rng(99)
    found = 0
    for _ in range(60):
        values, counts = _shares(rng)
        counts[0] = 1_500.0
        values[0] = rng.binomial(1_500, np.clip(0.96 + rng.normal(0.0, 0.004, _DAYS), 0.0, 1.0)) / 1_500
        values[0, -1] -= 0.06
        judged = judge(values, counts, share=True, minimum_volume=30)
        found += bool((discoveries(judged.p) & matters(judged, share=True))[0])
    assert found >= 54


def test_a_weekend_that_is_always_different_is_no_change() -> None:
    rng = np.random.default_rng(3)
    values = 100.0 + rng.normal(0.0, 2.0, (1, _DAYS)) - 40.0 * (_WEEK == _DAYS % 7 - 1)
    judged = judge(values, np.full_like(values, 500.0), share=False, minimum_volume=30)
    assert judged.expected[0] == pytest.approx(60.0, abs=12.0)
    assert judged.p[0] > 1e-3


def test_outliers_of_the_past_do_not_hide_a_change() -> None:
    rng = np.random.default_rng(4)
    values = 100.0 + rng.normal(0.0, 2.0, (1, _DAYS))
    values[0, [10, 30, 41]] = 900.0
    values[0, -1] = 140.0
    judged = judge(values, np.full_like(values, 500.0), share=False, minimum_volume=30)
    assert judged.p[0] < 1e-4
    assert judged.upper[0] < 130.0


@pytest.mark.parametrize("missing", ["little history", "little today", "nothing today", "nothing at all"])
def test_too_little_data_says_nothing(missing: str) -> None:
    values, counts = np.full((1, _DAYS), 0.9), np.full((1, _DAYS), 500.0)
    values[0, -1] = 0.1
    match missing:
        case "little history":
            values[0, :-10] = np.nan
        case "little today":
            counts[0, -1] = 5.0
        case "nothing today":
            values[0, -1] = np.nan
        case _:
            values[:] = np.nan
    judged = judge(values, counts, share=True, minimum_volume=30)
    assert judged.p[0] == 1.0
    assert not discoveries(judged.p).any()


def test_a_constant_past_is_not_infinitely_certain() -> None:
    values, counts = np.full((1, _DAYS), 0.9), np.full((1, _DAYS), 100.0)
    values[0, -1] = 0.88
    assert judge(values, counts, share=True, minimum_volume=30).p[0] > 0.05


def test_certain_but_tiny_is_not_worth_telling() -> None:
    values, counts = np.full((1, _DAYS), 0.96), np.full((1, _DAYS), 1e7)
    values[0, -1] = 0.956
    judged = judge(values, counts, share=True, minimum_volume=30)
    assert discoveries(judged.p).all()
    assert not matters(judged, share=True).any()


def test_the_stricter_the_more_is_looked_at() -> None:
    p = np.array([0.004])
    assert discoveries(p).all()
    assert not discoveries(np.concatenate([p, np.linspace(0.1, 0.99, 50)])).any()


def _looks(days: int = 6, drop_from: int = 3, until: int = 99, drop: float = 0.2) -> list[DailySeries]:
    """One look a day at three tenants; the first one's success rate drops for some days."""
    rng = np.random.default_rng(12)
    total = HISTORY_DAYS + 8
    values = {
        "query_success_rate": np.clip(0.95 + rng.normal(0.0, 0.004, (3, total)), 0.0, 1.0),
        "latency_p95_ms": 800.0 + rng.normal(0.0, 15.0, (3, total)),
    }
    values["query_success_rate"][0, HISTORY_DAYS + drop_from : HISTORY_DAYS + until] -= drop
    counts = np.full((3, total), 2_000.0)
    return [
        DailySeries(
            _TODAY + timedelta(days=day),
            _TODAY + timedelta(days=day + 1),
            {name: table[:, : HISTORY_DAYS + day + 1] for name, table in values.items()},
            dict.fromkeys(values, counts[:, : HISTORY_DAYS + day + 1]),
        )
        for day in range(days)
    ]


def _found(looks: list[DailySeries]) -> list[Insight]:
    return findings(_KPIS, _TENANTS, looks)


def test_a_change_is_one_finding_for_as_long_as_it_lasts() -> None:
    (insight,) = _found(_looks())
    assert (insight.insight_type, insight.kind, insight.user_id) == ("kpi_change", "query_success_rate", _TENANTS[0])
    assert (insight.status, insight.started_at, insight.ended_at) == ("open", _TODAY + timedelta(days=3), None)
    later = _found(_looks(days=8))
    assert [one.id for one in later] == [insight.id]


def test_a_change_that_is_over_is_closed_with_the_same_id() -> None:
    (open_,) = _found(_looks(days=5))
    (closed,) = _found(_looks(days=8, until=5))
    assert closed.id == open_.id
    assert (closed.status, closed.ended_at) == ("closed", _TODAY + timedelta(days=5))


def test_the_same_data_gives_the_same_findings() -> None:
    assert _found(_looks()) == _found(_looks())


def test_a_change_says_direction_size_and_interval() -> None:
    (insight,) = _found(_looks())
    assert insight.observed is not None
    assert insight.lower is not None
    assert insight.observed < insight.lower
    assert " fell to 7" in insight.title
    assert "points" in insight.summary
    assert "95 % interval" in insight.summary
    assert "This is a change for the worse." in insight.contributing_factors


def test_for_the_better_is_information_and_for_the_worse_a_warning() -> None:
    (better,), (worse,) = _found(_looks(drop=-0.045)), _found(_looks(drop=0.1))
    assert better.severity == "info"
    assert worse.severity in {"warning", "critical"}


def test_what_was_there_before_the_first_look_is_left_out() -> None:
    assert _found(_looks(drop_from=0)) == []


def test_a_quiet_week_has_no_findings() -> None:
    assert _found(_looks(drop=0.0)) == []


@pytest.mark.parametrize("at_once", [1, 2])
def test_findings_do_not_depend_on_how_many_tenants_are_judged_at_once(at_once: int) -> None:
    looks = _looks(until=5)
    search = ChangeSearch(_KPIS)
    for start in range(0, 3, at_once):
        part = slice(start, start + at_once)
        some = [
            look._replace(
                values={id_: table[part] for id_, table in look.values.items()},
                counts={id_: table[part] for id_, table in look.counts.items()},
            )
            for look in looks
        ]
        search.add(_TENANTS[part], some)
    assert search.findings() == _found(looks) != []


def test_significance_among_many_needs_only_the_rare_ones() -> None:
    rng = np.random.default_rng(8)
    for _ in range(200):
        p = np.concatenate([rng.uniform(0.0, 1.0, 400), rng.uniform(0.0, 1e-4, rng.integers(0, 20)), np.ones(9)])
        made = p[p < 1.0]
        ranks = [k for k, one in enumerate(sorted(made), start=1) if one <= 0.005 * k / len(made)]
        expected = p <= sorted(made)[ranks[-1] - 1] if ranks else np.zeros(len(p), dtype=bool)
        assert (discoveries(p) == expected).all()
