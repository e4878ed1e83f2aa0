"""``romashka thresholds``: thresholds of detectors by tenant, and what the verdicts on findings lead to."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import typer

from cli.arguments import tenant_id
from cli.command_audit import audited
from cli.console import err, out, styled, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.settings import Settings, settings
from detectors.thresholds import DEFAULTS, Goals, bounds_of, checked_threshold
from jobs.thresholds import ProposedThreshold, apply_proposals, proposals
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID
from models.tenant_names import name_of
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import connect
from storage.tenant_names import tenant_names
from storage.threshold_store import (
    StoredThreshold,
    in_force,
    observed_since,
    revert_threshold,
    set_threshold,
    stored_thresholds,
)

app = typer.Typer(help="Thresholds of detectors, and how they follow verdicts.", no_args_is_help=True)
Detector = Annotated[str, typer.Argument(help=f"Detector: {', '.join(DEFAULTS)}")]
Tenant = Annotated[str, typer.Option(help="Tenant (its user_id)")]
Everybody = Annotated[bool, typer.Option("--all-tenants", help="All tenants that have no threshold of their own")]
_By = Annotated[str, typer.Option("--by", help="Who says so; your user name if not given")]
_HEADS: Final = ("tenant", "detector", "threshold", "default", "version", "since (UTC)", "by", "why")


@app.command("list")
def list_(format_: Printed = OutputFormat.TABLE) -> None:
    """List the thresholds that differ, or differed, from what detectors ship with; and what they ship with.

    As JSON or CSV only the changes.

    Example: `romashka thresholds list`
    """
    with connect(settings().clickhouse) as client:
        newest = list(in_force(stored_thresholds(client)).values())
        names = tenant_names(client)
    _print(newest, names, format_, "every detector has the threshold that it ships with")
    if format_ is OutputFormat.TABLE:
        shipped = [(name, *(f"{value:g}" for value in bounds_of(name))) for name in DEFAULTS]
        heads = ("detector", "lowest", "highest", "ships with")
        out.print(table("Thresholds that detectors ship with, and their bounds", heads, shipped, right=heads[1:]))


@app.command()
def show(
    detector: Detector, tenant: Tenant = "", everybody: Everybody = False, format_: Printed = OutputFormat.TABLE
) -> None:
    """Show every change of one threshold, with the verdicts that it rests on.

    Example: `romashka thresholds show errors --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01`
    """
    place = _place(detector, tenant, everybody=everybody)
    with connect(settings().clickhouse) as client:
        changes = [one for one in stored_thresholds(client) if (one.user_id, one.detector) == place]
        names = tenant_names(client)
    default = bounds_of(detector).default
    _print(changes, names, format_, f"it never changed: {detector} has the threshold that it ships with, {default:g}")


@app.command()
def propose(
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes")] = False,
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Show what the verdicts of the last four weeks lead to; changes nothing unless told to.

    With ROMASHKA_TUNE_THRESHOLDS the leader does the same every six hours.

    Example: `romashka thresholds propose`
    """
    config, now = settings(), datetime.now(UTC)
    goals = goals_of(config)
    with connect(config.clickhouse) as client:
        found = list(proposals(client, ClickHouseDetectors(config.clickhouse), goals, now))
        names = tenant_names(client)
        if apply:
            apply_proposals(client, found, goals, config.secret, now=now)
    rows = [_proposed(one) for one in found]
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_, ("tenant", "detector", "old", "new", "reason", "findings", "false_alarms", "real"))
    elif rows:
        cells = [
            (name_of(one.tenant, names), one.detector, f"{one.proposal.old:g}", _new(one), one.proposal.reason)
            for one in found
        ]
        title = "Thresholds that were changed" if apply else "Thresholds by the verdicts"
        out.print(table(title, ("tenant", "detector", "now", "proposed", "why"), cells))
    else:
        out.print("no finding of the last four weeks is of a detector whose threshold can change", highlight=False)


