"""``romashka experiment``: what integration data causes, and how many conversations it takes to know."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Final

import typer

from cli.arguments import MOMENT, TenantOrAll, Zone, moment, number, tenant_or_all
from cli.console import out, table
from cli.experiment_view import print_plan, print_result
from cli.freshness import say_if_behind
from cli.settings import settings
from kpis.display import local
from kpis.experiments.design import (
    MAX_SAMPLE,
    POWER,
    ExperimentPlan,
    control_of,
    detectable_effect,
    fixed_sample,
    parsed_shares,
    required_sample,
)
from kpis.experiments.document import document, plan_document
from kpis.experiments.metrics import PRIMARY, ExperimentMetric, metric_of
from kpis.scope import AllTenants, Scope, up_to_now
from models.counting import agreeing, counted
from models.errors import InvalidRequest
from models.fields import LABEL_PATTERN
from storage.connection import connect
from storage.experiment_store import enter_plan, experiments, plans, read_baseline, read_experiment
from storage.tenant_settings import currency_of

_BASELINE: Final = timedelta(days=28)
_MAX_LABEL: Final = 128

app = typer.Typer(help="Experiments: causal lift of integration data.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables")]
DurableDays = Annotated[int, typer.Option(min=1, max=90, help="Days without a return that make a resolution durable")]


@app.command("list")
def list_(tenant: TenantOrAll = "", time_zone: Zone = "UTC", as_json: Json = False) -> None:
    """List the experiments that events name, the newest first.

    Example: `romashka experiment list`
    """
    now = datetime.now(UTC)
    whose = tenant_or_all(tenant)
    with connect(settings().clickhouse) as client:
        found = experiments(client, Scope(now - _BASELINE, now, whose))
        planned = plans(client, whose)
    if as_json:
        rows = [{**one._asdict(), "is_planned": one.experiment in planned} for one in found]
        typer.echo(json.dumps(rows, indent=2, default=lambda at: at.isoformat()))
        return
    if not found:
        out.print("no event names an experiment; docs/experiments.md says how to send one", highlight=False)
        return
    columns = ("experiment", "since", "last seen", "conversations by arm", "plan")
    shown = [
        (
            one.experiment,
            local(one.first_seen, time_zone),
            local(one.last_seen, time_zone),
            ", ".join(f"{arm}: {count:,}" for arm, count in one.conversations.items()),
            "yes" if one.experiment in planned else "none",
        )
        for one in found
    ]
    out.print(table("Experiments, the newest first", columns, shown))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As 'romashka experiment list' shows it")],
    tenant: TenantOrAll = "",
    end: Annotated[str, typer.Option("--to", metavar=MOMENT, help="Only conversations that began before")] = "",
    durable_days: DurableDays = 7,
    every_part: Annotated[bool, typer.Option("--all", help="Stages and segments of every metric")] = False,
    by_day: Annotated[bool, typer.Option("--by-day", help="The result as it was known at the end of each day")] = False,
    time_zone: Zone = "UTC",
    as_json: Json = False,
) -> None:
    """Show what an experiment has found so far. Looking is safe at any time: the intervals hold on every day together.

    Example: `romashka experiment show shopify_data --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01`
    """
    now = datetime.now(UTC)
    limit = moment("--to", end, time_zone) if end else up_to_now(now, now - _BASELINE)
    scope = Scope(
        limit - _BASELINE, limit, tenant_or_all(tenant), time_zone=time_zone, durable_days=durable_days, as_of=now
    )
    with connect(settings().clickhouse) as client:
        found, covered = read_experiment(client, scope, name)
        say_if_behind(client)
    if as_json:
        typer.echo(json.dumps(document(found), indent=2))
        return
    print_result(found, covered, every_part=every_part, by_day=by_day)


@app.command()
def plan(
    name: Annotated[str, typer.Argument(metavar="ID", help="Name of the experiment, as events will send it")] = "",
    tenant: TenantOrAll = "",
    metric: Annotated[
        str, typer.Option(help="What the verdict rests on: durable_resolution, conversion, csat, value")
    ] = (PRIMARY),
    effect: Annotated[
        float,
        typer.Option(
            min=0,
            max=1e9,
            callback=number,
            show_default=False,
            help="Smallest difference that matters: points, stars, or money; the metric's own if not given",
        ),
    ] = 0.0,
    sample: Annotated[
        int,
        typer.Option(min=0, max=MAX_SAMPLE, show_default=False, help="Conversations of all arms, instead of --effect"),
    ] = 0,
    shares: Annotated[
        str, typer.Option(help="Percentages by arm; quote an arm with a comma: '\"a, b=80\",c=20'")
    ] = "with=80,without=20",
    control: Annotated[str, typer.Option(help="Arm that the others are compared with")] = "",
    power: Annotated[
        float, typer.Option(min=0.5, max=0.99, callback=number, help="Chance of finding the effect")
    ] = POWER,
    durable_days: DurableDays = 7,
    save: Annotated[bool, typer.Option("--save", help="Store the plan: the assignment is checked against it")] = False,
    as_json: Json = False,
) -> None:
    """Plan an experiment: the conversations that an effect takes, or the effect that a sample finds.

    Starts from the last 28 days of the tenant's conversations.

    Example: `romashka experiment plan shopify_data --effect 3 --shares with=80,without=20 --save`
    """
    now = datetime.now(UTC)
    whose, chosen, split = tenant_or_all(tenant), metric_of(metric), parsed_shares(shares)
    arm = control or control_of(list(split), None)
    if arm not in split:
        raise InvalidRequest("control", f"'{arm}' is given; expected one of the arms {', '.join(split)}")
    if metric == "value" and isinstance(whose, AllTenants):
        raise InvalidRequest("tenant", "amounts of several tenants do not add up; name the tenant of this plan")
    _check_numbers(effect, power, chosen)
    if effect and sample:
        raise InvalidRequest("effect", "give --effect or --sample, not both")
    if save and not _is_label(name):
        raise InvalidRequest("ID", f"'{name}' is given; expected the experiment's name, 1 to {_MAX_LABEL} characters")
    scope = Scope(now - _BASELINE, up_to_now(now, now - _BASELINE), whose, durable_days=durable_days, as_of=now)
    with connect(settings().clickhouse) as client:
        count, mean, variance = read_baseline(client, scope).get(metric, (0, 0.0, 0.0))
        if not count or not variance > 0:
            raise nothing_to_plan_from(count, chosen)
        least = min((one for one in split if one != arm), key=split.__getitem__)
        pair = (split[least], split[arm])
        wanted = effect * chosen.scale or (
            detectable_effect(sample, variance, pair, power) if sample else chosen.margin
        )
        needed = sample or required_sample(wanted, variance, pair, power)
        made = ExperimentPlan(name, arm, split, metric, wanted, needed, now)
        if save:
            enter_plan(client, whose, made, now)
        money = currency_of(client, chosen.unit, scope)
    per_day = count / _BASELINE.days
    if as_json:
        more = {"mean": mean, "variance": variance, "power": power, "per_day": per_day, "days": needed / per_day}
        typer.echo(json.dumps({**plan_document(made), **more, "saved": save}, indent=2))
        return
    fixed = fixed_sample(wanted, variance, pair, power)
    print_plan(made, mean, per_day, power, fixed, saved=save, currency=money)


def nothing_to_plan_from(count: int, metric: ExperimentMetric) -> InvalidRequest:
    """Return the error of a plan whose baseline has no conversations, or none that differ."""
    days = f"of the last {_BASELINE.days} days"
    if not count:
        why = f"no conversation {days} has a value of {metric.title} yet"
    else:
        why = (
            f"{counted(count, 'conversation')} {days} {agreeing(count, 'has', 'have')} one and the same {metric.title}"
        )
    return InvalidRequest("metric", f"{why}; choose another metric, or plan later")


def _check_numbers(effect: float, power: float, metric: ExperimentMetric) -> None:
    """Raise ``InvalidRequest`` for what Typer's ranges let through: NaN, and effects that nothing can have."""
    for field, given in (("effect", effect), ("power", power)):
        if not isfinite(given):
            raise InvalidRequest(field, f"{given} is given; expected a number")
    if effect * metric.scale > metric.widest:
        raise InvalidRequest("effect", f"{effect:g} is given; no two arms differ by so much")


def _is_label(name: str) -> bool:
    return re.fullmatch(LABEL_PATTERN, name) is not None
