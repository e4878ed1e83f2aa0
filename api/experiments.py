"""``/v1/experiments``: causal lift, the same results as ``romashka experiment``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.access import BEARER, Caller, allowed
from api.disconnect import unless_gone
from api.identity import ALL
from api.kpis import WATERMARK_HELP
from api.parameters import Named, TenantText, TimesQuery
from api.problems import ApiError, documented
from api.roles import AREA_TABS, Action
from api.services import services_of
from kpis.experiments.analysis import ExperimentResult
from kpis.experiments.document import document
from kpis.kpi import Area
from kpis.scope import AllTenants, Scope, up_to_now
from models.fields import LABEL_PATTERN
from storage.experiment_store import experiments, plans, read_experiment
from storage.freshness import Freshness, freshness_of

router: Final = APIRouter(prefix="/v1/experiments", tags=["experiments"], dependencies=[Depends(BEARER)])
_ANY_RANGE: Final = timedelta(days=1)
_WHAT: Final = "experiments"


class ExperimentQuery(TimesQuery):
    """Tenant, end and durability of an experiment's result."""

    tenant: TenantText | None = None
    end: Annotated[Named | None, Field(alias="to", description="Only conversations that began before; now")] = None
    durable_days: Annotated[int, Field(ge=1, le=90, description="Days without a return: durably resolved")] = 7


class ExperimentsQuery(TimesQuery):
    """Tenant of a list of experiments."""

    tenant: TenantText | None = None


class ListedExperiment(BaseModel):
    """An experiment that events name."""

    experiment: str
    conversations: Annotated[dict[str, int], Field(description="By arm; who was in two arms counts in both")]
    first_seen: datetime
    last_seen: datetime
    is_planned: Annotated[bool, Field(description="Whether a plan says the shares, so that assignment is checked")]


class PlanAnswer(BaseModel):
    """The plan of an experiment: arms, expected shares, metric and sample size."""

    experiment: str
    control: str
    shares: Annotated[dict[str, float], Field(description="Expected share of each arm, 0 to 1")]
    metric: str
    effect: Annotated[float, Field(description="Smallest difference that matters, in the unit of the metric")]
    sample: Annotated[int, Field(description="Conversations of all arms that find it")]
    entered_at: datetime | None


class AssignmentAnswer(BaseModel):
    """The arms' counts against the plan."""

    counts: Annotated[dict[str, int], Field(description="Conversations by the first arm that was seen")]
    shares: dict[str, float]
    p: Annotated[float | None, Field(description="Always-valid p-value of the planned shares; null without a plan")]
    contaminated: Annotated[int, Field(description="Conversations that were in two arms")]
    p_by_day: Annotated[
        float | None, Field(description="Always-valid p-value of the planned shares on each day of each tenant")
    ]
    problem: Annotated[str, Field(description="Why differences must not be trusted; empty: nothing is known")]
    is_off: bool


class ArmDifference(BaseModel):
    """An arm's difference to the control."""

    arm: str
    difference: Annotated[float | None, Field(description="Without variance reduction; null: too little data")]
    adjusted: Annotated[float | None, Field(description="With what was known of customers before (CUPED)")]
    low: Annotated[float | None, Field(description="95 % confidence, at every look together: at least")]
    high: Annotated[float | None, Field(description="95 % confidence, at every look together: at most")]
    p: Annotated[float, Field(description="Always-valid p-value")]
    variance_removed: float | None
    n: Annotated[float, Field(description="Conversations of the arm")]
    control_n: float


class DayAnswer(ArmDifference):
    """The primary metric as it was known at the end of a day."""

    day: date


class JudgedDifference(ArmDifference):
    """A difference of one metric, over all or over one stage or segment."""

    metric: str
    unit: str
    dimension: Annotated[str, Field(description="stage, segment, or empty: all conversations")]
    part: str
    mean: float
    control_mean: float
    p_adjusted: Annotated[float, Field(description="Adjusted for the number of comparisons (Holm)")]
    verdict: str


class ExperimentAnswer(BaseModel):
    """The result of an experiment."""

    experiment: str
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to", description="Not included")]
    control: str
    primary: Annotated[str, Field(description="The metric that the verdict rests on")]
    verdict: str
    currency: Annotated[str | None, Field(description="Of amounts (ISO 4217); null where it is not known")]
    plan: PlanAnswer | None
    assignment: AssignmentAnswer
    effects: list[JudgedDifference]
    parts: list[JudgedDifference]
    days: list[DayAnswer]
    uncounted: Annotated[str, Field(description="What is stored, but not in any figure yet; empty: nothing")]
    watermark: Annotated[datetime | None, Field(description=WATERMARK_HELP)]


@router.get("", responses=documented(), summary="Every experiment")
async def listed(
    request: Request,
    query: Annotated[ExperimentsQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))],
) -> list[ListedExperiment]:
    """List the experiments that events name, the newest first."""
    caller.identity.require_tab(AREA_TABS[Area.BUSINESS], _WHAT)
    now = datetime.now(UTC)
    scope = Scope(now - _ANY_RANGE, now, caller.tenant(query.tenant))
    found, planned = await unless_gone(
        request,
        services_of(request).pool.run(lambda client: (experiments(client, scope), plans(client, scope.tenant))),
    )
    return [
        ListedExperiment(
            experiment=one.experiment,
            conversations=one.conversations,
            first_seen=one.first_seen,
            last_seen=one.last_seen,
            is_planned=one.experiment in planned,
        )
        for one in found
    ]


@router.get("/{id:path}", responses=documented(404), summary="The result of one experiment")
async def result(
    request: Request,
    id_: Annotated[str, Path(alias="id", max_length=128, pattern=LABEL_PATTERN, examples=["shopify_data"])],
    query: Annotated[ExperimentQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))],
) -> ExperimentAnswer:
    """Return what an experiment has found so far. Intervals hold on every day together, so looking is safe any time."""
    caller.identity.require_tab(AREA_TABS[Area.BUSINESS], _WHAT)
    now = datetime.now(UTC)
    end = query.local("to", query.end) or up_to_now(now, now - _ANY_RANGE)
    scope = Scope(
        end - _ANY_RANGE,
        end,
        caller.tenant(query.tenant),
        time_zone=query.time_zone,
        durable_days=query.durable_days,
        as_of=now,
    )

    def read(client: Client) -> tuple[ExperimentResult, Scope, Freshness] | None:
        if id_ not in {one.experiment for one in experiments(client, scope)}:
            return None
        found, covered = read_experiment(client, scope, id_)
        return found, covered, freshness_of(client, covered)

    answer = await unless_gone(request, services_of(request).pool.run(read))
    if answer is None:
        raise ApiError(404, "unknown-experiment", "no event of yours names it; GET /v1/experiments lists them all")
    found, covered, fresh = answer
    return ExperimentAnswer.model_validate(
        {
            **document(found),
            "tenant": ALL if isinstance(covered.tenant, AllTenants) else str(covered.tenant),
            "from": covered.first,
            "to": covered.limit,
            "uncounted": fresh.uncounted,
            "watermark": fresh.watermark,
        }
    )