@app.command("set")
def set_(
    detector: Detector,
    value: Annotated[
        float,
        typer.Argument(help="Threshold, in units of the detector's score; 'romashka thresholds list' has the bounds"),
    ],
    tenant: Tenant = "",
    everybody: Everybody = False,
    note: Annotated[str, typer.Option(help="Why")] = "set by hand",
    by: _By = "",
) -> None:
    """Set a threshold, from a few minutes from now on.

    Example: `romashka thresholds set errors 6.2 --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --note "noisy test shop"`
    """
    place = _place(detector, tenant, everybody=everybody)
    checked_threshold(detector, value)  # the audit log has no form for nan
    with connect(settings().clickhouse) as client:
        if place[0] != ALL_TENANTS_ID and place[0] not in dict(observed_since(client, datetime.now(UTC))):
            err.print(
                styled("[yellow]no event of {} in the last four weeks:[/] check the id", place[0]), soft_wrap=True
            )
        with audited(client, "thresholds.set", f"detector:{detector}", {"tenant": str(place[0]), "value": value}):
            made = set_threshold(client, place, value, note, _who(by), now=datetime.now(UTC))
        _print([made], tenant_names(client), OutputFormat.TABLE, "")


@app.command()
def revert(
    detector: Detector,
    tenant: Tenant = "",
    everybody: Everybody = False,
    version: Annotated[int, typer.Option("--version", min=0, help="Version to return to; 0: what it ships with")] = 0,
    by: _By = "",
) -> None:
    """Return to an earlier threshold; the change stays in the history.

    Example: `romashka thresholds revert errors --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --version 1`
    """
    place = _place(detector, tenant, everybody=everybody)
    with connect(settings().clickhouse) as client:
        with audited(
            client, "thresholds.revert", f"detector:{detector}", {"tenant": str(place[0]), "version": version}
        ):
            made = revert_threshold(client, place, version, _who(by), now=datetime.now(UTC))
        _print([made], tenant_names(client), OutputFormat.TABLE, "")


def goals_of(config: Settings) -> Goals:
    """Return what the settings ask of detectors."""
    return Goals(config.false_alarm_budget, config.recall_floor)


def _place(detector: str, tenant: str, *, everybody: bool) -> tuple[UUID, str]:
    bounds_of(detector)
    if bool(tenant) is everybody:
        raise SettingsError("name one tenant with --tenant, or give --all-tenants")
    return (ALL_TENANTS_ID if everybody else tenant_id("--tenant", tenant)), detector


def _who(by: str) -> str:
    return by.strip() or getpass.getuser()


def _print(changes: Sequence[StoredThreshold], names: Mapping[UUID, str], format_: OutputFormat, nothing: str) -> None:
    if format_ is not OutputFormat.TABLE:
        rows = [{**one._asdict(), "user_id": str(one.user_id)} for one in changes]
        print_rows(rows, format_, StoredThreshold._fields)
    elif changes:
        cells = [
            (
                "all" if one.user_id == ALL_TENANTS_ID else name_of(one.user_id, names),
                one.detector,
                f"{one.value:g}",
                f"{bounds_of(one.detector).default:g}",
                one.version,
                f"{one.effective_from:%Y-%m-%d %H:%M}",
                one.actor,
                one.reason,
            )
            for one in changes
        ]
        out.print(table("Thresholds", _HEADS, cells))
    else:
        out.print(nothing, highlight=False)


def _proposed(one: ProposedThreshold) -> dict[str, object]:
    own, proposal = one.evidence.own, one.proposal
    return {
        "tenant": str(one.tenant),
        "detector": one.detector,
        "old": proposal.old,
        "new": proposal.new,
        "reason": proposal.reason,
        "findings": own.findings,
        "false_alarms": own.false_alarms,
        "real": own.real,
    }


def _new(one: ProposedThreshold) -> str:
    return f"{one.proposal.new:g}" if one.proposal.is_change else "-"
