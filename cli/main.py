"""The ``romashka`` command."""

from __future__ import annotations

import logging
import sys
import traceback

import typer

from cli import (
    access,
    alerts,
    api,
    audit,
    backtest,
    dashboards,
    dead_letters,
    demo,
    deployments,
    doctor,
    embedded,
    export,
    init,
    insights,
    jobs,
    kafka,
    kpi,
    kpi_analyse,
    report,
    schedule,
    schema,
    simulate,
    tenant,
    worker,
)
from cli.console import debugging, err
from models.errors import RomashkaError

app = typer.Typer(
    name="romashka",
    help="Integration analytics: events in at Kafka, right numbers out of ClickHouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.run)
app.command("embedded")(embedded.run)
app.command("init")(init.run)
app.command("topics")(kafka.topics)
app.command("migrate")(doctor.migrate)
app.command("worker")(worker.run)
app.command("simulate")(simulate.run)
app.command("replay")(kafka.replay)
app.command("schema")(schema.run)
app.command("doctor")(doctor.run)
app.command("backtest")(backtest.run)
app.add_typer(kpi.app, name="kpi")
kpi.app.command("analyse")(kpi_analyse.analyse)
app.add_typer(tenant.app, name="tenant")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(insights.app, name="insights")
app.add_typer(jobs.app, name="jobs")
app.add_typer(report.app, name="report")
app.add_typer(dashboards.app, name="dashboards")
app.add_typer(alerts.app, name="alerts")
app.add_typer(deployments.app, name="deployments")
app.add_typer(access.app, name="access")
app.command("export")(export.run)
app.add_typer(schedule.app, name="schedule")
app.add_typer(api.app, name="api")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command; whatever goes wrong is one plain line and exit code 1."""
    if not debugging():
        logging.disable()  # libraries tell us by raising, and some log the same again; the worker has a log of its own
    try:
        app()
    except RomashkaError as error:
        err.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the outermost frame: a user gets a line, a developer the traceback
        if debugging():
            traceback.print_exc()
        err.print(
            f"[bold red]unexpected error:[/] {type(error).__name__}: {error}\n"
            "This is a bug. Run the command again with ROMASHKA_DEBUG=1 and report what it prints.",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(70)


if __name__ == "__main__":
    main()
