"""Experiments in ClickHouse: what was planned, which there are, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.experiments.analysis import ExperimentResult, days_of_shares, result, sums
from kpis.experiments.design import ExperimentPlan
from kpis.experiments.metrics import METRICS
from kpis.experiments.statements import baseline, daily_sums, from_first, known, shares_by_day
from kpis.kpi import Unit
from kpis.scope import AllTenants, Scope
from models.errors import InvalidRequest
from models.insights import ALL_TENANTS_ID
from storage.reading import query_rows
from storage.tenant_settings import currency_of
from storage.writing import insert_rows

_TABLE: Final = "experiment_plans"
_COLUMNS: Final = (
    "user_id",
    "experiment",
    "control",
    "arms",
    "shares",
    "metric",
    "effect",
    "sample",
    "entered_at",
)
# Their levels differ: with unequal shares the better tenant would look like the better arm.
_POOLED: Final = " ({} tenants together: right only where all have the same shares)"
# Shares, metric and sample were to be chosen before there was data to choose them by.
_LATE: Final = " (planned after it began, on {:%Y-%m-%d %H:%M} UTC)"
# Names that an error lists, the newest.
_NAMED: Final = 10
# A tenant's own plan comes before that of all tenants.
_PLANS: Final = f"""
SELECT {", ".join(_COLUMNS)} FROM {_TABLE} FINAL
WHERE user_id IN ({{tenant:UUID}}, {{all_tenants:UUID}})
ORDER BY user_id = {{all_tenants:UUID}} DESC, experiment
"""  # noqa: S608 - our own columns; every value is a bound parameter


class KnownExperiment(NamedTuple):
    """An experiment that events name. ``conversations`` are by arm; one that was in two arms counts in both."""

    experiment: str
    conversations: dict[str, int]
    first_seen: datetime
    last_seen: datetime
    tenants: int


def save_plan(client: Client, tenant: UUID | AllTenants, plan: ExperimentPlan, now: datetime) -> None:
    """Store a plan; one for the same experiment is replaced. Raises ``Unreachable``."""
    row = (
        _id(tenant),
        plan.experiment,
        plan.control,
        list(plan.shares),
        list(plan.shares.values()),
        plan.metric,
        plan.effect,
        plan.sample,
        now,
    )
    insert_rows(client, _TABLE, _COLUMNS, [row])


def enter_plan(client: Client, tenant: UUID | AllTenants, plan: ExperimentPlan, now: datetime) -> None:
    """Store a plan before its experiment begins, or the first one of an experiment that has begun.

    Raises
    ------
    InvalidRequest
        The experiment has begun, and has a plan: with another one, its result would rest on what was chosen afterwards.
    Unreachable
        ClickHouse does not answer.
    """
    before = plans(client, tenant).get(plan.experiment)
    if before is not None and before.entered_at is not None:
        begun = {one.experiment: one for one in experiments(client, Scope(now, now, tenant))}.get(plan.experiment)
        if begun is not None:
            raise InvalidRequest(
                "save",
                f"experiment '{plan.experiment}' began on {begun.first_seen:%Y-%m-%d %H:%M} UTC; its plan of "
                f"{before.entered_at:%Y-%m-%d %H:%M} UTC stands. For another plan begin another experiment",
            )
    save_plan(client, tenant, plan, now)


def plans(client: Client, tenant: UUID | AllTenants) -> dict[str, ExperimentPlan]:
    """Return the plans for a tenant by experiment; raises ``Unreachable``."""
    found = {}
    for row in query_rows(client, _PLANS, {"tenant": str(_id(tenant)), "all_tenants": str(ALL_TENANTS_ID)}):
        shares = dict(zip(row["arms"], row["shares"], strict=True))
        found[row["experiment"]] = ExperimentPlan(
            row["experiment"],
            row["control"],
            shares,
            row["metric"],
            row["effect"],
            row["sample"],
            row["entered_at"].replace(tzinfo=UTC),
        )
    return found


def experiments(client: Client, scope: Scope) -> list[KnownExperiment]:
    """Return the experiments of the scope's tenant, whatever its range; the newest first. Raises ``Unreachable``."""
    found: dict[str, KnownExperiment] = {}
    for row in query_rows(client, *known(scope)):
        first, last = (row[name].replace(tzinfo=UTC) for name in ("first_seen", "last_seen"))
        one = found.get(row["experiment"]) or KnownExperiment(row["experiment"], {}, first, last, 0)
        found[row["experiment"]] = one._replace(
            conversations={**one.conversations, row["arm"]: int(row["conversations"])},
            first_seen=min(one.first_seen, first),
            last_seen=max(one.last_seen, last),
            tenants=max(one.tenants, int(row["tenants"])),
        )
    return sorted(found.values(), key=lambda one: (one.first_seen, one.experiment), reverse=True)


def read_experiment(client: Client, scope: Scope, name: str) -> tuple[ExperimentResult, Scope]:
    """Return the result of an experiment of the scope's tenant, and the range that it covers.

    Parameters
    ----------
    scope
        Ends where the result does; begins where the experiment does, wherever it begins itself.

    Raises
    ------
    InvalidRequest
        The tenant has no such experiment.
    Unreachable
        ClickHouse does not answer.
    """
    found = {one.experiment: one for one in experiments(client, scope)}
    if name not in found:
        more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        there = (", ".join([*found][:_NAMED]) or "none") + more
        raise InvalidRequest("experiment", f"no event names the experiment '{name}'; there are: {there}")
    covered = from_first(scope, found[name].first_seen)
    rows = sums(query_rows(client, *daily_sums(covered, name)))
    # Amounts of several tenants may be in several currencies.
    metrics = [id_ for id_ in METRICS if id_ != "value" or found[name].tenants == 1]
    plan = plans(client, scope.tenant).get(name)
    cells = [] if plan is None else days_of_shares(query_rows(client, *shares_by_day(covered, name, plan.shares)))
    made = result(name, rows, plan, metrics, cells, currency=currency_of(client, Unit.MONEY, covered))
    if plan is not None and plan.entered_at is not None and plan.entered_at > found[name].first_seen:
        made = made._replace(verdict=f"{made.verdict}{_LATE.format(plan.entered_at)}")
    if found[name].tenants > 1 and not made.assignment.is_off:
        made = made._replace(verdict=f"{made.verdict}{_POOLED.format(found[name].tenants)}")
    return made, covered


def read_baseline(client: Client, scope: Scope) -> Mapping[str, tuple[int, float, float]]:
    """Return conversations, mean and variance of each metric in the range; raises ``Unreachable``."""
    rows = query_rows(client, *baseline(scope))
    return {row["metric"]: (int(row["n"]), float(row["mean"]), float(row["variance"])) for row in rows}


def _id(tenant: UUID | AllTenants) -> UUID:
    return ALL_TENANTS_ID if isinstance(tenant, AllTenants) else tenant
