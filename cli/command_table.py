"""The table of commands: module and one-line help.

A command's module is imported when the command runs, because all libraries together take seconds to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple

import typer
import typer.main
from typer.core import MarkupMode, TyperCommand, TyperGroup

MARKUP: Final[MarkupMode] = "markdown"


class Command(NamedTuple):
    """A command or a group of them: ``module:name``, and what ``romashka --help`` says about it."""

    place: str
    about: str
    figures: bool = False
    """Whether it knows the figures that the installation defines for itself (``kpis.d``)."""


COMMANDS: Final[dict[str, Command]] = {
    "demo": Command(
        "cli.commands.demo:run",
        "Run the whole pipeline here: a Kafka broker, ClickHouse, a worker, 30 days of history and live traffic.",
        figures=True,
    ),
    "embedded": Command(
        "cli.commands.embedded:run", "Run a Kafka broker and a ClickHouse database on this machine, without Docker."
    ),
    "init": Command(
        "cli.commands.init:run",
        "Write random passwords and keys of a new installation to a file; never overwrites one.",
    ),
    "topics": Command("cli.commands.topics:app", "Create missing topics; 'grow' adds partitions."),
    "migrate": Command(
        "cli.commands.migrate:migrate",
        "Create the database and apply pending migrations; --to-cluster moves one server's tables to a cluster.",
    ),
    "worker": Command(
        "cli.commands.worker:run",
        "Consume the topics and write to ClickHouse until stopped. Run several: they share the partitions.",
    ),
    "simulate": Command(
        "cli.commands.simulate:run", "Publish simulated traffic of several tenants, with labelled incidents."
    ),
    "replay": Command("cli.commands.kafka:replay", "Publish the events of a file, keyed by their tenant."),
    "schema": Command(
        "cli.commands.schema:run", "Write the JSON Schema of every event and the AsyncAPI document of the topics."
    ),
    "doctor": Command(
        "cli.commands.doctor:run",
        "Check every connection, topic, migration and setting; print what to do about each failure.",
    ),
    "backtest": Command(
        "cli.commands.backtest:run",
        "Run a detector over a series as it would have run live, and show its findings.",
    ),
    "kpi": Command("cli.commands.kpi_explain:app", "Key figures: definitions and values.", figures=True),
    "experiment": Command("cli.commands.experiment:app", "Experiments: causal lift of integration data."),
    "tenant": Command("cli.commands.tenant:app", "Display names and settings of tenants."),
    "dead-letters": Command("cli.commands.dead_letters:app", "Rejected messages: list, show and replay them."),
    "insights": Command("cli.commands.insight_responses:app", "What the detectors found, and what became of it."),
    "thresholds": Command("cli.commands.thresholds:app", "Thresholds of detectors, and how they follow verdicts."),
    "jobs": Command("cli.commands.jobs:app", "The leader's periodic jobs: list and run them.", figures=True),
    "report": Command("cli.commands.report:app", "Reports: PDF, HTML, Excel, CSV, JSON, Parquet.", figures=True),
    "dashboards": Command(
        "cli.commands.dashboards:app",
        "Write the dashboards and alert rules that Grafana serves; `--check` fails on drift.",
        figures=True,
    ),
    "boards": Command(
        "cli.commands.boards:app",
        "Dashboards of your own: figures and analyses, laid out in boards.d.",
        figures=True,
    ),
    "alerts": Command("cli.commands.alerts:app", "Alert rules: list and backtest them.", figures=True),
    "deployments": Command("cli.commands.deployments:app", "Deployments, shown as annotations on the dashboards."),
    "access": Command("cli.commands.access:app", "Users, roles and rights in Kafka, ClickHouse and Grafana."),
    "export": Command(
        "cli.commands.export:run",
        "Export a table or a key figure. The file is written atomically.",
        figures=True,
    ),
    "schedule": Command("cli.commands.schedule:app", "Scheduled reports, sent by the leader.", figures=True),
    "api": Command(
        "cli.commands.api:app",
        "Serve the HTTP API until Ctrl-C; 'key' makes, lists and revokes its keys.",
        figures=True,
    ),
    "mcp": Command(
        "cli.commands.mcp:run",
        "Serve agents the tools of this installation, with the keys, roles, tenants, limits and audit log of the API.",
        figures=True,
    ),
    "collector": Command(
        "cli.commands.collector:app",
        "Take events over HTTP until Ctrl-C: POST /v1/events and /v1/traces (OTLP); 'key' makes keys of producers.",
    ),
    "backup": Command("cli.commands.backup:app", "Backups of the database: create, check and restore them."),
    "privacy": Command("cli.commands.privacy:app", "Personal data: erasure, key rotation, retention."),
    "audit": Command("cli.commands.audit:app", "The audit log: list and verify it."),
}


def loaded(name: str) -> Any:
    """Return the Typer command of a name; imports its module."""
    module, _, attribute = COMMANDS[name].place.partition(":")
    found = getattr(import_module(module), attribute)
    holder = typer.Typer(rich_markup_mode=MARKUP)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return typer.main.get_group(holder).commands[name]


_RUNNING: Final[list[Any]] = []


def running() -> Any:
    """Return the command that was asked for, the innermost; ``None`` before there is one."""
    return _RUNNING[-1] if _RUNNING else None


def innermost(command: Any, arguments: list[str]) -> Any:
    """Return the command that the arguments of a group name, or the group itself."""
    for word in arguments:
        command = getattr(command, "commands", {}).get(word, command)
    return command


class OnDemand(TyperGroup):
    """A group that has the help of every command and imports only the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name, help=command.about, rich_markup_mode=MARKUP))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command to run."""
        name, known, rest = super().resolve_command(ctx, args)
        command = known and loaded(known.name or "")
        _RUNNING[:] = [innermost(command, rest)]
        if known and COMMANDS[known.name or ""].figures:
            from cli.custom_figures import register_figures  # noqa: PLC0415 - with the registry, for some commands

            register_figures()
        return name, command, rest
